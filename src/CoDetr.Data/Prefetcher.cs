using System.Diagnostics.CodeAnalysis;
using System.Runtime.ExceptionServices;

namespace CoDetr.Data;

/// <summary>
/// Makes numbered things on threads of its own and hands them out in order. At most a given number are made or waiting at any time.
/// What a maker throws is thrown where its thing would have been taken.
/// </summary>
internal sealed class Prefetcher<T> : IDisposable where T : class, IDisposable
{
    private readonly object _gate = new();
    private readonly (T? Value, ExceptionDispatchInfo? Error)[] _ring;
    private readonly Thread[] _threads;
    private readonly int _end;
    private int _nextToMake;
    private int _nextToTake;
    private bool _stopped;

    /// <param name="workers">threads</param>
    /// <param name="ahead">made or waiting at most</param>
    /// <param name="first">number of the first thing</param>
    /// <param name="end">one past the last</param>
    /// <param name="newMaker">gives each thread its own maker</param>
    internal Prefetcher(int workers, int ahead, int first, int end, Func<Func<int, T>> newMaker)
    {
        (_nextToMake, _nextToTake, _end) = (first, first, end);
        _ring = new (T?, ExceptionDispatchInfo?)[ahead];
        _threads = new Thread[workers];
        for (int i = 0; i < workers; i++)
        {
            _threads[i] = new Thread(() => Run(newMaker())) { IsBackground = true, Name = $"loader {i}" };
            _threads[i].Start();
        }
    }

    /// <summary>Waits for the next thing; false after the last.</summary>
    internal bool TryTake([NotNullWhen(true)] out T? value)
    {
        value = null;
        if (_nextToTake >= _end)
            return false;
        ExceptionDispatchInfo? error;
        lock (_gate)
        {
            ref var place = ref _ring[_nextToTake % _ring.Length];
            while (place.Value is null && place.Error is null)
                Monitor.Wait(_gate);
            (value, error) = place;
            place = default;
            _nextToTake++;
            Monitor.PulseAll(_gate);
        }
        error?.Throw();
        return value is not null;
    }

    /// <summary>Ends the threads and gives back what was not taken.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopped = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread thread in _threads)
            thread.Join();
        foreach (var (value, _) in _ring)
            value?.Dispose();
    }

    private void Run(Func<int, T> make)
    {
        while (TryClaim(out int number))
        {
            T? value = null;
            ExceptionDispatchInfo? error = null;
            try
            {
                value = make(number);
            }
            catch (Exception e) // handed to whoever asks for this one
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
            lock (_gate)
            {
                _ring[number % _ring.Length] = (value, error);
                Monitor.PulseAll(_gate);
            }
        }
    }

    private bool TryClaim(out int number)
    {
        lock (_gate)
        {
            while (!_stopped && _nextToMake < _end && _nextToMake >= _nextToTake + _ring.Length)
                Monitor.Wait(_gate);
            number = _nextToMake;
            if (_stopped || number >= _end)
                return false;
            _nextToMake++;
            return true;
        }
    }
}
