using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Indexing, slicing and their transposes.</content>
internal static partial class TorchOperations
{
    private static ElaborateValue Narrow(TorchOperationCall c)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank);
        var start = Bound(c, c.Given("start")!, x.Extents[dim]);
        var count = c.Size(c.Given("length")!) ?? throw c.NotConstant("length");
        return Sliced(c, x, dim, start, count, 1);
    }

    /// <summary>Elements start, start + step, ...; what is not within the axis whatever its size is checked at the call.</summary>
    private static ElaborateTensor Sliced(TorchOperationCall c, ElaborateTensor x, int dim, Extent start, Extent count, long step)
    {
        var text = start + " to " + (start + (count * step));
        c.RequireNotNegative(start, text);
        c.RequireNotNegative(count, text);
        // The last element, start + (count - 1) step, is before the end.
        c.RequireNotNegative(x.Extents[dim] - start - (count * step) + Extent.Fixed(step - 1), text);
        return c.Algebra.Slice(x, dim, start, count, step);
    }

    /// <summary>A bound in brackets, from the end where negative.</summary>
    private static Extent Bound(TorchOperationCall c, ElaborateValue value, Extent extent)
    {
        switch (value)
        {
            case ElaborateValue.Range { Text: "^" } fromEnd when fromEnd.Bounds.Count == 1:
                return extent - Bound(c, fromEnd.Bounds.Values.First(), extent);
            case ElaborateTensor { Number: { } number }:
                return Bound(c, new ElaborateValue.Host(number), extent);
            case ElaborateValue.Host host:
                var id = c.Path.Known(host.Id);
                var bound = c.Host.AsExtent(id) ?? (c.Path.Whole(id) is { } whole ? Extent.Fixed(whole) : throw c.NotConstant("index"));
                // -1, or -n with a name's own size, counts from the end.
                return bound.Terms.All(t => t.Coefficient < 0) && (bound.Constant < 0 || !bound.IsFixed) && bound.Constant <= 0 ? extent + bound : bound;
            default:
                throw c.NotConstant("index");
        }
    }

    private static ElaborateTensor Select(TorchOperationCall c, ElaborateTensor x, int dim, ElaborateValue index) =>
        c.Algebra.Drop(Sliced(c, x, dim, Bound(c, index, x.Extents[dim]), Extent.One, 1), dim);

    private static ElaborateTensor Ranged(TorchOperationCall c, ElaborateTensor x, int dim, ElaborateValue.Range range)
    {
        var extent = x.Extents[dim];
        var start = range.Bounds.TryGetValue("start", out var first) ? Bound(c, first, extent) : Extent.Fixed(0);
        var stop = range.Bounds.TryGetValue("stop", out var last) ? Bound(c, last, extent) : extent;
        var step = range.Bounds.TryGetValue("step", out var by) && by is ElaborateValue.Host host ? c.Path.Whole(host.Id) ?? throw c.NotConstant("step") : 1;
        if (step < 1)
            throw c.Unsupported("a step is at least 1; use `flip`");
        // Fixed bounds of a fixed axis are clipped, as in Python.
        if (extent.IsFixed)
        {
            start = start.IsFixed ? Extent.Fixed(Math.Min(Math.Max(start.Constant, 0), extent.Constant)) : start;
            stop = stop.IsFixed ? Extent.Fixed(Math.Max(Math.Min(stop.Constant, extent.Constant), start.IsFixed ? start.Constant : 0)) : stop;
        }

        var length = stop - start;
        // Rounded up: what is no multiple is the constant alone.
        var count = step == 1 ? length : (length + Extent.Fixed((((-length.Constant) % step) + step) % step)).DivideBy(step);
        return count is null
            ? throw new ElaborateStop.Refused("DPO0034", "every " + TorchOperationCall.Text(step) + "th element of '" + length + "'", "declare the axis as a multiple: `" + TorchOperationCall.Text(step) + "*" + extent + "`")
            : Sliced(c, x, dim, start, count, step);
    }

    private static ElaborateValue Index(TorchOperationCall c)
    {
        var x = c.Self;
        var indices = c.Items("indices").Select(i => i is ElaborateValue.Optional ? c.AsTensor(i) : i).ToList();
        var consumed = indices.Count(i => i is not ElaborateValue.Null && !IsEllipsis(i));
        var ellipsis = indices.FindIndex(IsEllipsis);
        var whole = new ElaborateValue.Range("..", new Dictionary<string, ElaborateValue>());
        if (consumed > x.Rank || indices.Count(IsEllipsis) > 1)
            throw new ElaborateStop.Refused("DPO0031", TorchOperationCall.Text(consumed) + " indices", "a tensor of " + TorchOperationCall.Text(x.Rank) + (x.Rank == 1 ? " dimension" : " dimensions"));
        if (ellipsis >= 0)
        {
            indices.RemoveAt(ellipsis);
            indices.InsertRange(ellipsis, Enumerable.Repeat<ElaborateValue>(whole, x.Rank - consumed));
        }

        // Slices, selections and new axes first; what tensors index is left in place.
        var position = 0;
        var advanced = new List<(int Position, ElaborateTensor Index)>();
        foreach (var index in indices)
        {
            switch (index)
            {
                case ElaborateValue.Null:
                    x = c.Algebra.Insert(x, position++);
                    break;
                case ElaborateValue.Range { Text: "^" } or ElaborateValue.Host or ElaborateTensor { Number: not null }:
                    x = Select(c, x, position, index);
                    break;
                case ElaborateValue.Range range:
                    x = Ranged(c, x, position++, range);
                    break;
                case ElaborateTensor tensor:
                    advanced.Add((position++, tensor));
                    break;
                default:
                    throw c.NotConstant("index");
            }
        }

        return advanced.Count switch
        {
            0 => x,
            1 => IndexBy(c, x, advanced[0].Position, advanced[0].Index),
            _ => IndexByAll(c, x, advanced),
        };
    }

    private static bool IsEllipsis(ElaborateValue value) => value is ElaborateValue.Range { Text: "..." };

    /// <summary>x[.., index, ..]: the axes of the index take the place of the one that it indexes.</summary>
    private static ElaborateTensor IndexBy(TorchOperationCall c, ElaborateTensor x, int dim, ElaborateTensor index)
    {
        Whole(c, index);
        var extents = x.Extents.Take(dim).Concat(index.Extents).Concat(x.Extents.Skip(dim + 1)).ToEquatableArray();
        var source = Enumerable.Range(0, extents.Count).Select(i => i >= dim && i < dim + index.Rank ? i - dim : -1).ToArray();
        var map = Enumerable.Range(0, x.Rank).Select(i => i < dim ? i : i == dim ? -1 : i + index.Rank - 1).ToArray();
        return c.Algebra.Gather(x, c.Algebra.Rearrange(index, source, extents), dim, map);
    }

    /// <summary>x[.., i, j, ..] with neighbouring indices that broadcast together.</summary>
    private static ElaborateTensor IndexByAll(TorchOperationCall c, ElaborateTensor x, List<(int Position, ElaborateTensor Index)> advanced)
    {
        var first = advanced[0].Position;
        if (advanced.Where((a, i) => a.Position != first + i).Any())
            throw c.Unsupported("index one axis at a time where a slice stands between tensors");
        var together = c.Algebra.Broadcast(advanced.Select(a => Whole(c, a.Index)).ToArray());
        x = IndexBy(c, x, first, c.Algebra.SpreadTo(advanced[0].Index, together));
        // The index's axes stand at first; the next indexed axis follows them and runs with them.
        foreach (var (_, index) in advanced.Skip(1))
        {
            var dim = first + together.Count;
            var extents = x.Extents.Where((_, i) => i != dim).ToEquatableArray();
            var spread = c.Algebra.SpreadTo(index, together);
            var source = Enumerable.Range(0, extents.Count).Select(i => i >= first && i < dim ? i - first : -1).ToArray();
            var map = Enumerable.Range(0, x.Rank).Select(i => i < dim ? i : i == dim ? -1 : i - 1).ToArray();
            x = c.Algebra.Gather(x, c.Algebra.Rearrange(spread, source, extents), dim, map);
        }

        return x;
    }

    /// <summary>An index of whole numbers: a mask would make a result of unknown size.</summary>
    private static ElaborateTensor Whole(TorchOperationCall c, ElaborateTensor index) => ElaborateTensors.KindOf(index) switch
    {
        Boolean => throw new ElaborateStop.Refused("DPO0038", "indexing by a condition, whose result has no known size,", "choose with `where(mask, x, 0)` and divide by `mask.sum()`"),
        Real => throw new ElaborateStop.Refused("DPO0038", "indexing by real numbers", "convert first: `index.to_type(ScalarType.Int64)`"),
        _ => index,
    };

    private static ElaborateValue Gather(TorchOperationCall c)
    {
        var (x, index) = (c.Self, Whole(c, c.Tensor("index")));
        var dim = c.Dim("dim", x.Rank);
        x = AsWideAs(c, x, index, dim);
        return c.Algebra.Gather(x, index, dim, Enumerable.Range(0, x.Rank).Select(i => i == dim ? -1 : i).ToArray());
    }

    private static ElaborateValue TakeAlongDim(TorchOperationCall c)
    {
        var (x, index) = (c.Self, Whole(c, c.Tensor("index")));
        var dim = c.Dim("dim", x.Rank);
        if (index.Rank == x.Rank)
            index = ExpandTo(c, index, x.Extents.Select((e, i) => i == dim ? index.Extents[dim] : e).ToEquatableArray());
        return c.Algebra.Gather(AsWideAs(c, x, index, dim), index, dim, Enumerable.Range(0, x.Rank).Select(i => i == dim ? -1 : i).ToArray());
    }

    /// <summary>What an index reads along the axes that it runs over: an index of fixed size reads the first elements.</summary>
    private static ElaborateTensor AsWideAs(TorchOperationCall c, ElaborateTensor x, ElaborateTensor index, int dim)
    {
        if (index.Rank != x.Rank)
            throw new ElaborateStop.Refused("DPO0030", "an index of " + TorchOperationCall.Text(index.Rank) + " axes", "a tensor of " + TorchOperationCall.Text(x.Rank), index.ToString(), x.ToString());
        for (var i = 0; i < x.Rank; i++)
        {
            if (i == dim || index.Extents[i] == x.Extents[i])
                continue;
            if (!index.Extents[i].IsFixed)
                throw new ElaborateStop.Refused("DPO0030", index.Extents[i].ToString(), x.Extents[i].ToString(), index.ToString(), x.ToString());
            x = Sliced(c, x, i, Extent.Fixed(0), index.Extents[i], 1);
        }

        return x;
    }

    private static ElaborateValue ScatterAdd(TorchOperationCall c)
    {
        var (x, index, source) = (c.Self, Whole(c, c.Tensor("index")), c.Tensor("src"));
        var dim = c.Dim("dim", x.Rank);
        for (var i = 0; i < x.Rank; i++)
            if (index.Rank != x.Rank || (i != dim && index.Extents[i] != x.Extents[i]))
                throw new ElaborateStop.Refused("DPO0030", index.Rank != x.Rank ? "an index" : index.Extents[i].ToString(), index.Rank != x.Rank ? "a tensor of another rank" : x.Extents[i].ToString(), index.ToString(), x.ToString());
        if (source.Extents != index.Extents)
            throw new ElaborateStop.Refused("DPO0030", "an index", "a source of other axes", index.ToString(), source.ToString());
        return AddScattered(c, x, source, index, dim);
    }

    private static ElaborateValue IndexAdd(TorchOperationCall c)
    {
        var (x, index, source) = (c.Self, Whole(c, c.Tensor("index")), c.Tensor("source"));
        var dim = c.Dim("dim", x.Rank);
        if (index.Rank != 1 || source.Rank != x.Rank || source.Extents[dim] != index.Extents[0] || x.Extents.Where((e, i) => i != dim && e != source.Extents[i]).Any())
            throw new ElaborateStop.Refused("DPO0030", "an index", "a source of other axes", index.ToString(), source.ToString());
        var spread = c.Algebra.Rearrange(index, Enumerable.Range(0, x.Rank).Select(i => i == dim ? 0 : -1).ToArray(), source.Extents.ToArray());
        if (c.MaybeTensor("alpha") is { } alpha && !IsLiteral(c, alpha, 1))
            source = c.Algebra.Multiply(source, alpha);
        return AddScattered(c, x, source, spread, dim);
    }

    // x + scatter(source)
    private static ElaborateTensor AddScattered(TorchOperationCall c, ElaborateTensor x, ElaborateTensor source, ElaborateTensor index, int dim)
    {
        var kind = c.Algebra.Promote(x, source);
        var values = kind is { } decided && decided != Boolean ? c.Algebra.Convert(source, decided, null, source.DType) : source;
        return c.Algebra.Add(x, c.Algebra.Scatter(values, index, dim, x.Extents));
    }
}
