namespace Align.Checkpoints;

/// <summary>A checkpoint cannot be used; the message names the file, and says what is wrong with it.</summary>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);
