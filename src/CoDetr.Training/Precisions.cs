using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>How activations may be stored, as people write it.</summary>
public static class Precisions
{
    /// <summary>The names of all.</summary>
    public static IReadOnlyList<string> Names { get; } = ["f32", "bf16", "f16"];

    /// <summary>The type of a name.</summary>
    /// <exception cref="RunException">The device in use does not store it.</exception>
    public static DType Parse(string name) => Require(name switch
    {
        "bf16" => DType.BF16,
        "f16" => DType.F16,
        _ => DType.F32,
    });

    /// <summary>The type itself, if the device in use stores it; else f32: any weights can be used on any device.</summary>
    public static DType Usable(DType precision) => Device.Default.Stores(precision) ? precision : DType.F32;

    /// <summary>The type itself, if the device in use stores it.</summary>
    /// <exception cref="RunException">It does not.</exception>
    public static DType Require(DType precision) => Device.Default.Stores(precision)
        ? precision
        : throw new RunException(
            $"--precision {precision.ToString().ToLowerInvariant()}: {Device.Default.Description} stores f32 only; use --precision f32, or a GPU.");
}
