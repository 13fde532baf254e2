using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>A kind of dense head: its settings, what its numbers look like, and its plain reference.</summary>
/// <param name="Name">Shown when a test fails.</param>
/// <param name="Config">The paper's settings.</param>
/// <param name="Prefix">Of its predictors' names.</param>
/// <param name="BoxNumbers">That describe one box.</param>
/// <param name="PerToken">Priors of each cell.</param>
/// <param name="Scale">Of normal numbers that describe sensible boxes, and their mean.</param>
/// <param name="Reference">Its losses for a scene, at some predictions.</param>
internal sealed record DenseKind(
    string Name, AuxiliaryHeadConfig Config, string Prefix, int BoxNumbers, int PerToken, (double Mean, double Deviation) Scale,
    Func<HeadScene, PlainPredictions, DenseReference> Reference)
{
    internal static DenseKind[] All =>
    [
        new("atss", new AtssConfig(), "atss_", 4, 1, (0, 1), (scene, _) => new AtssReference(scene)),
        new("gfl", new GflConfig(), "gfl_", 68, 1, (0, 1), (scene, found) => new GflReference(scene, found)),
        new("retinanet", new RetinaConfig(), "retina_", 4, 9, (0, 0.3), (scene, _) => new RetinaReference(scene)),
        new("fcos", new FcosConfig(), "conv_", 4, 1, (2.5, 0.8), (scene, _) => new FcosReference(scene, false)) { Quality = 'c' },
        new("fcos in strides", new FcosConfig { InStrides = true, CenternessOfBoxes = true }, "conv_", 4, 1, (1, 1), (scene, _) => new FcosReference(scene, true)),
        new("paa", new PaaConfig(), "atss_", 4, 1, (0, 1), (scene, found) => new PaaReference(scene, found)),
    ];

    /// <summary>The tower of centre-ness: of classes or boxes.</summary>
    internal char Quality { get; init; } = 'b';

    internal bool HasQuality => Config is AtssConfig or FcosConfig or PaaConfig;

    internal static DenseKind Of(string name) => All.Single(kind => kind.Name == name);

    /// <summary>The head with the weights of its losses multiplied as the reference's.</summary>
    internal DenseHead Build(HeadScene scene, int width = 32, int convs = 1) => (DenseHead)(Config.Times(1.5f) switch
    {
        AtssConfig c => (AuxiliaryHeadConfig)(c with { Convs = convs }),
        GflConfig c => c with { Convs = convs },
        RetinaConfig c => c with { Convs = convs },
        FcosConfig c => c with { Convs = convs },
        AuxiliaryHeadConfig c => ((PaaConfig)c) with { Convs = convs },
    }).Build(new HeadFrame(scene.Classes, width, scene.Maps.Length, HeadScene.FirstStride));

    /// <summary>Random predictions that are exact in f32.</summary>
    internal PlainPredictions Predictions(HeadScene scene, int seed)
    {
        Random random = new(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] Numbers(int count, double mean, double deviation) => [.. Enumerable.Range(0, count).Select(_ => (double)(float)(mean + (deviation * Normal())))];
        int places = scene.Batch * scene.Squares.Rows * PerToken;
        return new(
            [.. Enumerable.Range(0, places).Select(_ => Numbers(scene.Classes, -1, 1.5))],
            [.. Enumerable.Range(0, places).Select(_ => Numbers(BoxNumbers, Scale.Mean, Scale.Deviation))], Numbers(places, 0, 1));
    }

    /// <summary>The same on the device, as leaves.</summary>
    internal DensePredictions Upload(HeadScene scene, PlainPredictions found)
    {
        int rows = scene.Squares.Rows * PerToken;
        Tensor Leaf(IEnumerable<double> values, int numbers)
        {
            Tensor tensor = Tensor.From<float>([.. values.Select(v => (float)v)], [scene.Batch, rows, numbers]);
            tensor.RequiresGrad = true;
            return tensor;
        }

        return new DensePredictions(
            Leaf(found.Logits.SelectMany(x => x), scene.Classes), Leaf(found.Boxes.SelectMany(x => x), BoxNumbers), HasQuality ? Leaf(found.Quality, 1) : null);
    }
}
