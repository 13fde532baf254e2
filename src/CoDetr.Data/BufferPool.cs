namespace CoDetr.Data;

/// <summary>Keeps a few large arrays for use again, so that no batch costs the garbage collector a large object.</summary>
internal sealed class BufferPool(int capacity)
{
    private const int Granularity = 1 << 16;

    private readonly List<float[]> _free = [];
    private readonly Lock _gate = new();
    private int _largest;

    /// <summary>An array of at least that length, content undefined.</summary>
    internal float[] Rent(int length)
    {
        lock (_gate)
        {
            int best = -1;
            for (int i = 0; i < _free.Count; i++)
                if (_free[i].Length >= length && (best < 0 || _free[i].Length < _free[best].Length))
                    best = i;
            if (best >= 0)
            {
                float[] found = _free[best];
                _free.RemoveAt(best);
                return found;
            }
            if (_free.Count > 0) // none is long enough: the shortest makes room
                _free.RemoveAt(Smallest());
            _largest = Math.Max(_largest, (length + Granularity - 1) / Granularity * Granularity);
            return GC.AllocateUninitializedArray<float>(_largest); // as long as any so far, so that growing soon ends
        }
    }

    internal void Return(float[] array)
    {
        lock (_gate)
        {
            _free.Add(array);
            if (_free.Count > capacity)
                _free.RemoveAt(Smallest());
        }
    }

    private int Smallest()
    {
        int smallest = 0;
        for (int i = 1; i < _free.Count; i++)
            if (_free[i].Length < _free[smallest].Length)
                smallest = i;
        return smallest;
    }
}
