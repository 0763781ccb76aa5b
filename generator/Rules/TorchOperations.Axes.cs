using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Axes: what moves, splits and joins them.</content>
internal static partial class TorchOperations
{
    /// <summary>Fixed axes up to this size are split and joined slice by slice.</summary>
    private const int MostSlices = 64;

    private static ElaborateValue Squeeze(TorchOperationCall c)
    {
        var x = c.Self;
        if (c.Has("dim"))
        {
            var dim = c.Dim("dim", x.Rank);
            return x.Extents[dim].IsOne ? c.Algebra.Drop(x, dim) : x;
        }

        for (var i = x.Rank - 1; i >= 0; i--)
            if (x.Extents[i].IsOne)
                x = c.Algebra.Drop(x, i);
        return x;
    }

    private static ElaborateValue Expand(TorchOperationCall c)
    {
        var x = c.Self;
        var sizes = c.Items("size").Select(c.Size).ToArray();
        var added = sizes.Length - x.Rank;
        if (added < 0)
            throw new ElaborateStop.Refused("DPO0031", TorchOperationCall.Text(sizes.Length) + " sizes", "a tensor of " + TorchOperationCall.Text(x.Rank) + " dimensions");
        return ExpandTo(c, x, sizes.Select((s, i) => s ?? (i >= added ? x.Extents[i - added] : throw c.NotConstant("size"))).ToEquatableArray());
    }

    private static ElaborateTensor ExpandTo(TorchOperationCall c, ElaborateTensor x, EquatableArray<Extent> extents)
    {
        var added = extents.Count - x.Rank;
        for (var i = 0; i < x.Rank; i++)
            if (added < 0 || (!x.Extents[i].IsOne && x.Extents[i] != extents[i + added]))
                throw new ElaborateStop.Refused("DPO0030", x.Extents[i].ToString(), added < 0 ? "nothing" : extents[i + added].ToString(), x.ToString(), "[" + string.Join(" ", extents) + "]");
        return c.Algebra.SpreadTo(x, extents);
    }

    private static ElaborateTensor Transpose(TorchOperationCall c, ElaborateTensor x, int first, int second) =>
        Permuted(c, x, Enumerable.Range(0, x.Rank).Select(i => i == first ? second : i == second ? first : i).ToArray());

    private static ElaborateTensor Permuted(TorchOperationCall c, ElaborateTensor x, IReadOnlyList<int> order) =>
        c.Algebra.Rearrange(x, order, order.Select(i => x.Extents[i]).ToArray());

    private static ElaborateValue Permute(TorchOperationCall c)
    {
        var x = c.Self;
        var order = c.Wholes("dims").Select(d => c.Position(d, x.Rank)).ToArray();
        if (order.Length != x.Rank || order.Distinct().Count() != x.Rank)
            throw new ElaborateStop.Refused("DPO0031", "this order of axes", "a tensor of " + TorchOperationCall.Text(x.Rank) + " dimensions");
        return Permuted(c, x, order);
    }

    private static ElaborateValue MoveDim(TorchOperationCall c)
    {
        var x = c.Self;
        var from = c.Wholes("source").Select(d => c.Position(d, x.Rank)).ToArray();
        var to = c.Wholes("destination").Select(d => c.Position(d, x.Rank)).ToArray();
        if (from.Length != to.Length || from.Distinct().Count() != from.Length || to.Distinct().Count() != to.Length)
            throw new ElaborateStop.Refused("DPO0031", "these destinations", "a tensor of " + TorchOperationCall.Text(x.Rank) + " dimensions");
        var order = Enumerable.Repeat(-1, x.Rank).ToArray();
        for (var i = 0; i < from.Length; i++)
            order[to[i]] = from[i];
        var rest = new Queue<int>(Enumerable.Range(0, x.Rank).Except(from));
        return Permuted(c, x, order.Select(o => o < 0 ? rest.Dequeue() : o).ToArray());
    }

    private static ElaborateValue Flatten(TorchOperationCall c)
    {
        var x = c.Self;
        if (x.Rank == 0)
            return c.Algebra.Insert(x, 0);
        return Flattened(c, x, c.Dim("start_dim", x.Rank, 0), c.Dim("end_dim", x.Rank, -1));
    }

    /// <summary>Axes as one: a multiple of one name where they are that, otherwise kept apart under one name.</summary>
    private static ElaborateTensor Flattened(TorchOperationCall c, ElaborateTensor x, int first, int last)
    {
        for (var p = last; p >= first && last > first; p--)
        {
            if (!x.Extents[p].IsOne)
                continue;
            x = c.Algebra.Drop(x, p);
            last--;
        }

        var axes = x.Extents.Skip(first).Take(last - first + 1).ToArray();
        if (AxisProduct.Of(axes).AsExtent is null)
            return c.Algebra.Regroup(x, [.. x.Extents.Take(first), Extent.Product(axes), .. x.Extents.Skip(last + 1)]);
        for (; last > first; last--)
            x = Merge(c, x, first);
        return x;
    }

