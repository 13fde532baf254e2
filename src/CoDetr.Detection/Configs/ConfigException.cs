namespace CoDetr.Detection;

/// <summary>A reference configuration asks for something that is not there; the message names the key.</summary>
/// <param name="message">What, where, what to do.</param>
public sealed class ConfigException(string message) : Exception(message);
