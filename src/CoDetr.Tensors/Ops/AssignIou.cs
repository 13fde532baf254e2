namespace CoDetr.Tensors;

/// <summary>Settings of the assignment by largest overlap (spec/losses-and-assignment.md §5.1).</summary>
/// <param name="Positive">From this overlap on a prior is positive.</param>
/// <param name="Negative">Below this one it is background; in between it counts nowhere.</param>
/// <param name="LeastPositive">From this overlap on an object takes its best priors, whatever else was decided about them.</param>
/// <param name="MatchesLowQuality">Whether objects do that.</param>
/// <param name="AllBest">Whether an object takes all priors that are equally good, or the first.</param>
/// <param name="IgnoreThreshold">Priors count nowhere that lie in an ignored region with more than this share; not positive: regions are not looked at.</param>
/// <param name="IgnoresByPrior">Whether that is a share of the prior's area, or of the region's.</param>
/// <param name="NegativeFrom">Background has at least this overlap.</param>
public sealed record MaxIouSettings(
    float Positive, float Negative, float LeastPositive, bool MatchesLowQuality, bool AllBest = true, float IgnoreThreshold = -1, bool IgnoresByPrior = true,
    float NegativeFrom = 0);

/// <summary>Regions of pictures in which nothing is learned.</summary>
/// <param name="Boxes"><c>f32[batch, most, 4]</c>: x1 y1 x2 y2 in pixels of the network's input.</param>
/// <param name="Counts"><c>i32[batch]</c>: regions of each picture.</param>
public sealed record IgnoredRegions(Tensor Boxes, Tensor Counts);

/// <summary>Assignment of priors to the objects that they overlap most. No gradient.</summary>
public static class AssignIouOp
{
    private const int Block = 64; // priors that a team takes
    private const int ScratchBytes = 8 * Block * sizeof(float);
    private static readonly Kernel Outside = new("assign_iou.cu", "assign_iou_outside");
    private static readonly Kernel Blocks = new("assign_iou.cu", "assign_iou_blocks");
    private static readonly Kernel Best = new("assign_iou.cu", "assign_iou_best");
    private static readonly Kernel LowQuality = new("assign_iou.cu", "assign_iou_low_quality");

    extension(Tensor boxes)
    {
        /// <summary>Assigns priors, corners in pixels, to objects. They are <c>f32[rows, 4]</c> or <c>f32[batch, rows, 4]</c>.</summary>
        /// <param name="valid"><c>u8[batch, rows]</c>: 0 for priors that are left out; null: none</param>
        /// <param name="counts"><c>i32[batch]</c>: priors of each picture; null: all</param>
        /// <param name="truthBoxes"><c>f32[batch, most, 4]</c></param>
        /// <param name="truthCounts"><c>i32[batch]</c>: objects of each picture</param>
        /// <param name="settings">Thresholds.</param>
        /// <param name="regions">What is ignored of the pictures.</param>
        /// <returns>
        /// <c>i32[batch, rows]</c>: an object, or -1 for background, -2 for neither; and the largest overlap, <c>f32[batch, rows]</c>: -1 where there is
        /// no prior.
        /// </returns>
        public (Tensor Index, Tensor Overlaps) AssignIou(
            Tensor? valid, Tensor? counts, Tensor truthBoxes, Tensor truthCounts, MaxIouSettings settings, IgnoredRegions? regions = null)
        {
            (int batch, int most, int rows) = (truthBoxes.Shape[0], truthBoxes.Shape[1], boxes.Shape[^2]);
            Check.Shape(boxes, boxes.Shape.Length == 3 ? [batch, rows, 4] : [rows, 4]);
            Check.Shape(truthBoxes, [batch, most, 4]);
            Check.Shape(truthCounts, [batch]);
            CheckParts(valid, counts, batch, rows);
            long ofPicture = boxes.Shape.Length == 3 ? rows : 0;
            if (regions is not null && settings.IgnoreThreshold > 0)
            {
                Check.Shape(regions.Boxes, [batch, regions.Boxes.Shape[1], 4]);
                Tensor outside = Tensor.Empty([batch, rows], DType.U8, boxes.Device);
                boxes.Device.Launch(
                    Outside, Work.Elements(outside.Count, 20L * regions.Boxes.Shape[1]), outside, boxes, valid, counts, truthCounts, regions.Boxes,
                    regions.Counts, batch, rows, ofPicture, regions.Boxes.Shape[1], settings.IgnoreThreshold, settings.IgnoresByPrior ? 1 : 0);
                (valid, counts) = (outside, null);
            }

            Tensor index = Tensor.Empty([batch, rows], DType.I32, boxes.Device), overlaps = boxes.New(batch, rows);
            int blocks = (rows + Block - 1) / Block;
            Tensor? best = settings.MatchesLowQuality ? boxes.New(batch, blocks, most) : null;
            boxes.Device.Launch(
                Blocks, Work.Teams((long)batch * blocks, 32, ScratchBytes, 20L * Block * most), index, overlaps, best, boxes, valid, counts, truthBoxes,
                truthCounts, batch, rows, ofPicture, most, Block, settings.Positive, settings.NegativeFrom, settings.Negative);
            if (best is not null)
            {
                Tensor ofTruth = boxes.New(batch, most), block = Tensor.Empty([batch, most], DType.I32, boxes.Device);
                Work work = Work.Teams((long)batch * most, Math.Clamp(blocks, 1, 256), cost: blocks);
                boxes.Device.Launch(Best, work, ofTruth, block, best, truthCounts, batch, blocks, most);
                boxes.Device.Launch(
                    LowQuality, Work.Teams((long)batch * blocks, 32, cost: most + (20L * Block)), index, ofTruth, block, best, boxes, valid, counts, truthBoxes,
                    truthCounts, batch, rows, ofPicture, most, Block, settings.LeastPositive, settings.AllBest ? 1 : 0);
            }

            return (index, overlaps);
        }
    }

    private static void CheckParts(Tensor? valid, Tensor? counts, int batch, int rows)
    {
        if (valid is not null)
        {
            Check.Shape(valid, [batch, rows], op: nameof(AssignIou));
        }

        if (counts is not null)
        {
            Check.Shape(counts, [batch], op: nameof(AssignIou));
        }
    }
}
