using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Published files that are not part of the project; they lie in ../shared/data beside it, or the tests say that they were skipped.</summary>
public sealed class RealFilesTests
{
    private static readonly string Samples = Path.Combine(Path.GetDirectoryName(Repository.Root)!, "shared", "data", "json-samples");

    [Fact]
    public void ReadsLvis()
    {
        CocoFile file = CocoFile.Read(Sample("lvis_val_100.json"));
        Assert.Equal((100, 977, 1230), (file.Images.Count, file.AnnotationCount, file.Categories.Count));
        Assert.Equal(7, file.Images.Count(i => i.Annotations.Count == 0));
        foreach (CocoImage image in file.Images)
            foreach (CocoAnnotation a in image.Annotations)
            {
                // The annotated area is a polygon's, in continuous pixels: close to the number of filled ones.
                long filled = a.Segmentation!.ToRunLengths(image.Height, image.Width).Area;
                Assert.InRange(filled, 0.7 * a.Area - 30, 1.3 * a.Area + 60);
            }
    }

    [Fact]
    public void ReadsBoxResults()
    {
        IReadOnlyList<ScoredBox> results = Results("instances_val2014_fakebbox100_results.json", out CocoFile truth);
        Assert.Equal(734, results.Count);
        Assert.Equal(42, truth.Images[results[0].Image].Id);
        Assert.Equal((258.15, 41.29, 348.26, 243.78, 0.236), (results[0].X, results[0].Y, results[0].Width, results[0].Height, results[0].Score));
    }

    [Fact]
    public void TakesTheBoxesOfMaskResults()
    {
        IReadOnlyList<ScoredBox> masks = Results("instances_val2014_fakesegm100_results.json", out _);
        Assert.NotEmpty(masks);
        Assert.All(masks, m => Assert.True(m.Width > 0 && m.Height > 0));
    }

    [Fact]
    public void RefusesKeypointResults()
    {
        DataException e = Assert.Throws<DataException>(() => Results("person_keypoints_val2014_fakekeypoints100_results.json", out _));
        Assert.Contains("keypoint results are not evaluated", e.Message);
    }

    /// <summary>The truth of these files is not at hand: one that lists every id stands in.</summary>
    private static IReadOnlyList<ScoredBox> Results(string name, out CocoFile truth)
    {
        string path = Sample(name);
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["truth.json"], JsonSerializer.Serialize(new
        {
            images = Enumerable.Range(0, 2000).Select(id => new { id, file_name = "x" }),
            categories = Enumerable.Range(0, 91).Select(id => new { id, name = "x" }),
        }));
        truth = CocoFile.Read(folder["truth.json"]);
        return CocoResults.Read(path, truth);
    }

    private static string Sample(string name)
    {
        string path = Path.Combine(Samples, name);
        Assert.SkipUnless(File.Exists(path), $"SKIPPED: {path} is not there");
        return path;
    }
}