    private static ElaborateValue Unflatten(TorchOperationCall c)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank);
        var sizes = c.Items("sizes").Select(c.Size).ToArray();
        return Reshape(c, x, [.. x.Extents.Take(dim), .. sizes, .. x.Extents.Skip(dim + 1)]);
    }

    /// <summary>Positions p and p + 1 as one: one of them has a fixed size, so that the product is a multiple.</summary>
    private static ElaborateTensor Merge(TorchOperationCall c, ElaborateTensor x, int p)
    {
        var (outer, inner) = (x.Extents[p], x.Extents[p + 1]);
        if (outer.IsOne)
            return c.Algebra.Drop(x, p);
        if (inner.IsOne)
            return c.Algebra.Drop(x, p + 1);
        if (outer.IsFixed && outer.Constant is > 0 and <= MostSlices)
            return Concatenated(c, Slices(c, x, p, outer.Constant), p);
        if (!inner.IsFixed || inner.Constant is <= 0 or > MostSlices)
            throw new ElaborateStop.Refused("DPO0034", "`" + c.Operation + "` of '" + outer + "' and '" + inner + "'", "keep them two axes: reductions, gathers and losses take a `dim`");
        ElaborateTensor? sum = null;
        var full = outer * inner.Constant;
        foreach (var (slice, i) in Slices(c, x, p + 1, inner.Constant).Select((s, i) => (s, i)))
            sum = Joined(c, sum, c.Algebra.Pad(slice, p, Extent.Fixed(i), full, inner.Constant));
        return sum!;
    }

    /// <summary>Position p as two of these sizes, one of them fixed.</summary>
    private static ElaborateTensor Halved(TorchOperationCall c, ElaborateTensor x, int p, Extent outer, Extent inner)
    {
        if (outer.IsOne)
            return c.Algebra.Insert(x, p);
        if (inner.IsOne)
            return c.Algebra.Insert(x, p + 1);
        if (outer.IsFixed && outer.Constant is > 0 and <= MostSlices)
            return Concatenated(c, Enumerable.Range(0, (int)outer.Constant).Select(i => c.Algebra.Insert(c.Algebra.Slice(x, p, inner * i, inner), p)).ToArray(), p);
        if (!inner.IsFixed || inner.Constant is <= 0 or > MostSlices)
            throw new ElaborateStop.Refused("DPO0034", "`" + c.Operation + "` of '" + x.Extents[p] + "' into '" + outer + "' and '" + inner + "'", "declare the two axes in [Axes]");
        return Concatenated(c, Enumerable.Range(0, (int)inner.Constant).Select(i => c.Algebra.Insert(c.Algebra.Slice(x, p, Extent.Fixed(i), outer, inner.Constant), p + 1)).ToArray(), p + 1);
    }

    private static ElaborateTensor[] Slices(TorchOperationCall c, ElaborateTensor x, int p, long count) =>
        Enumerable.Range(0, (int)count).Select(i => c.Algebra.Drop(c.Algebra.Slice(x, p, Extent.Fixed(i), Extent.One), p)).ToArray();

    private static ElaborateTensor Reshape(TorchOperationCall c, ElaborateTensor x, IReadOnlyList<Extent?> sizes)
    {
        // What is flattened is kept apart: the single axes are reshaped, and put together again.
        x = c.Algebra.Regroup(x, new ElaborateLayout(x.Extents).Extents);
        var total = AxisProduct.Of(x.Extents);
        var known = AxisProduct.Of(sizes.Where(s => s is not null)!);
        var rest = sizes.Count(s => s is null) switch
        {
            0 when known == total => Extent.One,
            1 => total.DivideBy(known) ?? Left(x.Extents, sizes),
            _ => null,
        };
        if (rest is null)
            throw NotReshaped(c, x);
        var wanted = sizes.Select(s => s ?? rest).ToEquatableArray();
        return c.Algebra.Regroup(Regrouped(c, x, [.. new ElaborateLayout(wanted).Extents]), wanted);
    }

    /// <summary>What is left of the axes for a size of -1: those that no other size names, flattened.</summary>
    private static Extent? Left(EquatableArray<Extent> axes, IReadOnlyList<Extent?> sizes)
    {
        var left = axes.ToList();
        foreach (var factor in sizes.Where(s => s is not null).SelectMany(s => s!.Factors).Where(f => !f.IsOne))
            if (!left.Remove(factor))
                return null;
        return Extent.Product(left);
    }

    private static ElaborateTensor Regrouped(TorchOperationCall c, ElaborateTensor x, Extent[] target)
    {
        // Left to right, the shortest groups of positions with equal products; what stands before `done` is as asked for.
        var done = 0;
        while (done < target.Length || done < x.Rank)
        {
            var (taken, made) = Group(x.Extents, target, done);
            if (taken < 0)
                throw NotReshaped(c, x);
            if (taken == 0)
                x = c.Algebra.Insert(x, done);
            for (var i = 1; i < taken; i++)
                x = Merge(c, x, done);
            if (made == 0)
                x = c.Algebra.Drop(x, done);
            for (var i = 0; i < made - 1; i++)
                x = Halved(c, x, done + i, target[done + i], AxisProduct.Of(target.Skip(done + i + 1).Take(made - 1 - i)).AsExtent ?? throw NotReshaped(c, x));
            done += made;
        }

        return x;
    }

    private static ElaborateStop.Refused NotReshaped(TorchOperationCall c, ElaborateTensor x) =>
        new("DPO0034", "`" + c.Operation + "` of " + x, "keep the axes, or change them with `unsqueeze`, `squeeze`, `permute`, `flatten`, `unflatten` and multiples of names");

    private static (int Taken, int Made) Group(EquatableArray<Extent> source, Extent[] target, int done)
    {
        var (sources, targets) = (source.Count - done, target.Length - done);
        if (sources > 0 && targets > 0 && source[done] == target[done])
            return (1, 1);
        for (var length = 1; length <= sources + targets; length++)
        {
            for (var taken = Math.Min(length, sources); taken >= Math.Max(0, length - targets); taken--)
            {
                var made = length - taken;
                if (AxisProduct.Of(source.Skip(done).Take(taken)) == AxisProduct.Of(target.Skip(done).Take(made)))
                    return (taken, made);
            }
        }

        return (-1, -1);
    }

    private static ElaborateValue Chunk(TorchOperationCall c)
    {
        var x = c.Self;
        var (chunks, dim) = (c.Whole("chunks"), c.Dim("dim", x.Rank, 0));
        var extent = x.Extents[dim];
        if (chunks is < 1 or > MostSlices)
            throw c.NotConstant("chunks");
        if (extent.IsFixed)
        {
            var size = (extent.Constant + chunks - 1) / chunks;
            var parts = new List<ElaborateValue>();
            for (var start = 0L; start < extent.Constant; start += size)
                parts.Add(c.Algebra.Slice(x, dim, Extent.Fixed(start), Extent.Fixed(Math.Min(size, extent.Constant - start))));
            return new ElaborateValue.Tuple(parts);
        }

        if (extent.DivideBy(chunks) is not { } part)
            throw new ElaborateStop.Refused("DPO0034", "`chunk(" + TorchOperationCall.Text(chunks) + ")` of '" + extent + "'", "declare the axis as a multiple: `" + TorchOperationCall.Text(chunks) + "*" + extent + "`");
        return new ElaborateValue.Tuple(Enumerable.Range(0, (int)chunks).Select(i => c.Algebra.Slice(x, dim, part * i, part)).ToArray());
    }

    private static ElaborateTensor Concatenate(TorchOperationCall c, ElaborateTensor[] tensors)
    {
        if (tensors.Length == 0)
            throw c.NotConstant("tensors");
        return Concatenated(c, tensors, c.Dim("dim", tensors[0].Rank, 0));
    }

    /// <summary>Each tensor among zeros at its place, added up.</summary>
    private static ElaborateTensor Concatenated(TorchOperationCall c, ElaborateTensor[] tensors, int dim)
    {
        foreach (var other in tensors.Skip(1))
        {
            var at = other.Rank != tensors[0].Rank ? -1 : Enumerable.Range(0, other.Rank).Where(i => i != dim && other.Extents[i] != tensors[0].Extents[i]).DefaultIfEmpty(-2).First();
            if (at != -2)
                throw new ElaborateStop.Refused("DPO0030", at < 0 ? "a tensor" : other.Extents[at].ToString(), at < 0 ? "one of another rank" : tensors[0].Extents[at].ToString(), other.ToString(), tensors[0].ToString());
        }

        var full = tensors.Select(t => t.Extents[dim]).Aggregate((a, b) => a + b);
        ElaborateTensor? sum = null;
        var start = Extent.Fixed(0);
        foreach (var tensor in tensors)
        {
            sum = tensors.Length == 1 ? tensor : Joined(c, sum, c.Algebra.Pad(tensor, dim, start, full));
            start += tensor.Extents[dim];
        }

        return sum!;
    }

    private static ElaborateTensor Joined(TorchOperationCall c, ElaborateTensor? sum, ElaborateTensor part) => sum is null ? part : c.Algebra.Add(sum, part);

    private static ElaborateValue Stack(TorchOperationCall c)
    {
        var tensors = c.Items("tensors").Select(c.AsTensor).ToArray();
        if (tensors.Length == 0)
            throw c.NotConstant("tensors");
        var dim = c.Dim("dim", tensors[0].Rank + 1, 0);
        foreach (var other in tensors.Skip(1).Where(t => t.Rank != tensors[0].Rank))
            throw new ElaborateStop.Refused("DPO0030", "a tensor", "one of another rank", other.ToString(), tensors[0].ToString());
        return Concatenated(c, tensors.Select(t => c.Algebra.Insert(t, dim)).ToArray(), dim);
    }

    // where(column - row >= diagonal, x, 0)
    private static ElaborateTensor Triangle(TorchOperationCall c, Primitive kept)
    {
        var x = c.Self;
        var (rows, columns) = (x.Extents[c.Position(-2, x.Rank)], x.Extents[c.Position(-1, x.Rank)]);
        var offset = c.Algebra.Subtract(c.Algebra.Insert(c.Algebra.Iota(columns), 0), c.Algebra.Insert(c.Algebra.Iota(rows), 1));
        return c.Algebra.Where(c.Algebra.Compare(kept, offset, c.Algebra.Whole(c.Whole("diagonal", 0))), x, c.Algebra.Whole(0));
    }

    // result[.., i] = x[.., i, .., i + offset, ..]
    private static ElaborateValue Diagonal(TorchOperationCall c)
    {
        var x = c.Self;
        var (first, second) = (c.Dim("dim1", x.Rank, 0), c.Dim("dim2", x.Rank, 1));
        var offset = c.Whole("offset", 0);
        if (first == second || x.Extents[first] != x.Extents[second])
            throw new ElaborateStop.Refused("DPO0030", x.Extents[first].ToString(), x.Extents[second].ToString(), x.ToString(), "its diagonal");
        var count = x.Extents[first] - Extent.Fixed(Math.Abs(offset));
        c.RequireNotNegative(count, "offset " + TorchOperationCall.Text(offset));
        var rows = c.Algebra.Slice(x, first, Extent.Fixed(Math.Max(-offset, 0)), count);
        ElaborateTensor column = c.Algebra.Iota(count);
        if (offset > 0)
            column = c.Algebra.Add(column, c.Algebra.Whole(offset));
        var kept = Enumerable.Range(0, x.Rank).Where(i => i != first && i != second).ToArray();
        var extents = kept.Select(i => x.Extents[i]).Append(count).ToEquatableArray();
        var index = c.Algebra.SpreadTo(column, extents);
        var map = Enumerable.Range(0, x.Rank).Select(i => i == second ? -1 : i == first ? kept.Length : Array.IndexOf(kept, i)).ToArray();
        return c.Algebra.Gather(rows, index, second, map);
    }
}

