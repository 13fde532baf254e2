using CoDetr.Data;
using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Training;

namespace CoDetr.Tests.Docs;

/// <summary>The README's samples, between their marks as they stand there.</summary>
[Collection(Alone.Name)]
public sealed class ReadmeSamples : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("codetr-readme-").FullName;

    [Fact]
    public void Detect()
    {
        string weights = Weights(), picture = Path.Combine(Repository.Root, Repository.Files("data/digits-tiny/images/val").First());
        TextWriter console = Console.Out;
        using StringWriter written = new();
        Console.SetOut(written);

        // sample: Detect
        using Checkpoint checkpoint = Checkpoint.Open(weights);
        using Detector model = checkpoint.LoadModel();
        Evaluator detector = new(model, checkpoint.Info.Recipe.Augmentation) { Threshold = 0.3f };
        foreach (ScoredBox box in detector.Detect([ImageReader.Read(picture)])[0])
        {
            string name = checkpoint.Info.Classes[box.Label].Name;
            Console.WriteLine($"{name} {box.Score:F2} at {box.X:F0}, {box.Y:F0}: {box.Width:F0} × {box.Height:F0}");
        }
        // end

        Console.SetOut(console);
        Assert.Matches("^[0-9] 0\\.[0-9]{2} at -?[0-9]+, -?[0-9]+: [0-9]+ × [0-9]+\n", written.ToString());
    }

    [Fact]
    public void CustomOp()
    {
        // sample: CustomOp
        static Tensor Swish(Tensor x, float beta)
        {
            Tensor v = x.Detach(), s = (v * beta).Sigmoid(); // nothing is recorded for what is detached
            return GradNode.Record("Swish", v * s, [x], dy => [dy * s * (1 + (beta * v * (1 - s)))]);
        }

        using StepScope step = StepScope.Begin();
        Tensor x = Tensor.From<float>(-1, 0, 2);
        x.RequiresGrad = true;
        Swish(x, beta: 1.5f).SumAll().Backward();
        Console.WriteLine(string.Join(" ", x.Grad!.ToArray())); // -0.04129416 0.5 1.0881041
        // end
        float[] expected = [.. new[] { -1.0, 0, 2 }.Select(v => 1 / (1 + Math.Exp(-1.5 * v))).Zip([-1.0, 0, 2], (s, v) => (float)(s * (1 + (1.5 * v * (1 - s)))))];
        Assert.All(expected.Zip(x.Grad.ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>The weights of a model that has learned nothing: the sample's calls are what is tested.</summary>
    private string Weights()
    {
        Recipe recipe = RecipeBook.DigitsTiny;
        CheckpointInfo info = new()
        {
            Model = recipe.Model,
            Config = ModelZoo.Config(recipe.Model, classes: 10),
            Classes = [.. Enumerable.Range(0, 10).Select(digit => new ClassName(digit + 1, digit.ToString()))],
            Recipe = recipe,
            Data = new DataIdentity("data/digits-tiny", 0, 0),
        };
        using Detector model = new(info.Config);
        using FlatParameters parameters = new(model);
        string path = Path.Combine(folder, "weights.safetensors");
        Checkpoint.Save(path, info, parameters, optimizer: null, average: null);
        return path;
    }
}
