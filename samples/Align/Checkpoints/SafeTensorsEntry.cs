namespace Align.Checkpoints;

/// <summary>What a header says about one tensor.</summary>
/// <param name="DType">The format's name of the dtype.</param>
/// <param name="Shape">The extents.</param>
/// <param name="Begin">Where its bytes begin, counted from the end of the header.</param>
/// <param name="End">Where they end.</param>
internal sealed record SafeTensorsEntry(string DType, long[] Shape, long Begin, long End);
