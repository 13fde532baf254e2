using CoDetr.Data;

namespace CoDetr.Training;

/// <summary>What happens to the pictures on their way to the model, as a record that a checkpoint can keep.</summary>
public sealed record Augmentation
{
    /// <summary>Whether training pictures are mirrored, resized and cropped as in DETR; otherwise they are taken as for testing.</summary>
    public bool Detr { get; init; }

    /// <summary>Short edges that training chooses from, pixels. Empty with <see cref="Detr"/> off.</summary>
    public IReadOnlyList<int> ShortEdges { get; init; } = [];

    /// <summary>Short edges before the crop.</summary>
    public IReadOnlyList<int> CropShortEdges { get; init; } = [];

    /// <summary>The smallest edge of the crop, pixels.</summary>
    public int CropLow { get; init; } = 384;

    /// <summary>The largest edge of the crop, pixels.</summary>
    public int CropHigh { get; init; } = 600;

    /// <summary>The short edge for testing, pixels; 0 takes the pictures as they are.</summary>
    public int TestShortEdge { get; init; }

    /// <summary>The limit of the long edge, pixels.</summary>
    public int LongEdge { get; init; } = 1333;

    /// <summary>The smallest factor by which training pictures are scaled around their testing size before the crop; 0: no such jitter.</summary>
    public double JitterLow { get; init; }

    /// <summary>The largest such factor.</summary>
    public double JitterHigh { get; init; }

    /// <summary>The pictures as they are.</summary>
    public static Augmentation None { get; } = new();

    /// <summary>The augmentation of DETR for photographs, at its published sizes or in proportion.</summary>
    /// <param name="shortEdge">The short edge for testing; training chooses from 0.6 to 1 times it.</param>
    public static Augmentation ForPhotographs(int shortEdge = 800)
    {
        double scale = shortEdge / 800.0;
        return new Augmentation
        {
            Detr = true,
            ShortEdges = [.. Enumerable.Range(0, 11).Select(i => Scaled(480 + (32 * i)))],
            CropShortEdges = [Scaled(400), Scaled(500), Scaled(600)],
            CropLow = Scaled(384),
            CropHigh = Scaled(600),
            TestShortEdge = shortEdge,
            LongEdge = Scaled(1333),
        };

        int Scaled(int pixels) => (int)Math.Round(pixels * scale);
    }

    /// <summary>Scale and crop are jittered, nothing is mirrored: for objects that have a right way round, such as digits.</summary>
    /// <param name="longEdge">The long edge for testing, pixels.</param>
    public static Augmentation Jittered(int longEdge) => new()
    {
        JitterLow = 0.75,
        JitterHigh = 1.3,
        CropLow = longEdge * 7 / 9,
        CropHigh = longEdge * 11 / 9,
        TestShortEdge = longEdge,
        LongEdge = longEdge,
    };

    /// <summary>The pipeline for training.</summary>
    public Pipeline ForTraining() => Detr ? Pipeline.Detr(ShortEdges, LongEdge, CropShortEdges, CropLow, CropHigh)
        : JitterLow > 0 ? new Pipeline([new RandomResize(new Scale(LongEdge, LongEdge), JitterLow, JitterHigh), new RandomCrop(CropLow, CropHigh)])
        : ForTesting();

    /// <summary>The pipeline for evaluation and detection.</summary>
    public Pipeline ForTesting() => TestShortEdge > 0 ? Pipeline.Test(TestShortEdge, LongEdge) : Pipeline.Plain;
}
