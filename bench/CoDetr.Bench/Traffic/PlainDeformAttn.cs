using System.Globalization;
using System.Text;
using CoDetr.SoftGpu;
using CoDetr.Tensors;

namespace CoDetr.Bench;

/// <summary>Our deformable attention beside the kernel that others have: sectors for each sampled point, and that both compute the same.</summary>
internal static class PlainDeformAttn
{
    private const double Agreement = 2e-5;

    /// <summary>A section of the table.</summary>
    internal static string Section()
    {
        CudaDevice device = (CudaDevice)Device.Default;
        StringBuilder text = new("\n## Deformable attention beside a plain kernel\n\n");
        text.Append("Sectors and lane instructions for each sampled point (8 heads × 32 channels, 4 levels × 4 points; an atomic addition reads and writes its sectors). ");
        text.Append("Plain: one thread per channel, `bench/CoDetr.Bench/Traffic/plain_deform_attn.cu`.\n\n");
        text.Append("| storage | pass | ours read | written | instructions | plain read | written | instructions |\n|---|---|---:|---:|---:|---:|---:|---:|\n");
        foreach (DType type in new[] { DType.F32, DType.BF16 })
        {
            using StepScope scope = StepScope.Begin();
            DeformAttnBench bench = new() { Size = new PyramidSize(20, 27) };
            bench.Setup();
            Tensor value = bench.T[0].Detach().Cast(type);
            Case one = new(value, bench.T[1], bench.T[2], new FeatureLevels(bench.Size.Levels));
            one.Append(text, type, device);
        }

        return text.ToString();
    }

    private sealed record Case(Tensor Value, Tensor Places, Tensor Weights, FeatureLevels Levels)
    {
        private int Queries => Places.Shape[1];

        private long Samples => Weights.Count;

        internal void Append(StringBuilder text, DType type, CudaDevice device)
        {
            Value.RequiresGrad = Places.RequiresGrad = Weights.RequiresGrad = true;
            Tensor upstream = Value.Like();
            upstream.Fill(0.5f);
            KernelCounters[] ours = Count(() => Value.DeformAttn(Levels, Places, Weights).Backward(upstream));
            (Tensor dvalue, Tensor dplaces, Tensor dweights) = (Value.Grad!, Places.Grad!, Weights.Grad!);
            Tensor plainOut = Value.Like(), plainValue = Tensor.Zeros(Value.Shape), plainPlaces = Places.Like(), plainWeights = Weights.Like();
            KernelCounters[] plain = Count(() => Launch(device, type, plainOut, plainValue, plainPlaces, plainWeights, upstream));
            Same("dvalue", dvalue, plainValue);
            Same("dplaces", dplaces, plainPlaces);
            Same("dweights", dweights, plainWeights);
            foreach (string pass in new[] { "forward", "backward" })
            {
                KernelCounters a = ours.Single(c => c.Kernel == $"deform_attn_{pass}"), b = plain.Single(c => c.Kernel == $"plain_{pass}");
                text.Append(CultureInfo.InvariantCulture, $"| {type} | {pass} | {Of(a.ReadSectors):F2} | {Of(a.WrittenSectors):F2} | {Of(a.Instructions):F0} ");
                text.Append(CultureInfo.InvariantCulture, $"| {Of(b.ReadSectors):F2} | {Of(b.WrittenSectors):F2} | {Of(b.Instructions):F0} |\n");
            }

            Value.Grad = Places.Grad = Weights.Grad = null;
        }

        private double Of(long count) => (double)count / Samples;

        private void Launch(CudaDevice device, DType type, Tensor output, Tensor dvalue, Tensor dplaces, Tensor dweights, Tensor upstream)
        {
            string file = Path.Combine(AppContext.BaseDirectory, "Traffic", "plain_deform_attn.cu");
            int heads = Value.Shape[2], channels = Value.Shape[3];
            long[] sizes = [Value.Shape[1], Queries, heads, channels, Levels.Count, Places.Shape[4]];
            device.Launch(
                device.Function(file, "plain_forward", type), new Dim3((int)((output.Count + 255) / 256)), new Dim3(256), 0,
                [output.Pointer, Value.Pointer, Levels.Sizes.Pointer, Levels.Starts.Pointer, Places.Pointer, Weights.Pointer, output.Count, .. sizes]);
            device.Launch(
                device.Function(file, "plain_backward", type), new Dim3(Queries * heads), new Dim3(channels), 0,
                [
                    dvalue.Pointer, dplaces.Pointer, dweights.Pointer, upstream.Pointer, Value.Pointer, Levels.Sizes.Pointer, Levels.Starts.Pointer,
                    Places.Pointer, Weights.Pointer, (long)Queries * heads, .. sizes,
                ]);
        }

        private static KernelCounters[] Count(Action work)
        {
            Device.Default.Synchronize();
            SoftGpuLibrary.TakeCounters();
            work();
            Device.Default.Synchronize();
            return SoftGpuLibrary.TakeCounters();
        }

        private static void Same(string what, Tensor ours, Tensor plain)
        {
            float[] a = ours.Detach().Cast(DType.F32).ToArray(), b = plain.ToArray();
            double scale = b.Max(Math.Abs), worst = a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
            double allowed = ours.DType == DType.F32 ? Agreement : 8e-3;
            if (worst > allowed * scale)
            {
                throw new InvalidOperationException($"{what}: the two kernels differ by {worst / scale:g2} of the largest.");
            }
        }
    }
}
