using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>How a dense head's layers are named and shaped.</summary>
/// <param name="Prefix">Of the names of its predictors in checkpoints.</param>
/// <param name="Convs">Convolutions of each tower.</param>
/// <param name="HasNorm">Whether they are normalised; if not, they have biases.</param>
/// <param name="BoxNumbers">That describe one box.</param>
/// <param name="PerToken">Predictions of each cell.</param>
/// <param name="HasScales">Whether each level multiplies its box numbers by a learned one.</param>
/// <param name="Quality">The tower from which a third number is read: how good a box is.</param>
internal readonly record struct DenseLayout(
    string Prefix, int Convs, bool HasNorm, int BoxNumbers, int PerToken = 1, bool HasScales = true, QualityTower Quality = QualityTower.None);

/// <summary>Where a dense head reads the quality of its boxes.</summary>
internal enum QualityTower
{
    None,
    Classes,
    Boxes,
}

/// <summary>What a dense head says of every prior, one level after another, a cell's priors side by side.</summary>
/// <param name="Logits"><c>f32[batch, rows, classes]</c></param>
/// <param name="Boxes">Before decoding: <c>f32[batch, rows, numbers]</c>.</param>
/// <param name="Quality">Logits, <c>f32[batch, rows, 1]</c>; null where it is not predicted.</param>
internal sealed record DensePredictions(Tensor Logits, Tensor Boxes, Tensor? Quality = null);

/// <summary>The layers that every head on the cells of the pyramid has: a tower for classes, one for boxes, and 3×3 convolutions that predict.</summary>
internal abstract class DenseHead : AuxiliaryHead
{
    private const int MostConvs = 5;
    private static readonly Initializer Start = Initializer.Gaussian(0.01);

    private readonly ConvTower classTower;
    private readonly ConvTower boxTower;
    private readonly Conv2d classes;
    private readonly Conv2d boxes;
    private readonly Conv2d? quality;
    private readonly LevelScale[]? scales;
    private readonly DenseLayout layout;

    private protected DenseHead(HeadFrame frame, DenseLayout layout)
    {
        Check.That(layout.Convs is >= 0 and <= MostConvs, $"a tower has 0 to {MostConvs} convolutions, got {layout.Convs}.", GetType().Name);
        (Frame, this.layout) = (frame, layout);
        classTower = Add("cls_convs", new ConvTower(frame.Width, layout.Convs, layout.HasNorm, Start));
        boxTower = Add("reg_convs", new ConvTower(frame.Width, layout.Convs, layout.HasNorm, Start));
        classes = Add(layout.Prefix + "cls", Predictor(frame.Classes * layout.PerToken, -MathF.Log(99))); // each class starts at a probability of 1 %
        boxes = Add(layout.Prefix + "reg", Predictor(layout.BoxNumbers * layout.PerToken));
        quality = layout.Quality == QualityTower.None ? null : Add(layout.Prefix + "centerness", Predictor(layout.PerToken));
        scales = layout.HasScales ? AddList("scales", frame.Levels, _ => new LevelScale()) : null;
    }

    private protected HeadFrame Frame { get; }

    /// <inheritdoc/>
    internal override HeadOutput Train(FeatureMaps maps, Proposals? proposals, Truth truth, Draws draws) => Train(Predict(maps), maps, truth);

    /// <inheritdoc/>
    internal override HeadDetections Detect(FeatureMaps maps, Proposals? proposals) => Detect(Predict(maps), maps);

    /// <summary>Losses of predictions, and candidates for positive queries.</summary>
    internal abstract HeadOutput Train(DensePredictions found, FeatureMaps maps, Truth truth);

    /// <summary>Detections from predictions.</summary>
    internal abstract HeadDetections Detect(DensePredictions found, FeatureMaps maps);

    /// <summary>What the layers say of every prior.</summary>
    internal DensePredictions Predict(FeatureMaps maps)
    {
        Check.That(maps.Maps.Count == Frame.Levels, $"the head is made for {Frame.Levels} maps, got {maps.Maps.Count}.", GetType().Name);
        (List<Tensor> ofClasses, List<Tensor> ofBoxes, List<Tensor> ofQuality) = ([], [], []);
        foreach ((int level, Tensor map) in maps.Maps.Index())
        {
            (Tensor forClasses, Tensor forBoxes) = (classTower.Forward(map), boxTower.Forward(map));
            ofClasses.Add(classes.ForwardF32(forClasses));
            Tensor numbers = boxes.ForwardF32(forBoxes);
            ofBoxes.Add(scales is null ? numbers : numbers * scales[level].Value.Value);
            if (quality is not null)
            {
                ofQuality.Add(quality.ForwardF32(layout.Quality == QualityTower.Classes ? forClasses : forBoxes));
            }
        }

        return new DensePredictions(Rows(ofClasses, Frame.Classes), Rows(ofBoxes, layout.BoxNumbers), quality is null ? null : Rows(ofQuality, 1));
    }

    /// <summary>Predictions of all maps, <c>f32[batch, height, width, channels]</c> each, as rows.</summary>
    private static Tensor Rows(List<Tensor> maps, int numbers) => Tensor.Concat(1, [.. maps.Select(map => map.Reshape(map.Shape[0], -1, numbers))]);

    private Conv2d Predictor(int numbers, float bias = 0) =>
        new(Frame.Width, numbers, 3, hasBias: true, start: Start, biasStart: Initializer.Constant(bias));
}

/// <summary>A learned number that a level's box numbers are multiplied by.</summary>
internal sealed class LevelScale : Module
{
    internal LevelScale() => Value = Add("scale", [], Initializer.One);

    internal Parameter Value { get; }
}
