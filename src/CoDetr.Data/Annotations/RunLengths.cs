using System.Text;

namespace CoDetr.Data;

/// <summary>
/// A mask as run lengths, column by column (x outer, y inner), starting with the number of zeros. As in the COCO API.
/// </summary>
/// <param name="Height">pixels</param>
/// <param name="Width">pixels</param>
/// <param name="Runs">lengths of zeros, ones, zeros, …; together at most Height × Width</param>
public sealed record RunLengths(int Height, int Width, int[] Runs)
{
    /// <summary>Number of ones.</summary>
    public long Area
    {
        get
        {
            long area = 0;
            for (int i = 1; i < Runs.Length; i += 2)
                area += Runs[i];
            return area;
        }
    }

    /// <summary>Decodes the compact string of the COCO API.</summary>
    /// <exception cref="FormatException">the string is damaged</exception>
    public static RunLengths Parse(int height, int width, string text)
    {
        var runs = new List<int>();
        for (int p = 0; p < text.Length;)
        {
            long value = 0;
            bool more = true;
            for (int shift = 0; more; shift += 5)
            {
                if (p == text.Length || shift > 30)
                    throw new FormatException("the run length string is cut short");
                int group = text[p++] - 48;
                if (group is < 0 or > 63)
                    throw new FormatException($"the run length string holds '{text[p - 1]}'");
                value |= (long)(group & 0x1f) << shift;
                more = (group & 0x20) != 0;
                if (!more && (group & 0x10) != 0)
                    value |= -1L << (shift + 5);
            }
            if (runs.Count > 2)
                value += runs[^2];
            if (value is < 0 or > int.MaxValue)
                throw new FormatException($"run {runs.Count} would have length {value}");
            runs.Add((int)value);
        }
        return new RunLengths(height, width, [.. runs]);
    }

    /// <summary>The compact string of the COCO API.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        for (int i = 0; i < Runs.Length; i++)
        {
            long value = i > 2 ? Runs[i] - (long)Runs[i - 2] : Runs[i];
            bool more = true;
            while (more)
            {
                int group = (int)(value & 0x1f);
                value >>= 5;
                more = (group & 0x10) != 0 ? value != -1 : value != 0;
                text.Append((char)((more ? group | 0x20 : group) + 48));
            }
        }
        return text.ToString();
    }

    /// <summary>The mask as bytes 0 and 1, row-major <c>[height, width]</c>.</summary>
    public byte[] ToMask()
    {
        var mask = new byte[Height * Width];
        Draw(mask);
        return mask;
    }

    /// <summary>Sets the ones in a mask, row-major <c>[height, width]</c>; the rest of it stays as it is.</summary>
    internal void Draw(Span<byte> mask)
    {
        long at = 0;
        for (int i = 0; i < Runs.Length; at += Runs[i++])
        {
            long end = Math.Min(at + Runs[i], mask.Length);
            if (i % 2 == 0 || at >= end)
                continue;
            var (x, y) = ((int)(at / Height), (int)(at % Height));
            for (long p = at; p < end; p++)
            {
                mask[y * Width + x] = 1;
                if (++y == Height)
                    (x, y) = (x + 1, 0);
            }
        }
    }

    /// <summary>Encodes a mask of bytes, row-major <c>[height, width]</c>; not zero is one.</summary>
    public static RunLengths FromMask(ReadOnlySpan<byte> mask, int height, int width)
    {
        var runs = new List<int> { 0 };
        bool one = false;
        for (int x = 0; x < width; x++)
            for (int y = 0; y < height; y++)
            {
                if (mask[y * width + x] != 0 != one)
                {
                    one = !one;
                    runs.Add(0);
                }
                runs[^1]++;
            }
        return new RunLengths(height, width, [.. runs]);
    }

    /// <summary>The smallest box around the ones: x, y, width, height in pixels; zeros when there are none.</summary>
    public (double X, double Y, double Width, double Height) Bounds()
    {
        long at = 0;
        long left = long.MaxValue, top = long.MaxValue, right = -1, bottom = -1;
        for (int i = 0; i < Runs.Length; at += Runs[i++])
        {
            if (i % 2 == 0 || Runs[i] == 0)
                continue;
            long last = at + Runs[i] - 1;
            (long x0, long y0, long x1, long y1) = (at / Height, at % Height, last / Height, last % Height);
            if (x0 < x1) // a run over a column's end touches the whole height
                (y0, y1) = (0, Height - 1);
            (left, top, right, bottom) = (Math.Min(left, x0), Math.Min(top, y0), Math.Max(right, x1), Math.Max(bottom, y1));
        }
        return right < 0 ? default : (left, top, right - left + 1, bottom - top + 1);
    }
}
