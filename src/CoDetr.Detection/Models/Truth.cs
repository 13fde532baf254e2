using CoDetr.Tensors;

namespace CoDetr.Detection;

/// <summary>What an annotator drew on the pictures of a batch, padded to the picture with most.</summary>
/// <param name="Boxes"><c>f32[batch, most, 4]</c>: x1 y1 x2 y2 in pixels of the network's input.</param>
/// <param name="Labels"><c>i32[batch, most]</c>: classes from 0.</param>
/// <param name="Counts"><c>i32[batch]</c>: objects of each picture.</param>
/// <param name="Objects">The same as the host knows it.</param>
public sealed record Truth(Tensor Boxes, Tensor Labels, Tensor Counts, IReadOnlyList<int> Objects)
{
    /// <summary>
    /// <c>u8[batch, most, height, width]</c>: what each object covers of the network's input, not 0 where it does; null: all of its box. Only mask heads look at
    /// it.
    /// </summary>
    public Tensor? Masks { get; init; }

    /// <summary>Uploads the objects of each picture.</summary>
    /// <param name="boxes">Per picture four numbers for each object: x1 y1 x2 y2.</param>
    /// <param name="labels">Per picture a class for each object.</param>
    public static Truth From(IReadOnlyList<float[]> boxes, IReadOnlyList<int[]> labels)
    {
        int batch = labels.Count, most = Math.Max(1, labels.Max(l => l.Length));
        float[] allBoxes = new float[batch * most * 4];
        int[] allLabels = new int[batch * most];
        for (int image = 0; image < batch; image++)
        {
            Check.That(boxes[image].Length == 4 * labels[image].Length, $"picture {image} has {labels[image].Length} labels, but {boxes[image].Length} box numbers.");
            boxes[image].CopyTo(allBoxes, image * most * 4);
            labels[image].CopyTo(allLabels, image * most);
        }

        return new Truth(Tensor.From(allBoxes, [batch, most, 4]), Tensor.From(allLabels, [batch, most]), Tensor.From<int>([.. labels.Select(l => l.Length)]), [.. labels.Select(l => l.Length)]);
    }
}
