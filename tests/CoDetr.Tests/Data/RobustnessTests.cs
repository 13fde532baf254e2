using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Every file of tests/data/robustness does what its expected.json says.</summary>
public sealed class RobustnessTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "data", "robustness");

    public static TheoryData<string> Files => [.. Expected().Keys];

    [Theory, MemberData(nameof(Files))]
    public void IsReadOrRefusedAsExpected(string file)
    {
        JsonElement expected = Expected()[file];
        string kind = expected.GetProperty("kind").GetString()!;
        string path = Path.Combine(Folder, file);
        ImageU8 image;
        try
        {
            image = ImageReader.Read(path);
        }
        catch (DataException e)
        {
            Assert.NotEqual("ok", kind);
            Assert.StartsWith(path + ": ", e.Message);
            Assert.DoesNotContain('\n', e.Message);
            return;
        }
        Assert.NotEqual("error", kind);
        if (expected.TryGetProperty("reference", out JsonElement reference))
        {
            Assert.Equal(expected.GetProperty("height").GetInt32(), image.Height);
            Assert.Equal(expected.GetProperty("width").GetInt32(), image.Width);
            double difference = MeanDifference(image, ImageReader.Read(Path.Combine(Folder, reference.GetString()!)));
            Assert.True(difference <= expected.GetProperty("tolerance").GetDouble(), $"{file}: mean absolute difference {difference:F3}");
            TestContext.Current.TestOutputHelper?.WriteLine($"{file}: {difference:F3}");
        }
    }

    private static double MeanDifference(ImageU8 a, ImageU8 b)
    {
        Assert.Equal((a.Height, a.Width), (b.Height, b.Width));
        long sum = 0;
        for (int i = 0; i < a.Pixels.Length; i++)
            sum += Math.Abs(a.Pixels[i] - b.Pixels[i]);
        return (double)sum / a.Pixels.Length;
    }

    private static Dictionary<string, JsonElement> Expected()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));
        return document.RootElement.EnumerateArray().ToDictionary(e => e.GetProperty("file").GetString()!, e => e.Clone());
    }
}
