namespace CoDetr.Data;

/// <summary>Opening files with messages for people.</summary>
internal static class DataFiles
{
    internal static FileStream OpenRead(string path, string what)
    {
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataException($"{path}: this {what} does not exist.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new DataException($"{path}: this {what} cannot be read ({e.Message}).", e);
        }
    }
}
