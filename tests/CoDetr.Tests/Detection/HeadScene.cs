using CoDetr.Detection;
using CoDetr.Tensors;
using CoDetr.Tests.Ops;

namespace CoDetr.Tests.Detection;

/// <summary>Pictures, what they show, and the maps on which an auxiliary head sees them.</summary>
/// <param name="Name">Shown when a test fails.</param>
/// <param name="Maps">Finest first; the finest has a stride of 8, each further one twice as much.</param>
/// <param name="Classes">Foreground classes.</param>
/// <param name="Boxes">Per picture four numbers for each object.</param>
/// <param name="Pictures">Sizes before padding.</param>
internal sealed record HeadScene(string Name, (int Height, int Width)[] Maps, int Classes, float[][] Boxes, (int Height, int Width)[] Pictures)
{
    internal const int FirstStride = AssignmentScene.FirstStride;

    /// <summary>Every awkward kind (spec/collaborative-training.md §10).</summary>
    internal static HeadScene[] All =>
    [
        Plain,
        new("no object in one picture", [(8, 8), (4, 4)], 3, [Random(3, 2, 64, 64), []], [(64, 64), (64, 64)]),
        new("no object at all", [(8, 8), (4, 4)], 3, [[], []], [(64, 64), (64, 64)]),
        new("one object", [(8, 8), (4, 4), (2, 2)], 3, [[9.5f, 7.25f, 50.75f, 61]], [(64, 64)]),
        new("more positives than 300", [(24, 24), (12, 12), (6, 6)], 2, [Random(90, 3, 192, 192)], [(192, 192)]),
        new("boxes of one pixel", [(8, 8), (4, 4)], 3, [[30, 30, 31, 31, 40.5f, 8, 41.5f, 9], [0, 0, 1, 1]], [(64, 64), (64, 64)]) { Tolerance = 2e-4 }, // what they share with a prediction is a difference of near numbers
        new("boxes over the border", [(8, 8), (4, 4)], 3, [[-20, -11, 30, 25, 50, 40, 90, 75], [-5, -5, 70, 70]], [(64, 64), (64, 64)]),
        new("nothing valid in one picture", [(8, 8), (4, 4)], 3, [Random(3, 4, 64, 64), Random(2, 5, 64, 64)], [(0, 0), (64, 64)]),
        new("a single class", [(8, 8), (4, 4)], 1, [Random(3, 6, 64, 64), Random(2, 7, 64, 64)], [(64, 64), (64, 64)]),
        new("1,203 classes", [(4, 5), (2, 3)], 1203, [Random(3, 8, 40, 32), Random(2, 9, 40, 32)], [(32, 40), (32, 40)]),
        new("pictures of different sizes", [(8, 10), (4, 5)], 3, [Random(3, 10, 80, 33), Random(2, 11, 41, 64), [3, 3, 20, 17]], [(33, 80), (64, 41), (20, 23)]),
        new("identical boxes", [(8, 8), (4, 4)], 3, [[12, 9, 44, 47, 12, 9, 44, 47, 12, 9, 44, 47], [20, 20, 52, 52, 20, 20, 52, 52]], [(64, 64), (64, 64)]),
        new("a level of one cell", [(4, 4), (2, 2), (1, 1)], 3, [[3, 2, 30, 29], [1, 1, 28, 31]], [(32, 32), (32, 32)]),
        new("one cell alone", [(1, 1)], 3, [[-20, -17, 23, 21]], [(8, 8)]),
    ];

    /// <summary>Two pictures, one of which is padded.</summary>
    internal static HeadScene Plain => new("plain", [(8, 10), (4, 5), (2, 3)], 4, [Random(5, 1, 80, 64), Random(2, 12, 66, 50)], [(64, 80), (50, 66)]);

    /// <summary>Few cells, each of which is seen by its neighbours.</summary>
    internal static HeadScene Small => new("small", [(5, 6), (3, 3)], 3, [Random(3, 13, 48, 40), Random(2, 14, 40, 33)], [(40, 48), (33, 40)]);

    /// <summary>Largest relative error of losses and gradients.</summary>
    public double Tolerance { get; init; } = 2e-5;

    internal int Batch => Boxes.Length;

    /// <summary>A class for each object.</summary>
    internal int[][] Labels => [.. Boxes.Select((b, image) => Enumerable.Range(0, b.Length / 4).Select(k => ((k * 3) + image) % Classes).ToArray())];

    /// <summary>The same as assigners' tests see it: one square prior on each cell's corner, where cells lie on a picture.</summary>
    internal AssignmentScene Squares => new(Name, Maps, Boxes) { Uses = (image, row) => (byte)(IsValid(image, row) ? 1 : 0) };

    internal Truth Truth => Truth.From(Boxes, Labels);

    public override string ToString() => Name;

    /// <summary>The pyramid; maps may be left out where a head is given predictions.</summary>
    internal FeatureMaps Pyramid(params Tensor[] maps)
    {
        Tensor sizes = ImageBatch.Upload([.. Pictures.Select(p => new ImageSize(p.Height, p.Width))]);
        return new FeatureMaps(maps, new FeatureLevels(Maps), sizes, sizes);
    }

    /// <summary>The level of a token.</summary>
    internal int LevelOf(int token) => Array.FindLastIndex(Squares.Starts, start => start <= token);

    private bool IsValid(int image, int token)
    {
        int level = LevelOf(token), cell = token - Squares.Starts[level], stride = FirstStride << level;
        return cell / Maps[level].Width * stride < Pictures[image].Height && cell % Maps[level].Width * stride < Pictures[image].Width;
    }

    private static float[] Random(int count, int seed, int width, int height)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, count).SelectMany(_ =>
        {
            (float x, float y) = (random.NextSingle() * 0.7f * width, random.NextSingle() * 0.7f * height);
            return new[] { x, y, Math.Min(width, x + 6 + (random.NextSingle() * 0.6f * width)), Math.Min(height, y + 6 + (random.NextSingle() * 0.6f * height)) };
        })];
    }
}
