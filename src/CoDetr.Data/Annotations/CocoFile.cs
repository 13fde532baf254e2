namespace CoDetr.Data;

/// <summary>
/// A COCO (or LVIS) annotation file: classes, images, and the objects in them. Ids are mapped once, here, to contiguous labels
/// by ascending category id; everything after this speaks labels and image indices.
/// </summary>
public sealed class CocoFile
{
    private readonly Dictionary<long, int> _imageIndex = [];
    private readonly Dictionary<long, int> _labels = [];

    private CocoFile(string path, bool hasMasks, CocoParser parsed, WarningCounter warnings)
    {
        (Path, HasMasks) = (path, hasMasks);
        Categories = MapCategories(parsed.Categories);
        Images = MapImages(parsed.Images);
        List<CocoAnnotation> annotations = parsed.Annotations ?? [];
        AnnotationCount = annotations.Count;
        MapAnnotations(annotations, warnings);
        Warnings = warnings.ToList();
    }

    /// <summary>Where it was read.</summary>
    public string Path { get; }

    /// <summary>Whether it was read with its masks.</summary>
    public bool HasMasks { get; }

    /// <summary>The classes; the index is the label.</summary>
    public IReadOnlyList<CocoCategory> Categories { get; }

    /// <summary>The images in file order; the index is what the rest of the program calls an image by.</summary>
    public IReadOnlyList<CocoImage> Images { get; }

    /// <summary>How many annotations the file lists, usable or not.</summary>
    public int AnnotationCount { get; }

    /// <summary>How many annotations can be trained with.</summary>
    public int UsableCount { get; private set; }

    /// <summary>What was odd, counted by kind.</summary>
    public IReadOnlyList<DataWarning> Warnings { get; }

    /// <summary>Reads a file.</summary>
    /// <param name="path">COCO or LVIS JSON</param>
    /// <param name="keepMasks">whether polygons and run lengths are kept; boxes do not need them</param>
    /// <exception cref="DataException">what is wrong, where, and what to do</exception>
    public static CocoFile Read(string path, bool keepMasks = true)
    {
        var warnings = new WarningCounter();
        var parser = new CocoParser(path, keepMasks, warnings);
        using (Stream stream = DataFiles.OpenRead(path, "annotation file"))
            parser.Read(stream);
        return new CocoFile(path, keepMasks, parser, warnings);
    }

    /// <summary>Index of an image by the file's own id, or -1.</summary>
    public int IndexOfImage(long id) => _imageIndex.GetValueOrDefault(id, -1);

    /// <summary>Label of a category by the file's own id, or -1.</summary>
    public int LabelOf(long categoryId) => _labels.GetValueOrDefault(categoryId, -1);

    private CocoCategory[] MapCategories(List<(long Id, string Name)>? listed)
    {
        if (listed is null || listed.Count == 0)
            throw new DataException($"{Path}: lists no categories; a COCO file needs \"categories\": [{{\"id\": 1, \"name\": ...}}].");
        CocoCategory[] categories = [.. listed.OrderBy(c => c.Id).Select((c, label) => new CocoCategory(c.Id, c.Name, label))];
        foreach (CocoCategory category in categories)
            if (!_labels.TryAdd(category.Id, category.Label))
                throw new DataException($"{Path}: category id {category.Id} is used twice ('{categories[_labels[category.Id]].Name}' and '{category.Name}').");
        return categories;
    }

    private List<CocoImage> MapImages(List<CocoImage>? listed)
    {
        if (listed is null || listed.Count == 0)
            throw new DataException($"{Path}: lists no images; a COCO file needs \"images\": [{{\"id\": 1, \"file_name\": ..., \"width\": ...}}].");
        for (int i = 0; i < listed.Count; i++)
        {
            CocoImage image = listed[i];
            if (!_imageIndex.TryAdd(image.Id, i))
                throw new DataException($"{Path}: image id {image.Id} is used twice ({listed[_imageIndex[image.Id]].FileName} and {image.FileName}).");
        }
        return listed;
    }

    private void MapAnnotations(List<CocoAnnotation> annotations, WarningCounter warnings)
    {
        var seen = new HashSet<long>(annotations.Count);
        foreach (CocoAnnotation a in annotations)
        {
            if (!seen.Add(a.Id))
                throw new DataException($"{Path}: annotation id {a.Id} is used twice.");
            a.Label = LabelOf(a.CategoryId);
            if (a.Label < 0)
                throw new DataException($"{Path}: annotation {a.Id} is of category {a.CategoryId}, which is not listed under \"categories\".");
            int index = IndexOfImage(a.ImageId);
            if (index < 0)
            {
                warnings.Add(DataWarningKind.UnknownImage, $"annotation {a.Id}, image {a.ImageId}");
                continue;
            }
            Images[index].Objects.Add(a);
            a.IsUsable = !a.IsCrowd && !a.Ignore && HasUsableBox(a, Images[index], warnings);
            UsableCount += a.IsUsable ? 1 : 0;
        }
    }

    /// <summary>The rules of the reference: no box below one pixel or without area, none outside its image.</summary>
    private static bool HasUsableBox(CocoAnnotation a, CocoImage image, WarningCounter warnings)
    {
        if (a.Width < 1 || a.Height < 1 || a.Area <= 0)
        {
            warnings.Add(DataWarningKind.EmptyBox, $"annotation {a.Id}, image {image.FileName}, {a.Width} x {a.Height}");
            return false;
        }
        bool outside = a.X + a.Width <= 0 || a.Y + a.Height <= 0 || (image.Width > 0 && a.X >= image.Width) || (image.Height > 0 && a.Y >= image.Height);
        if (outside)
            warnings.Add(DataWarningKind.BoxOutside, $"annotation {a.Id}, image {image.FileName}");
        return !outside;
    }
}
