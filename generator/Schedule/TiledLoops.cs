using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// A program in three: what is known before the first tile of an axis, what each tile of it gives, and what follows from all tiles. A wide
/// product (logits from hidden states and a head) is then in memory one tile at a time.
/// </summary>
/// <remarks>
/// Parts hand values on as residuals. A tile's outputs that have the axis, as their first, are stretches of the whole; others are parts of
/// a sum: those that a product of matrices gives are added to where they are, and the rest is summed when all tiles are done.
/// </remarks>
/// <param name="Axis">The axis that is cut.</param>
/// <param name="Wide">The extents of the product that is never whole, the axis first.</param>
/// <param name="Rows">How many of them count its rows.</param>
/// <param name="Products">How many such products a tile has.</param>
/// <param name="Handed">The types of what is handed on, by its number.</param>
/// <param name="Before">Before the first tile; null where there is nothing.</param>
/// <param name="Tile">A tile: the axis is as long as the tile.</param>
/// <param name="After">After the last; null where there is nothing.</param>
public sealed record TiledLoops(
    string Axis,
    EquatableArray<Extent> Wide,
    int Rows,
    int Products,
    EquatableArray<TensorType> Handed,
    LoopProgram? Before,
    LoopProgram Tile,
    LoopProgram? After)
{
    /// <summary>The parts there are, in order, each with its name.</summary>
    public IEnumerable<(string Name, LoopProgram Loops)> Parts
    {
        get
        {
            if (Before is not null)
                yield return (nameof(Before), Before);
            yield return (nameof(Tile), Tile);
            if (After is not null)
                yield return (nameof(After), After);
        }
    }
}
