using CoDetr.Tests.Data;
using CoDetr.Training;

namespace CoDetr.Tests.Training;

public sealed class RunLogTests
{
    [Fact]
    public void AResumeCutsOffWhatCameLater()
    {
        using TemporaryFolder folder = new();
        string path = folder["log.jsonl"];
        using (RunLog log = RunLog.Create(path))
        {
            for (int step = 1; step <= 5; step++)
            {
                Write(log, step);
            }
        }

        using (RunLog log = RunLog.Resume(path, 3, keepEvaluation: true))
        {
            Write(log, 4);
        }

        Assert.Equal([1, 2, 3, 4], RunLog.Read(path).Select(line => line.GetProperty("step").GetInt32()));
    }

    [Theory]
    [InlineData("{\"step\":3,\"lo")]
    [InlineData("{\"step\":3}")]
    [InlineData("\0\0\0")]
    public void ATornLineDoesNotCount(string torn)
    {
        using TemporaryFolder folder = new();
        string path = folder["log.jsonl"];
        File.WriteAllText(path, "{\"step\":1}\n{\"step\":2}\n" + torn);
        using (RunLog log = RunLog.Resume(path, 9, keepEvaluation: true))
        {
            Write(log, 3);
        }

        Assert.Equal("{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n", File.ReadAllText(path));
    }

    [Fact]
    public void AnEvaluationThatIsNotCountedYetIsCutOff()
    {
        using TemporaryFolder folder = new();
        string path = folder["log.jsonl"];
        File.WriteAllText(path, "{\"step\":2}\n{\"step\":2,\"evaluation\":{}}\n");
        RunLog.Resume(path, 2, keepEvaluation: false).Dispose();
        Assert.Equal("{\"step\":2}\n", File.ReadAllText(path));
    }

    [Fact]
    public void AFullDiskIsOneClearLine()
    {
        if (!File.Exists("/dev/full"))
        {
            Assert.Skip("this system has no /dev/full");
        }

        using RunLog log = RunLog.Create("/dev/full");
        Assert.Contains("/dev/full: the log cannot be written", Assert.Throws<RunException>(() => Write(log, 1)).Message, StringComparison.Ordinal);
    }

    private static void Write(RunLog log, int step) => log.Write(json => json.WriteNumber("step", step));
}
