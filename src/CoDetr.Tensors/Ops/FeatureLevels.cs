namespace CoDetr.Tensors;

/// <summary>The maps of several resolutions whose cells lie one map after another as tokens, each map row by row; index 0 is the finest.</summary>
public sealed class FeatureLevels
{
    private static readonly Kernel Row = new("position.cu", "position_level");
    private readonly (int Height, int Width)[] levels;
    private readonly int[] starts;

    /// <summary>Makes the tables on the device, without an upload; they belong to the current <see cref="StepScope"/>.</summary>
    /// <param name="levels">Height and width of each level in cells.</param>
    /// <param name="device">Where the kernels that read it run.</param>
    public FeatureLevels(IEnumerable<(int Height, int Width)> levels, Device? device = null)
    {
        this.levels = [.. levels];
        Check.That(Array.TrueForAll(this.levels, l => l is { Height: > 0, Width: > 0 }), "a level needs at least one cell.", nameof(FeatureLevels));
        starts = new int[Count];
        for (int i = 0; i < Count; i++)
        {
            starts[i] = Tokens;
            Tokens = checked(Tokens + (this.levels[i].Height * this.levels[i].Width));
        }

        Sizes = Tensor.Empty([Count, 2], DType.I32, device);
        Starts = Tensor.Empty([Count], DType.I32, device);
        OfToken = Tensor.Empty([Tokens], DType.I32, device);
        for (int i = 0; i < Count; i++)
        {
            (int height, int width) = this.levels[i];
            Sizes.Device.Launch(Row, Work.Elements((long)height * width), Sizes, Starts, OfToken, i, height, width, starts[i]);
        }
    }

    /// <summary>The number of levels.</summary>
    public int Count => levels.Length;

    /// <summary>The number of tokens: cells of all levels.</summary>
    public int Tokens { get; }

    /// <summary><c>i32[levels, 2]</c>: height and width.</summary>
    public Tensor Sizes { get; }

    /// <summary><c>i32[levels]</c>: the first token of each level.</summary>
    public Tensor Starts { get; }

    /// <summary><c>i32[tokens]</c>: the level of each token.</summary>
    public Tensor OfToken { get; }

    /// <summary>Height and width of one level in cells.</summary>
    public (int Height, int Width) this[int level] => levels[level];

    /// <summary>The first token of one level.</summary>
    public int StartOf(int level) => starts[level];
}
