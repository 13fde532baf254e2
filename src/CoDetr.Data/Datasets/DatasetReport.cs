namespace CoDetr.Data;

/// <summary>How many of something, at least, in the middle and at most.</summary>
/// <param name="Least">smallest value</param>
/// <param name="Median">middle value</param>
/// <param name="Mean">average</param>
/// <param name="Most">largest value</param>
public sealed record Spread(double Least, double Median, double Mean, double Most)
{
    internal static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return sorted.Length == 0 ? new Spread(0, 0, 0, 0) : new Spread(sorted[0], sorted[sorted.Length / 2], sorted.Average(), sorted[^1]);
    }
}

/// <summary>One class of a part.</summary>
/// <param name="Id">the file's own id</param>
/// <param name="Name">of the class</param>
/// <param name="Boxes">usable boxes</param>
/// <param name="Images">images with at least one of them</param>
public sealed record ClassCount(long Id, string Name, int Boxes, int Images);

/// <summary>What one part of a data set holds, and everything that is wrong with it.</summary>
public sealed record PartReport
{
    /// <summary>train, val or test.</summary>
    public required string Name { get; init; }

    /// <summary>The annotation file.</summary>
    public required string AnnotationPath { get; init; }

    /// <summary>Where the images are; empty when not found.</summary>
    public string ImageFolder { get; init; } = "";

    /// <summary>Images listed.</summary>
    public int Images { get; init; }

    /// <summary>Images without a usable object.</summary>
    public int EmptyImages { get; init; }

    /// <summary>Annotations listed.</summary>
    public int Annotations { get; init; }

    /// <summary>Annotations to train with.</summary>
    public int Usable { get; init; }

    /// <summary>Crowd regions.</summary>
    public int Crowds { get; init; }

    /// <summary>Usable boxes below 32², between, and from 96² pixels of area.</summary>
    public (int Small, int Medium, int Large) Areas { get; init; }

    /// <summary>By label.</summary>
    public IReadOnlyList<ClassCount> Classes { get; init; } = [];

    /// <summary>Usable boxes an image.</summary>
    public Spread BoxesPerImage { get; init; } = Spread.Of([]);

    /// <summary>Pixels of the images.</summary>
    public Spread ImageWidths { get; init; } = Spread.Of([]);

    /// <summary>Pixels of the images.</summary>
    public Spread ImageHeights { get; init; } = Spread.Of([]);

    /// <summary>Pixels of the usable boxes.</summary>
    public Spread BoxWidths { get; init; } = Spread.Of([]);

    /// <summary>Pixels of the usable boxes.</summary>
    public Spread BoxHeights { get; init; } = Spread.Of([]);

    /// <summary>What stops training or evaluation, or costs data; one line each.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}

/// <summary>A data set looked over, as data: what <c>codetr inspect</c> shows.</summary>
/// <param name="Folder">of the data set</param>
/// <param name="Parts">those that are there</param>
/// <param name="Problems">between the parts</param>
public sealed record DatasetReport(string Folder, IReadOnlyList<PartReport> Parts, IReadOnlyList<string> Problems)
{
    private static readonly string[] PartNames = ["train", "val", "test"];

    /// <summary>Whether nothing at all was found wrong.</summary>
    public bool IsClean => Problems.Count == 0 && Parts.All(p => p.Problems.Count == 0);

    /// <summary>Looks over a data set.</summary>
    /// <param name="folder">in one of the usual layouts</param>
    /// <param name="workers">threads that decode images</param>
    /// <exception cref="DataException">the folder does not exist or holds no annotations</exception>
    public static DatasetReport Inspect(string folder, int workers)
    {
        List<(PartReport Report, CocoFile? File)> inspections = [];
        foreach (string part in PartNames)
            if (DatasetFolder.FindAnnotations(folder, part) is { } path)
                inspections.Add(PartInspection.Inspect(folder, part, path, workers));
        if (inspections.Count == 0)
            DatasetFolder.Open(folder, PartNames[0]); // says what was looked for
        return new DatasetReport(folder, [.. inspections.Select(i => i.Report)], [.. Disagreements([.. inspections.Select(i => i.File).OfType<CocoFile>()])]);
    }

    private static IEnumerable<string> Disagreements(IReadOnlyList<CocoFile> files)
    {
        foreach (CocoFile other in files.Skip(1))
            if (!files[0].Categories.SequenceEqual(other.Categories))
                yield return $"{other.Path} lists other classes than {files[0].Path}: labels would mean different things";
    }
}
