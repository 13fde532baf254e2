namespace CoDetr.Tensors;

/// <summary>A rectangle of c that one block computes.</summary>
/// <param name="M">Its rows.</param>
/// <param name="N">Its columns.</param>
/// <param name="Threads">Of the block.</param>
/// <param name="Blocks">How many share a multiprocessor.</param>
/// <param name="Reuse">How much of its time goes into products, roughly: larger tiles read each operand less often.</param>
internal sealed record ProductTile(int M, int N, int Threads, int Blocks, double Reuse)
{
    internal static readonly ProductTile Large = new(128, 128, 256, 2, 0.9);
    internal static readonly ProductTile Small = new(64, 64, 128, 4, 0.65);
    internal static readonly ProductTile Narrow = new(128, 32, 128, 4, 0.55);
}

/// <summary>A kernel of <c>kernels/cuda/</c> and the tile of its blocks.</summary>
internal sealed record ProductKernel(string File, string Name, ProductTile Tile);

/// <summary>
/// How a product is spread over a card: the kernel, and in how many parts k is cut. Parts fill the card where c has few tiles, and bound the length of a sum
/// where k is long; their sums are added in order afterwards, so that the result is the same for any order of blocks.
/// </summary>
internal readonly record struct ProductPlan(ProductKernel Kernel, int Splits, int Depth)
{
    private const int DepthUnit = 32; // a multiple of every kernel's step
    private const int LeastDepth = 256; // of a part: below, its sums cost more than its products
    private const int MostDepth = 16384; // of a plain sum in f32

    internal static ProductPlan For(long m, long n, long k, long batch, int multiprocessors, ReadOnlySpan<ProductKernel> kernels)
    {
        ProductPlan best = default;
        double least = double.MaxValue;
        foreach (ProductKernel kernel in kernels)
        {
            ProductTile tile = kernel.Tile;
            long blocks = Ceiling(m, tile.M) * Ceiling(n, tile.N) * batch, atOnce = (long)multiprocessors * tile.Blocks;
            long splits = Math.Max(Math.Clamp(atOnce / blocks, 1, Math.Max(k / LeastDepth, 1)), Ceiling(k, MostDepth));
            long depth = Ceiling(Ceiling(k, splits), DepthUnit) * DepthUnit;
            splits = Math.Max(Ceiling(k, Math.Max(depth, 1)), 1);
            double cost = Ceiling(blocks * splits, atOnce) * tile.Blocks * (depth + 64.0) * tile.M * tile.N / tile.Reuse; // of the busiest multiprocessor
            cost += splits > 1 ? 80.0 * splits * m * n * batch / multiprocessors : 0; // its share of writing and reading partial sums
            if (cost < least)
            {
                (least, best) = (cost, new ProductPlan(kernel, (int)splits, (int)depth));
            }
        }

        return best;
    }

    internal long Blocks(long m, long n, long batch) => Ceiling(m, Kernel.Tile.M) * Ceiling(n, Kernel.Tile.N) * batch * Splits;

    private static long Ceiling(long a, long b) => (a + b - 1) / b;
}
