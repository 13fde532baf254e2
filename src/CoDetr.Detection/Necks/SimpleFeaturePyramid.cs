using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>Levels of one width from a single map of stride 16: strides 4 to 64, each by convolutions of its own (Li et al., 2022; spec/model.md §3.2).</summary>
internal sealed class SimpleFeaturePyramid : Neck
{
    private readonly Level[] levels;

    /// <param name="inputs">Channels of the map.</param>
    /// <param name="width">Channels of every level.</param>
    /// <param name="count">4 or 5 levels: from stride 8 or 4 on.</param>
    internal SimpleFeaturePyramid(int inputs, int width, int count = 5)
    {
        if (count is not (4 or 5))
        {
            throw new ArgumentException($"A simple feature pyramid has 4 or 5 levels, not {count}.");
        }

        Func<Level, Level>[] beginnings =
        [
            level => level.Enlarged().Mapped(inputs / 2, 3).Activated().Enlarged().Mapped(inputs / 4, 3).Activated(),
            level => level.Enlarged().Mapped(inputs / 2, 3).Activated(),
            level => level,
            level => level.Reduced(),
            level => level.Reduced().Mapped(inputs, 3, stride: 2).Activated(),
        ];
        int first = beginnings.Length - count;
        levels = [.. Enumerable.Range(first, count).Select(i => Add(
            $"p{i + 2}", beginnings[i](new Level(inputs)).Mapped(width, 1).Activated().Mapped(width, 3)))];
    }

    /// <inheritdoc/>
    internal override Tensor[] Forward(Tensor[] stages) => [.. levels.Select(level => StepScope.Contain(() => level.Forward(stages[0])))];

    /// <summary>Steps in a row; each takes a number in names, those without parameters too.</summary>
    private sealed class Level(int inputs) : Module
    {
        private readonly List<Func<Tensor, Tensor>> steps = [];
        private int channels = inputs;
        private int number;

        internal Level Enlarged() => Then(x => x.Interpolate((2 * x.Shape[1], 2 * x.Shape[2]), Sampling.Nearest));

        internal Level Reduced() => Then(x => x.MaxPool2d(3, 2, 1));

        internal Level Activated() => Then(x => x.Gelu());

        /// <summary>A convolution without bias and its norm.</summary>
        internal Level Mapped(int outputs, int kernel, int stride = 1)
        {
            Conv2d conv = Add($"{number}", new Conv2d(channels, outputs, kernel, stride, start: Initializer.XavierUniform));
            Then(x => conv.Forward(x));
            LayerNorm norm = Add($"{number}", new LayerNorm(outputs, 1e-6f));
            channels = outputs;
            return Then(norm.Forward);
        }

        internal Tensor Forward(Tensor x)
        {
            steps.ForEach(step => x = step(x));
            return x;
        }

        private Level Then(Func<Tensor, Tensor> step)
        {
            steps.Add(step);
            number++;
            return this;
        }
    }
}
