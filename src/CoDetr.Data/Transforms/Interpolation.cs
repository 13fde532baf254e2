using System.Buffers;
using System.Numerics;

namespace CoDetr.Data;

/// <summary>
/// Resampling to another size as OpenCV does it, half-pixel centers, no antialiasing: what the published weights were trained with.
/// Bytes go through its fixed-point arithmetic (coefficients in 1/2048) and come out equal to the last bit.
/// </summary>
public static class Interpolation
{
    private const int One = 2048;

    /// <summary>Two source places and their shares, as numbers and in 1/2048.</summary>
    private readonly record struct Tap(int First, int Second, float Fraction)
    {
        internal int FirstShare { get; } = Quantize(1 - Fraction);

        internal int SecondShare { get; } = Quantize(Fraction);
    }

    /// <summary>Bilinear on bytes; the target's size says how large.</summary>
    public static void Bilinear(ImageU8 source, ImageU8 target)
    {
        int length = target.Width * ImageU8.Channels;
        int[] upper = ArrayPool<int>.Shared.Rent(length), lower = ArrayPool<int>.Shared.Rent(length);
        Tap[] columns = Taps(source.Width, target.Width, clampFraction: true), rows = Taps(source.Height, target.Height, clampFraction: false);
        int upperRow = -1, lowerRow = -1; // which source rows the two buffers hold
        for (int y = 0; y < rows.Length; y++)
        {
            Tap row = rows[y];
            if (upperRow != row.First)
            {
                (upper, lower, upperRow, lowerRow) = (lower, upper, lowerRow, upperRow);
                if (upperRow != row.First)
                    Stretch(source.Row(row.First), columns, upper);
                upperRow = row.First;
            }
            if (lowerRow != row.Second)
            {
                Stretch(source.Row(row.Second), columns, lower);
                lowerRow = row.Second;
            }
            Blend(upper.AsSpan(0, length), lower.AsSpan(0, length), row.FirstShare, row.SecondShare, target.Row(y));
        }
        ArrayPool<int>.Shared.Return(upper);
        ArrayPool<int>.Shared.Return(lower);
    }

    /// <summary>Bilinear on numbers, <c>f32[height, width, channels]</c>.</summary>
    public static void Bilinear(ReadOnlySpan<float> source, int height, int width, Span<float> target, int newHeight, int newWidth, int channels)
    {
        Tap[] columns = Taps(width, newWidth, clampFraction: true), rows = Taps(height, newHeight, clampFraction: false);
        for (int y = 0; y < newHeight; y++)
        {
            ReadOnlySpan<float> upper = source.Slice(rows[y].First * width * channels, width * channels);
            ReadOnlySpan<float> lower = source.Slice(rows[y].Second * width * channels, width * channels);
            float down = rows[y].Fraction, up = 1 - down;
            for (int x = 0; x < newWidth; x++)
            {
                Tap column = columns[x];
                float right = column.Fraction, left = 1 - right;
                for (int c = 0; c < channels; c++)
                {
                    int first = column.First * channels + c, second = column.Second * channels + c;
                    float above = upper[first] * left + upper[second] * right, below = lower[first] * left + lower[second] * right;
                    target[(y * newWidth + x) * channels + c] = above * up + below * down;
                }
            }
        }
    }

    /// <summary>The nearest source pixel without a half-pixel shift; any number of channels.</summary>
    public static void Nearest(ReadOnlySpan<byte> source, int height, int width, Span<byte> target, int newHeight, int newWidth, int channels)
    {
        int[] columns = NearestPlaces(width, newWidth), rows = NearestPlaces(height, newHeight);
        for (int y = 0; y < newHeight; y++)
        {
            ReadOnlySpan<byte> row = source.Slice(rows[y] * width * channels, width * channels);
            for (int x = 0; x < newWidth; x++)
                row.Slice(columns[x] * channels, channels).CopyTo(target[((y * newWidth + x) * channels)..]);
        }
    }

    /// <summary>Which row (or column) of the source each one of the target takes when nothing is mixed.</summary>
    internal static int[] NearestPlaces(int size, int newSize)
    {
        double scale = 1 / ((double)newSize / size);
        var places = new int[newSize];
        for (int i = 0; i < newSize; i++)
            places[i] = Math.Min((int)(i * scale), size - 1);
        return places;
    }

    /// <summary>Which two source places a target place mixes. Columns beyond the edge get fraction 0, rows keep theirs, as in OpenCV.</summary>
    private static Tap[] Taps(int size, int newSize, bool clampFraction)
    {
        double scale = 1 / ((double)newSize / size); // in this order: the last bit decides where a place falls
        var taps = new Tap[newSize];
        for (int i = 0; i < newSize; i++)
        {
            float place = (float)((i + 0.5) * scale - 0.5);
            int first = (int)MathF.Floor(place);
            float fraction = place - first;
            if (clampFraction && (first < 0 || first >= size - 1))
                fraction = 0;
            taps[i] = new Tap(Math.Clamp(first, 0, size - 1), Math.Clamp(first + 1, 0, size - 1), fraction);
        }
        return taps;
    }

    private static int Quantize(float coefficient) => (int)MathF.Round(coefficient * One, MidpointRounding.ToEven);

    private static void Stretch(ReadOnlySpan<byte> source, Tap[] columns, int[] stretched)
    {
        int at = 0;
        foreach (Tap column in columns)
        {
            int left = column.FirstShare, right = column.SecondShare;
            ReadOnlySpan<byte> a = source.Slice(3 * column.First, 3), b = source.Slice(3 * column.Second, 3);
            stretched[at] = a[0] * left + b[0] * right;
            stretched[at + 1] = a[1] * left + b[1] * right;
            stretched[at + 2] = a[2] * left + b[2] * right;
            at += 3;
        }
    }

    private static void Blend(ReadOnlySpan<int> upper, ReadOnlySpan<int> lower, int up, int down, Span<byte> target)
    {
        int step = Vector<byte>.Count, n = Vector<int>.Count, i = 0;
        for (; i <= target.Length - step; i += step)
        {
            Vector<ushort> first = Vector.Narrow(Mix(upper, lower, up, down, i), Mix(upper, lower, up, down, i + n));
            Vector<ushort> second = Vector.Narrow(Mix(upper, lower, up, down, i + 2 * n), Mix(upper, lower, up, down, i + 3 * n));
            Vector.Narrow(first, second).CopyTo(target[i..]);
        }
        for (; i < target.Length; i++)
            target[i] = (byte)(((up * (upper[i] >> 4) >> 16) + (down * (lower[i] >> 4) >> 16) + 2) >> 2);
    }

    private static Vector<uint> Mix(ReadOnlySpan<int> upper, ReadOnlySpan<int> lower, int up, int down, int at)
    {
        Vector<int> a = (new Vector<int>(upper[at..]) >> 4) * up >> 16, b = (new Vector<int>(lower[at..]) >> 4) * down >> 16;
        return Vector.AsVectorUInt32(a + b + new Vector<int>(2) >> 2);
    }
}
