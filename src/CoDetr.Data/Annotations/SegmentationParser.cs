using System.Text.Json;

namespace CoDetr.Data;

/// <summary>Reads the value of a "segmentation" field: polygons, or run lengths as numbers or as a string.</summary>
internal static class SegmentationParser
{
    /// <summary>Reads the value after the name; anything not understood is passed over, since boxes do not need it.</summary>
    internal static Segmentation? Read(ref JsonCursor cursor, out bool understood)
    {
        cursor.Next();
        Segmentation? mask = cursor.Type switch
        {
            JsonTokenType.StartArray => ReadPolygons(ref cursor, out understood),
            JsonTokenType.StartObject => ReadRuns(ref cursor, out understood),
            _ => Nothing(cursor.Type == JsonTokenType.Null, out understood),
        };
        return understood ? mask : null;
    }

    private static Segmentation? Nothing(bool isFine, out bool understood)
    {
        understood = isFine;
        return null;
    }

    private static Segmentation? ReadPolygons(ref JsonCursor cursor, out bool understood)
    {
        var polygons = new List<double[]>();
        var numbers = new List<double>();
        understood = true;
        while (cursor.NextElement())
        {
            if (cursor.Type != JsonTokenType.StartArray)
            {
                cursor.Skip();
                understood = false;
                continue;
            }
            numbers.Clear();
            understood &= ReadNumbers(ref cursor, numbers) && numbers.Count % 2 == 0;
            polygons.Add([.. numbers]);
        }
        return polygons.Count == 0 ? null : Segmentation.FromPolygons([.. polygons]);
    }

    private static Segmentation? ReadRuns(ref JsonCursor cursor, out bool understood)
    {
        var size = new List<double>();
        var runs = new List<double>();
        string? text = null;
        bool hasSize = false, hasRuns = false;
        while (cursor.NextName())
        {
            if (cursor.NameIs("size"u8))
            {
                cursor.Next();
                hasSize = cursor.Type == JsonTokenType.StartArray && ReadNumbers(ref cursor, size) && size.Count == 2;
            }
            else if (cursor.NameIs("counts"u8))
            {
                cursor.Next();
                if (cursor.Type == JsonTokenType.String)
                    text = cursor.CurrentText();
                else
                    hasRuns = cursor.Type == JsonTokenType.StartArray && ReadNumbers(ref cursor, runs);
            }
            else
                cursor.Skip();
        }
        understood = hasSize && (hasRuns || text is not null) && runs.Concat(size).All(n => n is >= 0 and <= int.MaxValue);
        if (!understood)
            return null;
        var (height, width) = ((int)size[0], (int)size[1]);
        return text is not null
            ? Segmentation.FromString(height, width, text)
            : Segmentation.FromRuns(new RunLengths(height, width, [.. runs.Select(n => (int)n)]));
    }

    private static bool ReadNumbers(ref JsonCursor cursor, List<double> numbers)
    {
        bool allNumbers = true;
        while (cursor.NextElement())
        {
            if (cursor.Type == JsonTokenType.Number)
                numbers.Add(cursor.CurrentNumber("segmentation"));
            else
            {
                allNumbers = false;
                cursor.Skip();
            }
        }
        return allNumbers;
    }
}
