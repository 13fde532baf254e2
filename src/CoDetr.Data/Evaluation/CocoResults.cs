using System.Text.Json;

namespace CoDetr.Data;

/// <summary>Result files of the COCO API: a list of {"image_id", "category_id", "bbox": [x, y, width, height], "score"}.</summary>
public static class CocoResults
{
    /// <summary>Reads detections; entries with a mask and no box get the mask's box.</summary>
    /// <exception cref="DataException">what is wrong, where, and what to do</exception>
    public static IReadOnlyList<ScoredBox> Read(string path, CocoFile truth)
    {
        using Stream stream = DataFiles.OpenRead(path, "results file");
        var cursor = new JsonCursor(stream, path);
        cursor.Next();
        if (cursor.Type == JsonTokenType.StartObject)
            throw cursor.Fail("holds an object; results are an array of detections. Is it an annotation file?");
        if (cursor.Type != JsonTokenType.StartArray)
            throw cursor.Fail("is not a results file: expected an array of detections");
        var detections = new List<ScoredBox>();
        while (true)
        {
            cursor.At("result", detections.Count + 1);
            if (!cursor.NextElement())
                break;
            detections.Add(ReadOne(ref cursor, truth));
        }
        cursor.At("");
        cursor.Read(); // throws on anything after the end
        return detections;
    }

    /// <summary>Writes detections with the file's own ids, whole or not at all.</summary>
    /// <exception cref="DataException">the file cannot be written</exception>
    public static void Write(string path, CocoFile truth, IEnumerable<ScoredBox> detections) => WholeFile.Write(path, stream =>
    {
        using var json = new Utf8JsonWriter(stream);
        json.WriteStartArray();
        foreach (ScoredBox d in detections)
        {
            json.WriteStartObject();
            json.WriteNumber("image_id", truth.Images[d.Image].Id);
            json.WriteNumber("category_id", truth.Categories[d.Label].Id);
            json.WriteStartArray("bbox");
            foreach (double edge in (ReadOnlySpan<double>)[d.X, d.Y, d.Width, d.Height])
                json.WriteNumberValue(edge);
            json.WriteEndArray();
            json.WriteNumber("score", d.Score);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    });

    private static ScoredBox ReadOne(ref JsonCursor cursor, CocoFile truth)
    {
        if (cursor.Type != JsonTokenType.StartObject)
            throw cursor.Fail("must be an object");
        long? image = null, category = null;
        double? score = null;
        double[]? box = null;
        Segmentation? mask = null;
        bool keypoints = false;
        while (cursor.NextName())
        {
            if (cursor.NameIs("image_id"u8))
                image = cursor.Whole("image_id");
            else if (cursor.NameIs("category_id"u8))
                category = cursor.Whole("category_id");
            else if (cursor.NameIs("bbox"u8))
                box = cursor.Box("bbox");
            else if (cursor.NameIs("score"u8))
                score = cursor.Number("score");
            else if (cursor.NameIs("segmentation"u8))
                mask = SegmentationParser.Read(ref cursor, out _);
            else
            {
                keypoints |= cursor.NameIs("keypoints"u8);
                cursor.Skip();
            }
        }
        box ??= keypoints ? throw cursor.Fail("holds keypoints and no box; keypoint results are not evaluated here")
            : BoxOf(mask, cursor) ?? throw cursor.Fail("has no bbox");
        int index = truth.IndexOfImage(image ?? throw cursor.Fail("has no image_id"));
        if (index < 0)
            throw cursor.Fail($"is of image {image}, which is not in {truth.Path}");
        int label = truth.LabelOf(category ?? throw cursor.Fail("has no category_id"));
        if (label < 0)
            throw cursor.Fail($"is of category {category}, which is not in {truth.Path}");
        return new ScoredBox(index, label, score ?? throw cursor.Fail("has no score"), box[0], box[1], box[2], box[3]);
    }

    private static double[]? BoxOf(Segmentation? mask, JsonCursor cursor)
    {
        if (mask is null || mask.Polygons.Count > 0)
            return null;
        try
        {
            var (x, y, width, height) = mask.ToRunLengths(0, 0).Bounds();
            return [x, y, width, height];
        }
        catch (FormatException e)
        {
            throw cursor.Fail(e.Message);
        }
    }
}
