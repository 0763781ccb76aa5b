using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Parts of axes, and axes made of parts.</content>
internal static partial class TorchOperations
{
    private static ElaborateValue Split(TorchOperationCall c)
    {
        var x = c.Self;
        var extent = x.Extents[c.Dim("dim", x.Rank, 0)];
        var size = c.Size(c.Given("size")!) ?? throw c.NotConstant("size");
        if (extent.IsFixed && size is { IsFixed: true, Constant: > 0 })
            return SplitInto(c, Enumerable.Range(0, (int)((extent.Constant + size.Constant - 1) / size.Constant)).Select(i => Extent.Fixed(Math.Min(size.Constant, extent.Constant - (i * size.Constant)))).ToArray());
        for (var parts = 1; parts <= MostSlices; parts++)
            if (size * parts == extent)
                return SplitInto(c, Enumerable.Repeat(size, parts).ToArray());
        throw new ElaborateStop.Refused("DPO0034", "`split` of '" + extent + "' into parts of '" + size + "'", "declare the axis as a multiple, and use `chunk`");
    }

    private static ElaborateValue SplitInto(TorchOperationCall c, IReadOnlyList<Extent> sizes)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank, 0);
        var total = sizes.Aggregate(Extent.Fixed(0), (a, b) => a + b);
        if (total != x.Extents[dim])
            throw new ElaborateStop.Refused("DPO0030", x.Extents[dim].ToString(), total.ToString(), x.ToString(), "the sizes of its parts");
        var start = Extent.Fixed(0);
        var parts = new List<ElaborateValue>();
        foreach (var size in sizes)
        {
            parts.Add(Sliced(c, x, dim, start, size, 1));
            start += size;
        }

        return new ElaborateValue.Tuple(parts);
    }

    private static ElaborateValue Unbind(TorchOperationCall c)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank, 0);
        return x.Extents[dim] is { IsFixed: true, Constant: <= MostSlices } extent
            ? new ElaborateValue.Tuple(Slices(c, x, dim, extent.Constant))
            : throw new ElaborateStop.Refused("DPO0034", "`unbind` along '" + x.Extents[dim] + "'", "declare the axis with a fixed size, or keep it");
    }

    private static ElaborateValue Repeat(TorchOperationCall c)
    {
        var x = c.Self;
        var sizes = c.Wholes("sizes");
        if (sizes.Count < x.Rank || sizes.Any(s => s is < 1 or > MostSlices))
            throw c.NotConstant("sizes");
        while (x.Rank < sizes.Count)
            x = c.Algebra.Insert(x, 0);
        for (var p = 0; p < sizes.Count; p++)
            if (sizes[p] != 1)
                x = Merge(c, Copies(c, x, p, sizes[p]), p);
        return x;
    }

    private static ElaborateValue RepeatInterleave(TorchOperationCall c)
    {
        var x = c.Self;
        var count = c.Whole("repeats");
        if (count is < 1 or > MostSlices)
            throw c.NotConstant("repeats");
        if (!c.Has("dim"))
            x = Flattened(c, x, 0, x.Rank - 1);
        var dim = c.Dim("dim", x.Rank, 0);
        return Merge(c, Copies(c, x, dim + 1, count), dim);
    }

    /// <summary>A new axis at a position along which the tensor is the same.</summary>
    private static ElaborateTensor Copies(TorchOperationCall c, ElaborateTensor x, int position, long count)
    {
        var inserted = c.Algebra.Insert(x, position);
        return c.Algebra.SpreadTo(inserted, inserted.Extents.Select((e, i) => i == position ? Extent.Fixed(count) : e).ToEquatableArray());
    }

    // The last elements before the first.
    private static ElaborateValue Roll(TorchOperationCall c)
    {
        var x = c.Self;
        var shifts = c.Wholes("shifts");
        if (!c.Has("dims") && x.Rank != 1)
            throw c.Unsupported("say along which axis: `roll(1, 0)`");
        var dims = c.Has("dims") ? c.Wholes("dims").Select(d => c.Position(d, x.Rank)).ToArray() : [0];
        if (dims.Length != shifts.Count)
            throw c.NotConstant("dims");
        for (var i = 0; i < dims.Length; i++)
        {
            var extent = x.Extents[dims[i]];
            var first = shifts[i] > 0 ? extent - Extent.Fixed(shifts[i]) : Extent.Fixed(-shifts[i]);
            if (shifts[i] != 0)
                x = Concatenated(c, [Sliced(c, x, dims[i], first, extent - first, 1), Sliced(c, x, dims[i], Extent.Fixed(0), first, 1)], dims[i]);
        }

        return x;
    }

    // x[1..] - x[..^1]
    private static ElaborateValue Diff(TorchOperationCall c)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank, -1);
        for (var n = c.Whole("n", 1); n > 0; n--)
        {
            var count = x.Extents[dim] - Extent.One;
            x = c.Algebra.Subtract(Sliced(c, x, dim, Extent.One, count, 1), Sliced(c, x, dim, Extent.Fixed(0), count, 1));
        }

        return x;
    }

    // Pairs of what is added before and after, from the last axis on; negative numbers take away.
    private static ElaborateValue Padded(TorchOperationCall c)
    {
        var x = c.Self;
        var pads = c.Wholes("pad");
        if (pads.Count == 1)
            pads = [pads[0], pads[0]];
        if (c.Member("mode", "Constant") != "Constant" || pads.Count % 2 != 0 || pads.Count / 2 > x.Rank)
            throw c.Unsupported("pad with a constant, two sizes an axis");
        var value = c.MaybeTensor("value") is { } given && !IsLiteral(c, given, 0) ? given : null;
        for (var i = 0; i < pads.Count / 2; i++)
        {
            var dim = x.Rank - 1 - i;
            var (before, after) = (pads[2 * i], pads[(2 * i) + 1]);
            var (cutBefore, cutAfter) = (Math.Max(-before, 0), Math.Max(-after, 0));
            if (cutBefore + cutAfter > 0)
                x = Sliced(c, x, dim, Extent.Fixed(cutBefore), x.Extents[dim] - Extent.Fixed(cutBefore + cutAfter), 1);
            var (start, full) = (Extent.Fixed(Math.Max(before, 0)), x.Extents[dim] + Extent.Fixed(Math.Max(before, 0) + Math.Max(after, 0)));
            if (full == x.Extents[dim])
                continue;
            var inside = c.Algebra.Fill(c.Host.Truth(true), x.Extents, Boolean, ElaborateTensors.FixedType("Bool", true));
            var padded = c.Algebra.Pad(x, dim, start, full);
            x = value is null ? padded : c.Algebra.Where(c.Algebra.Pad(inside, dim, start, full), padded, value);
        }

        return x;
    }

    private static ElaborateValue Stacked(TorchOperationCall c, int dim)
    {
        var tensors = c.Items("tensors").Select(c.AsTensor).ToArray();
        if (tensors.Length == 0)
            throw c.NotConstant("tensors");
        // Of vectors hstack makes a longer one, vstack the rows of a matrix.
        if (tensors[0].Rank == 1 && dim == 0)
            tensors = tensors.Select(t => c.Algebra.Insert(t, 0)).ToArray();
        return Concatenated(c, tensors, Math.Min(dim, tensors[0].Rank - 1));
    }
}
