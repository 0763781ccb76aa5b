namespace Align.Data;

/// <summary>Something a user gave cannot be used; the message names the file and line, and says what to do.</summary>
internal sealed class DataException(string message) : Exception(message);
