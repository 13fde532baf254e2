using CoDetr.Tensors;

namespace CoDetr.Golden.Claims;

/// <summary>Resizing and sampling of maps.</summary>
internal static class SamplingClaims
{
    internal static IReadOnlyList<Claim> List { get; } =
    [
        new("ops/interpolate_*", Interpolate),
        new("ops/upsample_nearest2x", Upsample),
        new("ops/grid_sample_*", GridSample),
    ];

    private static void Interpolate(GoldenCase golden)
    {
        Spatial size = (golden.Config.GetProperty("size")[0].GetInt32(), golden.Config.GetProperty("size")[1].GetInt32());
        bool aligned = golden.Config.TryGetProperty("align_corners", out var value) && value.GetBoolean();
        Resize(golden, size, Enum.Parse<Sampling>(golden.Config.GetProperty("mode").GetString()!, ignoreCase: true), aligned);
    }

    private static void Upsample(GoldenCase golden)
    {
        int factor = golden.Config.GetProperty("scale_factor").GetInt32();
        Resize(golden, (golden.ShapeOf("x")[2] * factor, golden.ShapeOf("x")[3] * factor), Sampling.Nearest, false);
    }

    private static void Resize(GoldenCase golden, Spatial size, Sampling sampling, bool aligned)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true);
        Tensor y = x.Interpolate(size, sampling, aligned);
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
    }

    private static void GridSample(GoldenCase golden)
    {
        Tensor x = golden.ChannelsLast("x", requiresGrad: true), grid = golden.Tensor("grid", requiresGrad: true);
        Tensor y = x.GridSample(
            grid,
            Enum.Parse<Sampling>(golden.Config.GetProperty("mode").GetString()!, ignoreCase: true),
            Enum.Parse<SamplePadding>(golden.Config.GetProperty("padding_mode").GetString()!, ignoreCase: true),
            golden.Config.GetProperty("align_corners").GetBoolean());
        y.Backward(golden.ChannelsLast("gradout.y"));
        golden.CompareChannelsLast("y", y);
        golden.CompareChannelsLast("grad.x", x.Grad);
        if (golden.Has("grad.grid"))
        {
            golden.Compare("grad.grid", grid.Grad);
        }
    }
}
