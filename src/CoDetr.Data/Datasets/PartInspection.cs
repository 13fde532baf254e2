namespace CoDetr.Data;

/// <summary>Looks over one part of a data set: counts, sizes, and every image file.</summary>
internal static class PartInspection
{
    internal static (PartReport Report, CocoFile? File) Inspect(string folder, string name, string annotationPath, int workers)
    {
        CocoFile file;
        try
        {
            file = CocoFile.Read(annotationPath);
        }
        catch (DataException e)
        {
            return (new PartReport { Name = name, AnnotationPath = annotationPath, Problems = [e.Message] }, null);
        }
        List<string> problems = [.. file.Warnings.Select(w => w.Message)];
        string imageFolder = "";
        try
        {
            imageFolder = DatasetFolder.FindImages(folder, name, file);
            problems.AddRange(CheckImages(file, imageFolder, workers));
        }
        catch (DataException e)
        {
            problems.Add(e.Message);
        }
        problems.AddRange(CheckNames(file));
        PartReport report = Count(file);
        ClassCount[] missing = [.. report.Classes.Where(c => c.Boxes == 0)];
        if (missing.Length > 0)
            problems.Add($"{file.Path}: {missing.Length} of {report.Classes.Count} classes have no usable box (the first: '{missing[0].Name}')");
        return (report with { Name = name, ImageFolder = imageFolder, Problems = problems }, file);
    }

    private static PartReport Count(CocoFile file)
    {
        List<CocoAnnotation> usable = [.. file.Images.SelectMany(i => i.Annotations).Where(a => a.IsUsable)];
        ILookup<int, CocoAnnotation> byLabel = usable.ToLookup(a => a.Label);
        return new PartReport
        {
            Name = "",
            AnnotationPath = file.Path,
            Images = file.Images.Count,
            EmptyImages = file.Images.Count(i => !i.Annotations.Any(a => a.IsUsable)),
            Annotations = file.AnnotationCount,
            Usable = file.UsableCount,
            Crowds = file.Images.Sum(i => i.Annotations.Count(a => a.IsCrowd)),
            Areas = (usable.Count(a => a.Area < 32 * 32), usable.Count(a => a.Area is >= 32 * 32 and < 96 * 96), usable.Count(a => a.Area >= 96 * 96)),
            Classes = [.. file.Categories.Select(c => new ClassCount(c.Id, c.Name, byLabel[c.Label].Count(), ImagesOf(byLabel[c.Label])))],
            BoxesPerImage = Spread.Of(file.Images.Select(i => (double)i.Annotations.Count(a => a.IsUsable))),
            ImageWidths = Spread.Of(file.Images.Select(i => (double)i.Width)),
            ImageHeights = Spread.Of(file.Images.Select(i => (double)i.Height)),
            BoxWidths = Spread.Of(usable.Select(a => a.Width)),
            BoxHeights = Spread.Of(usable.Select(a => a.Height)),
        };

        static int ImagesOf(IEnumerable<CocoAnnotation> annotations) => annotations.Select(a => a.ImageId).Distinct().Count();
    }

    /// <summary>Decodes every image; problems in file order.</summary>
    private static IEnumerable<string> CheckImages(CocoFile file, string folder, int workers)
    {
        var problems = new string?[file.Images.Count];
        var options = new ParallelOptions { MaxDegreeOfParallelism = workers };
        Parallel.For(0, problems.Length, options, () => new ImageU8(1, 1), (i, _, scratch) =>
        {
            problems[i] = CheckImage(file.Images[i], folder, scratch);
            return scratch;
        }, _ => { });
        return problems.OfType<string>();
    }

    private static string? CheckImage(CocoImage image, string folder, ImageU8 scratch)
    {
        string path = Path.Combine(folder, image.FileName);
        try
        {
            ImageReader.Read(path, scratch);
        }
        catch (DataException e)
        {
            return e.Message;
        }
        if ((image.Width, image.Height) == (scratch.Width, scratch.Height))
            return null;
        string annotated = image.Width == 0 || image.Height == 0 ? "annotated without a size" : $"annotated as {image.Width} x {image.Height}";
        return $"{path}: {scratch.Width} x {scratch.Height} pixels, {annotated}";
    }

    private static IEnumerable<string> CheckNames(CocoFile file)
    {
        foreach (var group in file.Images.GroupBy(i => i.FileName).Where(g => g.Count() > 1))
            yield return $"{file.Path}: {group.Key} is listed {group.Count()} times (image ids {string.Join(", ", group.Take(3).Select(i => i.Id))})";
        foreach (var group in file.Categories.GroupBy(c => c.Name).Where(g => g.Count() > 1))
            yield return $"{file.Path}: {group.Count()} classes are named '{group.Key}' (category ids {string.Join(", ", group.Take(3).Select(c => c.Id))})";
    }
}
