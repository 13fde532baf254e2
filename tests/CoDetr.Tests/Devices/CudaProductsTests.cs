using System.Runtime.InteropServices;
using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Tests.Devices;

/// <summary>
/// The whole contract of products and convolutions, with drawn shapes and mixed types, against a double-precision reference. Runs on the default device:
/// the CPU in f32, a GPU (or the soft one) in every type.
/// </summary>
public sealed class CudaProductsTests
{
    public static TheoryData<DType> Types => [DType.F32, DType.F16, DType.BF16];

    [Theory, MemberData(nameof(Types))]
    public void ProductsOfDrawnShapesAgree(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        CheckDrawnProducts(device, new Random(7), real, 60);
    }

    /// <summary>Shapes that take each tile, whole and with tails, and sums that are cut.</summary>
    [Theory, MemberData(nameof(Types))]
    public void ProductsOfEveryTileAgree(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        Random random = new(8);
        foreach ((int m, int n, int k) in (ReadOnlySpan<(int, int, int)>)[(256, 256, 64), (300, 260, 33), (64, 64, 4096), (65, 61, 4099), (384, 32, 64), (150, 20, 17000)])
        {
            CheckProduct(device, random, real, m, n, k, batch: 1);
        }
    }

    [Theory, MemberData(nameof(Types))]
    public void ConvolutionsOfDrawnShapesAgree(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        CheckDrawnConvolutions(device, new Random(9), real, 40);
    }

    /// <summary>NVIDIA's libraries, where the engine is asked to use them; here their stand-ins, which mean the same by the same arguments.</summary>
    [Theory, MemberData(nameof(Types))]
    public void LibrariesAreHandedTheSameProblems(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        Assert.SkipWhen((Device)device is not CudaDevice, "Libraries work on a GPU, or the soft one: CODETR_CUDA_DRIVER.");
        foreach ((string setting, string file) in (ReadOnlySpan<(string, string)>)[("CODETR_CUBLASLT", "libcublasLt.so.12"), ("CODETR_CUDNN", "libcudnn.so.9")])
        {
            if (SoftGpuLibrary.IsInUse)
            {
                Environment.SetEnvironmentVariable(setting, Path.Combine(Path.GetDirectoryName(Environment.GetEnvironmentVariable("CODETR_CUDA_DRIVER"))!, file));
            }
        }

        Assert.SkipUnless(CublasLt.IsAvailable && Cudnn.IsAvailable, $"No cuBLASLt or cuDNN: {string.Join("; ", [.. CublasLt.Tried, .. Cudnn.Tried])}");
        CudaProducts products = ((CudaDevice)(Device)device).Products;
        (long before, bool asked) = (products.LibraryCalls, products.AsksLibraries);
        products.AsksLibraries = true;
        try
        {
            CheckDrawnProducts(device, new Random(12), real, 20);
            long afterProducts = products.LibraryCalls;
            Assert.InRange(afterProducts, before + 1, long.MaxValue);
            CheckDrawnConvolutions(device, new Random(13), real, 16);
            Assert.InRange(products.LibraryCalls, afterProducts + 5, long.MaxValue);
        }
        finally
        {
            products.AsksLibraries = asked;
        }
    }

    /// <summary>A stem: 7 × 7 of 3 channels with stride 2, and a residual stage's 3 × 3.</summary>
    [Theory, MemberData(nameof(Types))]
    public void ConvolutionsOfABackboneAgree(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        Random random = new(10);
        ConvolutionProblem stem = new()
        {
            Batch = 1,
            Height = 22,
            Width = 30,
            Channels = 3,
            OutHeight = 11,
            OutWidth = 15,
            OutChannels = 64,
            KernelHeight = 7,
            KernelWidth = 7,
            StrideHeight = 2,
            StrideWidth = 2,
            PadHeight = 3,
            PadWidth = 3,
            DilationHeight = 1,
            DilationWidth = 1,
            Groups = 1,
        };
        CheckConvolution(device, random, real, stem);
        CheckConvolution(device, random, real, stem with
        {
            Height = 14,
            Width = 15,
            OutHeight = 14,
            OutWidth = 15,
            Channels = 64,
            OutChannels = 136,
            KernelHeight = 3,
            KernelWidth = 3,
            StrideHeight = 1,
            StrideWidth = 1,
            PadHeight = 1,
            PadWidth = 1,
        });
    }

