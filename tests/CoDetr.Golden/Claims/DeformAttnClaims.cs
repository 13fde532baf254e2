using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Multi-scale deformable attention: the sampling itself, in f32 and f64.</summary>
internal static class DeformAttnClaims
{
    internal static IReadOnlyList<Claim> List { get; } = [new("ops/msda_*", Sample)];

    private static void Sample(GoldenCase golden)
    {
        int[] sizes = golden.Ints("spatial_shapes");
        FeatureLevels levels = new(Enumerable.Range(0, sizes.Length / 2).Select(l => (sizes[2 * l], sizes[(2 * l) + 1])));
        Tensor value = golden.Tensor("value", requiresGrad: true), locations = golden.Tensor("sampling_locations", requiresGrad: true);
        Tensor weights = golden.Tensor("attention_weights", requiresGrad: true);
        Tensor y = value.DeformAttn(levels, locations, weights);
        y.Backward(golden.Tensor("gradout.out", shape: y.Shape));
        golden.Compare("out", y, isFlat: true);
        golden.Compare("grad.value", value.Grad);
        golden.Compare("grad.sampling_locations", locations.Grad);
        golden.Compare("grad.attention_weights", weights.Grad);
    }
}
