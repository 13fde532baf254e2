using CoDetr.Tensors;

namespace CoDetr.Training;

/// <summary>An array whose shape in the file is not the model's.</summary>
/// <param name="Name">The parameter.</param>
/// <param name="Found">In the file.</param>
/// <param name="Wanted">In the model.</param>
public sealed record ReshapedArray(string Name, Shape Found, Shape Wanted);

/// <summary>An array that was not taken as it lies in the file.</summary>
/// <param name="Name">The parameter.</param>
/// <param name="How">What was done, for example <c>F16 to F32</c>.</param>
public sealed record ConvertedArray(string Name, string How);

/// <summary>
/// What becomes of every array of a weights file and of every parameter of a model: each stands in exactly one list, converted ones also in
/// <see cref="Loaded"/>.
/// </summary>
public sealed record ImportReport
{
    /// <summary>Parameters that get the file's numbers.</summary>
    public required IReadOnlyList<string> Loaded { get; init; }

    /// <summary>Those of them whose numbers are converted.</summary>
    public required IReadOnlyList<ConvertedArray> Converted { get; init; }

    /// <summary>Parameters of class heads that start afresh, because the file knows another number of classes.</summary>
    public required IReadOnlyList<ReshapedArray> ClassHeads { get; init; }

    /// <summary>Parameters that start afresh as is usual: files of this kind never hold them.</summary>
    public required IReadOnlyList<string> Fresh { get; init; }

    /// <summary>Parameters that the file lacks.</summary>
    public required IReadOnlyList<string> Missing { get; init; }

    /// <summary>Parameters that have another shape in the file.</summary>
    public required IReadOnlyList<ReshapedArray> Reshaped { get; init; }

    /// <summary>Arrays of the file that are never of use: counters, tables that are computed, copies of a moving average, a classifier.</summary>
    public required IReadOnlyList<string> Ignored { get; init; }

    /// <summary>Arrays of the file that the model has no place for.</summary>
    public required IReadOnlyList<string> Unexpected { get; init; }

    /// <summary>Whether every parameter got its numbers, or starts afresh for a good reason.</summary>
    public bool IsComplete => Missing.Count + Reshaped.Count == 0;

    /// <summary>The report for people: what there is of each kind, by name.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"loaded: {Loaded.Count} arrays";
        foreach (IGrouping<string, ConvertedArray> way in Converted.GroupBy(array => array.How))
        {
            foreach (string line in Names($"converted, {way.Key}", way.Select(array => array.Name)))
            {
                yield return line;
            }
        }

        IEnumerable<string> rest = Shapes("class heads that start afresh (another number of classes)", ClassHeads)
            .Concat(Names("starting afresh (files of this kind lack them)", Fresh))
            .Concat(Names("missing", Missing, isAlwaysSaid: true))
            .Concat(Shapes("of another shape", Reshaped))
            .Concat(Names("ignored (counters, computed tables, averages, classifiers)", Ignored))
            .Concat(Names("unexpected", Unexpected, isAlwaysSaid: true));
        foreach (string line in rest)
        {
            yield return line;
        }
    }

    private static IEnumerable<string> Shapes(string what, IReadOnlyList<ReshapedArray> arrays)
    {
        if (arrays.Count > 0)
        {
            yield return $"{what}: {Count(arrays.Count)}";
            var sameShapes = arrays.GroupBy(array => (array.Found, array.Wanted));
            foreach ((string name, Shape found, Shape wanted) in sameShapes.SelectMany(
                same => NameRanges.Of(same.Select(array => array.Name)), (same, name) => (name, same.Key.Found, same.Key.Wanted)))
            {
                yield return $"  {name}: {found} in the file, {wanted} in the model";
            }
        }
    }

    private static IEnumerable<string> Names(string what, IEnumerable<string> names, bool isAlwaysSaid = false)
    {
        string[] all = [.. names];
        if (all.Length > 0 || isAlwaysSaid)
        {
            yield return $"{what}: {(all.Length == 0 ? "none" : Count(all.Length))}";
        }

        foreach (string name in NameRanges.Of(all))
        {
            yield return $"  {name}";
        }
    }

    private static string Count(int arrays) => $"{arrays} array{(arrays == 1 ? "" : "s")}";
}