    /// <summary>The least that tiles of this size can read, whichever operand is transposed; and no access to shared memory waits for another.</summary>
    [Theory, MemberData(nameof(Types))]
    public void TilesReadTheirOperandsOnceAndMeetNoBankTwice(DType real)
    {
        using DeviceUnderTest device = ReadyFor(real);
        Assert.SkipUnless(SoftGpuLibrary.IsInUse, "Only the soft GPU counts.");
        Random random = new(11);
        const int M = 512, N = 256, K = 256, Tile = 128;
        using Buffer a = new(device, real, M * K, random, real), b = new(device, real, N * K, random, real), c = new(device, real, M * N, random, real);
        for (int flags = 0; flags < 4; flags++)
        {
            (int transA, int transB) = (flags & 1, flags >> 1);
            SoftGpuLibrary.TakeCounters();
            ((Device)device).Gemm(new GemmProblem
            {
                A = a.Pointer,
                B = b.Pointer,
                C = c.Pointer,
                M = M,
                N = N,
                K = K,
                LdA = transA == 1 ? M : K,
                LdB = transB == 1 ? K : N,
                LdC = N,
                Batch = 1,
                TransA = transA,
                TransB = transB,
                Alpha = 1,
                TypeA = real,
                TypeB = real,
                TypeC = real,
            });
            ((Device)device).Synchronize();
            KernelCounters counters = Assert.Single(SoftGpuLibrary.TakeCounters());
            long sectorsOfK = K * real.Size / 32;
            Assert.Equal("gemm_128x128", counters.Kernel);
            Assert.Equal((M * (N / Tile) * sectorsOfK) + (N * (M / Tile) * sectorsOfK), counters.ReadSectors);
            Assert.Equal(M * N * real.Size / 32, counters.WrittenSectors);
            Assert.Equal(0, counters.SharedConflicts);
        }
    }

    [Fact]
    public void ThePlanFillsTheCardAndBoundsSums()
    {
        ProductKernel[] kernels = [new("", "large", ProductTile.Large), new("", "small", ProductTile.Small), new("", "narrow", ProductTile.Narrow)];
        Assert.Equal(("large", 1), Plan(35642, 256, 256));
        Assert.Equal(("narrow", 1), Plan(35642, 32, 256));
        Assert.Equal("large", Plan(4096, 4096, 4096).Name);
        Assert.True(Plan(256, 256, 35642).Splits > 10); // a weight's gradient
        Assert.Equal(7, Plan(4096, 4096, 100000).Splits);

        (string Name, int Splits) Plan(long m, long n, long k)
        {
            ProductPlan plan = ProductPlan.For(m, n, k, 1, 108, kernels);
            Assert.True((long)plan.Depth * plan.Splits >= k && plan.Depth % 32 == 0 && (long)plan.Depth * (plan.Splits - 1) < k);
            return (plan.Kernel.Name, plan.Splits);
        }
    }

    private static DeviceUnderTest ReadyFor(DType real)
    {
        DeviceUnderTest device = new(2);
        Assert.SkipWhen((Device)device is CpuDevice && real != DType.F32, "f16 and bf16 need a GPU, or the soft one: CODETR_CUDA_DRIVER.");
        return device;
    }

    private static void CheckDrawnProducts(Device device, Random random, DType real, int count)
    {
        for (int i = 0; i < count; i++)
        {
            int Draw(int most) => random.Next(6) == 0 ? random.Next(2) : 1 + random.Next(most);
            CheckProduct(device, random, real, m: Draw(150), n: Draw(150), k: Draw(90), batch: random.Next(3) == 0 ? random.Next(4) : 1);
        }
    }

