namespace CoDetr.Tensors;

/// <summary>Images, heads and queries whose scores are in memory at the same time: all keys of several whole images, or of queries of one head.</summary>
internal readonly record struct AttentionChunk(int Image, int Images, int Head, int Heads, int Query, int Queries);

/// <summary>Where one head's matrix of one image begins, and how far it is to the next head, the next image and the next row; in elements.</summary>
internal readonly record struct HeadMatrices(nint Pointer, DType DType, long HeadStep, long ImageStep, long RowStep, int Rows, int Columns);

/// <summary>The sizes of one attention and how its tensors are cut; checks them.</summary>
internal sealed class AttentionPlan
{
    private const long MostScores = 1 << 19; // of a chunk: 2 MB, which stay in a near cache from the product to the softmax and on

    private readonly Device device;
    private readonly int width;
    private readonly Tensor? blocked;
    private readonly Tensor? padded;
    private readonly Tensor? bias;
    private readonly (long Image, long Head) blockedSteps;

    internal AttentionPlan(Tensor query, Tensor key, Tensor value, int heads, Tensor? blocked, Tensor? padded, Tensor? bias)
    {
        const string Op = "Attention";
        device = query.Device;
        Check.Rank(query, 3, op: Op);
        Check.Rank(key, 3, op: Op);
        Product.RequireTypes(Op, query, key, value);
        (Images, Queries, width, KeyCount, Heads) = (query.Shape[0], query.Shape[1], query.Shape[2], key.Shape[1], heads);
        Check.That(heads > 0 && width % heads == 0, $"{width} channels do not fall into {heads} heads.", Op);
        Check.Shape(key, [Images, KeyCount, width], sizes: "[batch, keys, width]", op: Op);
        Check.Shape(value, [Images, KeyCount, width], sizes: "[batch, keys, width]", op: Op);
        if (padded is not null)
        {
            Check.Shape(padded, [Images, KeyCount], sizes: "[batch, keys]", op: Op);
        }

        (this.blocked, this.padded, this.bias) = (blocked, padded, bias);
        blockedSteps = Steps(blocked, nameof(blocked), Images, ofImages: true);
        (BiasImage, BiasHead) = Steps(bias, nameof(bias), heads, ofImages: false);
        InverseRoot = (float)(1 / Math.Sqrt((double)width / heads));
    }

    internal int Images { get; }

    internal int Queries { get; }

    internal int KeyCount { get; }

    internal int Heads { get; }

    /// <summary>1 / √(channels of a head)</summary>
    internal float InverseRoot { get; }

    /// <summary>Whether one head's keys are met by several chunks, so that their gradients add up: in f32, however keys are stored.</summary>
    internal bool IsSplit => LargestChunk.Queries < Queries;

    internal long BiasImage { get; }

    internal long BiasHead { get; }

    private int HeadWidth => width / Heads;

    internal IEnumerable<AttentionChunk> Chunks()
    {
        AttentionChunk largest = LargestChunk;
        for (int i = 0; i < Images; i += largest.Images)
        {
            for (int h = 0; h < Heads; h += largest.Heads)
            {
                for (int q = 0; q < Queries; q += largest.Queries)
                {
                    yield return new AttentionChunk(
                        i, Math.Min(largest.Images, Images - i), h, Math.Min(largest.Heads, Heads - h), q, Math.Min(largest.Queries, Queries - q));
                }
            }
        }
    }

    /// <summary>As many whole images as fit, else heads of one image, else queries of one head.</summary>
    private AttentionChunk LargestChunk
    {
        get
        {
            long head = Math.Max((long)Queries * KeyCount, 1);
            int queries = EvenPart(Queries, MostScores / Math.Max(KeyCount, 1)), heads = EvenPart(Heads, MostScores / head);
            int images = EvenPart(Images, MostScores / (head * Heads));
            return new AttentionChunk(0, heads < Heads ? 1 : images, 0, queries < Queries ? 1 : heads, 0, queries);
        }
    }

    /// <summary>
    /// Memory for the scores of any chunk: f32 whatever queries and keys are. A chunk stays in the cache from product to softmax to product, so shorter
    /// scores would save no traffic to memory, and a probability of 8 bits would be the coarsest number of the whole layer.
    /// </summary>
    internal Tensor NewChunk()
    {
        AttentionChunk largest = LargestChunk;
        return Tensor.Empty([largest.Images * largest.Heads * largest.Queries, KeyCount], device: device);
    }

    /// <summary>One f32 number for each row of scores.</summary>
    internal Tensor NewRows() => Tensor.Empty([Images, Heads, Queries], device: device);

    /// <summary>Memory for the gradient of keys or values.</summary>
    internal Tensor NewSums(Tensor x) => IsSplit ? Tensor.Empty(x.Shape, device: device) : x.Like();

    /// <summary>A chunk's rows of <c>[batch, queries, width]</c>.</summary>
    internal HeadMatrices Rows(Tensor x, AttentionChunk chunk) => Slices(x, Queries, chunk, chunk.Query, chunk.Queries);

