using System.Buffers.Binary;
using System.Text;
using CoDetr.Tensors;

namespace CoDetr.Tests.Files;

public sealed class SafeTensorsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("codetr-safetensors-").FullName;

    [Fact]
    public void ReadsBackWhatItWrote()
    {
        string path = Path.Combine(folder, "a.safetensors");
        SafeTensors.Write(
            path,
            [
                StoredTensor.From<float>("w", [2, 3], [1, 2, 3, float.NaN, float.PositiveInfinity, -0f]),
                StoredTensor.From<byte>("mask", [3], [1, 0, 1]),
                StoredTensor.From<long>("step", [], [long.MaxValue]),
                StoredTensor.From<double>("empty \"quoted\"", [0, 4], []),
            ],
            new Dictionary<string, string> { ["format"] = "pt" });

        using SafeTensors file = SafeTensors.Open(path);
        Assert.Equal(["w", "mask", "step", "empty \"quoted\""], file.Names);
        Assert.Equal("pt", file.Metadata["format"]);
        Assert.Equal([2, 3], file.ShapeOf("w"));
        Assert.Equal([1, 2, 3, float.NaN, float.PositiveInfinity, -0f], file.Read("w").ToArray<float>());
        Assert.Equal([1, 0, 1], file.Read("mask").ToArray<byte>());
        Assert.Equal([long.MaxValue], file.Read("step").ToArray<long>());
        Assert.Empty(file.Read("empty \"quoted\"").ToArray<double>());
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    [Fact]
    public void AnInterruptedWriteLeavesTheOldFile()
    {
        string path = Path.Combine(folder, "a.safetensors");
        SafeTensors.Write(path, [StoredTensor.From<int>("old", [1], [1])]);
        StoredTensor twice = StoredTensor.From<int>("new", [1], [2]);
        Assert.Throws<ShapeException>(() => SafeTensors.Write(path, [twice, twice]));
        using SafeTensors file = SafeTensors.Open(path);
        Assert.Equal(["old"], file.Names);
        Assert.Equal([path], Directory.GetFiles(folder));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "truncated")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "4 bytes at its end belong to no array")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12, "'b' overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}""", 12, "4 bytes before 'b'")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "names 'a' twice")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "does not fill")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}}""", 8, "does not fill")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "out of range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2147483647,2147483647,2147483647],"data_offsets":[0,8]}}""", 8, "out of range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967298],"data_offsets":[0,8]}}""", 8, "out of range")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}""", 4, "more than 8 dimensions")]
    [InlineData("""{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}""", 4, "'Q4', which is not supported")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}}""", 4, "1 offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1]}}""", 4, "header is not what it must be")]
    [InlineData("""{"a":{"dtype":"F32","shape":"x","data_offsets":[0,4]}}""", 4, "header is not what it must be")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}""", 4, "header is not what it must be")]
    [InlineData("""{"__metadata__":{"epoch":7}}""", 0, "header is not what it must be")]
    [InlineData("""[1]""", 0, "header is not what it must be")]
    [InlineData("""{"a":""", 0, "header is not what it must be")]
    public void RefusesAHeaderThatDoesNotHold(string header, int dataBytes, string expected)
    {
        string path = WriteRaw((ulong)Encoding.UTF8.GetByteCount(header), header, dataBytes);
        string message = Assert.Throws<CheckpointException>(() => SafeTensors.Open(path)).Message;
        Assert.Contains(expected, message);
        Assert.StartsWith(path, message);
    }

    [Theory]
    [InlineData(1000ul, "1000 bytes, but only 2 follow")]
    [InlineData(100_000_001ul, "more than the 100000000 allowed")]
    [InlineData(ulong.MaxValue, "more than the 100000000 allowed")]
    public void RefusesAHeaderLongerThanTheFile(ulong length, string expected) =>
        Assert.Contains(expected, Assert.Throws<CheckpointException>(() => SafeTensors.Open(WriteRaw(length, "{}", 0))).Message);

    [Fact]
    public void RefusesAFileWithoutAHeader()
    {
        string path = Path.Combine(folder, "short.safetensors");
        File.WriteAllBytes(path, [1, 2, 3]);
        Assert.Contains("3 bytes, too few", Assert.Throws<CheckpointException>(() => SafeTensors.Open(path)).Message);
    }

    [Fact]
    public void ReadsAnyPrefixOfAFileOrSaysWhyNot()
    {
        string path = Path.Combine(folder, "a.safetensors");
        SafeTensors.Write(path, [StoredTensor.From<float>("w", [4], [1, 2, 3, 4]), StoredTensor.From<byte>("m", [2], [0, 1])]);
        byte[] whole = File.ReadAllBytes(path);
        for (int length = 0; length < whole.Length; length++)
        {
            string cut = Path.Combine(folder, "cut.safetensors");
            File.WriteAllBytes(cut, whole[..length]);
            Assert.Throws<CheckpointException>(() => SafeTensors.Open(cut));
        }
    }

    [Fact]
    public void NamesAMissingArray()
    {
        string path = WriteRaw(2, "{}", 0);
        using SafeTensors file = SafeTensors.Open(path);
        Assert.Equal($"{path} has no array 'w'.", Assert.Throws<CheckpointException>(() => file.Read("w")).Message);
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private string WriteRaw(ulong length, string header, int dataBytes)
    {
        string path = Path.Combine(folder, "raw.safetensors");
        byte[] prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        File.WriteAllBytes(path, [.. prefix, .. Encoding.UTF8.GetBytes(header), .. new byte[dataBytes]]);
        return path;
    }
}
