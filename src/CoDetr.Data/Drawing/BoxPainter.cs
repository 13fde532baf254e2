using SkiaSharp;

namespace CoDetr.Data;

/// <summary>Draws labelled boxes onto images.</summary>
public static class BoxPainter
{
    private const float DarkBelow = 150; // brightness of a color from which on black text reads better than white

    private static readonly SKColor[] Palette =
    [
        new(0xE6, 0x19, 0x4B), new(0x3C, 0xB4, 0x4B), new(0x43, 0x63, 0xD8), new(0xFF, 0xE1, 0x19), new(0xF5, 0x82, 0x31), new(0x91, 0x1E, 0xB4),
        new(0x46, 0xF0, 0xF0), new(0xF0, 0x32, 0xE6), new(0xBC, 0xF6, 0x0C), new(0xFA, 0xBE, 0xBE), new(0x00, 0x80, 0x80), new(0x9A, 0x63, 0x24),
    ];

    /// <summary>A copy of the image with boxes on it.</summary>
    /// <param name="image">left as it is</param>
    /// <param name="boxes">in pixels of the image; later ones lie on top</param>
    /// <param name="scale">enlarges the result, so that labels on small images can be read</param>
    public static ImageU8 Paint(ImageU8 image, IEnumerable<LabelledBox> boxes, int scale = 1)
    {
        using SKBitmap bitmap = Bitmaps.From(image, scale);
        using var canvas = new SKCanvas(bitmap);
        Paint(canvas, boxes, scale, bitmap.Width, bitmap.Height);
        return Bitmaps.ToImage(bitmap);
    }

    internal static void Paint(SKCanvas canvas, IEnumerable<LabelledBox> boxes, float scale, int width, int height)
    {
        float unit = Math.Max(1, Math.Min(width, height) / 300f); // so that lines and letters keep their share of large images
        using var font = new SKFont(ProjectFont.Typeface, 11 * unit);
        using var line = new SKPaint { IsStroke = true, StrokeWidth = 1.5f * unit, IsAntialias = true };
        using var fill = new SKPaint();
        using var text = new SKPaint { IsAntialias = true };
        foreach (LabelledBox box in boxes)
        {
            SKColor color = Palette[box.Label % Palette.Length];
            var edges = new SKRect((float)box.X1 * scale, (float)box.Y1 * scale, (float)box.X2 * scale, (float)box.Y2 * scale);
            line.Color = color;
            canvas.DrawRect(edges, line);
            if (box.Text.Length == 0)
                continue;
            float high = font.Size * 1.25f, wide = font.MeasureText(box.Text) + 4 * unit;
            float left = Math.Clamp(edges.Left, 0, Math.Max(0, width - wide));
            float top = Math.Clamp(edges.Top - high, 0, Math.Max(0, height - high)); // above the box, or inside where there is no room
            fill.Color = color;
            canvas.DrawRect(left, top, wide, high, fill);
            text.Color = 0.299f * color.Red + 0.587f * color.Green + 0.114f * color.Blue < DarkBelow ? SKColors.White : SKColors.Black;
            canvas.DrawText(box.Text, left + 2 * unit, top + font.Size, SKTextAlign.Left, font, text);
        }
    }
}
