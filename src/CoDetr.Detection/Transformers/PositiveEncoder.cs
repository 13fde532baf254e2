using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Turns a positive's box, and the feature at its place, into a query: LN(Linear(PE(box))) and LN(Linear(feature)) (paper, equation 4).</summary>
internal sealed class PositiveEncoder
{
    private const float Epsilon = 1e-5f; // of the inverse sigmoid, in both query heads
    private readonly (Linear Transform, LayerNorm Norm) box;
    private readonly (Linear Transform, LayerNorm Norm)? feature;
    private readonly int features; // of the sine embedding of one coordinate

    private PositiveEncoder(int features, (Linear, LayerNorm) box, (Linear, LayerNorm)? feature) => (this.features, this.box, this.feature) = (features, box, feature);

    /// <summary>One for each auxiliary head, registered under the official names in the official order.</summary>
    /// <param name="heads">How many.</param>
    /// <param name="embedding">Channels of a box's sine embedding.</param>
    /// <param name="outputs">Channels of what a box becomes.</param>
    /// <param name="features">Channels of the features that are added; null for none.</param>
    /// <param name="add">Registers a module by name.</param>
    internal static PositiveEncoder[] List(int heads, int embedding, int outputs, int? features, Func<string, Module, Module> add)
    {
        Linear[] transforms = [.. Many("aux_pos_trans", () => new Linear(embedding, outputs, Initializer.XavierUniform))];
        LayerNorm[] norms = [.. Many("aux_pos_trans_norm", () => new LayerNorm(outputs))];
        Linear[] featureTransforms = features is int width ? [.. Many("pos_feats_trans", () => new Linear(width, width, Initializer.XavierUniform))] : [];
        LayerNorm[] featureNorms = features is int channels ? [.. Many("pos_feats_norm", () => new LayerNorm(channels))] : [];
        return [.. Enumerable.Range(0, heads).Select(i => new PositiveEncoder(embedding / 4, (transforms[i], norms[i]), features is null ? null : (featureTransforms[i], featureNorms[i])))];

        IEnumerable<T> Many<T>(string name, Func<T> make)
            where T : Module => Enumerable.Range(0, heads).Select(i => (T)add($"{name}.{i}", make()));
    }

    /// <param name="boxes">Unit boxes <c>f32[batch, queries, 4]</c></param>
    /// <param name="type">How activations are stored.</param>
    /// <returns><c>real[batch, queries, channels]</c></returns>
    internal Tensor Forward(Tensor boxes, DType type)
    {
        // Through the logits and back, as the reference does: this moves boxes that touch the border a little.
        Tensor embedding = boxes.InverseSigmoid(Epsilon).Sigmoid().SineEmbedding(features, yFirst: false, output: type);
        return box.Norm.Forward(box.Transform.Forward(embedding));
    }

    /// <param name="x">Features <c>real[batch, queries, channels]</c></param>
    internal Tensor OfFeature(Tensor x) => feature!.Value.Norm.Forward(feature.Value.Transform.Forward(x));
}
