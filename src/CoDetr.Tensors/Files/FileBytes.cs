using Microsoft.Win32.SafeHandles;

namespace CoDetr.Tensors;

/// <summary>A file's bytes by position. What is asked for must be there: memory is taken only for bytes that the file has.</summary>
internal sealed class FileBytes : IDisposable
{
    private readonly SafeFileHandle handle;

    internal FileBytes(string path)
    {
        if (!File.Exists(path))
        {
            throw new CheckpointException(Directory.Exists(path) ? $"{path} is a folder, not a weights file." : $"{path}: this weights file does not exist.");
        }

        handle = File.OpenHandle(path);
        Length = RandomAccess.GetLength(handle);
    }

    internal long Length { get; }

    /// <summary>Reads as many bytes as the span takes.</summary>
    /// <exception cref="InvalidDataException">They are not there.</exception>
    internal void Read(long at, Span<byte> bytes)
    {
        for (int done = 0; done < bytes.Length;)
        {
            int count = at >= 0 && at <= Length - bytes.Length ? RandomAccess.Read(handle, bytes[done..], at + done) : 0;
            done += count > 0 ? count : throw new InvalidDataException("it is truncated");
        }
    }

    /// <summary>Reads a run of bytes.</summary>
    /// <exception cref="InvalidDataException">They are not there.</exception>
    internal byte[] Read(long at, long count)
    {
        if (at < 0 || count < 0 || count > Length - at || count > Array.MaxLength)
        {
            throw new InvalidDataException("it is truncated");
        }

        byte[] bytes = new byte[count];
        Read(at, bytes);
        return bytes;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => handle.Dispose();
}
