using SkiaSharp;

namespace CoDetr.Data;

/// <summary>One image on a sheet: what is there beside what was found.</summary>
/// <param name="Image">pixels of the file</param>
/// <param name="Caption">written above, e.g. the file's name</param>
/// <param name="Truths">drawn into the left copy</param>
/// <param name="Detections">drawn into the right copy</param>
public sealed record SheetEntry(ImageU8 Image, string Caption, IReadOnlyList<LabelledBox> Truths, IReadOnlyList<LabelledBox> Detections);

/// <summary>A picture that shows images in pairs: left the truth, right the detections.</summary>
public static class DetectionSheet
{
    private const int Gap = 8;
    private const int CaptionHeight = 20;
    private const int SmallestSide = 280; // smaller images are enlarged, so that labels can be read

    /// <summary>Draws a sheet.</summary>
    /// <param name="entries">in reading order</param>
    /// <param name="columns">pairs side by side</param>
    public static ImageU8 Draw(IReadOnlyList<SheetEntry> entries, int columns = 2)
    {
        ArgumentOutOfRangeException.ThrowIfZero(entries.Count);
        int[] scales = [.. entries.Select(e => (SmallestSide + Math.Max(e.Image.Height, e.Image.Width) - 1) / Math.Max(e.Image.Height, e.Image.Width))];
        int cellWidth = entries.Select((e, i) => 2 * e.Image.Width * scales[i] + Gap).Max() + 2 * Gap;
        int cellHeight = entries.Select((e, i) => e.Image.Height * scales[i]).Max() + CaptionHeight + Gap;
        columns = Math.Min(columns, entries.Count);
        int rows = (entries.Count + columns - 1) / columns;

        using SKBitmap sheet = Bitmaps.New(rows * cellHeight + Gap, columns * cellWidth);
        using var canvas = new SKCanvas(sheet);
        using var font = new SKFont(ProjectFont.Typeface, 12);
        using var ink = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        canvas.Clear(SKColors.White);
        for (int i = 0; i < entries.Count; i++)
        {
            SheetEntry entry = entries[i];
            int left = i % columns * cellWidth + Gap, top = i / columns * cellHeight + CaptionHeight, width = entry.Image.Width * scales[i];
            canvas.DrawText($"{entry.Caption} · truth", left, top - 5, SKTextAlign.Left, font, ink);
            canvas.DrawText("found", left + width + Gap, top - 5, SKTextAlign.Left, font, ink);
            DrawOne(canvas, entry.Image, entry.Truths, scales[i], left, top);
            DrawOne(canvas, entry.Image, entry.Detections, scales[i], left + width + Gap, top);
        }
        return Bitmaps.ToImage(sheet);
    }

    private static void DrawOne(SKCanvas canvas, ImageU8 image, IReadOnlyList<LabelledBox> boxes, int scale, int left, int top)
    {
        using SKBitmap bitmap = Bitmaps.From(image, scale);
        using (var own = new SKCanvas(bitmap))
            BoxPainter.Paint(own, boxes, scale, bitmap.Width, bitmap.Height);
        canvas.DrawBitmap(bitmap, left, top);
    }
}
