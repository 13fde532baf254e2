namespace CoDetr.Tests.Architecture;

public sealed class TreeTests
{
    [Fact]
    public void TheSolutionIsThere() => Assert.True(File.Exists(Path.Combine(Repository.Root, "CoDetr.Native.sln")));
}
