using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Whatever bytes come: the content, or a <see cref="DataException"/> that names the file; nothing else, and no gigabytes.</summary>
public sealed class DamagedFilesTests
{
    private static readonly string Data = Path.Combine(Repository.Root, "tests", "data");

    [Theory]
    [InlineData("ok_plain.json")]
    [InlineData("ok_crowd_rle.json")]
    [InlineData("ok_lvis.json")]
    public void AnnotationsCutAnywhere(string file)
    {
        using var folder = new TemporaryFolder();
        byte[] bytes = File.ReadAllBytes(Path.Combine(Data, "quirks", file));
        for (int length = 0; length < bytes.Length - 1; length++)
        {
            File.WriteAllBytes(folder["cut.json"], bytes[..length]);
            Assert.StartsWith(folder["cut.json"], Assert.Throws<DataException>(() => CocoFile.Read(folder["cut.json"])).Message);
        }
    }

    [Fact]
    public void AnnotationsWithChangedBytes() => Damage(Path.Combine(Data, "quirks"), "ok_*.json", trials: 60, path =>
    {
        foreach (CocoImage image in CocoFile.Read(path).Images)
            foreach (CocoAnnotation a in image.Annotations)
                if (image.Width is > 0 and < 1000 && image.Height is > 0 and < 1000 && a.Segmentation is { Polygons.Count: 0 } mask)
                    Decode(mask, image);
    });

    [Fact]
    public void ImagesWithChangedBytes() => Damage(Path.Combine(Data, "robustness"), "*_*.*", trials: 12, path => ImageReader.Read(path));

    [Theory]
    [InlineData("bad_bomb.jpg")]
    [InlineData("bad_bomb.png")]
    [InlineData("bad_deflate_bomb.png")]
    public void BombsStayFolded(string file)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            ImageReader.Read(Path.Combine(Data, "robustness", file));
        }
        catch (DataException)
        {
            // either is fine
        }
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1 << 20);
    }

    [Fact]
    public void ATokenLongerThanTheBuffer()
    {
        using var folder = new TemporaryFolder();
        string name = new string('n', 300_000) + "é";
        File.WriteAllText(folder["long.json"], $$"""{"images":[{"id":1,"file_name":"a"}],"categories":[{"id":1,"name":"{{name}}"}]}""");
        Assert.Equal(name, CocoFile.Read(folder["long.json"]).Categories[0].Name);
    }

    private static void Damage(string source, string pattern, int trials, Action<string> read)
    {
        using var folder = new TemporaryFolder();
        var draws = new RandomDraws(7, "damage");
        int refused = 0, accepted = 0;
        foreach (string file in Directory.GetFiles(source, pattern).Order())
            for (int trial = 0; trial < trials; trial++)
            {
                byte[] bytes = File.ReadAllBytes(file);
                for (int i = draws.Between(1, 4); i > 0 && bytes.Length > 0; i--)
                    bytes[draws.Between(0, bytes.Length - 1)] = (byte)draws.Between(0, 255);
                File.WriteAllBytes(folder["damaged"], bytes);
                try
                {
                    read(folder["damaged"]);
                    accepted++;
                }
                catch (DataException e)
                {
                    Assert.StartsWith(folder["damaged"] + ": ", e.Message);
                    refused++;
                }
            }
        Assert.True(refused > 0 && accepted > 0);
    }

    private static void Decode(Segmentation mask, CocoImage image)
    {
        try
        {
            mask.ToRunLengths(image.Height, image.Width);
        }
        catch (FormatException)
        {
            // a damaged string of run lengths
        }
    }
}
