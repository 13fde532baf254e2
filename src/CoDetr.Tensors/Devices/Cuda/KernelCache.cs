using System.Security.Cryptography;
using System.Text;

namespace CoDetr.Tensors;

/// <summary>
/// Compiled kernel texts on the disk. The name of an entry is the hash of everything that it was made from; its content carries a hash of its own. An
/// entry that is not as it was written is a miss, and a folder that cannot be written is no error: the texts are compiled again.
/// </summary>
internal sealed class KernelCache
{
    private const long MostBytes = 512 << 20;
    private const string Ending = ".kernel";
    private static readonly byte[] Mark = "codetr kernel 1\n"u8.ToArray();

    private readonly long limit;

    private KernelCache(string? folder, long limit = MostBytes) => (Folder, this.limit) = (folder, limit);

    /// <summary>Where the entries lie; null if there is no cache.</summary>
    internal string? Folder { get; }

    /// <summary>The folder of <c>CODETR_CACHE</c> (0: none), else where the system keeps a user's caches.</summary>
    internal static KernelCache OfUser()
    {
        string? set = Environment.GetEnvironmentVariable("CODETR_CACHE");
        if (set is { Length: > 0 })
        {
            return new KernelCache(set == "0" ? null : Path.GetFullPath(set));
        }

        string? xdg = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
        string caches = OperatingSystem.IsWindows()
            ? Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData)
            : Path.IsPathRooted(xdg) ? xdg : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache");
        return new KernelCache(Path.IsPathRooted(caches) ? Path.Combine(caches, "codetr") : null);
    }

    /// <summary>Another folder, and the most that its entries take together; the least recently used go first.</summary>
    internal static KernelCache In(string folder, long limit = MostBytes) => new(folder, limit);

    /// <summary>The name of what these parts make.</summary>
    internal static string KeyOf(params IReadOnlyList<string> parts)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string part in parts)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(bytes.Length)); // so that text cannot move from one part to the next
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    internal CompiledText? Find(string key)
    {
        if (Folder is null)
        {
            return null;
        }

        string path = PathOf(key);
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            CompiledText? found = Parse(File.ReadAllBytes(path));
            if (found is not null)
            {
                Touch(path);
            }

            return found;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    internal void Store(string key, CompiledText text)
    {
        if (Folder is null)
        {
            return;
        }

        try
        {
            Directory.CreateDirectory(Folder);
            byte[] content = Format(text);
            WholeFile.Write(PathOf(key), stream => stream.Write(content));
            DropOldest();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It will be compiled again.
        }
    }

    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A read-only folder: then nothing is dropped either.
        }
    }

    private static byte[] Format(CompiledText text)
    {
        using MemoryStream body = new();
        foreach (byte[] part in new[] { text.Cubin, text.Ptx, Encoding.UTF8.GetBytes(text.Log) })
        {
            body.Write(BitConverter.GetBytes(part.Length));
            body.Write(part);
        }

        byte[] bytes = body.ToArray();
        return [.. Mark, .. SHA256.HashData(bytes), .. bytes];
    }

    private static CompiledText? Parse(byte[] content)
    {
        int start = Mark.Length + SHA256.HashSizeInBytes;
        if (content.Length < start || !content.AsSpan().StartsWith(Mark)
            || !SHA256.HashData(content.AsSpan(start)).AsSpan().SequenceEqual(content.AsSpan(Mark.Length, SHA256.HashSizeInBytes)))
        {
            return null;
        }

        byte[][] parts = new byte[3][]; // the hash is right: so are the lengths
        for (int i = 0, at = start; i < parts.Length; i++)
        {
            int bytes = BitConverter.ToInt32(content, at);
            parts[i] = content[(at + sizeof(int))..(at + sizeof(int) + bytes)];
            at += sizeof(int) + bytes;
        }

        return new CompiledText(parts[0], parts[1], Encoding.UTF8.GetString(parts[2]));
    }

    private string PathOf(string key) => Path.Combine(Folder!, key + Ending);

    private void DropOldest()
    {
        long bytes = 0;
        foreach (FileInfo entry in new DirectoryInfo(Folder!).EnumerateFiles("*" + Ending).OrderByDescending(entry => entry.LastWriteTimeUtc))
        {
            bytes += entry.Length;
            if (bytes > limit)
            {
                entry.Delete();
            }
        }
    }
}