    private static void CheckDrawnConvolutions(Device device, Random random, DType real, int count)
    {
        for (int i = 0; i < count; i++)
        {
            int groups = random.Next(3) switch { 0 => 1 + random.Next(4), _ => 1 };
            int channels = groups * (random.Next(2) == 0 ? 1 + random.Next(9) : 8 * (1 + random.Next(3)));
            int outputs = groups * (random.Next(2) == 0 ? 1 + random.Next(9) : 8 * (1 + random.Next(3)));
            ConvolutionProblem p = new()
            {
                Batch = random.Next(8) == 0 ? 0 : 1 + random.Next(3),
                Height = 1 + random.Next(12),
                Width = 1 + random.Next(12),
                Channels = channels,
                OutChannels = outputs,
                KernelHeight = 1 + random.Next(4),
                KernelWidth = 1 + random.Next(4),
                StrideHeight = 1 + random.Next(3),
                StrideWidth = 1 + random.Next(3),
                PadHeight = random.Next(3),
                PadWidth = random.Next(3),
                DilationHeight = 1 + random.Next(2),
                DilationWidth = 1 + random.Next(2),
                Groups = groups,
            };
            if (random.Next(5) == 0)
            {
                p = p with { KernelHeight = 1, KernelWidth = 1, StrideHeight = 1, StrideWidth = 1, PadHeight = 0, PadWidth = 0 };
            }

            long Places(long size, long kernel, long stride, long pad, long dilation) => ((size + (2 * pad) - (dilation * (kernel - 1)) - 1) / stride) + 1;
            p.OutHeight = Places(p.Height, p.KernelHeight, p.StrideHeight, p.PadHeight, p.DilationHeight);
            p.OutWidth = Places(p.Width, p.KernelWidth, p.StrideWidth, p.PadWidth, p.DilationWidth);
            if (p.Height + (2 * p.PadHeight) > p.DilationHeight * (p.KernelHeight - 1) && p.Width + (2 * p.PadWidth) > p.DilationWidth * (p.KernelWidth - 1))
            {
                CheckConvolution(device, random, real, p);
            }
        }
    }

