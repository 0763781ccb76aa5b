using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>
/// How many lanes of a vector an iteration fills. A stage is compiled once for loops whose last vector may be cut short, and once for
/// loops that fill every vector, in which nothing about it is left to be asked.
/// </summary>
public interface ILaneCount
{
    /// <summary>The lanes of the next vector.</summary>
    /// <param name="left">The iterations that are left.</param>
    /// <param name="width">The lanes of a vector.</param>
    static abstract int Of(nint left, int width);
}

/// <summary>Every vector is full: the number of iterations is a multiple of the vector's lanes.</summary>
public readonly struct AllLanes : ILaneCount
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(nint left, int width) => width;
}

/// <summary>The last vector has the lanes that are left.</summary>
public readonly struct LanesLeft : ILaneCount
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Of(nint left, int width) => (int)nint.Min(left, width);
}
