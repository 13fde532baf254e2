using System.Diagnostics;
using System.Text.Json;
using CoDetr.Golden;
using CoDetr.Golden.Claims;
using CoDetr.SoftGpu;
using CoDetr.Tensors;

// codetr-golden [DIR] [--claimed] [--only PATTERN]…: runs every case of a folder, or those that fit a pattern, against the engine.
string? folder = null;
List<Claim> only = [];
bool claimedOnly = false;
for (int i = 0; i < args.Length; i++)
{
    switch (args[i])
    {
        case "--claimed":
            claimedOnly = true;
            break;
        case "--only" when i + 1 < args.Length:
            only.Add(new Claim(args[++i], _ => { }));
            break;
        case not ['-', ..] when folder is null:
            folder = args[i];
            break;
        default:
            Console.Error.WriteLine("usage: golden [DIR] [--claimed] [--only PATTERN]…");
            return 2;
    }
}

folder ??= Path.Combine("tests", "golden");
if (!Directory.Exists(folder))
{
    Console.Error.WriteLine($"There is no folder '{folder}' with golden cases.");
    return 2;
}

Summary summary = new();
foreach (string path in Directory.EnumerateFiles(folder, "*.json", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
{
    try
    {
        using GoldenCase? golden = GoldenCase.Open(path);
        if (golden is not null && (only.Count == 0 || only.Exists(pattern => pattern.Fits(golden.Name))))
        {
            Claim? claim = AllClaims.List.FirstOrDefault(c => c.Fits(golden.Name));
            if (claim is not null)
            {
                Run(golden, claim);
            }

            summary.Add(golden, claim is not null);
        }
    }
    catch (Exception e) when (e is JsonException or IOException or InvalidOperationException or KeyNotFoundException)
    {
        summary.AddUnreadable(Path.GetRelativePath(folder, path), e.Message);
    }
}

return summary.Print(claimedOnly) ? 0 : 1;

static void Run(GoldenCase golden, Claim claim)
{
    try
    {
        using StepScope scope = StepScope.Begin();
        claim.Run(golden);
    }
#pragma warning disable CA1031 // whatever a case throws is its failure; the others still run
    catch (Exception e)
#pragma warning restore CA1031
    {
        golden.Fail($"{e.GetType().Name}: {e.Message}{Environment.NewLine}{new StackTrace(e, fNeedFileInfo: true).ToString().Split('\n').FirstOrDefault(l => l.Contains("CoDetr", StringComparison.Ordinal))}");
    }

    if (SoftGpuLibrary.TakeFindings() is { Length: > 0 } findings)
    {
        golden.Fail($"the soft GPU found: {findings.ReplaceLineEndings("; ")}");
    }
}
