using System.Globalization;

namespace CoDetr.Tensors;

/// <summary>Which device is used, and why not a GPU.</summary>
internal static class DeviceChoice
{
    private const string Setting = "CODETR_DEVICE";
    private const int LeastCapability = 75; // Turing: the oldest that the kernels are compiled and tested for

    internal static bool IsName(string name) => name == "cpu" || IndexOf(name) is not null;

    internal static Device Open(string? name, int? workers, bool compilesAhead)
    {
        if (name is null && Environment.GetEnvironmentVariable(Setting) is { Length: > 0 } set)
        {
            name = IsName(set) ? set : throw new DeviceException($"{Setting} must be cpu, cuda or cuda:N, not '{set}'.");
        }

        if (name is null)
        {
            return IsUsable(out CudaCard? first) ? new CudaDevice(first, compilesAhead) : new CpuDevice(workers);
        }

        if (name == "cpu")
        {
            return new CpuDevice(workers);
        }

        CudaCard card = CudaCard.Open(IndexOf(name) ?? throw new DeviceException($"A device is cpu, cuda or cuda:N, not '{name}'."));
        return WhyNot(card) is string reason ? throw new DeviceException($"cuda:{card.Index}: {reason}") : new CudaDevice(card, compilesAhead);
    }

    /// <summary>What keeps a GPU from being used; null if nothing does.</summary>
    internal static string? WhyNot(CudaCard card)
    {
        if (card.Capability < LeastCapability)
        {
            return $"{card.Name} has compute capability {card.Capability / 10}.{card.Capability % 10}; 7.5 or newer is needed. Use --device cpu.";
        }

        try
        {
            KernelLibrary.ArchitectureOf(card.Capability);
            return null;
        }
        catch (DeviceException e)
        {
            return e.Message;
        }
    }

    private static bool IsUsable([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out CudaCard? card)
    {
        card = null;
        try
        {
            card = CudaDriver.IsAvailable && CudaCard.Count() > 0 ? CudaCard.Open(0) : null;
        }
        catch (DeviceException)
        {
            return false; // a driver with no GPU, or one that does not start: 'codetr devices' says why
        }

        return card is not null && WhyNot(card) is null;
    }

    private static int? IndexOf(string name) => name == "cuda" ? 0
        : name.StartsWith("cuda:", StringComparison.Ordinal) && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index
        : null;
}
