using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>The named losses of one step, weights included, and their sum.</summary>
/// <param name="Names">The reference's names, for example <c>d0.loss_bbox</c>; a loss that has a number for each level ends in <c>.level</c>.</param>
/// <param name="Values"><c>f32[losses]</c>, one number for each name.</param>
/// <param name="Total"><c>f32[]</c>: what is differentiated, the sum of all whose name speaks of a loss.</param>
public sealed record LossTable(IReadOnlyList<string> Names, Tensor Values, Tensor Total)
{
    /// <summary>A table of losses, and behind them of figures that are only reported.</summary>
    internal static LossTable Of(IReadOnlyList<LossPart> parts)
    {
        LossPart[] losses = [.. parts.Where(part => part.IsLoss)], figures = [.. parts.Where(part => !part.IsLoss)];
        Tensor values = Tensor.Concat(0, [.. losses.Select(part => part.Values.Reshape(-1))]), total = values.SumAll(), all = values;
        if (figures.Length > 0)
        {
            using NoGrad off = NoGrad.Begin();
            all = Tensor.Concat(0, [values.Detach(), .. figures.Select(part => part.Values.Detach().Reshape(-1))]);
        }

        return new LossTable([.. losses.Concat(figures).SelectMany(part => part.Names)], all, total);
    }
}

/// <summary>Losses that lie in one tensor.</summary>
/// <param name="Names">One for each number.</param>
/// <param name="Values"><c>f32[...]</c></param>
internal sealed record LossPart(IReadOnlyList<string> Names, Tensor Values)
{
    /// <summary>Whether it is differentiated: its name says so.</summary>
    internal bool IsLoss => Names[0].Contains("loss", StringComparison.Ordinal);

    /// <summary>A loss of an auxiliary head under its full name.</summary>
    internal static LossPart Of(NamedLoss loss, string suffix = "") => new(
        loss.Values.Shape.Length == 0 ? [loss.Name + suffix] : [.. Enumerable.Range(0, (int)loss.Values.Count).Select(level => $"{loss.Name}{suffix}.{level}")],
        loss.Values);
}
