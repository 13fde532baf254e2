namespace CoDetr.Tests.Cli;

[Collection(Alone.Name)]
public sealed class UsageTests
{
    [Theory]
    [InlineData("there is no verb 'tran'; did you mean train?", "tran")]
    [InlineData("codetr train has no option --epcohs; did you mean --epochs?", "train", "--data", "x", "--epcohs", "3")]
    [InlineData("codetr detect has no option --treshold; did you mean --threshold?", "detect", "a.jpg", "--treshold", "0.5", "--weights", "w")]
    [InlineData("codetr evaluate has no option --wieghts; did you mean --weights?", "evaluate", "--wieghts=w", "--data", "x")]
    [InlineData("There is no model 'deformable-detr-r5'; did you mean deformable-detr-r50?", "train", "--data", "x", "--model", "deformable-detr-r5")]
    [InlineData("--workers must be a whole number of at least 1, got '0'", "train", "--data", "x", "--workers", "0")]
    [InlineData("--workers must be a whole number of at least 1, got '0'", "devices", "--workers", "0")]
    [InlineData("--batch must be a whole number of at least 1, got '-1'", "train", "--data", "x", "--batch", "-1")]
    [InlineData("--lr must be a positive number, got 'fast'", "train", "--data", "x", "--lr", "fast")]
    [InlineData("--threshold must be a number from 0 to 1, got '3'", "detect", "a.jpg", "--weights", "w", "--threshold", "3")]
    [InlineData("--nms must be a number from 0 to 1, got '7'", "evaluate", "--data", "x", "--weights", "w", "--nms", "7")]
    [InlineData("A run is given as NAME=RUN, got 'runs/a'", "compare", "runs/a")]
    [InlineData("--plot must be a file that ends in .svg or .png, got 'x.gif'", "compare", "a=b", "--plot", "x.gif")]
    [InlineData("--data DIR is missing", "train")]
    [InlineData("--lr cannot change when a run is resumed", "train", "--resume", "x", "--lr", "1")]
    [InlineData("--weights", "detect", "a.jpg")]
    public void AMistakeIsOneLineAndExitCodeTwo(string expected, params string[] args) => CliRun.Of(args).FailsWith(2, expected, "--help");

    [Theory]
    [InlineData("demo")]
    [InlineData("train")]
    [InlineData("evaluate")]
    [InlineData("detect")]
    [InlineData("import")]
    [InlineData("devices")]
    [InlineData("inspect")]
    [InlineData("compare")]
    public void EveryVerbHasHelp(string verb)
    {
        CliRun run = CliRun.Of(verb, "--help");
        Assert.Equal(0, run.Code);
        Assert.Matches($" {verb} [<[]", run.Output); // the usage line
        Assert.Contains(verb, CliRun.Of("--help").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void HelpSaysTheExitCodes() => Assert.Contains("130 interrupted", CliRun.Of().Output, StringComparison.Ordinal);

    [Fact]
    public void DevicesSaysWhatIsUsedAndWhatWasTried()
    {
        CliRun run = CliRun.Of("devices", "--workers", "1");
        Assert.Equal(0, run.Code);
        Assert.All(new[] { "cpu (1 workers", "kernel library", "compiled by", "CUDA driver", "NVRTC" }, part => Assert.Contains(part, run.Output, StringComparison.Ordinal));
    }
}
