using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class ConvTranspose2dTests
{
    public static TheoryData<OpCase> Cases => [Case([2, 3, 2, 4], 2, 3, 2, 0), Case([1, 4, 3, 2], 3, 5, 2, 1), Case([1, 3, 3, 1], 3, 1, 1, 0)];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    private static OpCase Case(int[] map, int kernel, int outputs, int stride, int padding) => new(
        $"[{string.Join(", ", map)}] {kernel} {outputs} {stride} {padding}",
        [Shape.Create(map), [map[3], kernel, kernel, outputs], [outputs]],
        t => t[0].ConvTranspose2d(t[1], t[2], stride, padding),
        v => Reference(v[0], map, v[1], v[2], kernel, stride, padding))
    { HasDouble = false, AlwaysF32 = [1, 2] };

    private static double[] Reference(double[] x, int[] map, double[] weight, double[] bias, int kernel, int stride, int padding)
    {
        int height = ((map[1] - 1) * stride) + kernel - (2 * padding), width = ((map[2] - 1) * stride) + kernel - (2 * padding), outputs = bias.Length;
        double[] y = [.. Enumerable.Range(0, map[0] * height * width * outputs).Select(i => bias[i % outputs])];
        for (int i = 0; i < x.Length; i++)
        {
            int c = i % map[3], w = i / map[3] % map[2], h = i / map[3] / map[2] % map[1], n = i / map[3] / map[2] / map[1];
            for (int tap = 0; tap < kernel * kernel * outputs; tap++)
            {
                int o = tap % outputs, row = (h * stride) - padding + (tap / outputs / kernel), column = (w * stride) - padding + (tap / outputs % kernel);
                if (row >= 0 && row < height && column >= 0 && column < width)
                {
                    y[(((((n * height) + row) * width) + column) * outputs) + o] += x[i] * weight[(c * kernel * kernel * outputs) + tap];
                }
            }
        }

        return y;
    }
}
