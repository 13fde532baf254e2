using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Brings every backbone stage to one width, and adds coarser levels (spec/model.md §3.1). No activation.</summary>
internal sealed class ChannelMapper : Neck
{
    private readonly Mapping[] maps;
    private readonly Mapping[] extras;

    /// <param name="inputs">Channels of the backbone's stages.</param>
    /// <param name="width">Channels of every level.</param>
    /// <param name="levels">Levels to return; those beyond the stages come from stride-2 convolutions, the first of the last stage itself.</param>
    /// <param name="kernel">Of the convolutions that map stages.</param>
    internal ChannelMapper(IReadOnlyList<int> inputs, int width, int levels, int kernel = 1)
    {
        maps = AddList("convs", inputs.Count, i => new Mapping(inputs[i], width, kernel, 1));
        extras = AddList("extra_convs", levels - inputs.Count, i => new Mapping(i == 0 ? inputs[^1] : width, width, 3, 2));
    }

    /// <inheritdoc/>
    internal override Tensor[] Forward(Tensor[] stages)
    {
        List<Tensor> levels = [.. stages.Zip(maps, (stage, map) => map.Forward(stage))];
        Tensor last = stages[^1];
        foreach (Mapping extra in extras)
        {
            last = extra.Forward(last);
            levels.Add(last);
        }

        return [.. levels];
    }

    private sealed class Mapping : Module
    {
        private readonly Conv2d conv;
        private readonly GroupNorm norm;

        internal Mapping(int inputs, int width, int kernel, int stride)
        {
            conv = Add("conv", new Conv2d(inputs, width, kernel, stride, start: Initializer.XavierUniform));
            norm = Add("gn", new GroupNorm(width));
        }

        internal Tensor Forward(Tensor x) => norm.Forward(conv.Forward(x));
    }
}