    /// <summary>All rows of <c>[batch, keys, width]</c> of a chunk's images and heads.</summary>
    internal HeadMatrices Keys(Tensor x, AttentionChunk chunk) => Slices(x, KeyCount, chunk, 0, KeyCount);

    /// <summary>The scores of a chunk.</summary>
    internal HeadMatrices Scores(Tensor scores, AttentionChunk chunk)
    {
        long head = (long)chunk.Queries * KeyCount;
        return new HeadMatrices(scores.Pointer, scores.DType, head, head * chunk.Heads, KeyCount, chunk.Queries, KeyCount);
    }

    /// <summary><c>c (+)= alpha · op(a) op(b)</c> for each image and head: a batch of heads for each image, or of images for each head.</summary>
    internal void Multiply(
        AttentionChunk chunk, HeadMatrices a, HeadMatrices b, HeadMatrices c, float alpha = 1,
        bool transposeA = false, bool transposeB = false, bool adds = false)
    {
        bool overHeads = chunk.Heads >= chunk.Images;
        long Step(HeadMatrices x, bool heads) => heads ? x.HeadStep : x.ImageStep;
        nint At(HeadMatrices x, int i) => x.Pointer + (nint)(i * Step(x, !overHeads) * x.DType.Size);
        for (int i = 0; i < Math.Min(chunk.Heads, chunk.Images); i++)
        {
            device.Gemm(new GemmProblem
            {
                A = At(a, i),
                B = At(b, i),
                C = At(c, i),
                M = transposeA ? a.Columns : a.Rows,
                N = transposeB ? b.Rows : b.Columns,
                K = transposeA ? a.Rows : a.Columns,
                LdA = a.RowStep,
                LdB = b.RowStep,
                LdC = c.RowStep,
                Batch = Math.Max(chunk.Heads, chunk.Images),
                StrideA = Step(a, overHeads),
                StrideB = Step(b, overHeads),
                StrideC = Step(c, overHeads),
                TransA = transposeA ? 1 : 0,
                TransB = transposeB ? 1 : 0,
                Accumulate = adds ? 1 : 0,
                Alpha = alpha,
                TypeA = a.DType,
                TypeB = b.DType,
                TypeC = c.DType,
            });
        }
    }

    /// <summary>One team for each row of scores.</summary>
    internal Work Work(AttentionChunk chunk) => Tensors.Work.Rows((long)chunk.Images * chunk.Heads * chunk.Queries, KeyCount, cost: 4L * KeyCount);

    /// <summary>One team for each row of the bias that the chunk meets.</summary>
    internal Work BiasWork(AttentionChunk chunk) => Tensors.Work.Teams(
        (BiasImage > 0 ? chunk.Images : 1L) * (BiasHead > 0 ? chunk.Heads : 1) * chunk.Queries, KeyCount, cost: (long)chunk.Images * chunk.Heads * KeyCount);

    /// <summary>The kernels' arguments from the masks on.</summary>
    internal KernelArg[] Arguments(AttentionChunk chunk) =>
    [
        blocked, blockedSteps.Image, blockedSteps.Head, padded, bias, BiasImage, BiasHead,
        chunk.Images, chunk.Heads, chunk.Queries, KeyCount, chunk.Image, chunk.Head, chunk.Query, Heads, Queries,
    ];

    /// <summary>The size of equal parts of <paramref name="count"/>, at most <paramref name="most"/> and at least one.</summary>
    private static int EvenPart(int count, long most)
    {
        long parts = (count + Math.Max(most, 1) - 1) / Math.Max(most, 1);
        return (int)Math.Max((count + parts - 1) / Math.Max(parts, 1), 1);
    }

    private HeadMatrices Slices(Tensor x, int rowsOfImage, AttentionChunk chunk, int row, int rows)
    {
        long image = (long)rowsOfImage * width, first = (chunk.Image * image) + ((long)row * width) + ((long)chunk.Head * HeadWidth);
        return new HeadMatrices(x.Pointer + (nint)(first * x.DType.Size), x.DType, HeadWidth, image, width, rows, HeadWidth);
    }

    /// <summary>Elements from one image's mask to the next's, and from one head's to the next's; 0: shared.</summary>
    /// <param name="mask">The mask, or null.</param>
    /// <param name="name">Its name in the message.</param>
    /// <param name="outer">What a mask of three dimensions may have one of each, besides all heads of all images.</param>
    /// <param name="ofImages">Whether <paramref name="outer"/> counts images, not heads.</param>
    private (long Image, long Head) Steps(Tensor? mask, string name, int outer, bool ofImages)
    {
        long one = (long)Queries * KeyCount;
        if (mask is null || mask.Shape == [Queries, KeyCount])
        {
            return (0, 0);
        }

        if (mask.Shape == [outer, Queries, KeyCount])
        {
            return ofImages ? (one, 0) : (0, one);
        }

        Check.That(
            mask.Shape == [Images * Heads, Queries, KeyCount],
            $"{name} must be [queries, keys], [{(ofImages ? "batch" : "heads")}, queries, keys] or [batch · heads, queries, keys] "
                + $"with [{Queries}, {KeyCount}], got {mask.Shape}.",
            "Attention");
        return (one * Heads, one);
    }
}
