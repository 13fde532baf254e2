namespace CoDetr.Detection;

/// <summary>A configuration asks for something that is not there (the message names the key), or does not fit the pictures.</summary>
/// <param name="message">What, where, what to do.</param>
public sealed class ConfigException(string message) : Exception(message);
