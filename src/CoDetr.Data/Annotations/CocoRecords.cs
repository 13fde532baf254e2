namespace CoDetr.Data;

/// <summary>A class of objects.</summary>
/// <param name="Id">the file's own id</param>
/// <param name="Name">as written in the file</param>
/// <param name="Label">0-based and contiguous, by ascending id</param>
public sealed record CocoCategory(long Id, string Name, int Label);

/// <summary>An image and what is drawn into it.</summary>
public sealed class CocoImage
{
    /// <summary>The file's own id.</summary>
    public required long Id { get; init; }

    /// <summary>Path relative to the image folder, with forward slashes as in the file.</summary>
    public required string FileName { get; init; }

    /// <summary>Pixels; 0 when the file does not say (then the picture decides).</summary>
    public required int Height { get; init; }

    /// <summary>Pixels; 0 when the file does not say.</summary>
    public required int Width { get; init; }

    /// <summary>Everything annotated in this image, in file order, usable or not.</summary>
    public IReadOnlyList<CocoAnnotation> Annotations => Objects;

    internal List<CocoAnnotation> Objects { get; } = [];
}

/// <summary>One object as the annotator drew it.</summary>
public sealed class CocoAnnotation
{
    /// <summary>The file's own id.</summary>
    public required long Id { get; init; }

    /// <summary>Id of its image.</summary>
    public required long ImageId { get; init; }

    /// <summary>Id of its category.</summary>
    public required long CategoryId { get; init; }

    /// <summary>Class, 0-based and contiguous.</summary>
    public int Label { get; internal set; }

    /// <summary>Left edge in pixels, not clipped to the image.</summary>
    public required double X { get; init; }

    /// <summary>Top edge in pixels, not clipped.</summary>
    public required double Y { get; init; }

    /// <summary>Pixels.</summary>
    public required double Width { get; init; }

    /// <summary>Pixels.</summary>
    public required double Height { get; init; }

    /// <summary>Square pixels of the object (not always of its box); width times height when the file does not say.</summary>
    public required double Area { get; init; }

    /// <summary>A region of many objects: never trained with, and detections in it are neither right nor wrong.</summary>
    public required bool IsCrowd { get; init; }

    /// <summary>Marked to be left out of training.</summary>
    public required bool Ignore { get; init; }

    /// <summary>The mask, if there is one and masks were asked for.</summary>
    public Segmentation? Segmentation { get; init; }

    /// <summary>Whether to train with it: no crowd, not ignored, at least one pixel wide and high, and touching its image.</summary>
    public bool IsUsable { get; internal set; }
}
