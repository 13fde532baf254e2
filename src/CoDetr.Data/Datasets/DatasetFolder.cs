namespace CoDetr.Data;

/// <summary>One part of a data set.</summary>
/// <param name="Name">train, val or test</param>
/// <param name="File">its annotations</param>
/// <param name="ImageFolder">what the file's image names are relative to</param>
public sealed record DatasetPart(string Name, CocoFile File, string ImageFolder);

/// <summary>
/// A folder in one of the usual COCO layouts: <c>annotations/instances_train.json</c> with <c>images/train/</c>,
/// <c>annotations/instances_train2017.json</c> with <c>train2017/</c>, <c>train/_annotations.coco.json</c> beside its images, and the like.
/// </summary>
public static class DatasetFolder
{
    private const int FirstImages = 20; // that are looked for in a folder

    private static readonly string[] AnnotationPatterns =
    [
        "annotations/instances_{0}.json", "annotations/{0}.json", "annotations/instances_{0}2017.json", "annotations/instances_{0}2014.json",
        "annotations/lvis_v1_{0}.json", "instances_{0}.json", "{0}.json", "{0}/_annotations.coco.json", "{0}/annotations.json", "{0}/instances.json",
    ];

    private static readonly string[] ImagePatterns =
        ["images/{0}", "images/{0}2017", "images/{0}2014", "{0}2017", "{0}2014", "{0}/images", "{0}", "images", "."];

    /// <summary>The part to train with.</summary>
    /// <param name="folder">of the data set</param>
    /// <param name="keepMasks">whether the objects' masks are wanted</param>
    /// <exception cref="DataException">what was looked for and not found, or what is wrong with it</exception>
    public static DatasetPart OpenTrain(string folder, bool keepMasks = false) => Open(folder, "train", keepMasks);

    /// <summary>The part to validate with.</summary>
    /// <exception cref="DataException">what was looked for and not found, or what is wrong with it</exception>
    public static DatasetPart OpenValidation(string folder) => Open(folder, "val");

    /// <summary>A part by name: train, val or test.</summary>
    /// <param name="folder">of the data set</param>
    /// <param name="part">its name</param>
    /// <param name="keepMasks">whether the objects' masks are wanted</param>
    /// <exception cref="DataException">what was looked for and not found, or what is wrong with it</exception>
    public static DatasetPart Open(string folder, string part, bool keepMasks = false)
    {
        string path = FindAnnotations(folder, part) ?? throw new DataException(
            $"{folder}: no annotations for '{part}' found; looked for {string.Join(", ", AnnotationPatterns.Select(p => string.Format(p, part)))}.");
        CocoFile file = CocoFile.Read(path, keepMasks);
        return new DatasetPart(part, file, FindImages(folder, part, file));
    }

    /// <summary>The annotation file of a part, or null.</summary>
    /// <exception cref="DataException">there is no such folder</exception>
    public static string? FindAnnotations(string folder, string part)
    {
        if (!Directory.Exists(folder))
            throw new DataException($"{folder}: this folder does not exist.");
        return Candidates(folder, part, AnnotationPatterns).FirstOrDefault(File.Exists);
    }

    /// <summary>The folder among the usual ones that holds the images of an annotation file.</summary>
    /// <exception cref="DataException">none of the first images is in any of them</exception>
    public static string FindImages(string folder, string part, CocoFile file)
    {
        string own = Path.GetDirectoryName(Path.GetFullPath(file.Path))!;
        string[] candidates = [.. Candidates(folder, part, ImagePatterns).Append(own).Select(c => Path.TrimEndingDirectorySeparator(Path.GetFullPath(c))).Distinct()];
        return candidates.FirstOrDefault(c => file.Images.Take(FirstImages).Any(i => File.Exists(Path.Combine(c, i.FileName))))
            ?? throw new DataException($"{file.Path}: its images (the first is {file.Images[0].FileName}) are in none of {string.Join(", ", candidates)}.");
    }

    private static IEnumerable<string> Candidates(string folder, string part, string[] patterns)
    {
        string[] spellings = part == "val" ? ["val", "valid", "validation"] : [part];
        return spellings.SelectMany(spelling => patterns.Select(pattern => Path.Combine(folder, string.Format(pattern, spelling))));
    }
}
