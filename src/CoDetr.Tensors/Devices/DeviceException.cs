namespace CoDetr.Tensors;

/// <summary>A device cannot be used, or has failed. The message is one line: the call, the driver's name of the error, and what to do.</summary>
public sealed class DeviceException : Exception
{
    /// <summary>Makes the exception from its one line.</summary>
    public DeviceException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public DeviceException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public DeviceException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
