namespace CoDetr.Tensors;

/// <summary>Where tokens and boxes are: sine encodings, valid ratios, reference points, first proposals. Nothing is downloaded.</summary>
public static class PositionOp
{
    private static readonly Kernel PaddingOf = new("position.cu", "position_padding");
    private static readonly Kernel PaddingOfSizes = new("position.cu", "position_padding_of_sizes");
    private static readonly Kernel Counts = new("position.cu", "position_counts");
    private static readonly Kernel Periods = new("position.cu", "position_periods");
    private static readonly Kernel Sine = new("position.cu", "position_sine");
    private static readonly Kernel Ratios = new("position.cu", "position_ratios");
    private static readonly Kernel References = new("position.cu", "position_references");
    private static readonly Kernel FirstProposals = new("position.cu", "position_proposals");
    private static readonly Kernel EmbedForward = new("position.cu", "position_embed_forward");
    private static readonly Kernel EmbedBackward = new("position.cu", "position_embed_backward");

    extension(FeatureLevels levels)
    {
        /// <summary>Which tokens are padding: the image's mask at each level, nearest neighbour.</summary>
        /// <param name="image"><c>u8[batch, height, width]</c>, 1 = padding</param>
        /// <returns><c>u8[batch, tokens]</c>, 1 = padding</returns>
        public Tensor Padding(Tensor image)
        {
            Check.Rank(image, 3);
            int batch = image.Shape[0];
            Tensor padded = image.New(batch, levels.Tokens);
            image.Device.Launch(
                PaddingOf, Work.Elements(padded.Count, 8), padded, image, levels.Sizes, levels.Starts, batch, levels.Tokens, levels.Count, image.Shape[1], image.Shape[2]);
            return padded;
        }

        /// <summary>Which tokens are padding: cells whose nearest pixel, rounded down, lies outside the picture.</summary>
        /// <param name="sizes"><c>f32[batch, 2]</c>: height and width of each picture before padding</param>
        /// <param name="padded">Height and width of all pictures with padding.</param>
        /// <returns><c>u8[batch, tokens]</c>, 1 = padding</returns>
        public Tensor Padding(Tensor sizes, Spatial padded)
        {
            int batch = sizes.Shape[0];
            Check.Shape(sizes, [batch, 2]);
            Tensor padding = Tensor.Empty([batch, levels.Tokens], DType.U8, sizes.Device);
            sizes.Device.Launch(
                PaddingOfSizes, Work.Elements(padding.Count, 8), padding, sizes, levels.Sizes, levels.Starts, batch, levels.Tokens, levels.Count,
                padded.Height, padded.Width);
            return padding;
        }

        /// <summary>Sines and cosines of each token's row and column among the valid ones: the y block first, then the x block.</summary>
        /// <param name="padded"><c>u8[batch, tokens]</c>, 1 = padding</param>
        /// <param name="features">Channels of each block; even.</param>
        /// <param name="temperature">The longest period is nearly this times the shortest.</param>
        /// <param name="offset">Added to the positions, which count from 1.</param>
        /// <param name="normalize">Whether positions are scaled to (0, 2π].</param>
        /// <returns><c>f32[batch, tokens, 2 · features]</c></returns>
        public Tensor SineEncoding(Tensor padded, int features, float temperature = 10000, float offset = 0, bool normalize = true)
        {
            int batch = padded.Shape[0];
            Check.Shape(padded, [batch, levels.Tokens]);
            Check.That(features % 2 == 0, $"features must be even, got {features}.");
            Device device = padded.Device;
            Tensor down = Tensor.Empty(padded.Shape, DType.I32, device), along = down.Like();
            device.Launch(
                Counts, Work.Teams((long)batch * levels.Count, 1024, cost: 2L * levels.Tokens), down, along, padded, levels.Sizes, levels.Starts,
                batch, levels.Tokens, levels.Count);
            Tensor periods = PeriodsOf(features, temperature, DType.F32, device);
            Tensor y = Tensor.Empty([batch, levels.Tokens, 2 * features], DType.F32, device);
            device.Launch(
                Sine, Work.Teams((long)batch * levels.Tokens, features / 2, cost: 32L * features), y, down, along, periods, levels.Sizes, levels.Starts,
                batch, levels.Tokens, levels.Count, features, normalize ? 1 : 0, offset);
            return y;
        }

        /// <summary>How much of each level is not padding, seen along its first row and down its first column.</summary>
        /// <param name="padded"><c>u8[batch, tokens]</c>, 1 = padding</param>
        /// <returns><c>f32[batch, levels, 2]</c>, (x, y)</returns>
        public Tensor ValidRatios(Tensor padded)
        {
            int batch = padded.Shape[0];
            Check.Shape(padded, [batch, levels.Tokens]);
            Tensor ratios = Tensor.Empty([batch, levels.Count, 2], DType.F32, padded.Device);
            padded.Device.Launch(
                Ratios, Work.Teams((long)batch * levels.Count, 32, cost: 256), ratios, padded, levels.Sizes, levels.Starts, batch, levels.Tokens, levels.Count);
            return ratios;
        }

