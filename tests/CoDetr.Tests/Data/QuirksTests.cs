using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Every file of tests/data/quirks does what its expected.json says.</summary>
public sealed class QuirksTests
{
    private static readonly string Folder = Path.Combine(Repository.Root, "tests", "data", "quirks");

    public static TheoryData<string> Files => [.. Expected().Keys];

    [Theory, MemberData(nameof(Files))]
    public void IsReadOrRefusedAsExpected(string file)
    {
        JsonElement expected = Expected()[file];
        string kind = expected.GetProperty("kind").GetString()!, path = Path.Combine(Folder, file);
        bool isResults = file.StartsWith("results_", StringComparison.Ordinal);
        if (kind == "error")
        {
            DataException e = Assert.Throws<DataException>(() => { Read(path, isResults); });
            Assert.StartsWith(path + ": ", e.Message);
            Assert.DoesNotContain('\n', e.Message);
            TestContext.Current.TestOutputHelper?.WriteLine(e.Message[(Folder.Length + 1)..]);
            return;
        }
        var (truth, results) = Read(path, isResults);
        if (isResults)
        {
            Assert.Equal(expected.GetProperty("results").GetInt32(), results!.Count);
            return;
        }
        if (kind == "warn")
        {
            Assert.NotEmpty(truth.Warnings);
            Assert.Equal(expected.GetProperty("usable").GetInt32(), truth.UsableCount);
        }
        else
            Assert.Empty(truth.Warnings);
        CheckContent(expected, truth);
    }

    [Theory]
    [InlineData("error_unknown_category.json", "annotation 1 is of category 4")]
    [InlineData("error_bbox_nan.json", "line 1, byte", "annotation 1", "NaN")]
    [InlineData("error_bbox_three.json", "annotation 1", "four numbers", "not 3")]
    [InlineData("error_cut.json", "line 1, byte 201")]
    [InlineData("error_array.json", "results file")]
    [InlineData("error_duplicate_annotation_id.json", "annotation id 1 is used twice")]
    [InlineData("results_unknown_image.json", "result number 2", "image 5")]
    public void NamesThePlace(string file, params string[] parts)
    {
        DataException e = Assert.Throws<DataException>(() => { Read(Path.Combine(Folder, file), file.StartsWith("results_", StringComparison.Ordinal)); });
        foreach (string part in parts)
            Assert.Contains(part, e.Message);
    }

    [Fact]
    public void CountsWarningsByKind()
    {
        CocoFile truth = CocoFile.Read(Path.Combine(Folder, "warn_box_degenerate.json"));
        Assert.Equal([(DataWarningKind.EmptyBox, 2), (DataWarningKind.BoxOutside, 1)], truth.Warnings.Select(w => (w.Kind, w.Count)));
        Assert.StartsWith("2 boxes of no size", truth.Warnings[0].Message);
        Assert.Equal(DataWarningKind.UnknownImage, Assert.Single(CocoFile.Read(Path.Combine(Folder, "warn_orphan.json")).Warnings).Kind);
    }

    [Fact]
    public void RefusesAMissingFile() =>
        Assert.Contains("does not exist", Assert.Throws<DataException>(() => CocoFile.Read(Path.Combine(Folder, "nothing.json"))).Message);

    private static (CocoFile Truth, IReadOnlyList<ScoredBox>? Results) Read(string path, bool isResults)
    {
        CocoFile truth = CocoFile.Read(isResults ? Path.Combine(Folder, "ok_plain.json") : path);
        return (truth, isResults ? CocoResults.Read(path, truth) : null);
    }

    private static void CheckContent(JsonElement expected, CocoFile truth)
    {
        foreach (JsonProperty property in expected.EnumerateObject())
        {
            object? found = property.Name switch
            {
                "images" => truth.Images.Count,
                "annotations" => truth.AnnotationCount,
                "categories" => truth.Categories.Count,
                "usable" => truth.UsableCount,
                "crowds" => truth.Images.Sum(i => i.Annotations.Count(a => a.IsCrowd)),
                "image_id" => truth.Images[0].Id,
                "category" => truth.Categories[0].Name,
                "file_name" => truth.Images[0].FileName,
                "area" => truth.Images[0].Annotations[0].Area,
                "bbox" => string.Join(", ", new[] { First().X, First().Y, First().Width, First().Height }),
                "file" or "kind" or "note" => null,
                _ => throw new ArgumentException(property.Name),
            };
            string wanted = property.Name == "bbox" ? string.Join(", ", property.Value.EnumerateArray()) : property.Value.ToString();
            if (found is not null)
                Assert.Equal(wanted, found.ToString());
        }

        CocoAnnotation First() => truth.Images[0].Annotations[0];
    }

    private static Dictionary<string, JsonElement> Expected()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "expected.json")));
        return document.RootElement.EnumerateArray().ToDictionary(e => e.GetProperty("file").GetString()!, e => e.Clone());
    }
}
