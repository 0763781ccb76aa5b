namespace Align.Training;

/// <summary>The loss or its gradient is not a number: training further would spoil the model.</summary>
internal sealed class DivergedException(string message) : Exception(message);
