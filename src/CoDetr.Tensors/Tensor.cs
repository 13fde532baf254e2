using System.Runtime.InteropServices;

namespace CoDetr.Tensors;

/// <summary>
/// A handle on a contiguous, row-major array on a device: shape, element type, storage, gradient. Ops are extension members in <c>Ops/</c>.
/// Its storage belongs to the <see cref="StepScope"/> in which it was made; outside any scope it lives until <see cref="Dispose"/>.
/// </summary>
public sealed class Tensor : IDisposable
{
    internal Tensor(Storage storage, long offset, Shape shape, DType dtype)
    {
        Storage = storage;
        Offset = offset;
        Shape = shape;
        DType = dtype;
        Count = shape.Count;
    }

    /// <summary>The sizes of the dimensions.</summary>
    public Shape Shape { get; }

    /// <summary>The element type.</summary>
    public DType DType { get; }

    /// <summary>The number of elements.</summary>
    public long Count { get; }

    /// <summary>Where the elements lie.</summary>
    public Device Device => Storage.Device;

    /// <summary>Whether <see cref="Backpropagation"/> computes a gradient for this leaf, or it is the output of a recorded op.</summary>
    public bool RequiresGrad { get; set; }

    /// <summary>The gradient of the last backward pass: same shape; null before it or if nothing flowed here.</summary>
    public Tensor? Grad { get; internal set; }

    internal Storage Storage { get; private set; }

    /// <summary>The first element's place in the storage, in elements.</summary>
    internal long Offset { get; private set; }

    internal GradNode? Node { get; set; }

    /// <summary>Whether <see cref="Grad"/> may be added to in place: nobody else holds its storage.</summary>
    internal bool OwnsGrad { get; set; }

    internal nint Pointer => Storage.Pointer + (nint)(Offset * DType.Size);

    /// <summary>A tensor of undefined content.</summary>
    public static Tensor Empty(Shape shape, DType dtype = DType.F32, Device? device = null) =>
        new((device ?? Device.Default).Allocate(shape.Count * dtype.Size), 0, shape, dtype);

    /// <summary>A tensor of zeros.</summary>
    public static Tensor Zeros(Shape shape, DType dtype = DType.F32, Device? device = null)
    {
        Tensor tensor = Empty(shape, dtype, device);
        tensor.Device.Clear(tensor.Pointer, tensor.Count * dtype.Size);
        return tensor;
    }

    /// <summary>Uploads an array.</summary>
    public static Tensor From<T>(ReadOnlySpan<T> values, Shape shape, Device? device = null)
        where T : unmanaged
    {
        if (values.Length != shape.Count)
        {
            throw new ShapeException($"From: {shape} has {shape.Count} elements, got {values.Length}.");
        }

        Tensor tensor = Empty(shape, DTypes.Of<T>(), device);
        tensor.Device.Upload(MemoryMarshal.AsBytes(values), tensor.Pointer);
        return tensor;
    }

    /// <inheritdoc cref="From{T}(ReadOnlySpan{T}, Shape, Device)"/>
    public static Tensor From<T>(T[] values, Shape shape, Device? device = null)
        where T : unmanaged => From((ReadOnlySpan<T>)values, shape, device);

    /// <summary>Uploads a one-dimensional array.</summary>
    public static Tensor From<T>(params T[] values)
        where T : unmanaged => From((ReadOnlySpan<T>)values, [values.Length]);

    /// <summary>Uploads numbers as f32, f16 or bf16, rounded to nearest even.</summary>
    public static Tensor From(ReadOnlySpan<float> values, Shape shape, DType dtype, Device? device = null)
    {
        if (dtype == DType.F32)
        {
            return From(values, shape, device);
        }

        Check.That(dtype is DType.F16 or DType.BF16 && values.Length == shape.Count, $"{values.Length} numbers cannot become {dtype}{shape}.");
        Tensor tensor = Empty(shape, dtype, device);
        tensor.Device.Upload(MemoryMarshal.AsBytes(ShortFloats.From(values, dtype).AsSpan()), tensor.Pointer);
        return tensor;
    }

