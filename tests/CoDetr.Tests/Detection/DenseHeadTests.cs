using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>Dense heads against their plain references in double precision: layers, losses, gradients of predictions, maps and parameters.</summary>
public sealed class DenseHeadTests
{
    private const int Width = 32;

    public static TheoryData<string> Kinds => [.. DenseKind.All.Select(kind => kind.Name)];

    public static TheoryData<string, int> Towers => [.. DenseKind.All.Select(kind => (kind.Name, 1)), ("atss", 0), ("gfl", 2), ("retinanet", 2)];

    /// <summary>Every array's gradient along a direction of its own, against differences of the reference.</summary>
    [Theory, MemberData(nameof(Towers))]
    public void MapsAndParametersGetTheReferencesGradient(string name, int convs)
    {
        using StepScope scope = StepScope.Begin();
        (DenseKind kind, HeadScene scene, Random random) = (DenseKind.Of(name), HeadScene.Small, new Random(3));
        using DenseHead head = kind.Build(scene, Width, convs);
        Dictionary<string, double[]> weights = Filled(head, random, kind);
        double[][] maps = [.. scene.Maps.Select(map => Normal(random, scene.Batch * map.Height * map.Width * Width))];
        Tensor[] leaves = [.. maps.Zip(scene.Maps, (values, map) => Leaf(values, [scene.Batch, map.Height, map.Width, Width]))];
        PlainPredictions expected = new DenseForward(kind, weights, Width).Predict(scene, maps);
        DensePredictions found = head.Predict(scene.Pyramid(leaves));
        Close(expected.Logits.SelectMany(x => x), found.Logits, "logits");
        Close(expected.Boxes.SelectMany(x => x), found.Boxes, "box numbers");
        Close(found.Quality is null ? [] : expected.Quality, found.Quality ?? Tensor.Zeros([0]), "quality");

        DenseReference reference = kind.Reference(scene, expected);
        IReadOnlyList<NamedLoss> losses = head.Train(scene.Pyramid(leaves), null, scene.Truth, Draws.Given(new Dictionary<string, Tensor>())).Losses;
        double[] factors = [.. Normal(random, reference.Slots).Select(x => 1 + (0.3 * x))];
        (Tensor.Concat(0, [.. losses.Select(loss => loss.Values.Reshape(-1))]) * Tensor.From<float>([.. factors.Select(f => (float)f)])).SumAll().Backward();
        DeviceUnderTest.AssertNoFindings(name);
        double Total() => reference.Values(new DenseForward(kind, weights, Width).Predict(scene, maps)).Zip(factors, (value, factor) => value * (float)factor).Sum();
        foreach ((string what, double[] values, float[] gradient) in maps.Zip(leaves, (m, l) => ("map", m, l.Grad!.ToArray()))
            .Concat(head.NamedParameters().Select(p => (p.Name, weights[p.Name], p.Parameter.ExportGrad()))))
        {
            double[] direction = Normal(random, values.Length);
            double slope = Along(values, direction, Total), ours = gradient.Zip(direction, (g, d) => g * d).Sum(), size = Math.Sqrt(gradient.Sum(g => (double)g * g));
            Assert.True(Math.Abs(slope - ours) <= 1e-3 * (size + 1e-4), $"{name}, {what}: the slope is {ours}, not {slope} (of {size}).");
        }
    }

