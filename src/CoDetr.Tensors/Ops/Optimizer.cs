namespace CoDetr.Tensors;

/// <summary>The numbers of an AdamW update that are the same for all parameters.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Decay">The decoupled weight decay.</param>
/// <param name="Beta1">The share of the first moment that stays.</param>
/// <param name="Beta2">The share of the second moment that stays.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
public readonly record struct AdamWSettings(double Rate, double Decay = 1e-4, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8)
{
    /// <summary>The numbers of update number <paramref name="step"/>, from 1.</summary>
    public UpdateNumbers NumbersOf(long step) => new(Rate, 1 - Math.Pow(Beta1, step), Math.Sqrt(1 - Math.Pow(Beta2, step)));
}

/// <summary>The numbers of an update that change from step to step.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="FirstCorrection">1 - β₁ᵗ of AdamW.</param>
/// <param name="SecondCorrection">√(1 - β₂ᵗ) of AdamW.</param>
/// <param name="Unscale">What gradients are multiplied by: one over the scale of the loss.</param>
/// <param name="AverageShare">The share of the way that a moving average goes.</param>
public readonly record struct UpdateNumbers(
    double Rate, double FirstCorrection = 1, double SecondCorrection = 1, double Unscale = 1, double AverageShare = 0)
{
    /// <summary>How many they are.</summary>
    public const int Count = 5;

    /// <summary>As the kernels read them, <c>f64[5]</c>.</summary>
    public double[] ToArray() => [Rate, FirstCorrection, SecondCorrection, Unscale, AverageShare];

    /// <summary>On a device, <c>f64[5]</c>; a training step sends them along with its batch instead.</summary>
    public Tensor Upload(Device device) => Tensor.From<double>(ToArray(), [Count], device);
}

/// <summary>
/// Updates of flat buffers in one pass: clip, update, set the gradients to zero. The buffers consist of blocks of <see cref="Block"/> numbers;
/// <c>rates f32[blocks, 2]</c> holds each block's factors of the learning rate and of the weight decay. Not differentiated.
/// </summary>
public static class OptimizerOp
{
    /// <summary>Numbers that share a pair of rates: each parameter takes whole blocks.</summary>
    public const int Block = 32;

    private const int BlocksARun = 512; // as in optimizer.cu
    private static readonly Kernel AdamW = new("optimizer.cu", "optimizer_adamw");
    private static readonly Kernel Sgd = new("optimizer.cu", "optimizer_sgd");
    private static readonly Kernel SquareRuns = new("optimizer.cu", "optimizer_square_runs");
    private static readonly Kernel Norm = new("optimizer.cu", "optimizer_norm");
    private static readonly Kernel ReportKernel = new("optimizer.cu", "optimizer_report");
    private static readonly Kernel Average = new("optimizer.cu", "optimizer_average");

    extension(Tensor parameters)
    {
        /// <summary>One AdamW step; none, but that gradients become zero, where the norm is not finite.</summary>
        /// <param name="gradients"><c>f32[blocks · 32]</c>; zero afterwards.</param>
        /// <param name="first"><c>f32[blocks · 32]</c>, the first moment.</param>
        /// <param name="second"><c>f32[blocks · 32]</c>, the second moment.</param>
        /// <param name="rates"><c>f32[blocks, 2]</c></param>
        /// <param name="settings">Learning rate and the rest.</param>
        /// <param name="step">Which update it is, from 1.</param>
        /// <param name="norm">The gradients' global norm, <c>f32[1]</c>; null if nothing is clipped.</param>
        /// <param name="clip">The largest norm; 0 clips nothing.</param>
        public void AdamWInPlace(
            Tensor gradients, Tensor first, Tensor second, Tensor rates, in AdamWSettings settings, long step, Tensor? norm = null, float clip = 0) =>
            parameters.AdamWInPlace(gradients, first, second, rates, settings, settings.NumbersOf(step).Upload(parameters.Device), norm, clip);

        /// <summary>The same with <see cref="UpdateNumbers"/> that are on the device, <c>f64[5]</c>; the rate is read there, not in the settings.</summary>
        public void AdamWInPlace(
            Tensor gradients, Tensor first, Tensor second, Tensor rates, in AdamWSettings settings, Tensor numbers, Tensor? norm = null, float clip = 0)
        {
            long blocks = BlocksOf(parameters, gradients, rates);
            Check.Shape(first, parameters.Shape);
            Check.Shape(second, parameters.Shape);
            parameters.Device.Launch(
                AdamW, Work.Teams(blocks, Block), parameters, gradients, first, second, rates, numbers, norm, blocks, settings.Decay,
                settings.Beta1, settings.Beta2, settings.Epsilon, clip);
        }