    private static void CheckProduct(Device device, Random random, DType real, int m, int n, int k, int batch)
    {
        bool transA = random.Next(2) == 0, transB = random.Next(2) == 0;
        bool isAligned = random.Next(2) == 0; // whole chunks, or one by one
        int Stride(int width) => isAligned ? (width + 7) / 8 * 8 : width + random.Next(4);
        DType Type() => random.Next(2) == 0 ? real : DType.F32;
        GemmProblem p = new()
        {
            M = m,
            N = n,
            K = k,
            Batch = batch,
            LdA = Stride(transA ? m : k),
            LdB = Stride(transB ? k : n),
            LdC = Stride(n),
            TransA = transA ? 1 : 0,
            TransB = transB ? 1 : 0,
            Alpha = random.Next(2) == 0 ? 1 : 0.5f,
            Accumulate = random.Next(2),
            Activation = (Activation)random.Next(4),
            TypeA = Type(),
            TypeB = Type(),
            TypeC = Type(),
        };
        long sizeA = (transA ? k : m) * p.LdA, sizeB = (transB ? n : k) * p.LdB, sizeC = m * p.LdC;
        (p.StrideA, p.StrideB, p.StrideC) = (batch > 1 && random.Next(4) == 0 ? 0 : sizeA, batch > 1 && random.Next(4) == 0 ? 0 : sizeB, sizeC);
        using Buffer a = new(device, p.TypeA, sizeA + (p.StrideA * Math.Max(batch - 1, 0)), random, real), b = new(device, p.TypeB, sizeB + (p.StrideB * Math.Max(batch - 1, 0)), random, real);
        using Buffer c = new(device, p.TypeC, sizeC * batch, random, real), residual = new(device, p.TypeC, sizeC * batch, random, real);
        using Buffer scale = new(device, DType.F32, n, random, real), bias = new(device, DType.F32, n, random, real);
        (bool hasScale, bool hasBias, bool hasResidual) = (random.Next(3) == 0, random.Next(2) == 0, random.Next(3) == 0);
        (p.A, p.B, p.C) = (a.Pointer, b.Pointer, c.Pointer);
        (p.Scale, p.Bias, p.Residual) = (hasScale ? scale.Pointer : 0, hasBias ? bias.Pointer : 0, hasResidual ? residual.Pointer : 0);
        double[] expected = [.. c.Values];
        for (int t = 0; t < batch; t++)
        {
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < n; j++)
                {
                    double sum = 0;
                    for (int q = 0; q < k; q++)
                    {
                        sum += a.Values[(t * p.StrideA) + (transA ? (q * p.LdA) + i : (i * p.LdA) + q)]
                            * b.Values[(t * p.StrideB) + (transB ? (j * p.LdB) + q : (q * p.LdB) + j)];
                    }

                    long at = (t * p.StrideC) + (i * p.LdC) + j;
                    sum = (sum * p.Alpha * (hasScale ? scale.Values[j] : 1)) + (hasBias ? bias.Values[j] : 0) + (hasResidual ? residual.Values[at] : 0);
                    expected[at] = Activated(sum, p.Activation) + (p.Accumulate != 0 ? expected[at] : 0);
                }
            }
        }

        device.Gemm(p);
        c.AssertHolds(
            expected,
            $"{batch} × {m}×{n}×{k}, {p.TypeA}{(transA ? "ᵀ" : "")} {p.TypeB}{(transB ? "ᵀ" : "")} to {p.TypeC}, rows {p.LdA} {p.LdB} {p.LdC}, {p.Activation}");
    }

    private static void CheckConvolution(Device device, Random random, DType real, ConvolutionProblem p)
    {
        DType Type() => random.Next(2) == 0 ? real : DType.F32;
        (p.TypeX, p.TypeW, p.TypeY, p.Accumulate) = (Type(), Type(), Type(), random.Next(2));
        string words = $"{p.Batch}×{p.Height}×{p.Width}×{p.Channels} {p.TypeX}, {p.KernelHeight}×{p.KernelWidth} {p.TypeW} to {p.OutChannels} {p.TypeY}, stride "
            + $"{p.StrideHeight} {p.StrideWidth}, pad {p.PadHeight} {p.PadWidth}, dilation {p.DilationHeight} {p.DilationWidth}, {p.Groups} groups";
        long taps = p.KernelHeight * p.KernelWidth * p.Channels / p.Groups;
        foreach (ConvolutionPass pass in Enum.GetValues<ConvolutionPass>())
        {
            using Buffer x = new(device, p.TypeX, p.Batch * p.Height * p.Width * p.Channels, random, real), w = new(device, p.TypeW, p.OutChannels * taps, random, real);
            using Buffer y = new(device, p.TypeY, p.Batch * p.OutHeight * p.OutWidth * p.OutChannels, random, real);
            using Buffer residual = new(device, p.TypeY, y.Values.Length, random, real), vectors = new(device, DType.F32, 2 * p.OutChannels, random, real);
            (p.X, p.W, p.Y) = (x.Pointer, w.Pointer, y.Pointer);
            bool isForward = pass == ConvolutionPass.Forward, hasEpilogue = isForward && random.Next(2) == 0;
            p.Scale = hasEpilogue ? vectors.Pointer : 0;
            p.Bias = hasEpilogue ? vectors.Pointer + (nint)(p.OutChannels * sizeof(float)) : 0;
            p.Residual = hasEpilogue ? residual.Pointer : 0;
            p.Activation = hasEpilogue ? (Activation)random.Next(4) : Activation.None;
            Buffer output = isForward ? y : pass == ConvolutionPass.BackwardData ? x : w;
            double[] sums = new double[output.Values.Length];
            ForEachProduct(p, taps, (atX, atW, atY) => _ = pass switch
            {
                ConvolutionPass.Forward => sums[atY] += x.Values[atX] * w.Values[atW],
                ConvolutionPass.BackwardData => sums[atX] += y.Values[atY] * w.Values[atW],
                _ => sums[atW] += y.Values[atY] * x.Values[atX],
            });
            for (int i = 0; hasEpilogue && i < sums.Length; i++)
            {
                int o = i % (int)p.OutChannels;
                sums[i] = Activated((sums[i] * vectors.Values[o]) + vectors.Values[p.OutChannels + o] + residual.Values[i], p.Activation);
            }

            device.Convolve(pass, p);
            output.AssertHolds([.. sums.Zip(output.Values, (sum, before) => sum + (p.Accumulate * before))], $"{pass} of {words}");
        }
    }

    private static void ForEachProduct(ConvolutionProblem p, long taps, Action<long, long, long> at)
    {
        long channels = p.Channels / p.Groups, outputs = p.OutChannels / p.Groups;
        for (long place = 0; place < p.Batch * p.OutHeight * p.OutWidth; place++)
        {
            long image = place / p.OutWidth / p.OutHeight, row = place / p.OutWidth % p.OutHeight, column = place % p.OutWidth;
            for (long tap = 0; tap < taps; tap++)
            {
                long y = (row * p.StrideHeight) - p.PadHeight + (tap / channels / p.KernelWidth * p.DilationHeight);
                long x = (column * p.StrideWidth) - p.PadWidth + (tap / channels % p.KernelWidth * p.DilationWidth);
                for (long o = 0; o < p.OutChannels && y >= 0 && y < p.Height && x >= 0 && x < p.Width; o++)
                {
                    at((((((image * p.Height) + y) * p.Width) + x) * p.Channels) + (o / outputs * channels) + (tap % channels), (o * taps) + tap, (place * p.OutChannels) + o);
                }
            }
        }
    }

    private static double Activated(double x, Activation activation) => activation switch
    {
        Activation.Relu => Math.Max(x, 0),
        Activation.Gelu => x * Ops.ElementwiseTests.Normal(Math.Clamp(x, -9, 9)), // a series, long far out
        Activation.Silu => x / (1 + Math.Exp(-x)),
        _ => x,
    };

    /// <summary>Seeded numbers on the device, rounded to the storage type of the kernel, so that every operand means the same to all.</summary>
    private sealed class Buffer : IDisposable
    {
        private readonly Device device;
        private readonly DType type;
        private readonly Storage storage;

        internal Buffer(Device device, DType type, long count, Random random, DType real)
        {
            (this.device, this.type) = (device, type);
            Values = [.. Enumerable.Range(0, (int)count).Select(_ => StorageRounding.Round((random.NextDouble() * 2) - 1, real))];
            storage = device.Allocate(Math.Max(count, 1) * type.Size);
            device.Upload(
                type switch
                {
                    DType.F32 => MemoryMarshal.AsBytes([.. Values.Select(v => (float)v)]),
                    DType.F16 => MemoryMarshal.AsBytes([.. Values.Select(v => (Half)v)]),
                    _ => MemoryMarshal.AsBytes([.. Values.Select(v => (ushort)(BitConverter.SingleToUInt32Bits((float)v) >> 16))]),
                },
                storage.Pointer);
        }

        internal double[] Values { get; }

        internal nint Pointer => storage.Pointer;

        public void Dispose() => storage.Free();

        internal void AssertHolds(double[] expected, string words)
        {
            byte[] bytes = new byte[expected.Length * type.Size];
            device.Download(storage.Pointer, bytes);
            double tolerance = type == DType.F32 ? 1e-5 : StorageRounding.Tolerances(type).Output;
            double largest = expected.Select(Math.Abs).DefaultIfEmpty(0).Max();
            for (int i = 0; i < expected.Length; i++)
            {
                double found = type switch
                {
                    DType.F32 => MemoryMarshal.Cast<byte, float>(bytes)[i],
                    DType.F16 => (double)MemoryMarshal.Cast<byte, Half>(bytes)[i],
                    _ => BitConverter.UInt32BitsToSingle((uint)MemoryMarshal.Cast<byte, ushort>(bytes)[i] << 16),
                };
                Assert.True(Math.Abs(expected[i] - found) <= tolerance * Math.Max(largest, 1e-3), $"{words}: at {i} is {found:R}, expected {expected[i]:R} (largest {largest:G3}).");
            }
        }
    }
}
