using System.Buffers;

namespace CoDetr.Data;

/// <summary>
/// The masks of a sample's objects, drawn at the end of the transforms only. Resizing to the nearest pixels, mirroring, cropping and padding each choose whole
/// rows and columns, so all of them in sequence are one choice: what is kept is which row and column of the file's image each one of the sample shows, and
/// objects that a transform leaves out are never drawn.
/// </summary>
internal sealed class ObjectMasks
{
    private const int Padding = -1;

    private readonly List<Segmentation?> _objects = [];
    private int[] _rows = [];
    private int[] _columns = [];
    private int _height;
    private int _width;

    /// <summary>Starts over with an image of that size, in pixels.</summary>
    internal void Begin(int height, int width)
    {
        (_height, _width) = (height, width);
        (_rows, _columns) = (Indices(height), Indices(width));
        _objects.Clear();

        static int[] Indices(int size) => [.. Enumerable.Range(0, size)];
    }

    /// <summary>Adds an object's mask; null for none.</summary>
    internal void Add(Segmentation? mask) => _objects.Add(mask);

    /// <summary>Gives an object another place in the order.</summary>
    internal void Move(int from, int to) => _objects[to] = _objects[from];

    /// <summary>Keeps the first ones.</summary>
    internal void Truncate(int count) => _objects.RemoveRange(count, _objects.Count - count);

    /// <summary>Takes the nearest pixels.</summary>
    internal void Resize(int height, int width)
    {
        _rows = Resized(_rows, height);
        _columns = Resized(_columns, width);

        static int[] Resized(int[] places, int size) => Array.ConvertAll(Interpolation.NearestPlaces(places.Length, size), at => places[at]);
    }

    /// <summary>Mirrors.</summary>
    internal void Flip(bool across, bool down)
    {
        if (across)
            Array.Reverse(_columns);
        if (down)
            Array.Reverse(_rows);
    }

    /// <summary>Keeps a window.</summary>
    internal void Crop(int top, int left, int height, int width) => (_rows, _columns) = (_rows[top..(top + height)], _columns[left..(left + width)]);

    /// <summary>Adds zeros at the bottom and right.</summary>
    internal void Pad(int height, int width)
    {
        _rows = Padded(_rows, height);
        _columns = Padded(_columns, width);

        static int[] Padded(int[] places, int size) => [.. places, .. Enumerable.Repeat(Padding, size - places.Length)];
    }

    /// <summary>Draws an object as it is after the transforms, if it has a mask that covers anything in the file's image.</summary>
    /// <param name="i">which object</param>
    /// <param name="bitmap"><c>u8[height, width]</c> of zeros, at least as large as the sample's image</param>
    /// <param name="width">of the bitmap, pixels</param>
    /// <returns>whether there is such a mask</returns>
    internal bool TryDraw(int i, Span<byte> bitmap, int width)
    {
        if (_objects[i] is not { } mask)
            return false;
        byte[] rented = ArrayPool<byte>.Shared.Rent(_height * _width);
        Span<byte> source = rented.AsSpan(0, _height * _width);
        source.Clear();
        mask.Draw(source, _height, _width);
        bool covers = source.Contains((byte)1);
        for (int y = 0; covers && y < _rows.Length; y++)
            if (_rows[y] != Padding)
                Pick(source.Slice(_rows[y] * _width, _width), bitmap.Slice(y * width, _columns.Length));
        ArrayPool<byte>.Shared.Return(rented);
        return covers;
    }

    private void Pick(ReadOnlySpan<byte> row, Span<byte> target)
    {
        if (!row.Contains((byte)1)) // most rows of most masks
            return;
        for (int x = 0; x < target.Length; x++)
            target[x] = _columns[x] == Padding ? (byte)0 : row[_columns[x]];
    }
}
