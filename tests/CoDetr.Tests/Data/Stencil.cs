using CoDetr.Data;

namespace CoDetr.Tests.Data;

/// <summary>Masks as drawings: '#' is object.</summary>
internal static class Stencil
{
    /// <summary>A mask given as run lengths.</summary>
    internal static Segmentation Mask(params string[] rows) => Segmentation.FromRuns(Runs(rows));

    internal static RunLengths Runs(params string[] rows) =>
        RunLengths.FromMask([.. rows.SelectMany(row => row).Select(c => (byte)(c == '#' ? 1 : 0))], rows.Length, rows[0].Length);

    /// <summary>A bitmap row by row; what is neither 0 nor 1 shows.</summary>
    internal static string[] Rows(ReadOnlySpan<byte> bitmap, int width)
    {
        var rows = new string[bitmap.Length / width];
        for (int y = 0; y < rows.Length; y++)
            rows[y] = string.Concat(bitmap.Slice(y * width, width).ToArray().Select(value => value > 1 ? '?' : value == 1 ? '#' : '.'));
        return rows;
    }

    /// <summary>An object of a sample, in a bitmap that held something else before.</summary>
    internal static string[] Rows(Sample sample, int i, int height = 0, int width = 0)
    {
        (height, width) = (Math.Max(height, sample.Image.Height), Math.Max(width, sample.Image.Width));
        var bitmap = new byte[height * width];
        Array.Fill(bitmap, (byte)7);
        sample.DrawMask(i, bitmap, width);
        return Rows(bitmap, width);
    }

    /// <summary>An object of a batch.</summary>
    internal static string[] Rows(Batch batch, int image, int i)
    {
        int size = batch.Height * batch.Width;
        return Rows(batch.Masks.Slice((image * batch.MaxObjects + i) * size, size), batch.Width);
    }
}
