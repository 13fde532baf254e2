namespace CoDetr.Cli;

/// <summary>What the program says to whoever called it. Also in <c>codetr --help</c>.</summary>
internal static class ExitCode
{
    internal const int Success = 0;

    /// <summary>The work could not be done; one line on the error output says why.</summary>
    internal const int Error = 1;

    /// <summary>The command line could not be understood.</summary>
    internal const int Usage = 2;

    /// <summary>Ctrl-C: the run has been saved.</summary>
    internal const int Interrupted = 130;

    /// <summary>SIGTERM: the run has been saved.</summary>
    internal const int Terminated = 143;

    internal const string Help = "Exit codes: 0 done, 1 error, 2 wrong usage, 130 interrupted by Ctrl-C (training is saved), 143 ended by SIGTERM (training is saved).";
}
