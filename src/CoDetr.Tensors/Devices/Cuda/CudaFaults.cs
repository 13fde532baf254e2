using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace CoDetr.Tensors;

/// <summary>Turns the driver's results into one line each, with the launches that came before, and remembers when the device is lost.</summary>
/// <param name="device">As people call it, for example <c>cuda:0 (NVIDIA H100)</c>.</param>
/// <param name="waitsAfterLaunch">Whether an error belongs to the last launch, not to an earlier one.</param>
internal sealed class CudaFaults(string device, bool waitsAfterLaunch)
{
    private const int Remembered = 8;

    private readonly (string Kernel, Dim3 Grid, Dim3 Block)[] launches = new (string, Dim3, Dim3)[Remembered];
    private long noted;
    private string? lost;

    /// <summary>Whether an error has made the context useless: every further call would fail.</summary>
    internal bool IsLost => lost is not null;

    internal void Note(string kernel, Dim3 grid, Dim3 block) => launches[noted++ % Remembered] = (kernel, grid, block);

    /// <summary>Throws again what lost the device, if anything did.</summary>
    internal void ThrowIfLost()
    {
        if (lost is not null)
        {
            throw new DeviceException(lost);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Check(int result, string call)
    {
        if (result != CudaDriver.Success)
        {
            Throw(result, call);
        }
    }

    /// <summary>As <see cref="Check"/> for what runs while an exception may be on its way: an error is remembered, and thrown by the next call.</summary>
    internal void Remember(int result, string call)
    {
        if (result != CudaDriver.Success)
        {
            lost ??= Words(result, call);
        }
    }

    /// <summary>After these the driver answers every call with the same error until the process ends.</summary>
    private static bool IsSticky(int result) => result is 4 or 46 or 214 or 220 or 226 or 700 or 702 or 709 or 710 or (>= 714 and <= 719) or 999;

    [DoesNotReturn]
    private void Throw(int result, string call)
    {
        string what = Words(result, call);
        lost = IsSticky(result) ? what : null;
        throw new DeviceException(what);
    }

    private string Words(int result, string call)
    {
        string last = noted == 0
            ? ""
            : $" Last launches: {string.Join(", ", Enumerable.Range(0, (int)Math.Min(noted, Remembered)).Select(back => Name(launches[(noted - 1 - back) % Remembered])))}.";
        string advice = !IsSticky(result) ? ""
            : waitsAfterLaunch ? " The device is lost to this process."
            : " The device is lost to this process; with CODETR_SYNC=1 the first of these is the culprit.";
        return $"{call} failed on {device}: {CudaDriver.NameOf(result)}.{last}{advice}";
    }

    private static string Name((string Kernel, Dim3 Grid, Dim3 Block) launch) => $"{launch.Kernel} <<<{launch.Grid}, {launch.Block}>>>";
}
