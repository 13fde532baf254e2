using System.Text.Json;
using CoDetr.Data;

namespace CoDetr.Golden.Claims;

/// <summary>Builds transforms from the reference's configuration of a pipeline.</summary>
internal static class PipelineConfig
{
    /// <summary>Null for what is no transform here: normalization, and padding after it, belong to the batch.</summary>
    internal static Transform? Read(JsonElement step) => step.GetProperty("type").GetString() switch
    {
        "RandomFlip" => new RandomFlip(step.GetProperty("flip_ratio").GetDouble(), Direction(step)),
        "Resize" when step.TryGetProperty("ratio_range", out JsonElement range) =>
            new RandomResize(Scales(step)[0], range[0].GetDouble(), range[1].GetDouble()),
        "Resize" => new Resize(Scales(step), step.GetProperty("keep_ratio").GetBoolean()),
        "RandomCrop" => new RandomCrop(step.GetProperty("crop_size")[0].GetInt32(), step.GetProperty("crop_size")[1].GetInt32()),
        "AutoAugment" => new OneOf([.. step.GetProperty("policies").EnumerateArray()
            .Select(p => (IReadOnlyList<Transform>)[.. p.EnumerateArray().Select(s => Read(s)!)])]),
        "FilterAnnotations" => new FilterBoxes(step.GetProperty("min_gt_bbox_wh")[0].GetSingle()),
        "Pad" when step.TryGetProperty("size", out JsonElement size) =>
            new Pad(size[0].GetInt32(), size[1].GetInt32(), step.GetProperty("pad_val").GetProperty("img")[0].GetByte()),
        "Pad" or "Normalize" => null,
        string other => throw new ArgumentException($"no transform is called {other}"),
        null => throw new ArgumentException("a transform has no type"),
    };

    private static FlipDirection Direction(JsonElement step) =>
        step.TryGetProperty("direction", out JsonElement direction)
            ? Enum.Parse<FlipDirection>(direction.GetString()!, ignoreCase: true)
            : FlipDirection.Horizontal;

    private static Scale[] Scales(JsonElement step)
    {
        JsonElement scales = step.GetProperty("img_scale");
        return scales[0].ValueKind == JsonValueKind.Number ? [Scale(scales)] : [.. scales.EnumerateArray().Select(Scale)];
    }

    private static Scale Scale(JsonElement pair) => new(pair[0].GetInt32(), pair[1].GetInt32());
}

/// <summary>The draws of the reference, in order: [function, value, remark].</summary>
internal sealed class RecordedDraws(JsonElement draws) : Draws
{
    private int next;

    internal bool AllUsed => next == draws.GetArrayLength();

    public override int Between(int low, int high)
    {
        int value = (int)draws[next++][1].GetDouble();
        return value >= low && value <= high ? value : throw new InvalidOperationException($"the reference drew {value} where {low} to {high} is asked for");
    }

    public override double Unit()
    {
        JsonElement value = draws[next++][1];
        return value.ValueKind == JsonValueKind.Number ? value.GetDouble() : value.GetString() == "None" ? 1 : 0; // a flip, or none
    }
}
