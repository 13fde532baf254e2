namespace CoDetr.Tests;

/// <summary>For tests that measure the whole process (allocation, time): nothing runs beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
