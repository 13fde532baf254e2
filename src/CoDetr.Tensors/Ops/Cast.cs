namespace CoDetr.Tensors;

/// <summary>The same numbers in another type.</summary>
public static class CastOp
{
    private static readonly Kernel RealToFloat = new("cast.cu", "cast_real_to_float");
    private static readonly Kernel FloatToReal = new("cast.cu", "cast_float_to_real");
    private static readonly Kernel RealToDouble = new("cast.cu", "cast_real_to_double");
    private static readonly Kernel DoubleToReal = new("cast.cu", "cast_double_to_real");
    private static readonly Kernel RealToInt = new("cast.cu", "cast_real_to_int");
    private static readonly Kernel IntToReal = new("cast.cu", "cast_int_to_real");
    private static readonly Kernel RealToByte = new("cast.cu", "cast_real_to_byte");
    private static readonly Kernel ByteToReal = new("cast.cu", "cast_byte_to_real");

    extension(Tensor x)
    {
        /// <summary>
        /// The elements in another type; this tensor itself if it has that type. Between floating-point types gradients flow; numbers become integers
        /// by cutting off the fraction.
        /// </summary>
        /// <returns><c>real[...]</c></returns>
        public Tensor Cast(DType dtype)
        {
            if (x.DType == dtype)
            {
                return x;
            }

            Kernel? kernel = (x.DType, dtype) switch
            {
                (DType.F32, DType.F64) => RealToDouble,
                (DType.F64, DType.F32) => DoubleToReal,
                (DType.F16 or DType.BF16, DType.F32) => RealToFloat,
                (DType.F32, DType.F16 or DType.BF16) => FloatToReal,
                (DType.I32, _) when dtype.IsFloat => IntToReal,
                (DType.U8, _) when dtype.IsFloat => ByteToReal,
                (_, DType.I32) when x.DType.IsFloat => RealToInt,
                (_, DType.U8) when x.DType.IsFloat => RealToByte,
                _ => null,
            };
            if (kernel is null)
            {
                Check.That(x.DType != DType.F32 && dtype != DType.F32, $"there is no way from {x.DType} to {dtype}.");
                return x.Cast(DType.F32).Cast(dtype); // f32 holds every f16, bf16, byte and the integers up to 2^24
            }

            Tensor y = Tensor.Empty(x.Shape, dtype, x.Device);
            x.Device.Launch(kernel, Work.Elements(x.Count), y, x, x.Count);
            return dtype.IsFloat && x.DType.IsFloat ? GradNode.Record(nameof(Cast), y, [x], dy => [dy.Cast(x.DType)]) : y;
        }
    }
}
