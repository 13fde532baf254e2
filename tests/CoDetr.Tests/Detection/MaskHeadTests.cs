using CoDetr.Detection;
using CoDetr.Tensors;

namespace CoDetr.Tests.Detection;

/// <summary>The mask branch against the same arithmetic in double precision, number by number.</summary>
[Collection(Alone.Name)]
public sealed class MaskHeadTests
{
    private const int Bins = 14;
    private const int Side = 2 * Bins;
    private const float Weight = 3;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void LossAndGradientsAreThoseOfAScalarReference(bool hasMasks)
    {
        using StepScope scope = StepScope.Begin();
        RegionScene scene = new()
        {
            Sizes = [new(48, 60), new(64, 64)],
            Boxes = [[6.3f, 5.1f, 40.2f, 33.7f, 20.4f, 12.2f, 55.9f, 44.1f], [3.6f, 2.8f, 61.3f, 62.2f]], // the last one from the second map
            Width = 4,
            FirstStride = 2,
        };
        using MaskRcnnHead head = new(new MaskRcnnConfig { Hidden = 8, Samples = 16, PositiveShare = 0.5f, MaskConvs = 1, MaskWeight = Weight }, scene.Frame);
        head.Initialize(4);
        Give(head, "mask_head.conv_logits.bias", [0.3f, -0.2f, 0.1f]);
        Give(head, "mask_head.upsample.bias", [0.05f, -0.04f, 0.03f, 0.02f]);
        FeatureMaps maps = scene.Maps();
        Truth truth = scene.Truth() with { Masks = hasMasks ? Tensor.From(Blobs(2 * 2 * 64 * 64), [2, 2, 64, 64]) : null };
        HeadOutput output = head.Train(maps, scene.Proposals(14), truth, RegionScene.Draws());
        Tensor loss = output.Losses.Single(value => value.Name == "loss_mask").Values;

        Scalar reference = Scalar.Of(head, maps, scene, output.Candidates, truth);
        Assert.InRange(reference.Positives.Length, 4, 16);
        Assert.Equal(reference.Loss(), loss.ToScalar(), 1e-4 * reference.Loss());
        loss.Backward();
        Dictionary<string, float[]> gradients = head.NamedParameters().ToDictionary(p => p.Name, p => p.Parameter.ExportGrad());
        foreach ((string name, double[] values) in reference.Weights)
        {
            CheckSlopes(name, reference, values, gradients[name]);
        }

        for (int level = 0; level < reference.Maps.Length; level++)
        {
            CheckSlopes($"map {level}", reference, reference.Maps[level], maps.Maps[level].Grad!.ToArray());
        }

        DeviceUnderTest.AssertNoFindings("mask head");
    }

    [Fact]
    public void NamesAndShapesAreThoseOfTheOfficialCheckpoint()
    {
        using FasterRcnnHead masks = (FasterRcnnHead)new MaskRcnnConfig().Build(new HeadFrame(80, 256, 5, 8));
        Assert.Equal(
            [
                "bbox_head.fc_cls.weight [81, 1024]", "bbox_head.fc_cls.bias [81]", "bbox_head.fc_reg.weight [320, 1024]", "bbox_head.fc_reg.bias [320]",
                "bbox_head.shared_fcs.0.weight [1024, 12544]", "bbox_head.shared_fcs.0.bias [1024]", "bbox_head.shared_fcs.1.weight [1024, 1024]",
                "bbox_head.shared_fcs.1.bias [1024]",
                .. Four(i => [$"mask_head.convs.{i}.conv.weight [256, 256, 3, 3]", $"mask_head.convs.{i}.conv.bias [256]"]),
                "mask_head.upsample.weight [256, 256, 2, 2]", "mask_head.upsample.bias [256]", "mask_head.conv_logits.weight [80, 256, 1, 1]",
                "mask_head.conv_logits.bias [80]",
            ],
            Names(masks));
        FasterRcnnConfig convolutions = new() { Convs = 4, FullyConnected = 1, IsClassAgnostic = true };
        using FasterRcnnHead one = (FasterRcnnHead)convolutions.Build(new HeadFrame(80, 256, 6, 4));
        Assert.Equal(
            [
                "bbox_head.fc_cls.weight [81, 1024]", "bbox_head.fc_cls.bias [81]", "bbox_head.fc_reg.weight [4, 1024]", "bbox_head.fc_reg.bias [4]",
                .. Four(i =>
                [
                    $"bbox_head.shared_convs.{i}.conv.weight [256, 256, 3, 3]", $"bbox_head.shared_convs.{i}.gn.weight [256]",
                    $"bbox_head.shared_convs.{i}.gn.bias [256]",
                ]),
                "bbox_head.shared_fcs.0.weight [1024, 12544]", "bbox_head.shared_fcs.0.bias [1024]",
            ],
            Names(one));
        using RegionProposalHead rpn = new(new RegionProposalConfig(), new HeadFrame(80, 256, 5, 8));
        Assert.Equal(
            [
                "rpn_conv.weight [256, 256, 3, 3]", "rpn_conv.bias [256]", "rpn_cls.weight [9, 256, 1, 1]", "rpn_cls.bias [9]",
                "rpn_reg.weight [36, 256, 1, 1]", "rpn_reg.bias [36]",
            ],
            Names(rpn));
    }

