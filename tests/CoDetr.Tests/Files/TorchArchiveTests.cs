using System.Buffers.Binary;
using System.Numerics;
using CoDetr.Tensors;
using CoDetr.Tests.Data;

namespace CoDetr.Tests.Files;

public sealed class TorchArchiveTests : IDisposable
{
    private static readonly StoredTensor Weight = StoredTensor.From<float>("w", [2, 3], [1, 2, 3, float.NaN, float.PositiveInfinity, -0f]);

    private readonly TemporaryFolder folder = new();

    [Theory]
    [InlineData("zip", 2)]
    [InlineData("zip", 5)]
    [InlineData("legacy", 2)]
    public void ReadsBackWhatWasSaved(string form, byte protocol)
    {
        StoredTensor[] tensors =
        [
            Weight, StoredTensor.From<double>("d", [2], [0.1, -1e300]), StoredTensor.From<long>("step", [], [long.MinValue]),
            StoredTensor.From<byte>("m", [3], [1, 0, 255]), StoredTensor.From<int>("i", [1, 1], [-7]), StoredTensor.From<float>("none", [0, 4], []),
            new("h", DType.F16, [2], new byte[] { 0, 0x3C, 0, 0xC0 }), new("b", DType.BF16, [1], new byte[] { 0x80, 0x3F }),
        ];
        Dictionary<string, object?> root = new()
        {
            ["state_dict"] = tensors.ToDictionary(tensor => tensor.Name, tensor => (object?)tensor),
            ["meta"] = new Dictionary<string, object?>
            {
                ["CLASSES"] = new object?[] { "größe", "car" },
                ["lr"] = 0.25,
                ["n"] = new List<object?> { null, true, long.MaxValue },
            },
        };
        string path = form == "zip" ? Saved(root, protocol) : Legacy(root);
        using TorchArchive archive = TorchArchive.Open(path);
        Assert.Equal(form == "legacy", archive.IsLegacy);
        PickleMap meta = (PickleMap)((PickleMap)archive.Root!)["meta"]!;
        Assert.Equal([null, true, long.MaxValue], ((PickleList)meta["n"]!).Items);
        Assert.Equal((0.25, true), (meta["lr"], ((PickleList)meta["CLASSES"]!).IsTuple));

        using StateDict file = StateDict.Open(path);
        Assert.Equal(("state_dict", "meta"), (file.Wrapper, Assert.Single(file.Others)));
        Assert.Equal(["größe", "car"], file.Classes);
        Assert.Equal(tensors.Select(tensor => tensor.Name), file.Names);
        foreach (StoredTensor tensor in tensors)
        {
            StoredTensor read = file.Read(tensor.Name);
            Assert.Equal((tensor.DType, tensor.Shape), (read.DType, read.Shape));
            Assert.Equal(tensor.Bytes.ToArray(), read.Bytes.ToArray());
        }

        Assert.Equal([1, -2], file.Read("h").ToFloats());
        Assert.Equal([1], file.Read("b").ToFloats());
        Assert.Equal([-7], file.Read("i").ToFloats());
        Assert.Equal([1, 0, 255], file.Read("m").ToFloats());
        Assert.Equal([0.1f, float.NegativeInfinity], file.Read("d").ToFloats());
    }

    [Fact]
    public void SizesAndPlacesOfLargeArchivesAreFound()
    {
        string path = Saved(new Dictionary<string, object?> { ["w"] = Weight });
        File.WriteAllBytes(path, TorchWriter.Zip(TorchWriter.Entries(File.ReadAllBytes(path)), isLarge: true));
        using StateDict file = StateDict.Open(path);
        Assert.Equal(Weight.Bytes.ToArray(), file.Read("w").Bytes.ToArray());
    }

