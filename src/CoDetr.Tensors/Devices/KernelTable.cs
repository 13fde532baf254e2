using System.Text.RegularExpressions;

namespace CoDetr.Tensors;

/// <summary>
/// The rows <c>OP(Name, …)</c> of the table in a kernel text, numbered as its enum numbers them: the text stays the only declaration.
/// </summary>
/// <param name="file">For example <c>elementwise.cu</c>.</param>
internal sealed partial class KernelTable(string file)
{
    private readonly Dictionary<string, int> rows =
        Row().Matches(KernelText.Read(file)).Select((match, i) => (match.Groups[1].Value, i)).ToDictionary(row => row.Value, row => row.i);

    /// <summary>All names, in order.</summary>
    internal IEnumerable<string> Names => rows.Keys;

    /// <summary>The number of a row, to hand to the kernel.</summary>
    internal int this[string name] => rows.TryGetValue(name, out int row) ? row : throw new InvalidOperationException($"{file} has no row OP({name}, …).");

    [GeneratedRegex(@"^\s+OP\((\w+),", RegexOptions.Multiline)]
    private static partial Regex Row();
}