        /// <summary>The encoder's reference points: every token's cell center as a fraction of each level.</summary>
        /// <param name="ratios"><c>f32[batch, levels, 2]</c>, from <see cref="ValidRatios"/></param>
        /// <returns><c>f32[batch, tokens, levels, 2]</c>, (x, y)</returns>
        public Tensor ReferencePoints(Tensor ratios)
        {
            int batch = ratios.Shape[0];
            Check.Shape(ratios, [batch, levels.Count, 2]);
            Tensor references = ratios.New(batch, levels.Tokens, levels.Count, 2);
            ratios.Device.Launch(
                References, Work.Elements((long)batch * levels.Tokens, 8L * levels.Count), references, ratios, levels.Sizes, levels.Starts,
                batch, levels.Tokens, levels.Count);
            return references;
        }

        /// <summary>The first guess of two-stage query selection: a box around each cell, as logits.</summary>
        /// <param name="padded"><c>u8[batch, tokens]</c>, 1 = padding</param>
        /// <param name="ratios"><c>f32[batch, levels, 2]</c>, from <see cref="ValidRatios"/></param>
        /// <returns>
        /// Logits <c>f32[batch, tokens, 4]</c> of (center x, center y, width, height), +∞ where blocked; blocked <c>u8[batch, tokens]</c>, 1 where the token is
        /// padding or its box leaves (0.01, 0.99).
        /// </returns>
        public (Tensor Logits, Tensor Blocked) Proposals(Tensor padded, Tensor ratios)
        {
            int batch = padded.Shape[0];
            Check.Shape(padded, [batch, levels.Tokens]);
            Check.Shape(ratios, [batch, levels.Count, 2]);
            Tensor logits = ratios.New(batch, levels.Tokens, 4), blocked = padded.Like();
            padded.Device.Launch(
                FirstProposals, Work.Elements(padded.Count, 64), logits, blocked, padded, ratios, levels.Sizes, levels.Starts, batch, levels.Tokens, levels.Count);
            return (logits, blocked);
        }
    }

    extension(Tensor x)
    {
        /// <summary>Sine encoding of one map from its padding mask <c>u8[batch, height, width]</c>, 1 = padding.</summary>
        /// <inheritdoc cref="SineEncoding(FeatureLevels, Tensor, int, float, float, bool)"/>
        /// <returns><c>f32[batch, height, width, 2 · features]</c></returns>
        public Tensor SineEncoding(int features, float temperature = 10000, float offset = 0, bool normalize = true)
        {
            Check.Rank(x, 3);
            int batch = x.Shape[0], height = x.Shape[1], width = x.Shape[2];
            FeatureLevels map = new([(height, width)], x.Device);
            Tensor y = map.SineEncoding(x.View(0, [batch, height * width]), features, temperature, offset, normalize);
            return y.View(0, [batch, height, width, 2 * features]);
        }

        /// <summary>
        /// Sines and cosines of 2π times each coordinate of a point (x, y) or a box (center x, center y, width, height), <c>f32[..., dims]</c> in [0, 1].
        /// </summary>
        /// <param name="features">Channels of each coordinate; even.</param>
        /// <param name="yFirst">Whether y comes before x, as in DINO's decoder.</param>
        /// <param name="temperature">The longest period is nearly this times the shortest.</param>
        /// <param name="output">The result's type; that of this tensor if null.</param>
        /// <returns><c>real[..., dims · features]</c></returns>
        public Tensor SineEmbedding(int features, bool yFirst, float temperature = 10000, DType? output = null)
        {
            int dims = x.Shape[^1];
            long rows = x.Count / Math.Max(dims, 1);
            Check.That(features % 2 == 0, $"features must be even, got {features}.");
            Tensor periods = PeriodsOf(features, temperature, x.DType, x.Device);
            Tensor y = Tensor.Empty(x.Shape.With(x.Shape.Length - 1, dims * features), output ?? x.DType, x.Device);
            Work work = Work.Teams(rows * dims, features / 2, cost: 16L * features);
            x.Device.Launch(EmbedForward, work, y, x, periods, rows, dims, features, yFirst ? 1 : 0);
            return GradNode.Record(nameof(SineEmbedding), y, [x], dy =>
            {
                Tensor dx = x.Like();
                x.Device.Launch(EmbedBackward, work, dx, dy, x, periods, rows, dims, features, yFirst ? 1 : 0);
                return [dx];
            });
        }
    }

    private static Tensor PeriodsOf(int features, float temperature, DType dtype, Device device)
    {
        Tensor periods = Tensor.Empty([features / 2], dtype, device);
        device.Launch(Periods, Work.Elements(periods.Count), periods, features, (double)temperature);
        return periods;
    }
}
