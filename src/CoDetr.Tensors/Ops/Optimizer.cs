namespace CoDetr.Tensors;

/// <summary>The numbers of an AdamW update that are the same for all parameters.</summary>
/// <param name="Rate">The learning rate.</param>
/// <param name="Decay">The decoupled weight decay.</param>
/// <param name="Beta1">The share of the first moment that stays.</param>
/// <param name="Beta2">The share of the second moment that stays.</param>
/// <param name="Epsilon">Added to the root of the second moment.</param>
public readonly record struct AdamWSettings(double Rate, double Decay = 1e-4, double Beta1 = 0.9, double Beta2 = 0.999, double Epsilon = 1e-8);

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

    extension(Tensor parameters)
    {
        /// <summary>One AdamW step.</summary>
        /// <param name="gradients"><c>f32[blocks · 32]</c>; zero afterwards.</param>
        /// <param name="first"><c>f32[blocks · 32]</c>, the first moment.</param>
        /// <param name="second"><c>f32[blocks · 32]</c>, the second moment.</param>
        /// <param name="rates"><c>f32[blocks, 2]</c></param>
        /// <param name="settings">Learning rate and the rest.</param>
        /// <param name="step">Which update it is, from 1.</param>
        /// <param name="norm">The gradients' global norm, <c>f32[1]</c>; null if nothing is clipped.</param>
        /// <param name="clip">The largest norm; 0 clips nothing.</param>
        public void AdamWInPlace(
            Tensor gradients, Tensor first, Tensor second, Tensor rates, in AdamWSettings settings, long step, Tensor? norm = null, float clip = 0)
        {
            long blocks = BlocksOf(parameters, gradients, rates);
            Check.Shape(first, parameters.Shape);
            Check.Shape(second, parameters.Shape);
            double c1 = 1 - Math.Pow(settings.Beta1, step), c2 = Math.Sqrt(1 - Math.Pow(settings.Beta2, step));
            parameters.Device.Launch(
                AdamW, Work.Teams(blocks, Block), parameters, gradients, first, second, rates, norm, blocks, settings.Rate, settings.Decay,
                settings.Beta1, settings.Beta2, settings.Epsilon, c1, c2, clip);
        }

        /// <summary>One step of gradient descent with momentum; weight decay is added to the gradient.</summary>
        /// <param name="gradients"><c>f32[blocks · 32]</c>; zero afterwards.</param>
        /// <param name="velocity"><c>f32[blocks · 32]</c></param>
        /// <param name="rates"><c>f32[blocks, 2]</c></param>
        /// <param name="rate">The learning rate.</param>
        /// <param name="decay">The weight decay.</param>
        /// <param name="momentum">The share of the velocity that stays.</param>
        /// <param name="norm">The gradients' global norm, <c>f32[1]</c>; null if nothing is clipped.</param>
        /// <param name="clip">The largest norm; 0 clips nothing.</param>
        public void SgdInPlace(
            Tensor gradients, Tensor velocity, Tensor rates, double rate, double decay, float momentum, Tensor? norm = null, float clip = 0)
        {
            long blocks = BlocksOf(parameters, gradients, rates);
            Check.Shape(velocity, parameters.Shape);
            parameters.Device.Launch(
                Sgd, Work.Teams(blocks, Block), parameters, gradients, velocity, rates, norm, blocks, rate, decay, momentum, clip);
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