    /// <summary>A tensor of the same shape, type and device; undefined content.</summary>
    public Tensor Like() => Empty(Shape, DType, Device);

    /// <summary>A tensor of the same type and device; undefined content.</summary>
    public Tensor New(params ReadOnlySpan<int> sizes) => Empty(Shape.Create(sizes), DType, Device);

    /// <summary>A tensor of the same type and device, filled with zeros.</summary>
    public Tensor NewZeros(params ReadOnlySpan<int> sizes) => Zeros(Shape.Create(sizes), DType, Device);

    /// <summary>Downloads all elements: the only way from a device to plain memory. Waits for the device.</summary>
    public T[] ToArray<T>()
        where T : unmanaged
    {
        if (DTypes.Of<T>() != DType)
        {
            throw new ShapeException($"ToArray: the tensor holds {DType}, not {DTypes.Of<T>()}.");
        }

        T[] values = new T[Count];
        Device.Download(Pointer, MemoryMarshal.AsBytes(values.AsSpan()));
        return values;
    }

    /// <summary>Downloads f32, f16 or bf16 elements.</summary>
    public float[] ToArray()
    {
        if (DType is not (DType.F16 or DType.BF16))
        {
            return ToArray<float>();
        }

        ushort[] bits = new ushort[Count];
        Device.Download(Pointer, MemoryMarshal.AsBytes(bits.AsSpan()));
        return ShortFloats.ToFloats(bits, DType);
    }

    /// <summary>Downloads a tensor of one floating-point number.</summary>
    public float ToScalar() => Count == 1 ? ToArray()[0] : throw new ShapeException($"ToScalar: the tensor has {Count} elements.");

    /// <summary>Overwrites the elements from plain memory.</summary>
    public void Set<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        Check.That(DTypes.Of<T>() == DType && values.Length == Count, $"a tensor of {Count} {DType} cannot take {values.Length} {typeof(T).Name}.");
        Device.Upload(MemoryMarshal.AsBytes(values), Pointer);
    }

    /// <summary>A tensor that shares the elements but not the history: gradients stop here.</summary>
    public Tensor Detach() => new(Storage, Offset, Shape, DType);

    /// <summary>Frees the storage at once. Handles that share it throw on use afterwards.</summary>
    public void Dispose() => Storage.Free();

    /// <summary>Type and shape, for example <c>F32[2, 900, 256]</c>.</summary>
    public override string ToString() => $"{DType}{Shape}";

    /// <summary>A view of the same storage: <paramref name="offset"/> counts elements from this tensor's first.</summary>
    internal Tensor View(long offset, Shape shape)
    {
        if (offset < 0 || offset + shape.Count > Count)
        {
            throw new ShapeException($"View: {shape} at {offset} does not lie within {Shape}.");
        }

        return new Tensor(Storage, Offset + offset, shape, DType);
    }

    /// <summary>A view of the same storage as another type: <paramref name="offset"/> counts this tensor's elements, the shape those of the type.</summary>
    internal Tensor View(long offset, Shape shape, DType dtype)
    {
        long bytes = (Offset + offset) * DType.Size;
        Check.That(
            offset >= 0 && (offset * DType.Size) + (shape.Count * dtype.Size) <= Count * DType.Size && bytes % dtype.Size == 0,
            $"{dtype}{shape} at {offset} does not lie within {this}.");
        return new Tensor(Storage, bytes / dtype.Size, shape, dtype);
    }

    /// <summary>Moves this handle onto a place in another storage, copying the elements there (parameters gathered into one buffer).</summary>
    internal void MoveTo(Tensor place)
    {
        Device.Copy(Pointer, place.Pointer, Count * DType.Size);
        Storage.Free();
        (Storage, Offset) = (place.Storage, place.Offset);
    }
}
