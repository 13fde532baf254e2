namespace CoDetr.Tensors;

/// <summary>A weights file cannot be read or does not fit. The message is one line that names the file and what is wrong with it.</summary>
public sealed class CheckpointException : IOException
{
    /// <summary>Makes the exception from its one line.</summary>
    public CheckpointException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public CheckpointException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public CheckpointException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
