using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class DrawingTests
{
    [Fact]
    public void ALabelHasInkWithoutInstalledFonts()
    {
        Assert.Equal(ProjectFont.Family, ProjectFont.Typeface.FamilyName); // from the assembly; Skia's own list of fonts is never asked
        ImageU8 without = BoxPainter.Paint(new ImageU8(200, 200), [new LabelledBox(50, 50, 150, 150, 0, "    ")]);
        ImageU8 with = BoxPainter.Paint(new ImageU8(200, 200), [new LabelledBox(50, 50, 150, 150, 0, "seven")]);
        int white = Count(with, (r, g, b) => r > 240 && g > 240 && b > 240);
        Assert.Equal(0, Count(without, (r, g, b) => r > 240 && g > 240 && b > 240));
        Assert.InRange(white, 30, 400);
    }

    [Fact]
    public void DrawsTheEdgesWhereTheBoxIs()
    {
        ImageU8 painted = BoxPainter.Paint(new ImageU8(100, 120), [new LabelledBox(20, 30, 80, 70, 0, "")]);
        foreach (var (x, y) in new[] { (20, 50), (79, 50), (50, 30), (50, 69) })
            Assert.True(painted.Row(y)[3 * x] > 100, $"no edge at {x}, {y}");
        Assert.Equal(0, painted.Row(50)[3 * 50]);
        Assert.Equal(0, painted.Row(10)[3 * 10]);
    }

    [Fact]
    public void LabelsStayInsideTheImage()
    {
        LabelledBox beyond = new(-20, -20, 100, 100, 2, "wide label at the edge"), corner = new(70, 50, 79, 59, 1, "x");
        ImageU8 painted = BoxPainter.Paint(new ImageU8(60, 80), [beyond, corner]);
        Assert.Equal((60, 80), (painted.Height, painted.Width));
        Assert.True(Count(painted, (r, g, b) => r + g + b > 0) > 100);
    }

    [Theory, InlineData("a.png", 0), InlineData("a.jpg", 6)]
    public void WritesWhatItReads(string name, double tolerance)
    {
        using var folder = new TemporaryFolder();
        ImageU8 image = ImageReader.Read(Path.Combine(Repository.Root, "data", "digits-tiny", "images", "val", "000001.jpg"));
        ImageWriter.Write(folder[name], image);
        ImageU8 back = ImageReader.Read(folder[name]);
        double sum = 0;
        for (int i = 0; i < image.Pixels.Length; i++)
            sum += Math.Abs(image.Pixels[i] - back.Pixels[i]);
        Assert.InRange(sum / image.Pixels.Length, 0, tolerance);
    }

    [Fact]
    public void ASheetShowsTruthBesideDetections()
    {
        CocoFile file = CocoFile.Read(Path.Combine(Repository.Root, "data", "digits-tiny", "annotations", "instances_val.json"));
        SheetEntry[] entries = [.. file.Images.Take(5).Select(image => new SheetEntry(
            ImageReader.Read(Path.Combine(Repository.Root, "data", "digits-tiny", "images", "val", image.FileName)), image.FileName,
            [.. image.Annotations.Select(a => LabelledBox.Of(a, file))],
            [.. image.Annotations.Select(a => LabelledBox.Of(new ScoredBox(0, a.Label, 0.5, a.X + 3, a.Y, a.Width, a.Height), file))]))];
        ImageU8 sheet = DetectionSheet.Draw(entries);
        Assert.InRange(sheet.Width, 1000, 1400);
        Assert.InRange(sheet.Height, 700, 1100);
    }

    private static int Count(ImageU8 image, Func<byte, byte, byte, bool> wanted)
    {
        int count = 0;
        for (int i = 0; i < image.Pixels.Length; i += 3)
            count += wanted(image.Pixels[i], image.Pixels[i + 1], image.Pixels[i + 2]) ? 1 : 0;
        return count;
    }
}
