namespace CoDetr.Tensors;

/// <summary>Writes a file whole or not at all: a temporary file beside it, flushed to the disk, then renamed over it.</summary>
internal static class WholeFile
{
    internal static void Write(string path, Action<Stream> write)
    {
        string temporary = path + ".tmp"; // always the same name, so that one that a killed process left is overwritten
        try
        {
            using (FileStream stream = new(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 20))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
