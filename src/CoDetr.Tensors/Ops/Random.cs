namespace CoDetr.Tensors;

/// <summary>Random numbers that depend on a seed on the device, a stream and their place alone: the same on every device, for any number of workers.</summary>
public static class RandomOp
{
    private static readonly Kernel Uniform = new("random.cu", "random_uniform");

    extension(Tensor seed)
    {
        /// <summary>Uniform numbers in [0, 1).</summary>
        /// <param name="stream">Other streams give independent numbers; the seed is <c>i32[2]</c>.</param>
        /// <param name="shape">Of the result.</param>
        /// <returns><c>f32[...]</c></returns>
        public Tensor RandomUniform(int stream, Shape shape)
        {
            Check.Type(seed, DType.I32);
            Check.Shape(seed, [2]);
            Tensor y = Tensor.Empty(shape, DType.F32, seed.Device);
            seed.Device.Launch(Uniform, Work.Elements((y.Count + 3) / 4, 40), y, seed, y.Count, stream);
            return y;
        }
    }
}