/// <summary>A product of sizes in normal form: equal products are equal numbers of elements.</summary>
internal sealed record AxisProduct(long Constant, EquatableArray<Extent> Factors)
{
    /// <summary>The product as one affine size, or null where it is none.</summary>
    public Extent? AsExtent => Factors.Count == 0 ? Extent.Fixed(Constant) : Factors.Count == 1 ? Factors[0] * Constant : null;

    public static AxisProduct Of(IEnumerable<Extent> extents)
    {
        var constant = 1L;
        var factors = new List<Extent>();
        foreach (var extent in extents.SelectMany(e => e.Factors))
        {
            var common = extent.IsFixed ? extent.Constant : extent.Terms.Select(t => Math.Abs(t.Coefficient)).Append(Math.Abs(extent.Constant)).Aggregate(Divisor);
            constant = unchecked(constant * common);
            if (!extent.IsFixed)
                factors.Add(extent.DivideBy(common)!);
        }

        return new(constant, factors.OrderBy(f => f.ToString(), StringComparer.Ordinal).ToEquatableArray());
    }

    /// <summary>What is left when <paramref name="known"/> is divided out, as one size; null where that is none.</summary>
    public Extent? DivideBy(AxisProduct known)
    {
        var left = Factors.ToList();
        if (known.Constant == 0 || Constant % known.Constant != 0 || known.Factors.Any(f => !left.Remove(f)))
            return null;
        return new AxisProduct(Constant / known.Constant, left.ToEquatableArray()).AsExtent;
    }

    private static long Divisor(long a, long b) => b == 0 ? a : Divisor(b, a % b);
}
