using System.CommandLine;
using CoDetr.Detection;

namespace CoDetr.Cli;

/// <summary>The options of <c>codetr train</c> that choose auxiliary heads and switch parts of collaborative training off: the paper's ablations.</summary>
internal sealed class CollaborationOptions
{
    private readonly Option<string?> heads = new("--aux")
    {
        Description = $"Auxiliary heads, in any order, the same one twice included; \"none\" for none: {string.Join(", ", AuxiliaryKinds.Names)} [default: the model's own]",
        HelpName = "LIST",
    };

    private readonly Option<bool> noQueries = new("--no-pos-queries") { Description = "Auxiliary heads train the encoder only: their positives become no queries" };
    private readonly Option<bool> onlyQueries = new("--only-pos-queries") { Description = "Auxiliary heads only choose queries: their own losses are left out" };
    private readonly Option<int?> convs = Settings.Checked(
        new Option<int?>("--aux-convs") { Description = "Convolutions before the predictions of dense auxiliary heads [default: 1]", HelpName = "0…5" },
        text => int.TryParse(text, out int n) && n is >= 0 and <= 5,
        "a whole number from 0 to 5");

    private readonly Option<double?> lambda1 = Settings.Positive("--lambda1", "Weight of the positive queries' losses [default: 1]");
    private readonly Option<double?> lambda2 = Settings.Positive("--lambda2", "Weight of the auxiliary heads' losses, before the number of decoder layers [default: 2]");

    internal CollaborationOptions()
    {
        heads.Validators.Add(result =>
        {
            foreach (string kind in Kinds(result.Tokens.Count > 0 ? result.Tokens[0].Value : ""))
            {
                if (!AuxiliaryKinds.Names.Contains(kind))
                {
                    result.AddError($"There is no auxiliary head '{kind}'{Nearest.Hint(kind, AuxiliaryKinds.Names)} Heads: {string.Join(", ", AuxiliaryKinds.Names)}.");
                }
            }
        });
    }

    internal IReadOnlyList<Option> All => [heads, noQueries, onlyQueries, convs, lambda1, lambda2];

    internal Collaboration Read(ParseResult parsed) => new()
    {
        Heads = parsed.GetValue(heads) is string list ? Kinds(list) : null,
        Lambda1 = (float)(parsed.GetValue(lambda1) ?? 1),
        Lambda2 = (float)(parsed.GetValue(lambda2) ?? 2),
        Convs = parsed.GetValue(convs),
        HasPositiveQueries = !parsed.GetValue(noQueries),
        TrainsHeads = !parsed.GetValue(onlyQueries),
    };

    private static string[] Kinds(string list) =>
        list == "none" ? [] : list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
