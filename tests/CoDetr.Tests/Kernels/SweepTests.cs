using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using CoDetr.Tensors;

namespace CoDetr.Tests.Kernels;

/// <summary>
/// Every kernel text goes through the GPU's own compiler to the machine code of every architecture, in every storage type, on a machine that needs no GPU.
/// What the code takes on the card — registers, spills, stack, shared memory — is a table in the repository: a change that costs registers is seen.
/// </summary>
public sealed partial class SweepTests
{
    private const string TableFile = "docs/gpu/sweep.md";
    private static readonly string[] Architectures = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90"];
    private static readonly DType[] Storage = [DType.F32, DType.F64, DType.F16, DType.BF16];

    /// <summary>Nothing may spill.</summary>
    private static bool MayTake(Usage usage) => usage.Spill == 0;

    [Fact]
    public void EveryKernelCompilesWithoutSpillsAndTakesWhatTheTableSays()
    {
        Requires.Nvrtc();
        var texts = KernelText.Names.Where(file => file.EndsWith(".cu", StringComparison.Ordinal)).ToList();
        var all = from file in texts
                  from real in Storage
                  from architecture in Architectures
                  where KernelLibrary.IsStored(file, real)
                  select (file, real, architecture);
        var usages = all.AsParallel().WithDegreeOfParallelism(Environment.ProcessorCount).SelectMany(one => Compile(one.file, one.real, one.architecture)).ToList();

        string table = Table(usages);
        string path = Path.Combine(Repository.Root, TableFile), made = Path.Combine(Repository.Root, "artifacts", Path.GetFileName(TableFile));
        File.WriteAllText(made, table);
        Assert.Empty(usages.Where(usage => !MayTake(usage)).Select(usage => $"{usage.Kernel}, {usage.Real}, {usage.Architecture}: spills {usage.Spill} bytes"));
        string committed = File.Exists(path) ? File.ReadAllText(path) : "";
        if (committed.Contains($"NVRTC {Version()}", StringComparison.Ordinal) || committed.Length == 0)
        {
            Assert.True(committed == table, $"{TableFile} is not what was measured; if the change is meant: cp {Path.GetRelativePath(Repository.Root, made)} {TableFile}");
        }
        else
        {
            Assert.Skip($"{TableFile} was made with another NVRTC than {Version()}: compiled and checked for spills, registers not compared");
        }
    }

    private static List<Usage> Compile(string file, DType real, string architecture)
    {
        CompiledText compiled = KernelCompiler.Compile(file, architecture, real);
        Assert.DoesNotContain("warning", compiled.Log, StringComparison.OrdinalIgnoreCase);
        var usages = Entry().Matches(compiled.Log).Select(match => new Usage(
            match.Groups["name"].Value, file, real, architecture, Number(match, "registers"), Number(match, "stores") + Number(match, "loads"), Number(match, "stack"),
            match.Groups["shared"].Success ? Number(match, "shared") : 0)).ToList();
        Assert.Equal(KernelText.KernelsOf(file).Keys.Order(StringComparer.Ordinal), usages.Select(usage => usage.Kernel).Order(StringComparer.Ordinal));
        return usages;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);

    private static string Version() => Nvrtc.Version(out int major, out int minor) == 0 ? $"{major}.{minor}" : "unknown";

    private static string Table(List<Usage> usages)
    {
        StringBuilder text = new();
        text.Append("# What each kernel takes on the card\n\n");
        text.Append(CultureInfo.InvariantCulture, $"Machine code by NVRTC {Version()}, written by `SweepTests`, compared in `./check.sh kernels`. Registers of a thread on ");
        text.Append(string.Join(", ", Architectures)).Append(" (one number: the same on all); bytes of spills and stack, the most of the five; bytes of static shared memory.\n\n");
        text.Append("| kernel | storage | registers | spills | stack | shared |\n|---|---|---|---:|---:|---:|\n");
        foreach (var rows in usages.GroupBy(usage => (usage.File, usage.Kernel, usage.Real)).OrderBy(g => g.Key.File, StringComparer.Ordinal)
            .ThenBy(g => g.Key.Kernel, StringComparer.Ordinal).ThenBy(g => g.Key.Real))
        {
            int[] registers = [.. Architectures.Select(architecture => rows.Single(row => row.Architecture == architecture).Registers)];
            string shown = registers.Distinct().Count() == 1 ? registers[0].ToString(CultureInfo.InvariantCulture) : string.Join(" ", registers);
            text.Append(
                CultureInfo.InvariantCulture,
                $"| {rows.Key.Kernel} | {rows.Key.Real} | {shown} | {rows.Max(r => r.Spill)} | {rows.Max(r => r.Stack)} | {rows.Max(r => r.Shared)} |\n");
        }

        return text.ToString();
    }

    [GeneratedRegex(
        @"Compiling entry function '(?<name>\w+)'.*?(?<stack>\d+) bytes stack frame, (?<stores>\d+) bytes spill stores, (?<loads>\d+) bytes spill loads.*?Used (?<registers>\d+) registers(?:[^\n]*?(?<shared>\d+) bytes smem)?",
        RegexOptions.Singleline)]
    private static partial Regex Entry();

    private sealed record Usage(string Kernel, string File, DType Real, string Architecture, int Registers, int Spill, int Stack, int Shared);
}