        /// <summary>
        /// One step of gradient descent with momentum; weight decay is added to the gradient. None, but that gradients become zero, where the norm is not finite.
        /// </summary>
        /// <param name="gradients"><c>f32[blocks · 32]</c>; zero afterwards.</param>
        /// <param name="velocity"><c>f32[blocks · 32]</c></param>
        /// <param name="rates"><c>f32[blocks, 2]</c></param>
        /// <param name="numbers"><c>f64[5]</c>: <see cref="UpdateNumbers"/></param>
        /// <param name="decay">The weight decay.</param>
        /// <param name="momentum">The share of the velocity that stays.</param>
        /// <param name="norm">The gradients' global norm, <c>f32[1]</c>; null if nothing is clipped.</param>
        /// <param name="clip">The largest norm; 0 clips nothing.</param>
        public void SgdInPlace(
            Tensor gradients, Tensor velocity, Tensor rates, Tensor numbers, double decay, float momentum, Tensor? norm = null, float clip = 0)
        {
            long blocks = BlocksOf(parameters, gradients, rates);
            Check.Shape(velocity, parameters.Shape);
            parameters.Device.Launch(
                Sgd, Work.Teams(blocks, Block), parameters, gradients, velocity, rates, numbers, norm, blocks, decay, momentum, clip);
        }

        /// <summary>Moves these averages towards the values, unless the norm of the step that made them is not finite.</summary>
        /// <param name="values"><c>f32[n]</c>, as many.</param>
        /// <param name="numbers"><c>f64[5]</c>: <see cref="UpdateNumbers"/></param>
        /// <param name="norm"><c>f32[1]</c></param>
        public void AverageInPlace(Tensor values, Tensor numbers, Tensor norm)
        {
            Check.Shape(values, parameters.Shape);
            parameters.Device.Launch(Average, Work.Elements(parameters.Count), parameters, values, numbers, norm, parameters.Count);
        }

        /// <summary>Losses, and behind them the norm of the gradients without their scale, NaN if a loss is not finite: what a step reports.</summary>
        /// <param name="norm">The gradients' global norm, <c>f32[1]</c>; this tensor is <c>f32[n]</c>.</param>
        /// <param name="numbers"><c>f64[5]</c>: <see cref="UpdateNumbers"/></param>
        /// <returns><c>f32[n + 1]</c></returns>
        public Tensor WithNorm(Tensor norm, Tensor numbers)
        {
            Tensor report = parameters.New((int)parameters.Count + 1);
            parameters.Device.Copy(parameters.Pointer, report.Pointer, parameters.Count * sizeof(float));
            parameters.Device.Launch(ReportKernel, Work.Teams(1, (int)parameters.Count), report, norm, numbers, (int)parameters.Count);
            return report;
        }

        /// <summary>The square root of the sum of all squares: <c>f32[1]</c>, the same bits for any number of workers.</summary>
        public Tensor GlobalNorm()
        {
            Check.That(parameters.Count % Block == 0, $"{parameters.Shape} does not consist of blocks of {Block}.");
            long blocks = parameters.Count / Block;
            int runs = (int)((blocks + BlocksARun - 1) / BlocksARun);
            Tensor partial = parameters.New(runs), norm = parameters.New(1);
            parameters.Device.Launch(SquareRuns, Work.Teams(runs, BlocksARun * Block), partial, parameters, blocks);
            parameters.Device.Launch(Norm, Work.Teams(1, runs), norm, partial, runs);
            return norm;
        }
    }

    private static long BlocksOf(Tensor parameters, Tensor gradients, Tensor rates, [System.Runtime.CompilerServices.CallerMemberName] string op = "")
    {
        Check.That(parameters.Count % Block == 0, $"{parameters.Shape} does not consist of blocks of {Block}.", op);
        Check.That(gradients.Shape == parameters.Shape, $"gradients must be {parameters.Shape}, got {gradients.Shape}.", op);
        int blocks = (int)(parameters.Count / Block);
        Check.That(rates.Shape == [blocks, 2], $"rates must be [{blocks}, 2], got {rates.Shape}.", op);
        return blocks;
    }
}
