using System.Text.Json;

namespace CoDetr.Detection;

/// <summary>An object of a reference configuration that remembers which keys were read, so that a key nobody knows is an error and not a silent difference.</summary>
internal sealed class ConfigNode
{
    private readonly JsonElement element;
    private readonly HashSet<string> read = [];

    internal ConfigNode(JsonElement element, string path)
    {
        (this.element, Path) = (element, path);
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Wrong($"is no object but {element.ValueKind}");
        }
    }

    /// <summary>Where it stands, for messages.</summary>
    internal string Path { get; }

    /// <summary>Its "type".</summary>
    internal string Type => Text("type", "");

    /// <summary>Whether a key is there and not null.</summary>
    internal bool Has(string key) => Find(key) is not null;

    internal int Whole(string key, int fallback) => Find(key) is { } value ? Typed(key, value, v => v.GetInt32()) : fallback;

    internal int Whole(string key) => Whole(key, int.MinValue) is int value && value != int.MinValue ? value : throw Wrong($"lacks {key}");

    internal float Number(string key, float fallback) => Find(key) is { } value ? Typed(key, value, v => v.GetSingle()) : fallback;

    internal double Real(string key, double fallback) => Find(key) is { } value ? Typed(key, value, v => v.GetDouble()) : fallback;

    internal bool Flag(string key, bool fallback) => Find(key) is { } value ? Typed(key, value, v => v.GetBoolean()) : fallback;

    internal string Text(string key, string fallback) => Find(key) is { } value ? Typed(key, value, v => v.GetString()!) : fallback;

    internal int[]? Wholes(string key) => Find(key) is { } value ? Typed(key, value, v => v.EnumerateArray().Select(item => item.GetInt32()).ToArray()) : null;

    internal float[]? Numbers(string key) => Find(key) is { } value ? Typed(key, value, v => v.EnumerateArray().Select(item => item.GetSingle()).ToArray()) : null;

    /// <summary>An object below; null if it is missing or null.</summary>
    internal ConfigNode? Child(string key) => Find(key) is { } value ? new ConfigNode(value, $"{Path}.{key}") : null;

    /// <summary>An object below that must be there.</summary>
    internal ConfigNode Required(string key) => Child(key) ?? throw Wrong($"lacks {key}");

    /// <summary>A list of objects below, without its nulls; an object alone is a list of one.</summary>
    internal ConfigNode[] Children(string key) => Find(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list =>
            [.. list.EnumerateArray().Select((item, i) => (item, i)).Where(pair => pair.item.ValueKind != JsonValueKind.Null).Select(pair => new ConfigNode(pair.item, $"{Path}.{key}[{pair.i}]"))],
        { } one => [new ConfigNode(one, $"{Path}.{key}")],
    };

    /// <summary>A key whose other values are not built; missing is right.</summary>
    internal ConfigNode Only(string key, params ReadOnlySpan<string> values)
    {
        if (Find(key) is { } value && !values.Contains(value.GetRawText().Trim('"')))
        {
            throw Wrong($"{key} = {value.GetRawText()} is not built; built: {string.Join(", ", values.ToArray())}");
        }

        return this;
    }

    /// <summary>Keys that have no effect here.</summary>
    internal ConfigNode Without(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
        {
            read.Add(key);
        }

        return this;
    }

    /// <summary>Ends reading: any key that was not looked at is an error.</summary>
    internal void Done()
    {
        read.Add("type");
        if (element.EnumerateObject().Select(property => property.Name).FirstOrDefault(name => !read.Contains(name)) is string unknown)
        {
            throw Wrong($"has the key {unknown}, which is not known");
        }
    }

    internal ConfigException Wrong(string what) => new($"configuration: {Path} {what}.");

    private JsonElement? Find(string key)
    {
        read.Add(key);
        return element.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private T Typed<T>(string key, JsonElement value, Func<JsonElement, T> convert)
    {
        try
        {
            return convert(value);
        }
        catch (Exception e) when (e is InvalidOperationException or FormatException)
        {
            throw Wrong($"has {key} = {value.GetRawText()}, which is no {typeof(T).Name}");
        }
    }
}