    [Theory, MemberData(nameof(Kinds))]
    public void PartsAreNamedAsInCheckpointsAndStartAsTheReferences(string name)
    {
        using DenseHead head = DenseKind.Of(name).Build(HeadScene.Plain);
        head.Initialize(5);
        string prefix = DenseKind.Of(name).Prefix;
        (string Name, float[] Values)[] parameters = [.. head.NamedParameters().Select(p => (p.Name, p.Parameter.Export()))];
        string[] tower = name == "retinanet" ? ["conv.weight", "conv.bias"] : ["conv.weight", "gn.weight", "gn.bias"];
        string[] predictors = DenseKind.Of(name).HasQuality ? ["cls", "reg", "centerness"] : ["cls", "reg"];
        string[] scales = name == "retinanet" ? [] : ["scales.0.scale", "scales.1.scale", "scales.2.scale"];
        Assert.Equal(
            [
                .. tower.Select(part => "cls_convs.0." + part), .. tower.Select(part => "reg_convs.0." + part),
                .. predictors.SelectMany(part => new[] { $"{prefix}{part}.weight", $"{prefix}{part}.bias" }), .. scales,
            ],
            parameters.Select(p => p.Name));
        Assert.All(parameters.Where(p => p.Name.EndsWith("conv.weight", StringComparison.Ordinal)), p => Assert.InRange(p.Values.Average(x => x * x), 0.95e-4, 1.05e-4));
        Assert.All(parameters.Single(p => p.Name == prefix + "cls.bias").Values, bias => Assert.Equal(-4.59512f, bias, 1e-5f));
        Assert.All(parameters.Single(p => p.Name == prefix + "reg.bias").Values, bias => Assert.Equal(0, bias));
    }

    [Fact]
    public void ATowerHasUpToFiveConvolutions()
    {
        HeadFrame frame = new(3, 32, 5, 8);
        using AuxiliaryHead five = new AtssConfig { Convs = 5 }.Build(frame);
        Assert.Contains(five.NamedParameters(), p => p.Name == "reg_convs.4.gn.bias");
        Assert.Equal(
            "AtssHead: a tower has 0 to 5 convolutions, got 6.",
            Assert.Throws<ShapeException>(() => new AtssConfig { Convs = 6 }.Build(frame)).Message);
    }

    [Fact]
    public void MapsAreAsManyAsTheHeadIsMadeFor()
    {
        using StepScope scope = StepScope.Begin();
        using DenseHead head = DenseKind.Of("gfl").Build(HeadScene.Plain);
        Assert.Equal(
            "GflHead: the head is made for 3 maps, got 1.",
            Assert.Throws<ShapeException>(() => head.Predict(HeadScene.Plain.Pyramid(Tensor.Zeros([2, 8, 10, 32])))).Message);
    }

    private static double[] Normal(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ =>
        (double)(float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];

    private static Tensor Leaf(double[] values, Shape shape)
    {
        Tensor tensor = Tensor.From<float>([.. values.Select(v => (float)v)], shape);
        tensor.RequiresGrad = true;
        return tensor;
    }

    /// <summary>Fills the parameters with numbers that make boxes of a sensible size, and returns them.</summary>
    private static Dictionary<string, double[]> Filled(DenseHead head, Random random, DenseKind kind)
    {
        Dictionary<string, double[]> weights = [];
        foreach ((string name, Parameter parameter) in head.NamedParameters())
        {
            bool isFilter = name.EndsWith("weight", StringComparison.Ordinal) && !name.Contains(".gn.", StringComparison.Ordinal);
            double mean = name.Contains(".gn.weight", StringComparison.Ordinal) || name.EndsWith("scale", StringComparison.Ordinal) ? 1
                : name == kind.Prefix + "reg.bias" ? kind.Scale.Mean : 0;
            double[] values = [.. Normal(random, (int)parameter.Value.Count).Select(x => (double)(float)(mean + ((isFilter ? 0.06 : 0.1) * x)))];
            parameter.Import([.. values.Select(v => (float)v)]);
            weights[name] = values;
        }

        return weights;
    }

    private static double Along(double[] values, double[] direction, Func<double> total)
    {
        const double Step = 1e-8; // hardly ever does an activation change its sign on the way
        double[] start = [.. values];
        double At(double step)
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = start[i] + (step * direction[i]);
            }

            return total();
        }

        double slope = (At(Step) - At(-Step)) / (2 * Step);
        At(0);
        return slope;
    }

    private static void Close(IEnumerable<double> expected, Tensor found, string what)
    {
        double scale = expected.Select(Math.Abs).DefaultIfEmpty(0).Max();
        Assert.All(expected.Zip(found.ToArray()), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= 1e-5 * scale, $"{what}: {pair.Second}, not {pair.First}"));
        Assert.Equal(expected.Count(), found.Count);
    }
}
