using System.Text.Json;
using System.Text.Json.Serialization;
using CoDetr.Detection;

namespace CoDetr.Training;

/// <summary>A class as the data set named it.</summary>
/// <param name="Id">The data set's own id.</param>
/// <param name="Name">Its name.</param>
public sealed record ClassName(long Id, string Name);

/// <summary>Where a training stands: with the recipe, all that its order and random streams follow from.</summary>
public sealed record Progress
{
    /// <summary>Updates made.</summary>
    public long Step { get; init; }

    /// <summary>Epochs whose evaluation is done.</summary>
    public int EvaluatedEpochs { get; init; }

    /// <summary>The best AP so far; below zero before the first evaluation.</summary>
    public double BestAp { get; init; } = -1;

    /// <summary>The epoch, from 1, after which it was reached.</summary>
    public int BestEpoch { get; init; }
}

/// <summary>The data that a run learns from.</summary>
/// <param name="Folder">The data set's folder.</param>
/// <param name="Images">Training pictures.</param>
/// <param name="Objects">Training objects.</param>
public sealed record DataIdentity(string Folder, int Images, int Objects);

/// <summary>What a checkpoint says about itself: enough to build the model, to name its classes and to go on.</summary>
public sealed record CheckpointInfo
{
    /// <summary>The key of the header's text entry.</summary>
    internal const string Key = "codetr";

    private static readonly JsonSerializerOptions Options = new()
    {
        IgnoreReadOnlyProperties = true,
        Converters = { new JsonStringEnumConverter() },
    };

    private static readonly JsonSerializerOptions Indented = new(Options) { WriteIndented = true };

    /// <summary>The format's version.</summary>
    public int Format { get; init; } = 1;

    /// <summary>The model's name in the zoo.</summary>
    public required string Model { get; init; }

    /// <summary>What the model is made of.</summary>
    public required DetectorConfig Config { get; init; }

    /// <summary>The classes; the index is the label.</summary>
    public required IReadOnlyList<ClassName> Classes { get; init; }

    /// <summary>How it was trained.</summary>
    public required Recipe Recipe { get; init; }

    /// <summary>What it was trained with.</summary>
    public required DataIdentity Data { get; init; }

    /// <summary>How far.</summary>
    public Progress Progress { get; init; } = new();

    /// <summary>As one line of JSON.</summary>
    public string ToJson(bool indented = false) => JsonSerializer.Serialize(this, indented ? Indented : Options);

    /// <summary>From JSON.</summary>
    /// <exception cref="JsonException">It is not what it must be.</exception>
    public static CheckpointInfo FromJson(string json) =>
        JsonSerializer.Deserialize<CheckpointInfo>(json, Options) ?? throw new JsonException("the description is empty");
}
