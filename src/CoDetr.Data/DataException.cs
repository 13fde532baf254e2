namespace CoDetr.Data;

/// <summary>Something is wrong with the user's data. The message is one line: where, what, and what to do.</summary>
public sealed class DataException : Exception
{
    /// <summary>An error with no message of its own.</summary>
    public DataException() { }

    /// <summary>An error that says where, what, and what to do.</summary>
    public DataException(string message) : base(message) { }

    /// <summary>As above, keeping what caused it.</summary>
    public DataException(string message, Exception inner) : base(message, inner) { }
}
