using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden;

/// <summary>How far a value may lie from the stored one: <c>|a - b| &lt;= Absolute + Relative * |b|</c>.</summary>
/// <param name="Relative">The factor of the stored value.</param>
/// <param name="Absolute">The constant part.</param>
/// <param name="Note">The sidecar's remark, which is part of the rule.</param>
internal readonly record struct Tolerance(double Relative, double Absolute, string Note)
{
    private static readonly Tolerance Equal = new(0, 0, "");

    /// <summary>Whether the note also bounds the mean absolute difference: a tenth of the tolerance.</summary>
    internal bool BoundsMean => Note.Contains("mean absolute difference below a tenth", StringComparison.Ordinal);

    /// <summary>The array's own entry, else the default; integers and masks must be equal, but images may have an entry of their own.</summary>
    internal static Tolerance Of(JsonElement tolerances, string name, DType dtype)
    {
        bool own = tolerances.TryGetProperty(name, out JsonElement entry);
        return !dtype.IsFloat && !(own && dtype == DType.U8) ? Equal : Of(own ? entry : tolerances.GetProperty("default"));
    }

    private static Tolerance Of(JsonElement entry) => new(
        entry.GetProperty("rtol").ToDouble(),
        entry.GetProperty("atol").ToDouble(),
        entry.TryGetProperty("note", out JsonElement note) ? note.GetString()! : "");
}
