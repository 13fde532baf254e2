using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace CoDetr.Golden;

/// <summary>Reads JSON as Python writes it: with bare <c>NaN</c> and <c>Infinity</c>, which come back as text.</summary>
public static partial class Sidecar
{
    /// <summary>Reads a file.</summary>
    public static JsonDocument Read(string path) =>
        JsonDocument.Parse(BareWord().Replace(File.ReadAllText(path, Encoding.UTF8), match => match.Groups["word"].Success ? $"\"{match.Value}\"" : match.Value));

    /// <summary>A number, NaN and the infinities among them.</summary>
    public static double ToDouble(this JsonElement value) => value.ValueKind != JsonValueKind.String ? value.GetDouble() : value.GetString() switch
    {
        "NaN" => double.NaN,
        "Infinity" => double.PositiveInfinity,
        "-Infinity" => double.NegativeInfinity,
        string text => throw new FormatException($"'{text}' is no number."),
        null => double.NaN,
    };

    // Strings are matched first and kept, so that a word within one stays as it is.
    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"|(?<word>-?Infinity|NaN)
        """, RegexOptions.CultureInvariant | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex BareWord();
}
