using CoDetr.Data;

namespace CoDetr.Tests.Data;

public sealed class WholeFileTests
{
    [Fact]
    public void ReplacesAFileAndLeavesNothingElse()
    {
        using var folder = new TemporaryFolder();
        string path = folder["deep/file.bin"];
        WholeFile.Write(path, s => s.Write([1, 2, 3]));
        WholeFile.Write(path, s => s.Write([4]));
        Assert.Equal([4], File.ReadAllBytes(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(Path.GetDirectoryName(path)!));
    }

    [Fact]
    public void AFailedWriterLeavesTheOldFile()
    {
        using var folder = new TemporaryFolder();
        WholeFile.Write(folder["file"], s => s.WriteByte(7));
        Assert.Throws<InvalidOperationException>(() => WholeFile.Write(folder["file"], s =>
        {
            s.WriteByte(8);
            throw new InvalidOperationException();
        }));
        Assert.Equal([7], File.ReadAllBytes(folder["file"]));
        Assert.Single(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void SaysWhichFileAFullDiskRefused()
    {
        DataException e = Assert.Throws<DataException>(() => WholeFile.Write("/dev/full/x", s => s.WriteByte(1)));
        Assert.StartsWith("/dev/full/x: cannot be written (", e.Message);
        e = Assert.Throws<DataException>(() => WholeFile.Write("/tmp/x", _ => throw new IOException("No space left on device")));
        Assert.Equal("/tmp/x: cannot be written (No space left on device); check the folder's permissions and its disk's free space.", e.Message);
    }

    [Fact]
    public void SaysWhichFileAReadOnlyFolderRefused()
    {
        const string Proc = "/proc/codetr/file"; // read-only also for root
        Assert.SkipUnless(Directory.Exists("/proc"), "SKIPPED: no read-only folder here");
        Assert.StartsWith(Proc + ": cannot be written (", Assert.Throws<DataException>(() => WholeFile.Write(Proc, s => s.WriteByte(1))).Message);
    }
}
