namespace CoDetr.Golden;

/// <summary>Says that cases of some names are computed here.</summary>
/// <param name="Pattern">The case's name; <c>*</c> stands for any characters, <c>#</c> for digits. The first claim that fits is taken.</param>
/// <param name="Run">Computes, and compares every stored result.</param>
public sealed record Claim(string Pattern, Action<GoldenCase> Run)
{
    private readonly System.Text.RegularExpressions.Regex expression = new(
        "^" + System.Text.RegularExpressions.Regex.Escape(Pattern).Replace("\\*", ".*").Replace("\\#", "[0-9]+") + "$",
        System.Text.RegularExpressions.RegexOptions.CultureInvariant);

    /// <summary>Whether a case's name fits the pattern.</summary>
    public bool Fits(string name) => expression.IsMatch(name);
}
