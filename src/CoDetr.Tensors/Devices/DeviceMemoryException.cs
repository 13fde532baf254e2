namespace CoDetr.Tensors;

/// <summary>A device has no memory for an allocation. The message says what was asked, what is held, and what to lower.</summary>
public sealed class DeviceMemoryException : Exception
{
    /// <summary>Makes the exception from its one line.</summary>
    public DeviceMemoryException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an empty exception.</summary>
    public DeviceMemoryException()
    {
    }

    /// <summary>Makes the exception with its cause.</summary>
    public DeviceMemoryException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
