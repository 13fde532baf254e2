namespace CoDetr.Data;

/// <summary>
/// Writes files whole or not at all: into a temporary file in the same folder, flushed to the disk, then renamed over the old one.
/// Whoever is killed in between leaves the old file untouched.
/// </summary>
public static class WholeFile
{
    /// <summary>Writes a file.</summary>
    /// <param name="path">the folder is created when missing</param>
    /// <param name="write">writes the content</param>
    /// <exception cref="DataException">the folder is read-only, the disk is full, …</exception>
    public static void Write(string path, Action<Stream> write)
    {
        string temporary = $"{path}.{Environment.ProcessId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception e)
        {
            Remove(temporary);
            if (e is IOException or UnauthorizedAccessException)
                throw new DataException($"{path}: cannot be written ({e.Message.TrimEnd('.')}); check the folder's permissions and its disk's free space.", e);
            throw;
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException) // the first error is the one to report
        {
        }
    }
}
