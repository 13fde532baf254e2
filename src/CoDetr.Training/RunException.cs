namespace CoDetr.Training;

/// <summary>A run cannot begin or go on. The message is one line: where, what, and what to do.</summary>
public class RunException : Exception
{
    /// <summary>Makes the exception from its one line.</summary>
    public RunException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public RunException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public RunException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
