using CoDetr.Tensors;

namespace CoDetr.Tests.Ops;

public sealed class InterpolateTests
{
    public static TheoryData<OpCase> Cases =>
    [
        Case([2, 3, 4, 3], (6, 8), Sampling.Nearest), Case([1, 7, 5, 2], (3, 4), Sampling.Nearest),
        Case([2, 3, 4, 3], (7, 5), Sampling.Bilinear), Case([1, 6, 5, 17], (2, 3), Sampling.Bilinear), Case([1, 3, 4, 2], (5, 1), Sampling.Bilinear, true),
        Case([1, 4, 3, 2], (9, 2), Sampling.Bicubic), Case([2, 3, 5, 3], (4, 11), Sampling.Bicubic, true), Case([1, 1, 1, 2], (3, 3), Sampling.Bicubic),
        Case([1, 13, 12, 1], (2, 3), Sampling.Bicubic), Case([0, 2, 2, 1], (4, 4), Sampling.Nearest),
    ];

    [Theory, MemberData(nameof(Cases), DisableDiscoveryEnumeration = true)]
    public void Agrees(OpCase op) => op.Verify();

    private static OpCase Case(int[] map, Spatial size, Sampling sampling, bool aligned = false) => new(
        $"[{string.Join(", ", map)}] to {size} {sampling} {aligned}",
        [Shape.Create(map)],
        t => t[0].Interpolate(size, sampling, aligned),
        v => Reference(v[0], map, size, sampling, aligned));

    private static double[] Reference(double[] x, int[] map, Spatial size, Sampling sampling, bool aligned)
    {
        double[] y = new double[map[0] * size.Height * size.Width * map[3]];
        for (int i = 0; i < y.Length; i++)
        {
            int c = i % map[3], w = i / map[3] % size.Width, h = i / map[3] / size.Width % size.Height, n = i / map[3] / size.Width / size.Height;
            foreach ((int row, double down) in Taps(h, map[1], size.Height, sampling, aligned))
            {
                foreach ((int column, double across) in Taps(w, map[2], size.Width, sampling, aligned))
                {
                    y[i] += down * across * x[(((((n * map[1]) + row) * map[2]) + column) * map[3]) + c];
                }
            }
        }

        return y;
    }

    private static IEnumerable<(int At, double Weight)> Taps(int index, int from, int to, Sampling sampling, bool aligned)
    {
        double scale = !aligned ? (double)from / to : to > 1 ? (from - 1.0) / (to - 1) : 0, place = aligned ? index * scale : ((index + 0.5) * scale) - 0.5;
        if (sampling == Sampling.Nearest)
        {
            return [(index * from / to, 1)];
        }

        place = sampling == Sampling.Bilinear ? Math.Max(place, 0) : place;
        Func<double, double> kernel = sampling == Sampling.Bilinear ? t => Math.Max(1 - t, 0) : Cubic;
        return Enumerable.Range((int)Math.Floor(place) - 1, 4).Select(at => (Math.Clamp(at, 0, from - 1), kernel(Math.Abs(place - at))));
    }

    private static double Cubic(double t) => t <= 1 ? (1.25 * t * t * t) - (2.25 * t * t) + 1 : t < 2 ? -0.75 * ((t * t * t) - (5 * t * t) + (8 * t) - 4) : 0;
}