    [Fact]
    public void SmallIntegersAreWidenedAndViewsBecomeRows()
    {
        Dictionary<string, object?> root = new()
        {
            ["short"] = View("ShortStorage", 2, offset: 1, [2], [2]),
            ["char"] = View("CharStorage", 1, offset: 0, [2, 2, 3], [3, 0, 1]),
            ["turned"] = View("FloatStorage", 4, offset: 0, [1, 2], [9, 1]),
        };
        using StateDict file = StateDict.Open(Saved(root));
        Assert.Equal([0x0302, 0x0706], file.Read("short").ToArray<int>()); // storage bytes are 0, 1, 2, … 254, 255, and again
        Assert.Equal([0, 1, 2, 0, 1, 2, 3, 4, 5, 3, 4, 5], file.Read("char").ToArray<int>());
        Assert.Equal([0x03020100, 0x07060504], file.Read("turned").ToArray<float>().Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void WrappersPrefixesAndAveragesAreSeenThrough()
    {
        object inner = new Dictionary<string, object?> { ["module.a.w"] = Weight, ["ema_a_w"] = Weight, ["ema_other"] = Weight, ["epoch"] = 3 };
        Dictionary<string, object?> average = new() { ["w"] = Weight }, twice = new() { ["w"] = Weight, ["module.w"] = Weight };
        string path = Saved(new Dictionary<string, object?> { ["model"] = inner, ["optimizer"] = new Dictionary<string, object?>(), ["model_ema"] = average });
        using StateDict file = StateDict.Open(path);
        Assert.Equal(["a.w", "ema_other"], file.Names);
        Assert.Equal(["ema_a_w"], file.Averages);
        Assert.Equal(["optimizer", "model_ema", "epoch"], file.Others);
        using StateDict averaged = StateDict.Open(path, averagesFirst: true);
        Assert.Equal(("model_ema", "w"), (averaged.Wrapper, Assert.Single(averaged.Names)));
        Assert.Contains("two arrays 'w'", Refusal(Saved(twice), StateDict.Open), StringComparison.Ordinal);
        string none = Refusal(Saved(new Dictionary<string, object?> { ["epoch"] = 3 }), StateDict.Open);
        Assert.Contains("no arrays by name; its entries are: epoch", none, StringComparison.Ordinal);
        Assert.Contains("no dictionary", Refusal(Saved(Weight), StateDict.Open), StringComparison.Ordinal);
    }

    private static readonly object?[] Storage = ["storage", Name("torch", "FloatStorage"), "9", "cpu", 4];

    public static TheoryData<string, object?> Lies => new()
    {
        { "it asks for os.system,", new Called("os", "system", "true") },
        { "it asks for builtins.getattr,", Name("builtins", "getattr") },
        { "it asks for torch.load,", Name("torch", "load") },
        { "it asks for torch._utils._rebuild_device_tensor_from_numpy,", Name("torch._utils", "_rebuild_device_tensor_from_numpy") },
        { "the operation 0x81", new Operations((byte)')', (byte)')', 0x81) }, // NEWOBJ
        { "the operation 0x69", new Operations((byte)'(', (byte)'i') }, // INST
        { "the operation 0x82", new Operations(0x82, 1) }, // EXT1
        { "the operation 0x50", new Operations((byte)'P') }, // PERSID
        { "applies a value that cannot be applied", new Operations((byte)'N', (byte)')', (byte)'R') },
        { "applies OrderedDict to arguments", new Called("collections", "OrderedDict", 1) },
        { "applies RebuildTensor to arguments", new Called("torch._utils", "_rebuild_tensor_v2", 1, 2, 3, 4) },
        { "that is no storage", new Operations((byte)'N', (byte)'Q') },
        { "gives attributes to a value", new Operations((byte)']', (byte)'}', (byte)'b') },
        { "a key that is neither", new Operations((byte)'}', (byte)'N', (byte)'N', (byte)'s') },
        { "a key without a value", new Operations((byte)'}', (byte)'(', (byte)'K', 1, (byte)'u') },
        { "gives a list to a value", new Operations((byte)')', (byte)'N', (byte)'a') },
        { "recalls a value that it never gave", new Operations((byte)'h', 7) },
        { "under the number 4294967295", new Operations((byte)'N', (byte)'r', 255, 255, 255, 255) },
        { "takes values that are not there", new Operations((byte)'(', 0x86) },
        { "ends a run of values that never began", new Operations((byte)'t') },
        { "protocol 6", new Operations(0x80, 6) },
        { "an integer of 4294967295 bytes", new Operations(0x8B, 255, 255, 255, 255) },
        { "ends within its pickle", new Operations((byte)'X', 255, 255, 255, 255) },
        { "ends within its pickle", new Operations(0x8E, 255, 255, 255, 255, 255, 255, 255, 255) },
        { "not UTF-8", new Operations((byte)'X', 1, 0, 0, 0, 0xFF) },
        { "changes a value that another one already holds", new Operations((byte)']', (byte)'q', 0, (byte)'h', 0, (byte)'a') }, // a list that holds itself
        { "nested too deeply", new Operations([.. Enumerable.Repeat((byte)']', 70), .. Enumerable.Repeat((byte)'a', 69)]) },
        { "too many values", new Operations([(byte)')', .. Enumerable.Range(0, 30).SelectMany(Doubled)]) },
        { "longer than any name", new Operations([(byte)'c', .. Enumerable.Repeat((byte)'x', 400), (byte)'\n']) },
        { "claims 4611686018427387904 elements", new Operations([.. Pickled([.. Storage[..4], 1L << 62]), (byte)'Q']) },
        { "claims -1 elements", new Operations([.. Pickled([.. Storage[..4], -1]), (byte)'Q']) },
        { "is more than the file holds", Tensor(0, [1L << 31], [0]) },
        { "is more than the file holds", Tensor(0, [-1], [1]) },
        { "is more than the file holds", Tensor(0, [2], [-1]) },
        { "is more than the file holds", Tensor(0, [1 << 30, 1 << 30, 1 << 30], [0, 0, 0]) },
        { "is more than the file holds", Tensor(0, [int.MaxValue, int.MaxValue, int.MaxValue, 0], [0, 0, 0, 0]) },
        { "leaves its storage '0' of 4 elements", Tensor(1, [4], [1]) },
        { "leaves its storage '0' of 4 elements", Tensor(0, [2], [long.MaxValue]) },
        { "leaves its storage '0' of 4 elements", Tensor(long.MaxValue, [2], [1]) },
        { "leaves its storage '0' of 4 elements", Tensor(-1, [1], [1]) },
        { "leaves its storage '0' of 4 elements", Tensor(5, [0], [1]) },
        { "1 sizes and 2 strides", Tensor(0, [1], [1, 1]) },
        { "at most 8 integers", Tensor(0, [1, 1, 1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1]) },
    };

    [Theory]
    [MemberData(nameof(Lies))]
    public void ALieIsOneLineThatSaysWhat(string expected, object? root)
    {
        object wrapped = new List<object?> { Weight with { Shape = [4], Bytes = new byte[16] }, root };
        foreach (string path in new[] { Saved(wrapped), Legacy(wrapped) })
        {
            Assert.Contains(expected, Refusal(path, TorchArchive.Open), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("PK", "no directory at its end")]
    [InlineData("\u0080\u0002}.", "not one of torch.save")]
    [InlineData("", "neither a zip archive nor a pickle")]
    [InlineData("hello, this is text", "neither a zip archive nor a pickle")]
    public void AnotherKindOfFileIsSaidToBeOne(string content, string expected)
    {
        string path = folder["other.pth"];
        File.WriteAllBytes(path, [.. content.Select(c => (byte)c), .. content == "PK" ? new byte[] { 3, 4, 1, 2 } : []]);
        Assert.Contains(expected, Refusal(path, TorchArchive.Open), StringComparison.Ordinal);
        Assert.Contains("does not exist", Assert.Throws<CheckpointException>(() => TorchArchive.Open(folder["none.pth"])).Message, StringComparison.Ordinal);
        Assert.Contains("is a folder", Assert.Throws<CheckpointException>(() => StateDict.Open(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("number", "the checksum of 'w' does not fit")]
    [InlineData("pickle", "the checksum of its pickle does not fit")]
    [InlineData("compressed", "compressed or encrypted")]
    [InlineData("place", "does not lie where its archive's directory says")]
    [InlineData("count", "directory of its archive is damaged")]
    [InlineData("big-endian", "big-endian")]
    [InlineData("missing", "has an entry of 0")]
    [InlineData("twice", "two entries 'archive/data/0'")]
    [InlineData("two pickles", "2 entries data.pkl")]
    public void ADamagedArchiveIsRefused(string damage, string expected)
    {
        string path = Saved(new Dictionary<string, object?> { ["w"] = Weight });
        byte[] bytes = File.ReadAllBytes(path);
        int directory = bytes.AsSpan().IndexOf("PK\u0001\u0002"u8), end = bytes.AsSpan().LastIndexOf("PK\u0005\u0006"u8);
        List<(string Name, byte[] Bytes)> entries = TorchWriter.Entries(bytes);
        switch (damage)
        {
            case "number":
                bytes[bytes.AsSpan().IndexOf(Weight.Bytes.Span)] ^= 1;
                break;
            case "pickle":
                bytes[bytes.AsSpan().IndexOf("cpu"u8)] ^= 1;
                break;
            case "compressed":
                bytes[directory + 10] = 8;
                break;
            case "place":
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(directory + 24), 0x7FFFFFFF);
                BinaryPrimitives.WriteUInt32LittleEndian(bytes.AsSpan(directory + 20), 0x7FFFFFFF);
                break;
            case "count":
                bytes[end + 10] = 99;
                break;
            case "big-endian":
                entries[1] = (entries[1].Name, "big"u8.ToArray());
                bytes = TorchWriter.Zip(entries);
                break;
            case "missing":
                bytes = TorchWriter.Zip([.. entries.Where(entry => !entry.Name.EndsWith("/0", StringComparison.Ordinal))]);
                break;
            case "twice":
                bytes = TorchWriter.Zip([.. entries, entries.First(entry => entry.Name.EndsWith("/0", StringComparison.Ordinal))]);
                break;
            default:
                bytes = TorchWriter.Zip([.. entries, ("other/data.pkl", entries[0].Bytes)]);
                break;
        }

        File.WriteAllBytes(path, bytes);
        Assert.Contains(expected, Refusal(path, ReadAll), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("zip")]
    [InlineData("legacy")]
    public void EveryPrefixIsRefused(string form)
    {
        Dictionary<string, object?> root = new() { ["w"] = Weight };
        string path = form == "zip" ? Saved(root) : Legacy(root);
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Throws<CheckpointException>(() => TorchArchive.Open(path));
        }
    }

    [Fact]
    public void ALegacyFileThatLacksAStorageOrHasMoreIsRefused()
    {
        string path = Legacy(new Dictionary<string, object?> { ["w"] = Weight });
        byte[] whole = File.ReadAllBytes(path);
        File.WriteAllBytes(path, [.. whole, 0]);
        Assert.Contains("bytes that belong to none", Refusal(path, TorchArchive.Open), StringComparison.Ordinal);
        BinaryPrimitives.WriteInt64LittleEndian(whole.AsSpan(whole.Length - 32), 7);
        File.WriteAllBytes(path, whole);
        Assert.Contains("of another size", Refusal(path, TorchArchive.Open), StringComparison.Ordinal);
    }

    [Fact]
    public void APickleIsOneValueAndThatMayBeALargeInteger()
    {
        using TorchArchive archive = TorchArchive.Open(Saved(new Operations(0x8A, 9, 0, 0, 0, 0, 0, 0, 0, 0, 1)));
        Assert.Equal(BigInteger.Pow(2, 64), archive.Root);
        Assert.Contains("does not end with one value", Refusal(Saved(new Operations((byte)'N', (byte)'N')), TorchArchive.Open), StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    private static TorchArchive ReadAll(string path)
    {
        TorchArchive archive = TorchArchive.Open(path);
        archive.Read("w", (TorchTensor)((PickleMap)archive.Root!)["w"]!);
        return archive;
    }

    private static string Refusal<T>(string path, Func<string, T> open)
        where T : IDisposable
    {
        string message = Assert.Throws<CheckpointException>(() => open(path).Dispose()).Message;
        Assert.StartsWith(path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static string Refusal(string path, Func<string, bool, StateDict> open) => Refusal(path, file => open(file, false));

    private static Operations Name(string module, string name) => new([(byte)'c', .. System.Text.Encoding.UTF8.GetBytes($"{module}\n{name}\n")]);

    /// <summary>A tuple of the value on the stack, twice.</summary>
    private static byte[] Doubled(int place) => [(byte)'q', (byte)place, (byte)'h', (byte)place, 0x86];

    private static byte[] Pickled(object?[] tuple) => TorchWriter.Pickled(tuple);

    /// <summary>A tensor over a storage of four elements, the first of the file.</summary>
    private static Called Tensor(long offset, long[] sizes, long[] strides) => new(
        "torch._utils", "_rebuild_tensor_v2",
        new Operations([.. Pickled(["storage", Name("torch", "FloatStorage"), "0", "cpu", 4]), (byte)'Q']), offset,
        sizes.Cast<object?>().ToArray(), strides.Cast<object?>().ToArray(), false, null);

    /// <summary>A tensor over a storage of its own of 512 bytes: 0, 1, … 255, twice.</summary>
    private static ViewOf View(string type, int size, long offset, long[] sizes, long[] strides) => new(type, size, offset, sizes, strides);

    private string Saved(object? root, byte protocol = 2)
    {
        string path = folder["a.pth"];
        TorchWriter.WriteZip(path, root, protocol);
        return path;
    }

    private string Legacy(object? root)
    {
        string path = folder["legacy.pth"];
        TorchWriter.WriteLegacy(path, root);
        return path;
    }
}
