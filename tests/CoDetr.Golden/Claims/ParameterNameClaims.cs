using CoDetr.Detection;

namespace CoDetr.Golden.Claims;

/// <summary>The official models at full size: names, types, shapes and order of everything that their checkpoints hold.</summary>
internal static class ParameterNameClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("param_names/*", Compare)];

    private static void Compare(GoldenCase golden)
    {
        using Detector module = new(ReferenceConfig.Read(golden.Json.GetProperty("model_config")));
        HashSet<string> frozen = [.. golden.Json.GetProperty("frozen_parameters").EnumerateArray().Select(name => name.GetString()!)];
        string[] expected =
        [
            .. from entry in golden.Json.GetProperty("state_dict").EnumerateArray()
               let name = entry[0].GetString()!
               select $"{name} {entry[1].GetString()}[{string.Join(", ", entry[2].EnumerateArray().Select(size => size.GetInt32()))}]{(frozen.Contains(name) ? " frozen" : "")}",
        ];
        string[] found = [.. module.StateEntries().Select(entry => $"{entry.Name} {entry.DType}{entry.Shape}{(entry.Parameter is { IsBuffer: false, IsTrained: false } ? " frozen" : "")}")];
        int differs = Enumerable.Range(0, Math.Max(expected.Length, found.Length)).FirstOrDefault(i => expected.ElementAtOrDefault(i) != found.ElementAtOrDefault(i), -1);
        golden.Require(expected.Length > 0, "there are entries");
        golden.Require(
            differs < 0, differs < 0 ? "equality" : $"entry {differs} is {expected.ElementAtOrDefault(differs) ?? "nothing"}, found {found.ElementAtOrDefault(differs) ?? "nothing"}: equality");
    }
}
