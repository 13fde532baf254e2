using System.Text.Json;

namespace CoDetr.Data;

/// <summary>
/// Walks through a JSON file token by token with a small buffer, so that annotation files of any size can be read.
/// Every mistake becomes a <see cref="DataException"/> that names the file and the place.
/// </summary>
internal ref struct JsonCursor
{
    private readonly Stream _stream;
    private readonly string _path;
    private byte[] _buffer = new byte[1 << 16];
    private int _start;  // of the bytes that the reader was given
    private int _filled;
    private bool _atEnd;
    private string _kind = "";
    private long _number;
    private bool _hasId;
    private Utf8JsonReader _reader;

    internal JsonCursor(Stream stream, string path)
    {
        _stream = stream;
        _path = path;
        Refill(0);
        if (_filled == 0)
            throw new DataException($"{path}: the file is empty; expected COCO JSON.");
        _start = _buffer.AsSpan(0, _filled).StartsWith("\uFEFF"u8) ? 3 : 0; // byte order mark
        _reader = new Utf8JsonReader(_buffer.AsSpan(_start, _filled - _start), _atEnd, default);
    }

    /// <summary>What is being read, e.g. "annotation 7" by its id or "annotation number 3" by its place in the list: part of every message.</summary>
    internal readonly string Place => _kind.Length == 0 ? "" : _hasId ? $"{_kind} {_number}" : $"{_kind} number {_number}";

    /// <summary>Sets the place; costs nothing unless something is wrong.</summary>
    internal void At(string kind, long number = 0, bool hasId = false) => (_kind, _number, _hasId) = (kind, number, hasId);

    internal readonly JsonTokenType Type => _reader.TokenType;

    /// <summary>Steps to the next token; false at the end of the file.</summary>
    internal bool Read()
    {
        try
        {
            while (!_reader.Read())
            {
                if (_atEnd)
                    return false;
                int consumed = _start + (int)_reader.BytesConsumed;
                _buffer.AsSpan(consumed, _filled - consumed).CopyTo(_buffer);
                Refill(_filled - consumed);
                _start = 0;
                _reader = new Utf8JsonReader(_buffer.AsSpan(0, _filled), _atEnd, _reader.CurrentState);
            }
            return true;
        }
        catch (JsonException e)
        {
            string place = Place.Length == 0 ? "" : $" (in {Place})";
            throw new DataException($"{_path}: not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}{place}: {Reason(e)}", e);
        }
    }

    /// <summary>Steps to the next token, which must be there.</summary>
    internal void Next()
    {
        if (!Read())
            throw Fail("the file ends too early");
    }

    /// <summary>Steps into the next name of an object, or past its end (false).</summary>
    internal bool NextName()
    {
        Next();
        return Type == JsonTokenType.PropertyName;
    }

    /// <summary>Steps onto the next element of an array, or past its end (false).</summary>
    internal bool NextElement()
    {
        Next();
        return Type != JsonTokenType.EndArray;
    }

    internal readonly bool NameIs(ReadOnlySpan<byte> name)
    {
        try
        {
            return _reader.ValueTextEquals(name);
        }
        catch (InvalidOperationException)
        {
            throw NotUnicode();
        }
    }

    /// <summary>Passes over the value that follows a name, or that the cursor stands on.</summary>
    internal void Skip()
    {
        if (Type == JsonTokenType.PropertyName)
            Next();
        int depth = _reader.CurrentDepth;
        if (Type is JsonTokenType.StartObject or JsonTokenType.StartArray)
        {
            do
                Next();
            while (_reader.CurrentDepth > depth);
        }
    }

    /// <summary>The value after a name as a whole number (100.0 and 8e1 count as whole).</summary>
    internal long? Whole(string name)
    {
        Next();
        if (Type == JsonTokenType.Null)
            return null;
        if (Type == JsonTokenType.Number)
        {
            if (_reader.TryGetInt64(out long whole))
                return whole;
            if (_reader.TryGetDouble(out double value) && value == Math.Floor(value) && Math.Abs(value) < 1L << 53)
                return (long)value;
        }
        throw Fail($"'{name}' must be a whole number");
    }

    /// <summary>The value after a name as a yes or no, written as 0, 1, false or true.</summary>
    internal bool Flag(string name)
    {
        Next();
        return Type switch
        {
            JsonTokenType.True => true,
            JsonTokenType.False or JsonTokenType.Null => false,
            JsonTokenType.Number when _reader.TryGetDouble(out double value) => value != 0,
            _ => throw Fail($"'{name}' must be 0 or 1"),
        };
    }

    /// <summary>The value after a name as a finite number.</summary>
    internal double? Number(string name)
    {
        Next();
        return Type == JsonTokenType.Null ? null : CurrentNumber(name);
    }

    /// <summary>The token under the cursor as a finite number.</summary>
    internal readonly double CurrentNumber(string name)
    {
        if (Type == JsonTokenType.Number && _reader.TryGetDouble(out double value) && double.IsFinite(value))
            return value;
        throw Fail($"'{name}' must hold finite numbers");
    }

    /// <summary>The value after a name as text.</summary>
    internal string? Text(string name)
    {
        Next();
        return Type switch
        {
            JsonTokenType.String => CurrentText(),
            JsonTokenType.Null => null,
            _ => throw Fail($"'{name}' must be text"),
        };
    }

    /// <summary>The string under the cursor.</summary>
    internal readonly string CurrentText()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw NotUnicode();
        }
    }

    /// <summary>The value after a name as four finite numbers.</summary>
    internal double[]? Box(string name)
    {
        Next();
        if (Type == JsonTokenType.Null)
            return null;
        if (Type != JsonTokenType.StartArray)
            throw Fail($"'{name}' must be four numbers [x, y, width, height]");
        var box = new double[4];
        int count = 0;
        for (; NextElement(); count++)
        {
            double value = CurrentNumber(name);
            if (count < 4)
                box[count] = value;
        }
        return count == 4 ? box : throw Fail($"'{name}' must be four numbers [x, y, width, height], not {count}");
    }

    /// <summary>A message with file and place.</summary>
    internal readonly DataException Fail(string what) => new($"{_path}: {(Place.Length == 0 ? "" : Place + ": ")}{what}.");

    private readonly DataException NotUnicode() => Fail("holds text that is not valid Unicode; save the file as UTF-8");

    private void Refill(int kept)
    {
        if (kept == _buffer.Length)
            Array.Resize(ref _buffer, 2 * _buffer.Length); // one token larger than the buffer
        int read = _stream.ReadAtLeast(_buffer.AsSpan(kept), _buffer.Length - kept, throwOnEndOfStream: false);
        _atEnd = read < _buffer.Length - kept;
        _filled = kept + read;
    }

    private static string Reason(JsonException e)
    {
        string text = e.Message;
        int tail = text.IndexOf(" LineNumber:", StringComparison.Ordinal);
        text = tail < 0 ? text : text[..tail];
        bool isNotFinite = text.StartsWith("'N'", StringComparison.Ordinal) || text.StartsWith("'I'", StringComparison.Ordinal)
            || text.Contains("Expected digit", StringComparison.OrdinalIgnoreCase); // -Infinity
        return isNotFinite ? text + " NaN and Infinity are not JSON: write a finite number or leave the entry out." : text;
    }
}
