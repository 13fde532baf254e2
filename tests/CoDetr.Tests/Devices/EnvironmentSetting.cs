namespace CoDetr.Tests.Devices;

/// <summary>A variable of this process's environment, for as long as a test needs it.</summary>
internal sealed class EnvironmentSetting : IDisposable
{
    private readonly string name;
    private readonly string? before;

    internal EnvironmentSetting(string name, string? value)
    {
        (this.name, before) = (name, Environment.GetEnvironmentVariable(name));
        Environment.SetEnvironmentVariable(name, value);
    }

    public void Dispose() => Environment.SetEnvironmentVariable(name, before);
}
