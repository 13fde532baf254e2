using System.Diagnostics;
using CoDetr.Tensors;
using CoDetr.Tests.Data;

namespace CoDetr.Tests.Files;

/// <summary>
/// Changed weights files: each is read to its last array or refused with a clear line; never another exception, a long wait, or memory beyond the file's size.
/// <c>CODETR_FUZZ</c> says how many, 100,000 in <c>check.sh --full</c>. Everything follows from the number of the file.
/// </summary>
public sealed class FuzzTests : IDisposable
{
    private const int Groups = 4;
    private const double MostSeconds = 5; // on a busy machine; it takes less than a millisecond

    private static readonly int Files = int.TryParse(Environment.GetEnvironmentVariable("CODETR_FUZZ"), out int files) ? files : 20_000;

    private readonly TemporaryFolder folder = new();
    private readonly byte[][] safe = [.. Seeds(".safetensors")];
    private readonly byte[][] torch;
    private readonly IReadOnlyList<(string Name, byte[] Bytes)>?[] zips; // the entries of those that are whole archives

    public FuzzTests()
    {
        torch = [.. Seeds(".pth")];
        zips = [.. torch.Select(bytes => bytes.AsSpan().LastIndexOf("PK\u0005\u0006"u8) > 0 ? TorchWriter.Entries(bytes) : null)];
    }

    [Fact]
    public void AChangedFileIsReadOrRefused()
    {
        int[] read = new int[Groups], refused = new int[Groups];
        Parallel.For(0, Groups, new ParallelOptions { MaxDegreeOfParallelism = 2 }, group =>
        {
            string path = folder[$"{group}"];
            for (int file = group; file < Files; file += Groups)
            {
                (TryRead(path, Make(file), $"file {file}") ? ref read[group] : ref refused[group])++;
            }
        });
        Assert.True(read.Sum() > Files / 20 && refused.Sum() > Files / 2, $"{read.Sum()} read, {refused.Sum()} refused: changes too mild or too rough.");
    }

    /// <summary>Archives have checksums: one changed bit gives an error, or lies where it says nothing.</summary>
    [Fact]
    public void AFlippedBitOfAnArchiveNeverChangesANumber()
    {
        string path = folder["flip.pth"];
        byte[] seed = File.ReadAllBytes(Golden("tiny_zip.pth"));
        File.WriteAllBytes(path, seed);
        Dictionary<string, StoredTensor> honest = All(path);
        Random random = new(5);
        for (int i = 0; i < 2000; i++)
        {
            byte[] bytes = [.. seed];
            bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            File.WriteAllBytes(path, bytes);
            try
            {
                foreach ((string name, StoredTensor tensor) in All(path))
                {
                    bool isSame = honest[name].Shape == tensor.Shape && honest[name].Bytes.Span.SequenceEqual(tensor.Bytes.Span);
                    Assert.True(isSame, $"{name} has other values after change {i}.");
                }
            }
            catch (CheckpointException)
            {
            }
        }
    }

    public void Dispose() => folder.Dispose();

    private static string Golden(string name) => Path.Combine(Repository.Root, "tests", "golden", "checkpoint", name);

    private static IEnumerable<byte[]> Seeds(string ending) =>
        Directory.EnumerateFiles(Golden(""), "*" + ending).Order(StringComparer.Ordinal).Select(File.ReadAllBytes);

    private static Dictionary<string, StoredTensor> All(string path)
    {
        using StateDict file = StateDict.Open(path);
        return file.Names.ToDictionary(name => name, file.Read);
    }

    private byte[] Make(int file)
    {
        Random random = new(file);
        if (file % 5 == 0)
        {
            byte[] seed = safe[random.Next(safe.Length)];
            return random.Next(2) == 0 ? Mutation.ChangeHeader(seed, random) : Mutation.Change(seed, safe[random.Next(safe.Length)], random);
        }

        int chosen = random.Next(torch.Length);
        byte[] other = torch[random.Next(torch.Length)];
        return zips[chosen] is { } entries && random.Next(4) > 0
            ? Mutation.ChangeWithin(entries, other, random)
            : Mutation.Change(torch[chosen], other, random);
    }

    private static bool TryRead(string path, byte[] bytes, string which)
    {
        File.WriteAllBytes(path, bytes);
        long begun = Stopwatch.GetTimestamp(), before = GC.GetAllocatedBytesForCurrentThread();
        bool isRead = false;
        try
        {
            using StateDict file = StateDict.Open(path);
            isRead = true;
            foreach (string name in file.Names)
            {
                StoredTensor tensor = file.Read(name);
                Assert.Equal(tensor.Shape.Count * tensor.DType.Size, tensor.Bytes.Length);
            }
        }
        catch (CheckpointException e)
        {
            Assert.True(e.Message.StartsWith(path, StringComparison.Ordinal) && !e.Message.Contains('\n', StringComparison.Ordinal), $"{which}: {e.Message}");
        }
        catch (Exception e)
        {
            Assert.Fail($"{which}: {e}");
        }

        long taken = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(taken < (128 << 10) + (50L * bytes.Length), $"{which} of {bytes.Length} bytes took {taken} bytes of memory.");
        Assert.True(Stopwatch.GetElapsedTime(begun).TotalSeconds < MostSeconds, $"{which} took {Stopwatch.GetElapsedTime(begun).TotalSeconds:F1} s.");
        return isRead;
    }
}
