using System.Buffers;
using System.Text.Json;

namespace CoDetr.Training;

/// <summary>
/// A run's log: one JSON object a line, appended with one write each, so that a killed run leaves at most one torn line, which a resume cuts off.
/// A line with <c>losses</c> is a step, a line with <c>evaluation</c> an evaluation.
/// </summary>
public sealed class RunLog : IDisposable
{
    private readonly string path;
    private readonly FileStream file;
    private readonly ArrayBufferWriter<byte> line = new(1024);
    private readonly Utf8JsonWriter json;

    private RunLog(string path, FileMode mode)
    {
        this.path = path;
        try
        {
            file = new FileStream(path, mode, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unwritable(e);
        }

        json = new Utf8JsonWriter(line);
    }

    /// <summary>Starts a log, in place of one that may be there.</summary>
    public static RunLog Create(string path) => new(path, FileMode.Create);

    /// <summary>Goes on with a log: what was written after <paramref name="step"/> is cut off.</summary>
    /// <param name="path">The log; made if it is missing.</param>
    /// <param name="step">Steps that the resumed run has taken.</param>
    /// <param name="keepEvaluation">Whether evaluations made after exactly that step stay.</param>
    public static RunLog Resume(string path, long step, bool keepEvaluation)
    {
        RunLog log = new(path, FileMode.OpenOrCreate);
        log.file.SetLength(LengthUntil(log.file, step, keepEvaluation));
        log.file.Seek(0, SeekOrigin.End);
        return log;
    }

    /// <summary>Appends one line.</summary>
    /// <param name="write">Writes the members of the line's object.</param>
    public void Write(Action<Utf8JsonWriter> write)
    {
        line.ResetWrittenCount();
        json.Reset(line);
        json.WriteStartObject();
        write(json);
        json.WriteEndObject();
        json.Flush();
        line.Write("\n"u8);
        try
        {
            file.Write(line.WrittenSpan);
        }
        catch (IOException e)
        {
            throw Unwritable(e);
        }
    }

    /// <summary>The lines of a log that are whole.</summary>
    public static IEnumerable<JsonElement> Read(string path)
    {
        foreach (string text in File.ReadLines(path))
        {
            if (Parse(text) is JsonElement element)
            {
                yield return element;
            }
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        json.Dispose();
        file.Dispose();
    }

    private static long LengthUntil(FileStream file, long step, bool keepEvaluation)
    {
        long length = 0;
        using StreamReader reader = new(file, leaveOpen: true);
        while (reader.ReadLine() is string text && Parse(text) is JsonElement element)
        {
            long at = element.GetProperty("step").GetInt64();
            if (at > step || (at == step && !keepEvaluation && element.TryGetProperty("evaluation", out _)))
            {
                break;
            }

            long end = length + System.Text.Encoding.UTF8.GetByteCount(text) + 1;
            if (end > file.Length)
            {
                break; // the line's end is missing
            }

            length = end;
        }

        return length;
    }

    private static JsonElement? Parse(string text)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            return document.RootElement.TryGetProperty("step", out _) ? document.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null; // torn by a kill
        }
    }

    private RunException Unwritable(Exception e) =>
        new($"{path}: the log cannot be written ({e.Message.TrimEnd('.')}); check the folder's permissions and the free space of its disk.", e);
}
