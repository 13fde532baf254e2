namespace CoDetr.Tensors;

/// <summary>
/// Matrix products by cuBLASLt, on request. It counts columns first, so that a row-major c = a b is its cᵀ = bᵀ aᵀ: operands change places. It only
/// multiplies, and adds to c; what else follows a product is done by our own finishing kernel.
/// </summary>
internal sealed class CublasLtProducts : IDisposable
{
    private const int WorkspaceBytes = 32 << 20;

    private readonly CudaDevice device;
    private readonly nint handle;
    private readonly Dictionary<Shape, Plan?> plans = [];
    private bool hasSaidWhy;

    internal CublasLtProducts(CudaDevice device)
    {
        this.device = device;
        if (!CublasLt.IsAvailable)
        {
            Say($"cuBLASLt was not found ({string.Join("; ", CublasLt.Tried)})");
        }
        else if (CublasLt.Create(out handle) is int result and not CublasLt.Success)
        {
            Say($"cublasLtCreate answers {result}");
        }
    }

    /// <summary>Products that the library did.</summary>
    internal long Calls { get; private set; }

    /// <summary>c = alpha · op(a) op(b) (+ c), nothing else of the problem; or false, and nothing is done.</summary>
    internal bool TryMultiply(in GemmProblem p)
    {
        if (handle == 0 || p.TypeA != p.TypeB || (p.TypeC != p.TypeA && p.TypeC != DType.F32) || p.M <= 0 || p.N <= 0 || p.K <= 0 || p.Batch <= 0)
        {
            return false;
        }

        Shape shape = new(p.M, p.N, p.K, p.Batch, p.LdA, p.LdB, p.LdC, p.StrideA, p.StrideB, p.StrideC, p.TransA, p.TransB, p.TypeA, p.TypeC);
        if (!plans.TryGetValue(shape, out Plan? plan))
        {
            plans[shape] = plan = Find(shape);
        }

        if (plan is null)
        {
            return false;
        }

        Storage? workspace = plan.Choice.WorkspaceBytes > 0 ? device.Allocate((long)plan.Choice.WorkspaceBytes) : null;
        float beta = p.Accumulate;
        int result = CublasLt.Multiply(
            handle, plan.Product, p.Alpha, p.B, plan.First, p.A, plan.Second, beta, p.C, plan.Result, p.C, plan.Result, plan.Choice,
            workspace?.Pointer ?? 0, plan.Choice.WorkspaceBytes, device.Stream);
        workspace?.Free(); // in stream order
        if (result != CublasLt.Success)
        {
            plans[shape] = null;
            Say($"cublasLtMatmul answers {result} to {shape}");
            return false;
        }

        Calls++;
        device.NoteLibraryCall("cublasLtMatmul");
        return true;
    }

    public void Dispose()
    {
        foreach (Plan? plan in plans.Values)
        {
            plan?.Destroy();
        }

        _ = handle == 0 ? 0 : CublasLt.Destroy(handle);
    }

    private Plan? Find(Shape s)
    {
        CublasLt.Data type = TypeOf(s.Type);
        int result = CublasLt.CreateProduct(out nint product, CublasLt.Compute.F32, CublasLt.Data.F32);
        nint first = Layout(type, s.TransB ^ 1, s.K, s.N, s.LdB, s.Batch, s.StepB, ref result);
        nint second = Layout(type, s.TransA ^ 1, s.M, s.K, s.LdA, s.Batch, s.StepA, ref result);
        nint to = Layout(TypeOf(s.TypeC), 1, s.M, s.N, s.LdC, s.Batch, s.StepC, ref result);
        result |= CublasLt.SetProduct(product, CublasLt.ProductAttribute.TransposeA, s.TransB, sizeof(int));
        result |= CublasLt.SetProduct(product, CublasLt.ProductAttribute.TransposeB, s.TransA, sizeof(int));
        result |= CublasLt.CreatePreference(out nint preference);
        result |= CublasLt.SetPreference(preference, CublasLt.PreferenceAttribute.MaxWorkspaceBytes, WorkspaceBytes, sizeof(ulong));
        int found = 0;
        CublasLt.Choice choice = default;
        if (result == CublasLt.Success)
        {
            result = CublasLt.FindAlgorithms(handle, product, first, second, to, to, preference, 1, out choice, out found);
        }

        _ = CublasLt.DestroyPreference(preference);
        Plan plan = new(product, first, second, to, choice);
        if (result == CublasLt.Success && found > 0)
        {
            return plan;
        }

        Say($"cuBLASLt has no algorithm for {s} (it answers {result})");
        plan.Destroy();
        return null;
    }

    /// <summary>The layout of a row-major matrix as the library sees it: its rows are columns. Not transposed it is stored (rows, columns), else the other way round.</summary>
    private static nint Layout(CublasLt.Data type, int isPlain, long rows, long columns, long ld, long batch, long step, ref int result)
    {
        (long stored, long across) = isPlain == 1 ? (columns, rows) : (rows, columns);
        result |= CublasLt.CreateLayout(out nint layout, type, (ulong)stored, (ulong)across, ld);
        result |= CublasLt.SetLayout(layout, CublasLt.LayoutAttribute.BatchCount, (int)batch, sizeof(int));
        result |= CublasLt.SetLayout(layout, CublasLt.LayoutAttribute.BatchStep, step, sizeof(long));
        return layout;
    }

    private static CublasLt.Data TypeOf(DType type) => type switch
    {
        DType.F16 => CublasLt.Data.F16,
        DType.BF16 => CublasLt.Data.BF16,
        _ => CublasLt.Data.F32,
    };

    private void Say(string why)
    {
        if (!hasSaidWhy)
        {
            hasSaidWhy = true;
            Console.Error.WriteLine($"{why}: the engine's own kernels multiply instead.");
        }
    }

    private readonly record struct Shape(
        long M, long N, long K, long Batch, long LdA, long LdB, long LdC, long StepA, long StepB, long StepC, int TransA, int TransB, DType Type, DType TypeC);

    private sealed record Plan(nint Product, nint First, nint Second, nint Result, CublasLt.Choice Choice)
    {
        internal void Destroy()
        {
            _ = CublasLt.DestroyLayout(First);
            _ = CublasLt.DestroyLayout(Second);
            _ = CublasLt.DestroyLayout(Result);
            _ = CublasLt.DestroyProduct(Product);
        }
    }
}
