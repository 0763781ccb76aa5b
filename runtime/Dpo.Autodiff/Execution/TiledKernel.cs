using System.ComponentModel;

namespace Dpo.Autodiff.Execution;

/// <summary>A part of a tiled kernel.</summary>
/// <param name="kernel">What it runs. Its residuals are what parts hand on.</param>
/// <param name="inputs">How many of its arguments are read: the first.</param>
/// <param name="gradients">The parameter that its k-th gradient is of.</param>
/// <param name="added">The arguments, by their place, that a tile adds to.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class TiledPart(LoopKernel kernel, int inputs, int[] gradients, int[] added)
{
    internal LoopKernel Kernel => kernel;

    internal int Inputs => inputs;

    internal int[] Gradients => gradients;

    internal int[] Added => added;
}

/// <summary>
/// A kernel that runs in tiles of an axis, so that a wide product of matrices (logits from hidden states and a head) is never whole in
/// memory.
/// </summary>
/// <param name="axis">The axis, by its number.</param>
/// <param name="wide">The sizes of the product, the axis first.</param>
/// <param name="rows">How many of them count its rows.</param>
/// <param name="products">How many such products a tile has.</param>
/// <param name="handed">What parts hand on.</param>
/// <param name="before">What is known before the first tile.</param>
/// <param name="tile">A tile: the axis is as long as the tile.</param>
/// <param name="after">What follows from all tiles.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class TiledKernel(int axis, Size[] wide, int rows, int products, ResidualSpec[] handed, TiledPart? before, TiledPart tile, TiledPart? after)
{
    internal int Axis => axis;

    internal ResidualSpec[] Handed => handed;

    internal TiledPart? Before => before;

    internal TiledPart Tile => tile;

    internal TiledPart? After => after;

    /// <summary>Rows, of all products of a tile, that are enough for them to run at full speed. Tests set it.</summary>
    internal static long EnoughRows { get; set; } = 512;

    /// <summary>Products of fewer elements are computed whole. Tests set it.</summary>
    internal static long LeastElements { get; set; } = 1 << 20;

    /// <summary>The length of a tile; the whole axis, or more, where tiles are not worth their while.</summary>
    internal long Length(ReadOnlySpan<long> extents)
    {
        var each = products * Size.Elements(wide.AsSpan(1..rows), extents);
        return Size.Elements(wide, extents) < LeastElements ? long.MaxValue : Math.Max(1, (EnoughRows + each - 1) / Math.Max(1, each));
    }

    /// <summary>Whether there are several tiles.</summary>
    internal bool Fits(ReadOnlySpan<long> extents) => Length(extents) < extents[axis];
}
