using System.Text.Json;

namespace CoDetr.Data;

/// <summary>The three lists of a COCO or LVIS file as they stand there, before ids are looked up.</summary>
internal sealed class CocoParser(string path, bool keepMasks, WarningCounter warnings)
{
    internal List<CocoImage>? Images { get; private set; }

    internal List<(long Id, string Name)>? Categories { get; private set; }

    internal List<CocoAnnotation>? Annotations { get; private set; }

    private delegate T ReadEntry<T>(ref JsonCursor cursor);

    internal void Read(Stream stream)
    {
        var cursor = new JsonCursor(stream, path);
        cursor.Next();
        if (cursor.Type == JsonTokenType.StartArray)
        {
            while (cursor.NextElement()) // broken JSON is the better message
                cursor.Skip();
            throw cursor.Fail("holds an array; COCO annotations are an object with images, annotations and categories. Is it a results file?");
        }
        if (cursor.Type != JsonTokenType.StartObject)
            throw cursor.Fail("is not a COCO file: expected an object with images, annotations and categories");
        while (cursor.NextName())
        {
            if (cursor.NameIs("images"u8))
                Images = ReadList(ref cursor, "images", ReadImage);
            else if (cursor.NameIs("categories"u8))
                Categories = ReadList(ref cursor, "categories", ReadCategory);
            else if (cursor.NameIs("annotations"u8))
                Annotations = ReadList(ref cursor, "annotations", ReadAnnotation);
            else
                cursor.Skip();
        }
        cursor.Read(); // throws on anything after the end
    }

    private static List<T> ReadList<T>(ref JsonCursor cursor, string name, ReadEntry<T> read)
    {
        cursor.Next();
        if (cursor.Type != JsonTokenType.StartArray)
            throw cursor.Fail($"'{name}' must be an array");
        var list = new List<T>();
        string kind = name == "categories" ? "category" : name[..^1];
        while (NextEntry(ref cursor, kind, list.Count + 1))
            list.Add(read(ref cursor));
        cursor.At("");
        return list;
    }

    private static bool NextEntry(ref JsonCursor cursor, string kind, int number)
    {
        cursor.At(kind, number);
        if (!cursor.NextElement())
            return false;
        return cursor.Type == JsonTokenType.StartObject ? true : throw cursor.Fail("must be an object");
    }

    private static long? ReadId(ref JsonCursor cursor, string kind)
    {
        long? id = cursor.Whole("id");
        if (id is { } known)
            cursor.At(kind, known, hasId: true);
        return id;
    }

    private static CocoImage ReadImage(ref JsonCursor cursor)
    {
        long? id = null, width = null, height = null;
        string? file = null, url = null;
        while (cursor.NextName())
        {
            if (cursor.NameIs("id"u8))
                id = ReadId(ref cursor, "image");
            else if (cursor.NameIs("file_name"u8))
                file = cursor.Text("file_name");
            else if (cursor.NameIs("coco_url"u8))
                url = cursor.Text("coco_url");
            else if (cursor.NameIs("width"u8))
                width = cursor.Whole("width");
            else if (cursor.NameIs("height"u8))
                height = cursor.Whole("height");
            else
                cursor.Skip();
        }
        if (width is < 0 or > int.MaxValue || height is < 0 or > int.MaxValue)
            throw cursor.Fail($"cannot be {width} x {height} pixels");
        return new CocoImage
        {
            Id = id ?? throw cursor.Fail("has no id"),
            FileName = file ?? TailOf(url) ?? throw cursor.Fail("has neither file_name nor coco_url"),
            Width = (int)(width ?? 0),
            Height = (int)(height ?? 0),
        };
    }

    /// <summary>LVIS names an image by its address: folder and file are the last two parts.</summary>
    private static string? TailOf(string? url) => url is null ? null : string.Join('/', url.Split('/')[^Math.Min(2, url.Count(c => c == '/') + 1)..]);

    private static (long, string) ReadCategory(ref JsonCursor cursor)
    {
        long? id = null;
        string? name = null;
        while (cursor.NextName())
        {
            if (cursor.NameIs("id"u8))
                id = ReadId(ref cursor, "category");
            else if (cursor.NameIs("name"u8))
                name = cursor.Text("name");
            else
                cursor.Skip();
        }
        return (id ?? throw cursor.Fail("has no id"), name ?? throw cursor.Fail("has no name"));
    }

    private CocoAnnotation ReadAnnotation(ref JsonCursor cursor)
    {
        long? id = null, image = null, category = null;
        double[]? box = null;
        double? area = null;
        bool crowd = false, ignore = false;
        Segmentation? mask = null;
        while (cursor.NextName())
        {
            if (cursor.NameIs("id"u8))
                id = ReadId(ref cursor, "annotation");
            else if (cursor.NameIs("image_id"u8))
                image = cursor.Whole("image_id");
            else if (cursor.NameIs("category_id"u8))
                category = cursor.Whole("category_id");
            else if (cursor.NameIs("bbox"u8))
                box = cursor.Box("bbox");
            else if (cursor.NameIs("area"u8))
                area = cursor.Number("area");
            else if (cursor.NameIs("iscrowd"u8))
                crowd = cursor.Flag("iscrowd");
            else if (cursor.NameIs("ignore"u8))
                ignore = cursor.Flag("ignore");
            else if (cursor.NameIs("segmentation"u8) && keepMasks)
                mask = ReadMask(ref cursor);
            else
                cursor.Skip();
        }
        box = box ?? throw cursor.Fail("has no bbox");
        return new CocoAnnotation
        {
            Id = id ?? throw cursor.Fail("has no id"),
            ImageId = image ?? throw cursor.Fail("has no image_id"),
            CategoryId = category ?? throw cursor.Fail("has no category_id"),
            X = box[0],
            Y = box[1],
            Width = box[2],
            Height = box[3],
            Area = area ?? box[2] * box[3],
            IsCrowd = crowd,
            Ignore = ignore,
            Segmentation = mask,
        };
    }

    private Segmentation? ReadMask(ref JsonCursor cursor)
    {
        Segmentation? mask = SegmentationParser.Read(ref cursor, out bool understood);
        if (!understood)
            warnings.Add(DataWarningKind.UnreadableMask, cursor.Place);
        return mask;
    }
}
