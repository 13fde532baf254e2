namespace CoDetr.Tensors;

/// <summary>
/// Normalisation of channels-last data by statistics of each image and group of channels: what batch and group normalisation share.
/// </summary>
/// <param name="Images">Batch normalisation: 1, all rows belong together.</param>
/// <param name="Rows">Pixels of an image.</param>
/// <param name="Channels">Of each row.</param>
/// <param name="Groups">Of neighbouring channels; batch normalisation: as many as channels.</param>
internal sealed record ChannelNorm(int Images, long Rows, int Channels, int Groups)
{
    private static readonly Kernel Moments = new("channel_norm.cu", "channel_norm_moments");
    private static readonly Kernel Statistics = new("channel_norm.cu", "channel_norm_statistics");
    private static readonly Kernel ApplyKernel = new("channel_norm.cu", "channel_norm_apply");
    private static readonly Kernel BackwardSums = new("channel_norm.cu", "channel_norm_backward_sums");
    private static readonly Kernel BackwardGroups = new("channel_norm.cu", "channel_norm_backward_groups");
    private static readonly Kernel BackwardInput = new("channel_norm.cu", "channel_norm_backward_input");

    private int Runs => RowRuns.Of(Rows, Channels);

    private Work OfRuns => Work.Teams((long)Images * Runs, Channels, cost: Rows * Channels / Runs);

    private Work OfGroups => Work.Teams((long)Images * Groups, Math.Max(Channels / Groups, Runs), cost: (long)Channels / Groups * Runs);

    private Work OfRows => Work.Teams(Images * Rows, Channels);

    /// <summary>Mean and 1 / √(variance + ε) of each image's channels; the variance too if <paramref name="variance"/> is given.</summary>
    internal (Tensor Mean, Tensor Rstd) Measure(Tensor x, Tensor weight, float epsilon, Tensor? variance = null)
    {
        Tensor means = weight.New(Images, Runs, Channels), squares = means.Like(), mean = weight.New(Images, Channels), rstd = mean.Like();
        x.Device.Launch(Moments, OfRuns, means, squares, x, Images, Rows, Channels, Runs);
        x.Device.Launch(Statistics, OfGroups, mean, rstd, variance, means, squares, Images, Rows, Channels, Groups, Runs, epsilon);
        return (mean, rstd);
    }

    /// <summary><c>(x - mean) · rstd · weight + bias + residual</c>, then the activation.</summary>
    internal Tensor Apply(Tensor x, Tensor mean, Tensor rstd, Tensor weight, Tensor bias, Activation activation = Activation.None, Tensor? residual = null)
    {
        Tensor y = x.Like();
        x.Device.Launch(
            ApplyKernel, OfRows, y, x, residual, mean, rstd, weight, bias, Images, Rows, Channels, activation == Activation.Relu ? 1 : 0);
        return y;
    }

    /// <summary>The gradients of <see cref="Apply"/>, through the statistics unless they are constants.</summary>
    /// <param name="dy">The gradient of the output.</param>
    /// <param name="y">The output, if its activation was <see cref="Activation.Relu"/>; else null.</param>
    /// <param name="x">The input.</param>
    /// <param name="mean">As measured.</param>
    /// <param name="rstd">As measured.</param>
    /// <param name="weight">The scale.</param>
    /// <param name="hasResidual">Whether a residual was added, which gets the gradient before the activation.</param>
    /// <param name="isFrozen">Whether mean and rstd are constants.</param>
    internal (Tensor Dx, Tensor Dweight, Tensor Dbias, Tensor? Dresidual) Gradients(
        Tensor dy, Tensor? y, Tensor x, Tensor mean, Tensor rstd, Tensor weight, bool hasResidual = false, bool isFrozen = false)
    {
        Tensor sums = weight.New(Images, Runs, Channels), products = sums.Like();
        Tensor g = y is null ? dy : dy.Like();
        x.Device.Launch(BackwardSums, OfRuns, sums, products, g, dy, y, x, mean, rstd, Images, Rows, Channels, Runs);

        Tensor dbias = weight.New(Images, Channels), dweight = dbias.Like(), meanG = dbias.Like(), meanGx = dbias.Like();
        x.Device.Launch(BackwardGroups, OfGroups, dbias, dweight, meanG, meanGx, sums, products, weight, Images, Rows, Channels, Groups, Runs);
        Tensor dx = y is null || hasResidual ? x.Like() : g; // in place where g is ours alone
        x.Device.Launch(
            BackwardInput, OfRows, dx, g, x, mean, rstd, weight, isFrozen ? null : meanG, isFrozen ? null : meanGx, Images, Rows, Channels);
        return (dx, dweight.Sum(0), dbias.Sum(0), hasResidual ? g : null);
    }
}
