namespace BradleyTerry.Data;

/// <summary>The user's data cannot be used; the message says where and why.</summary>
internal sealed class DataException(string message) : Exception(message);
