using System.Buffers.Binary;
using System.Text;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

[Collection(Alone.Name)]
public sealed class CheckpointTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    [Fact]
    public void GivesBackWeightsStateAndDescription()
    {
        string path = folder["checkpoint.safetensors"];
        CheckpointInfo info = Info() with { Progress = new Progress { Step = 12, BestAp = 0.25 } };
        using ToyModel model = new(), other = new();
        using FlatParameters flat = new(model), otherFlat = new(other);
        using AdamW optimizer = new(flat, [], 1e-4, 0.1), otherOptimizer = new(otherFlat, [], 1e-4, 0.1);
        using MovingAverage average = new(flat), otherAverage = new(otherFlat);
        optimizer.State[0].Value.Fill(3);
        optimizer.Updates = 12;
        average.Values.Fill(5);
        Checkpoint.Save(path, info, flat, optimizer, average);
        flat.Values.Fill(9);
        float[] trained = flat.Values.ToArray();

        using Checkpoint saved = Checkpoint.Open(path);
        Assert.Equal(info.ToJson(), saved.Info.ToJson());
        saved.LoadWeights(other);
        Assert.All(otherFlat.Ordered, p => Assert.All(p.Parameter.Export(), v => Assert.Equal(5f, v))); // what is saved for use is the average
        saved.LoadTraining(otherFlat, otherOptimizer, otherAverage);
        Assert.NotEqual(trained, otherFlat.Values.ToArray());
        Assert.Equal(new ToyModel().Frozen.Export(), other.Frozen.Export());
        Assert.Equal(average.Values.ToArray(), otherAverage.Values.ToArray());
        Assert.Equal((12L, 3f), (otherOptimizer.Updates, otherOptimizer.State[0].Value.ToArray()[0]));
    }

    [Fact]
    public void ReportsMissingExtraAndReshapedNames()
    {
        string path = Save();
        using Checkpoint saved = Checkpoint.Open(path);
        using OtherModel other = new();
        string message = Assert.Throws<CheckpointException>(() => saved.LoadWeights(other)).Message;
        Assert.Equal(
            $"{path} is a checkpoint of another model: 1 missing (head.bias), 4 extra (backbone.conv.weight, norm.weight, norm.bias, …), "
            + "1 of another shape (head.sampling_offsets.weight is [4, 16] instead of [4, 8]).",
            message);
    }

    [Fact]
    public void WeightsToUseCannotBeResumed()
    {
        string path = Save();
        using ToyModel model = new();
        using FlatParameters flat = new(model);
        using AdamW optimizer = new(flat, [], 0, 0);
        using Checkpoint saved = Checkpoint.Open(path);
        Assert.Contains("no state to go on from", Assert.Throws<CheckpointException>(() => saved.LoadTraining(flat, optimizer, null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("truncated", "truncated")]
    [InlineData("empty", "0 bytes")]
    [InlineData("header", "header claims")]
    [InlineData("overlap", "overlaps")]
    [InlineData("foreign", "no description of a model")]
    [InlineData("newer", "its description cannot be read")]
    [InlineData("missing", "does not exist")]
    [InlineData("folder", "is a folder")]
    public void ABadFileIsOneClearLine(string kind, string expected)
    {
        string path = Damaged(kind);
        Exception e = Assert.ThrowsAny<CheckpointException>(() => Checkpoint.Open(path));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void AnOldFileStaysWhenANewOneCannotBeWritten()
    {
        string path = Save();
        byte[] before = File.ReadAllBytes(path);
        Directory.CreateDirectory(path + ".tmp"); // where the new one would be written first
        using ToyModel model = new();
        using FlatParameters flat = new(model);
        Assert.Contains("cannot be written", Assert.Throws<RunException>(() => Checkpoint.Save(path, Info(), flat, null, null)).Message, StringComparison.Ordinal);
        Assert.Equal(before, File.ReadAllBytes(path));
    }

    public void Dispose() => folder.Dispose();

    internal static CheckpointInfo Info() => new()
    {
        Model = "deformable-detr-tiny",
        Config = ModelZoo.Config("deformable-detr-tiny", 2),
        Classes = [new ClassName(3, "red"), new ClassName(4, "green")],
        Recipe = RecipeBook.Photographs with { MovingAverage = true, Seed = -5 },
        Data = new DataIdentity("data", 8, 16),
    };

    private string Save()
    {
        string path = folder["weights.safetensors"];
        using ToyModel model = new();
        using FlatParameters flat = new(model);
        Checkpoint.Save(path, Info(), flat, null, null);
        return path;
    }

    private string Damaged(string kind)
    {
        string path = Save();
        byte[] bytes = File.ReadAllBytes(path);
        switch (kind)
        {
            case "truncated":
                File.WriteAllBytes(path, bytes[..^100]);
                break;
            case "empty":
                File.WriteAllBytes(path, []);
                break;
            case "header":
                BinaryPrimitives.WriteInt64LittleEndian(bytes, bytes.Length);
                File.WriteAllBytes(path, bytes);
                break;
            case "overlap":
                Write(path, """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", 12);
                break;
            case "foreign":
                SafeTensors.Write(path, [StoredTensor.From<float>("x", [1], [1f])]);
                break;
            case "newer":
                SafeTensors.Write(path, [], new Dictionary<string, string> { ["codetr"] = "{\"Format\":2}" });
                break;
            case "missing":
                return folder["nothing.safetensors"];
            default:
                return folder.Path;
        }

        return path;
    }

    private static void Write(string path, string header, int data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header), bytes = new byte[8 + text.Length + data];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        File.WriteAllBytes(path, bytes);
    }

    private sealed class OtherModel : Module
    {
        internal OtherModel()
        {
            Add("head.sampling_offsets.weight", [4, 8], Initializer.Zero);
            Add("head.bias", [4], Initializer.Zero);
            Add("backbone.frozen", [5], Initializer.Zero);
        }
    }
}
