using System.Text.Json;
using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>The official models at full size: names, types, shapes and order of everything that their checkpoints hold.</summary>
internal static class ParameterNameClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("param_names/*", Parts)];

    /// <summary>Backbone and neck, each for itself.</summary>
    private static void Parts(GoldenCase golden)
    {
        JsonElement model = golden.Json.GetProperty("model_config"), neck = model.GetProperty("neck");
        BackboneConfig config = ReferenceBackbones.Read(new ConfigNode(model.GetProperty("backbone"), "backbone"));
        Compare(golden, () => config.Build(), "backbone.");
        Compare(golden, () => config.BuildNeck(neck.GetProperty("out_channels").GetInt32(), neck.GetProperty("num_outs").GetInt32()), "neck.");
    }

    /// <summary>Compares what a module lists with the official entries whose names begin with a prefix: all of them for a whole model.</summary>
    internal static void Compare(GoldenCase golden, Func<Module> build, string prefix = "")
    {
        using Module module = build();
        HashSet<string> frozen = [.. golden.Json.GetProperty("frozen_parameters").EnumerateArray().Select(name => name.GetString()!)];
        string[] expected =
        [
            .. from entry in golden.Json.GetProperty("state_dict").EnumerateArray()
               let name = entry[0].GetString()!
               where name.StartsWith(prefix, StringComparison.Ordinal)
               select $"{name} {entry[1].GetString()}[{string.Join(", ", entry[2].EnumerateArray().Select(size => size.GetInt32()))}]{(frozen.Contains(name) ? " frozen" : "")}",
        ];
        string[] found = [.. module.StateEntries().Select(entry => $"{prefix}{entry.Name} {entry.DType}{entry.Shape}{(entry.Parameter is { IsBuffer: false, IsTrained: false } ? " frozen" : "")}")];
        int differs = Enumerable.Range(0, Math.Max(expected.Length, found.Length)).FirstOrDefault(i => expected.ElementAtOrDefault(i) != found.ElementAtOrDefault(i), -1);
        golden.Require(expected.Length > 0, $"there are entries of '{prefix}'");
        golden.Require(
            differs < 0, differs < 0 ? $"{prefix}*" : $"entry {differs} of '{prefix}' is {expected.ElementAtOrDefault(differs) ?? "nothing"}, found {found.ElementAtOrDefault(differs) ?? "nothing"}: equality");
    }
}
