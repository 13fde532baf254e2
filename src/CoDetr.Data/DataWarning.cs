namespace CoDetr.Data;

/// <summary>What is odd about the data but does not stop the work.</summary>
public enum DataWarningKind
{
    /// <summary>An annotation of an image that the file does not list.</summary>
    UnknownImage,

    /// <summary>A box narrower or lower than one pixel, or of no area.</summary>
    EmptyBox,

    /// <summary>A box that does not touch its image.</summary>
    BoxOutside,

    /// <summary>A segmentation that is neither polygons nor run lengths, or is damaged.</summary>
    UnreadableMask,

    /// <summary>Run lengths that are for an image of another size.</summary>
    MaskSizeDiffers,

    /// <summary>An image too small to train with.</summary>
    SmallImage,

    /// <summary>An image file that is missing or cannot be decoded.</summary>
    BrokenImage,

    /// <summary>An image whose decoded size is not the size that the annotations give.</summary>
    SizeDiffers,
}

/// <summary>One kind of oddity, how often it was met, and the first place.</summary>
/// <param name="Kind">what it is</param>
/// <param name="Count">how often</param>
/// <param name="Message">one line for people: count, what, what was done, first place</param>
public sealed record DataWarning(DataWarningKind Kind, int Count, string Message);

/// <summary>Counts warnings by kind and keeps the first place of each. Safe to use from several threads.</summary>
internal sealed class WarningCounter
{
    private readonly SortedDictionary<DataWarningKind, (int Count, string First)> _counts = [];
    private readonly Lock _gate = new();

    internal void Add(DataWarningKind kind, string place)
    {
        lock (_gate)
        {
            _counts[kind] = _counts.TryGetValue(kind, out var known) ? (known.Count + 1, known.First) : (1, place);
        }
    }

    internal IReadOnlyList<DataWarning> ToList()
    {
        lock (_gate)
        {
            return [.. _counts.Select(c => new DataWarning(c.Key, c.Value.Count, Describe(c.Key, c.Value.Count, c.Value.First)))];
        }
    }

    private static string Describe(DataWarningKind kind, int count, string first)
    {
        string s = count == 1 ? "" : "s";
        string text = kind switch
        {
            DataWarningKind.UnknownImage => $"{count} annotation{s} of images that are not listed: left out",
            DataWarningKind.EmptyBox => $"{count} box{(count == 1 ? "" : "es")} of no size (below one pixel or without area): left out of training",
            DataWarningKind.BoxOutside => $"{count} box{(count == 1 ? "" : "es")} wholly outside the image: left out of training",
            DataWarningKind.UnreadableMask => $"{count} segmentation{s} that cannot be read: the box stands for the mask",
            DataWarningKind.MaskSizeDiffers => $"{count} mask{s} of another size than the image: the box stands for the mask",
            DataWarningKind.SmallImage => $"{count} image{s} below the smallest side for training: left out",
            DataWarningKind.BrokenImage => $"{count} image{s} missing or broken: another image was taken instead",
            DataWarningKind.SizeDiffers => $"{count} image{s} of another size than the annotations say: the decoded size was used",
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
        return $"{text} (first: {first})";
    }
}
