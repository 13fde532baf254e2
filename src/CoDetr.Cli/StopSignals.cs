using System.Runtime.InteropServices;

namespace CoDetr.Cli;

/// <summary>Ctrl-C and SIGTERM ask to stop: the work ends after its step and saves. A second one ends the process at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private readonly CancellationTokenSource source = new();
    private readonly PosixSignalRegistration[] registrations;
    private int received;

    /// <param name="asked">Called once, from another thread.</param>
    internal StopSignals(Action asked) =>
        registrations = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, context =>
        {
            if (Interlocked.Increment(ref received) == 1)
            {
                context.Cancel = true;
                Code = context.Signal == PosixSignal.SIGINT ? ExitCode.Interrupted : ExitCode.Terminated;
                asked();
                source.Cancel();
            }
        }))];

    /// <summary>Cancelled once a signal has come.</summary>
    internal CancellationToken Token => source.Token;

    /// <summary>The exit code that tells which signal it was.</summary>
    internal int Code { get; private set; } = ExitCode.Interrupted;

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in registrations)
        {
            registration.Dispose();
        }

        source.Dispose();
    }
}
