using System.Collections.Concurrent;
using System.Text.RegularExpressions;

namespace CoDetr.Tensors;

/// <summary>One parameter of a kernel, as its text declares it.</summary>
internal readonly record struct KernelParameter(string Type, string Name, bool IsPointer, bool IsConst)
{
    /// <summary>The element type a tensor argument must have when the storage type is <paramref name="real"/>.</summary>
    internal DType DType(DType real) => Type switch
    {
        "real" => real,
        "acc" => real == Tensors.DType.F64 ? Tensors.DType.F64 : Tensors.DType.F32,
        "float" => Tensors.DType.F32,
        "double" => Tensors.DType.F64,
        "int" => Tensors.DType.I32,
        "int64_t" or "index_t" => Tensors.DType.I64,
        "uint8_t" => Tensors.DType.U8,
        _ => throw new InvalidOperationException($"A kernel parameter of type '{Type}' has no tensor type."),
    };

    /// <summary>As in the text, for example <c>const real*</c>.</summary>
    public override string ToString() => (IsConst ? "const " : "") + Type + (IsPointer ? "*" : "");
}

/// <summary>The kernel texts that the assembly carries, and the signatures in them.</summary>
internal static partial class KernelText
{
    private static readonly ConcurrentDictionary<string, Dictionary<string, KernelParameter[]>> Files = new();

    /// <summary>The names of all embedded texts (<c>*.cu</c> and headers).</summary>
    internal static IEnumerable<string> Names => typeof(KernelText).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith("kernels/", StringComparison.Ordinal)).Select(name => name["kernels/".Length..]).Order(StringComparer.Ordinal);

    /// <summary>The text of one file; a whole path names one outside the assembly.</summary>
    internal static string Read(string file)
    {
        if (Path.IsPathRooted(file))
        {
            return File.ReadAllText(file);
        }

        using Stream stream = typeof(KernelText).Assembly.GetManifestResourceStream("kernels/" + file)
            ?? throw new FileNotFoundException($"There is no kernel file '{file}'.", file);
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The kernels of one file with their parameters.</summary>
    internal static IReadOnlyDictionary<string, KernelParameter[]> KernelsOf(string file) => Files.GetOrAdd(file, Parse);

    internal static KernelParameter[] ParametersOf(string file, string kernel) =>
        KernelsOf(file).TryGetValue(kernel, out KernelParameter[]? parameters)
            ? parameters
            : throw new InvalidOperationException($"{file} has no KERNEL({kernel}, …).");

    private static Dictionary<string, KernelParameter[]> Parse(string file)
    {
        string text = Comment().Replace(Read(file), " ");
        return Signature().Matches(text).ToDictionary(
            match => match.Groups[1].Value,
            match => match.Groups[2].Value.Split(',').Select(ParseParameter).ToArray());
    }

    private static KernelParameter ParseParameter(string text)
    {
        Match match = Parameter().Match(text.Trim());
        return match.Success
            ? new KernelParameter(match.Groups[2].Value, match.Groups[4].Value, match.Groups[3].Length > 0, match.Groups[1].Length > 0)
            : throw new InvalidOperationException($"'{text.Trim()}' is not a kernel parameter: write [const] type[*] name.");
    }

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^KERNEL\(\s*(\w+)\s*,([^)]*)\)", RegexOptions.Multiline)]
    private static partial Regex Signature();

    [GeneratedRegex(@"^(const\s+)?(\w+)\s*(\*?)\s*(?:RESTRICT\s+)?(\w+)$")]
    private static partial Regex Parameter();
}