    [Fact]
    public void EveryLayoutSurvivesExportAndImport()
    {
        using FasterRcnnHead head = (FasterRcnnHead)new MaskRcnnConfig { Hidden = 8 }.Build(new HeadFrame(3, 4, 5, 8));
        foreach ((string name, Parameter parameter) in head.NamedParameters())
        {
            float[] numbers = [.. Enumerable.Range(0, (int)parameter.Value.Count).Select(i => (float)i)];
            parameter.Import(numbers);
            Assert.Equal(numbers, parameter.Export());
            bool isTurned = parameter.Value.Shape.Length == 4 && parameter.Value.Shape[1] > 1;
            Assert.True(isTurned != parameter.Value.ToArray().SequenceEqual(numbers), name); // theirs channels first, ours last
        }
    }

    private static IEnumerable<string> Four(Func<int, string[]> names) => Enumerable.Range(0, 4).SelectMany(names);

    private static string[] Names(Module module) => [.. module.NamedParameters().Select(p => $"{p.Name} {p.Parameter.CheckpointShape}")];

    private static void Give(Module module, string name, float[] values) => module.NamedParameters().Single(p => p.Name == name).Parameter.Import(values);

    private static byte[] Blobs(int count) => [.. Enumerable.Range(0, count).Select(i => (byte)(Math.Sin(i * 0.11) + Math.Cos(i / 64 * 0.37) > 0.2 ? 1 : 0))];

    /// <summary>Every so manyth number is moved a little both ways.</summary>
    private static void CheckSlopes(string name, Scalar reference, double[] values, float[] gradient)
    {
        const double Step = 1e-6; // hardly ever across a kink of ReLU
        double largest = gradient.Max(Math.Abs);
        Assert.True(largest > 0 || name == "map 2", name); // no box is so large
        for (int i = 0; i < values.Length; i += Math.Max(1, values.Length / 12))
        {
            double value = values[i];
            values[i] = value + Step;
            double above = reference.Loss();
            values[i] = value - Step;
            double below = reference.Loss();
            values[i] = value;
            Assert.Equal((above - below) / (2 * Step), gradient[i], (2e-3 * largest) + 1e-9);
        }
    }

