using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Where the axes of a tensor are in its variable. An axis that flattens several is several positions: whatever treats its elements
/// alike needs no other order of them.
/// </summary>
internal readonly struct ElaborateLayout(EquatableArray<Extent> axes)
{
    /// <summary>The extents of the variable.</summary>
    public EquatableArray<Extent> Extents => axes.SelectMany(a => a.Factors).ToEquatableArray();

    /// <summary>The positions of one axis.</summary>
    public IReadOnlyList<int> Of(int axis)
    {
        var first = axes.Take(axis).Sum(a => a.Factors.Count);
        return Enumerable.Range(first, axes[axis].Factors.Count).ToArray();
    }

    /// <summary>The positions of several axes.</summary>
    public EquatableArray<int> Of(IEnumerable<int> positions)
    {
        var layout = this;
        return positions.SelectMany(p => layout.Of(p)).ToEquatableArray();
    }

    /// <summary>The position of an axis along which elements have an order.</summary>
    public int One(int axis, string operation = "this operation")
    {
        var places = Of(axis);
        return places.Count == 1 && !axes[axis].HasProduct
            ? places[0]
            : throw new ElaborateStop.Refused("DPO0034", operation + " along '" + axes[axis] + "'", "it needs the order of a single axis: keep the axes apart, or flatten fixed sizes");
    }

    /// <summary>The layout of these axes as positions of <paramref name="from"/>, each of which an axis comes from or -1, as a rearrangement's.</summary>
    public EquatableArray<int> Rearranged(EquatableArray<Extent> from, IReadOnlyList<int> source)
    {
        var places = new ElaborateLayout(from);
        var result = new List<int>();
        for (var i = 0; i < axes.Count; i++)
        {
            var count = axes[i].Factors.Count;
            if (source[i] >= 0 && from[source[i]] == axes[i])
                result.AddRange(places.Of(source[i]));
            else
                result.AddRange(Enumerable.Range(0, count).Select(k => source[i] >= 0 && k == 0 ? places.Of(source[i])[0] : -1));
        }

        return result.ToEquatableArray();
    }
}
