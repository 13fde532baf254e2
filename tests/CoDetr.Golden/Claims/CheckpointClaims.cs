using System.Text.Json;
using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Files of PyTorch: every form gives the same values, and what lies is refused.</summary>
internal static class CheckpointClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("checkpoint", Read)];

    private static void Read(GoldenCase golden)
    {
        string folder = Path.GetDirectoryName(golden.SidecarPath)!;
        JsonElement expected = golden.Json.GetProperty("expected");
        string[] refused = [.. golden.Json.GetProperty("must_reject").EnumerateArray().Select(name => name.GetString()!)];
        foreach (string name in golden.Json.GetProperty("files").EnumerateObject().Select(file => file.Name))
        {
            string path = Path.Combine(folder, name);
            if (refused.Contains(name))
            {
                golden.Require(IsRefused(path, name), $"{name} is refused with one line that says why");
                continue;
            }

            using TorchArchive archive = TorchArchive.Open(path);
            golden.Require(archive.IsLegacy == name.Contains("legacy", StringComparison.Ordinal), $"{name} has its form");
            PickleMap root = (PickleMap)archive.Root!;
            if (root["meta"] is { } meta)
            {
                Equal(golden, expected.GetProperty("meta"), meta, $"{name}: meta");
            }

            if (root["optimizer"] is PickleMap optimizer)
            {
                Equal(golden, expected.GetProperty("param_groups"), optimizer["param_groups"], $"{name}: param_groups");
                Equal(golden, folder, "optimizer", archive, Flat(optimizer["state"], "state."), name);
            }

            string key = name.StartsWith("model_key", StringComparison.Ordinal) ? "model_key" : "state_dict";
            PickleMap arrays = (root["state_dict"] ?? root["model"] ?? root) as PickleMap ?? throw new InvalidDataException("no arrays");
            Equal(golden, folder, key, archive, Flat(arrays, ""), name);
            using StateDict named = StateDict.Open(path);
            bool isBare = named.Names.All(own => !own.StartsWith("module.", StringComparison.Ordinal));
            golden.Require(isBare && named.Names.Count == arrays.Entries.Count, $"{name} gives its names");
        }
    }

    private static bool IsRefused(string path, string name)
    {
        TextWriter output = Console.Out;
        using StringWriter written = new();
        Console.SetOut(written);
        try
        {
            TorchArchive.Open(path).Dispose();
            return false;
        }
        catch (CheckpointException e)
        {
            string why = name.Contains("truncated", StringComparison.Ordinal) ? "truncated" : "refused, and nothing of it was run";
            return e.Message.Contains(why, StringComparison.Ordinal) && !e.Message.Contains('\n', StringComparison.Ordinal) && written.ToString().Length == 0;
        }
        finally
        {
            Console.SetOut(output);
        }
    }

    /// <summary>Nested dictionaries of tensors by dotted names.</summary>
    private static IEnumerable<(string Name, TorchTensor Tensor)> Flat(object? value, string name) => value switch
    {
        TorchTensor tensor => [(name.TrimEnd('.'), tensor)],
        PickleMap map => map.Entries.SelectMany(entry => Flat(entry.Value, $"{name}{entry.Key}.")),
        _ => throw new InvalidDataException($"{name} is no tensor"),
    };

    private static void Equal(
        GoldenCase golden, string folder, string what, TorchArchive archive, IEnumerable<(string Name, TorchTensor Tensor)> found, string file)
    {
        using SafeTensors expected = SafeTensors.Open(Path.Combine(folder, $"expected_{what}.safetensors"));
        HashSet<string> due = [.. expected.Names];
        foreach ((string name, TorchTensor tensor) in found)
        {
            StoredTensor read = archive.Read(name, tensor), stored = expected.Read(name);
            bool isSame = read.DType == stored.DType && read.Shape == stored.Shape && read.Bytes.Span.SequenceEqual(stored.Bytes.Span);
            golden.Require(due.Remove(name) && isSame, $"{file}: {name} is {stored.DType}{stored.Shape} to the bit");
        }

        golden.Require(due.Count == 0, $"{file} has every array of {what}");
    }

    private static void Equal(GoldenCase golden, JsonElement expected, object? found, string what)
    {
        switch (expected.ValueKind)
        {
            case JsonValueKind.Object:
                PickleMap? map = found as PickleMap;
                golden.Require(map?.Entries.Count == expected.EnumerateObject().Count(), $"{what} is a dictionary with as many entries");
                foreach (JsonProperty property in expected.EnumerateObject())
                {
                    Equal(golden, property.Value, map?[property.Name], $"{what}.{property.Name}");
                }

                break;
            case JsonValueKind.Array:
                PickleList? list = found as PickleList;
                golden.Require(list?.Items.Count == expected.GetArrayLength(), $"{what} is a list of as many");
                for (int i = 0; i < list?.Items.Count; i++)
                {
                    Equal(golden, expected[i], list.Items[i], $"{what}[{i}]");
                }

                break;
            case JsonValueKind.Number:
                bool isWhole = expected.TryGetInt64(out long n);
                golden.Require(isWhole ? found is long whole && whole == n : found is double x && x == expected.GetDouble(), $"{what} is {expected}");
                break;
            case JsonValueKind.String:
                golden.Require(found as string == expected.GetString(), $"{what} is {expected}");
                break;
            default:
                bool isNull = found is null && expected.ValueKind == JsonValueKind.Null;
                golden.Require(found is bool flag ? flag == expected.GetBoolean() : isNull, $"{what} is {expected}");
                break;
        }
    }
}