    /// <summary>Weights in the checkpoint's layout; maps channels last.</summary>
    private sealed record Scalar(
        Dictionary<string, double[]> Weights, double[][] Maps, (int Height, int Width)[] Sizes, (int Image, double[] Box, int Label, float[] Target)[] Positives,
        int Stride)
    {
        private const int Width = 4;

        internal static Scalar Of(Module head, FeatureMaps maps, RegionScene scene, PositiveCandidates candidates, Truth truth)
        {
            int rows = candidates.Boxes.Shape[1];
            (int[] index, float[] boxes, int[] labels) = (candidates.Assignment.Index.ToArray<int>(), candidates.Boxes.ToArray(), truth.Labels.ToArray<int>());
            float[] targets = candidates.Boxes.MaskTargets(candidates.Assignment.Index, truth.Boxes, truth.Masks, maps.ValidSizes, Side).ToArray();
            (int Image, double[] Box, int Label, float[] Target) Positive(int r) => (
                r / rows, Doubles(boxes[(4 * r)..((4 * r) + 4)]), labels[(r / rows * truth.Labels.Shape[1]) + index[r]],
                targets[(r * Side * Side)..((r + 1) * Side * Side)]);
            IEnumerable<(string Name, Parameter Parameter)> own = head.NamedParameters().Where(p => p.Name.StartsWith("mask_head.", StringComparison.Ordinal));
            return new Scalar(
                own.ToDictionary(p => p.Name, p => Doubles(p.Parameter.Export())),
                [.. maps.Maps.Take(scene.Frame.Levels - 1).Select(map => Doubles(map.ToArray()))],
                [.. maps.Maps.Select(map => (map.Shape[1], map.Shape[2]))],
                [.. Enumerable.Range(0, index.Length).Where(r => index[r] >= 0).Select(Positive)],
                scene.Frame.FirstStride);
        }

        internal double Loss() => Weight * Positives.Sum(Of) / (Positives.Length * Side * Side);

        private double Of((int Image, double[] Box, int Label, float[] Target) positive)
        {
            double side = Math.Sqrt((positive.Box[2] - positive.Box[0]) * (positive.Box[3] - positive.Box[1]));
            int level = Math.Clamp((int)Math.Floor(Math.Log2((side / (14 * Stride)) + 1e-6)), 0, Maps.Length - 1);
            double[] hidden = Conv(Pool(level, positive.Image, positive.Box)), logits = Weights["mask_head.conv_logits.weight"];
            double[] upsample = Weights["mask_head.upsample.weight"];
            double sum = 0;
            for (int pixel = 0; pixel < Side * Side; pixel++)
            {
                (int y, int x) = (pixel / Side, pixel % Side);
                double z = Weights["mask_head.conv_logits.bias"][positive.Label];
                for (int o = 0; o < Width; o++)
                {
                    double enlarged = Weights["mask_head.upsample.bias"][o];
                    for (int c = 0; c < Width; c++)
                    {
                        enlarged += hidden[((((y / 2) * Bins) + (x / 2)) * Width) + c] * upsample[(((((c * Width) + o) * 2) + (y % 2)) * 2) + (x % 2)];
                    }

                    z += Math.Max(enlarged, 0) * logits[(positive.Label * Width) + o];
                }

                sum += Math.Max(z, 0) - (z * positive.Target[pixel]) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
            }

            return sum;
        }

        /// <summary>3×3 with bias and ReLU.</summary>
        private double[] Conv(double[] map)
        {
            double[] weight = Weights["mask_head.convs.0.conv.weight"], bias = Weights["mask_head.convs.0.conv.bias"], y = new double[map.Length];
            for (int i = 0; i < y.Length; i++)
            {
                (int row, int column, int o) = (i / Width / Bins, i / Width % Bins, i % Width);
                double sum = bias[o];
                for (int tap = 0; tap < 9; tap++)
                {
                    (int r, int c) = (row + (tap / 3) - 1, column + (tap % 3) - 1);
                    for (int channel = 0; r is >= 0 and < Bins && c is >= 0 and < Bins && channel < Width; channel++)
                    {
                        sum += map[(((r * Bins) + c) * Width) + channel] * weight[(((o * Width) + channel) * 9) + tap];
                    }
                }

                y[i] = Math.Max(sum, 0);
            }

            return y;
        }

        /// <summary>RoIAlign, aligned, about one sample a cell.</summary>
        private double[] Pool(int level, int image, double[] box)
        {
            double stride = Stride << level, wide = (box[2] - box[0]) / stride / Bins, tall = (box[3] - box[1]) / stride / Bins;
            (int columns, int rows) = ((int)Math.Ceiling(wide), (int)Math.Ceiling(tall));
            double[] y = new double[Bins * Bins * Width];
            for (int i = 0; i < y.Length; i++)
            {
                for (int sample = 0; sample < rows * columns; sample++)
                {
                    double at = (box[1] / stride) - 0.5 + (((i / Width / Bins) + ((sample / columns) + 0.5) / rows) * tall);
                    double across = (box[0] / stride) - 0.5 + (((i / Width % Bins) + ((sample % columns) + 0.5) / columns) * wide);
                    y[i] += Sample(level, image, at, across, i % Width) / (rows * columns);
                }
            }

            return y;
        }

        private double Sample(int level, int image, double y, double x, int channel)
        {
            (int height, int width) = Sizes[level];
            if (y < -1 || y > height || x < -1 || x > width)
            {
                return 0;
            }

            (y, x) = (Math.Clamp(y, 0, height - 1), Math.Clamp(x, 0, width - 1));
            double sum = 0;
            for (int corner = 0; corner < 4; corner++)
            {
                (int row, int column) = ((int)y + (corner / 2), (int)x + (corner % 2));
                double share = (1 - Math.Abs(y - row)) * (1 - Math.Abs(x - column));
                sum += share > 0 ? share * Maps[level][(((((image * height) + row) * width) + column) * Width) + channel] : 0;
            }

            return sum;
        }

        private static double[] Doubles(float[] values) => [.. values.Select(v => (double)v)];
    }
}
