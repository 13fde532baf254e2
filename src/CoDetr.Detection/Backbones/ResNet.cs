using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Which ResNet (spec/model.md §2.1).</summary>
public sealed record ResNetConfig : BackboneConfig
{
    /// <summary>18, 34, 50 or 101.</summary>
    public int Depth { get; init; } = 50;

    /// <summary>Channels of the first stage before expansion; scales all widths.</summary>
    public int BaseChannels { get; init; } = 64;

    /// <summary>Channels of the stem.</summary>
    public int StemChannels { get; init; } = 64;

    /// <summary>Which stages (0 to 3 for C2 to C5) are returned.</summary>
    public IReadOnlyList<int> OutStages { get; init; } = [1, 2, 3];

    /// <summary>How many stages after the stem get no gradient; 0 freezes the stem alone, -1 nothing.</summary>
    public int FrozenStages { get; init; } = 1;

    /// <summary>Whether batch norms are trained and use the batch's statistics; otherwise they are fixed.</summary>
    public bool HasTrainedNorms { get; init; }

    /// <summary>Channels of each returned stage.</summary>
    public override IReadOnlyList<int> OutChannels => [.. OutStages.Select(stage => (BaseChannels << stage) * (Depth >= 50 ? 4 : 1))];

    /// <inheritdoc/>
    public override BackboneConfig Pretrained() => this with { FrozenStages = Math.Max(FrozenStages, 1), HasTrainedNorms = false };

    /// <inheritdoc/>
    internal override Backbone Build() => new ResNet(this);
}

/// <summary>The residual backbone in PyTorch's style: the stride sits on the 3×3 convolution. He et al., 2016.</summary>
internal sealed class ResNet : Backbone
{
    private readonly ResNetConfig config;
    private readonly Conv2d stem;
    private readonly BatchNorm stemNorm;
    private readonly ResNetBlock[][] stages;

    internal ResNet(ResNetConfig config)
    {
        this.config = config;
        bool norms = config.HasTrainedNorms;
        stem = Add("conv1", new Conv2d(3, config.StemChannels, 7, stride: 2, start: Initializer.KaimingFanOut));
        stemNorm = Add("bn1", new BatchNorm(config.StemChannels, norms));
        int[] blocks = config.Depth switch
        {
            18 => [2, 2, 2, 2],
            34 or 50 => [3, 4, 6, 3],
            101 => [3, 4, 23, 3],
            _ => throw new ArgumentException($"There is no ResNet-{config.Depth}; use 18, 34, 50 or 101."),
        };

        bool isDeep = config.Depth >= 50;
        int channels = config.StemChannels;
        stages = new ResNetBlock[4][];
        for (int stage = 0; stage < 4; stage++)
        {
            int width = config.BaseChannels << stage, stride = stage == 0 ? 1 : 2, inputs = channels;
            stages[stage] = AddList(
                $"layer{stage + 1}", blocks[stage], i => new ResNetBlock(i == 0 ? inputs : width * (isDeep ? 4 : 1), width, i == 0 ? stride : 1, isDeep, norms));
            channels = width * (isDeep ? 4 : 1);
        }

        if (config.FrozenStages >= 0)
        {
            stem.Freeze();
            stemNorm.Freeze();
            Array.ForEach(stages[..config.FrozenStages], stage => Array.ForEach(stage, block => block.Freeze()));
        }
    }

    /// <inheritdoc/>
    internal override Tensor[] Forward(Tensor images, Draws? draws = null)
    {
        Tensor x = StepScope.Contain(() => stem.Forward(images, stemNorm, Activation.Relu).MaxPool2d(3, 2, 1));
        List<Tensor> outputs = [];
        for (int stage = 0; stage <= config.OutStages.Max(); stage++)
        {
            foreach (ResNetBlock block in stages[stage])
            {
                Tensor input = x;
                x = StepScope.Contain(() => block.Forward(input));
            }

            if (config.OutStages.Contains(stage))
            {
                outputs.Add(x);
            }
        }

        return [.. outputs];
    }
}

/// <summary>A residual block: two 3×3 convolutions, or 1×1, 3×3, 1×1 with four times the channels at the end.</summary>
internal sealed class ResNetBlock : Module
{
    private readonly (Conv2d Conv, BatchNorm Norm)[] path;
    private readonly (Conv2d Conv, BatchNorm Norm)? shortcut;

    internal ResNetBlock(int inputs, int width, int stride, bool isBottleneck, bool hasTrainedNorms)
    {
        (int Kernel, int Outputs, int Stride)[] plan = isBottleneck
            ? [(1, width, 1), (3, width, stride), (1, 4 * width, 1)]
            : [(3, width, stride), (3, width, 1)];
        int channels = inputs;
        path = new (Conv2d, BatchNorm)[plan.Length];
        for (int i = 0; i < plan.Length; i++)
        {
            Conv2d conv = Add($"conv{i + 1}", new Conv2d(channels, plan[i].Outputs, plan[i].Kernel, plan[i].Stride, start: Initializer.KaimingFanOut));
            path[i] = (conv, Add($"bn{i + 1}", new BatchNorm(plan[i].Outputs, hasTrainedNorms, startsAtZero: i == plan.Length - 1)));
            channels = plan[i].Outputs;
        }

        if (stride != 1 || inputs != channels)
        {
            shortcut = (
                Add("downsample.0", new Conv2d(inputs, channels, 1, stride, start: Initializer.KaimingFanOut)),
                Add("downsample.1", new BatchNorm(channels, hasTrainedNorms)));
        }
    }

    internal Tensor Forward(Tensor x)
    {
        Tensor identity = shortcut is (Conv2d conv, BatchNorm norm) ? conv.Forward(x, norm, Activation.None) : x;
        for (int i = 0; i < path.Length; i++)
        {
            x = path[i].Conv.Forward(x, path[i].Norm, Activation.Relu, i == path.Length - 1 ? identity : null);
        }

        return x;
    }
}
