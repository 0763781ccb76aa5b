using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Reductions, normalisers, scans and order.</content>
internal static partial class TorchOperations
{
    private static ElaborateValue Sum(TorchOperationCall c)
    {
        var x = c.Self;
        return c.Algebra.Sum(Typed(c, x), c.Dims("dim", x), c.Flag("keepdim"));
    }

    /// <summary>The operand in the dtype that the reduction asks for.</summary>
    private static ElaborateTensor Typed(TorchOperationCall c, ElaborateTensor x) =>
        c.DType("dtype", x.Rank > 0) is { } dtype ? c.Algebra.Convert(x, dtype.Kind ?? Real, dtype.Name, dtype.Terms) : x;

    /// <summary>An operand that torch takes only as a real number.</summary>
    private static ElaborateTensor Numbers(TorchOperationCall c, ElaborateTensor x) =>
        ElaborateTensors.KindOf(x) is Integer or Boolean && !c.Has("dtype")
            ? throw new ElaborateStop.Refused("DPO0038", "`" + c.Operation + "` of " + (ElaborateTensors.KindOf(x) == Boolean ? "conditions" : "whole numbers"), "convert first: `x.to_type(ScalarType.Float32)`")
            : x;

    // sum(x) / n
    private static ElaborateTensor Mean(TorchOperationCall c, ElaborateTensor x, IReadOnlyList<int> dims, bool keepdim)
    {
        var real = c.Algebra.Convert(x, Real, null, ElaborateTensors.Lift(x.DType, DTypeLift.Float));
        return c.Algebra.Divide(c.Algebra.Sum(real, dims, keepdim), c.Algebra.Count(x, dims));
    }

    // nansum(x) / count(not isnan(x))
    private static ElaborateValue NanMean(TorchOperationCall c)
    {
        var x = Numbers(c, c.Self);
        var dims = c.Dims("dim", x);
        var keepdim = c.Flag("keepdim");
        var isNumber = c.Algebra.Not(c.Algebra.Test(Primitive.IsNaN, x, whole: false));
        var count = c.Algebra.Sum(c.Algebra.Convert(isNumber, Real, null, x.DType), dims, keepdim);
        return c.Algebra.Divide(c.Algebra.Sum(WithoutNaN(c, x), dims, keepdim), count);
    }

    private static ElaborateValue Extremum(TorchOperationCall c, Primitive primitive, IReadOnlyList<int> dims, bool keepdim)
    {
        var x = c.Self;
        return ElaborateTensors.KindOf(x) == Boolean
            ? c.Algebra.Reduce(primitive == Primitive.Max ? Primitive.Any : Primitive.All, x, dims, keepdim, Boolean, x.DType)
            : c.Algebra.Reduce(primitive, x, dims, keepdim, ElaborateTensors.KindOf(x), x.DType);
    }

    // The element at the first extremum: unlike amax, the gradient goes to that one.
    private static ElaborateValue ExtremumWithIndex(TorchOperationCall c, bool isMax)
    {
        var x = c.Self;
        var dim = c.Dim("dim", x.Rank);
        var index = At(c, isMax ? x : c.Algebra.Negate(x), dim);
        var kept = c.Algebra.Insert(index, dim);
        var map = Enumerable.Range(0, x.Rank).Select(i => i == dim ? -1 : i).ToArray();
        var values = c.Algebra.Gather(x, kept, dim, map);
        return c.Flag("keepdim") ? new ElaborateValue.Tuple([values, kept]) : new ElaborateValue.Tuple([c.Algebra.Drop(values, dim), index]);
    }

    private static ElaborateValue ArgMax(TorchOperationCall c, ElaborateTensor x)
    {
        if (x.Rank == 0)
            return c.Algebra.Fill(c.Host.Whole(0), x.Extents, Integer, ElaborateTensors.FixedType("Int64", false));
        if (!c.Has("dim"))
            return At(c, Flattened(c, x, 0, x.Rank - 1), 0);
        var dim = c.Dim("dim", x.Rank);
        var index = At(c, x, dim);
        return c.Flag("keepdim") ? c.Algebra.Insert(index, dim) : index;
    }

    /// <summary>The first position of the largest element along one axis.</summary>
    private static ElaborateTensor At(TorchOperationCall c, ElaborateTensor x, int dim)
    {
        var kind = ElaborateTensors.KindOf(x) == Integer ? Integer : Real;
        var rest = x.Extents.Where((_, i) => i != dim).ToEquatableArray();
        if (x.Extents[dim].HasProduct)
            return AtFlattened(c, x, dim);
        dim = ElaborateTensors.Place(x.Extents, dim, "`" + c.Operation + "`");
        return c.Algebra.Made(rest, Integer, ElaborateTensors.FixedType("Int64", rest.Count > 0), _ => c.Path.Trace.Emit(Primitive.ArgMax, new Parameters.Axis(dim), Atom.Variable(x.As(kind))));
    }

    // the first of the rows whose largest element is the largest, and where that is in it
    private static ElaborateTensor AtFlattened(TorchOperationCall c, ElaborateTensor x, int dim)
    {
        var factors = x.Extents[dim].Factors;
        var (outer, inner) = (factors[0], Extent.Product(factors.Skip(1)));
        var rows = c.Algebra.Regroup(x, [.. x.Extents.Take(dim), outer, inner, .. x.Extents.Skip(dim + 1)]);
        var within = At(c, rows, dim + 1);
        var row = At(c, c.Algebra.Reduce(Primitive.Max, c.Algebra.Stop(rows), [dim + 1], false, ElaborateTensors.KindOf(x) == Integer ? Integer : Real, x.DType), dim);
        var map = Enumerable.Range(0, within.Rank).Select(i => i == dim ? -1 : i).ToArray();
        var place = c.Algebra.Drop(c.Algebra.Gather(within, c.Algebra.Insert(row, dim), dim, map), dim);
        return c.Algebra.Add(c.Algebra.Multiply(row, c.Algebra.Of(c.Host.Size(inner))), place);
    }

    private static ElaborateValue LogSumExp(TorchOperationCall c)
    {
        var x = c.Self;
        return c.Algebra.Reduce(Primitive.LogSumExp, c.Algebra.Convert(x, Real, null, ElaborateTensors.Lift(x.DType, DTypeLift.Float)), c.Dims("dim", x), c.Flag("keepdim"), Real, ElaborateTensors.Lift(x.DType, DTypeLift.Float));
    }

    // sum((x - mean(x))^2) / max(n - correction, 0)
    private static ElaborateTensor Variance(TorchOperationCall c)
    {
        var x = Typed(c, Numbers(c, c.Self));
        var dims = c.Dims("dim", x);
        var centred = c.Algebra.Subtract(x, Mean(c, x, dims, keepdim: true));
        var squares = c.Algebra.Sum(c.Algebra.UnaryKeeping(Primitive.Square, centred), dims, c.Flag("keepdim"));
        var count = c.Algebra.Product(dims.Select(d => x.Extents[d]));
        // No less than 0, so that nothing has no variance.
        return c.Algebra.Divide(squares, c.Algebra.Of(c.Flag("unbiased", true) ? OneLess(c, count) : count));

        static int OneLess(TorchOperationCall c, int count) => c.Host.AsWhole(count) is { } known
            ? c.Host.Whole(Math.Max(known - 1, 0))
            : c.Host.Make(new(HostOperation.Call, HostKind.Int64, [c.Host.Binary("-", HostKind.Int64, count, c.Host.Whole(1)), c.Host.Whole(0)], "global::System.Math.Max"));
    }

    private static ElaborateValue Normaliser(TorchOperationCall c, Primitive primitive)
    {
        var x = Typed(c, c.Self);
        if (x.Rank == 0)
            return primitive == Primitive.Softmax ? c.Algebra.Fill(c.Host.Real(1), x.Extents, Real, x.DType) : c.Algebra.Fill(c.Host.Real(0), x.Extents, Real, x.DType);
        return Normalised(c, primitive, x, c.Dim("dim", x.Rank));
    }

    private static ElaborateTensor Normalised(TorchOperationCall c, Primitive primitive, ElaborateTensor x, int dim)
    {
        var dtype = ElaborateTensors.Lift(x.DType, DTypeLift.Float);
        if (x.Extents[dim].HasProduct)
        {
            // x - logsumexp(x) over all the axes
            var real = c.Algebra.Convert(x, Real, null, dtype);
            var logarithm = c.Algebra.Subtract(real, c.Algebra.Reduce(Primitive.LogSumExp, real, [dim], true, Real, dtype));
            return primitive == Primitive.Softmax ? c.Algebra.Unary(Primitive.Exp, logarithm) : logarithm;
        }

        var along = new Parameters.Axis(ElaborateTensors.Place(x.Extents, dim, "`" + c.Operation + "`"));
        return c.Algebra.Made(x.Extents, Real, dtype, _ => c.Path.Trace.Emit(primitive, along, Atom.Variable(x.As(Real))));
    }

    private static ElaborateValue CumSum(TorchOperationCall c)
    {
        var x = Typed(c, c.Self);
        if (x.Rank == 0)
            return x;
        var scan = new Parameters.Scan(ElaborateTensors.Place(x.Extents, c.Dim("dim", x.Rank), "`cumsum`"), false);
        var counted = ElaborateTensors.KindOf(x) == Boolean ? c.Algebra.Convert(x, Integer, null, ElaborateTensors.FixedType("Int64", true)) : x;
        var kind = ElaborateTensors.KindOf(counted);
        return c.Algebra.Moved(counted, kind, ElaborateTensors.Lift(x.DType, DTypeLift.Sum), v => c.Path.Trace.Emit(Primitive.CumSum, scan, Atom.Variable(v)));
    }

    private static ElaborateValue LogCumSumExp(TorchOperationCall c)
    {
        var x = Numbers(c, c.Self);
        var scan = new Parameters.Scan(ElaborateTensors.Place(x.Extents, c.Dim("dim", x.Rank), "`logcumsumexp`"), false);
        return c.Algebra.Made(x.Extents, Real, ElaborateTensors.Lift(x.DType, DTypeLift.Float), _ => c.Path.Trace.Emit(Primitive.LogCumSumExp, scan, Atom.Variable(x.As(Real))));
    }

    private static ElaborateValue Flip(TorchOperationCall c, IReadOnlyList<int> dims)
    {
        var x = c.Self;
        foreach (var dim in new ElaborateLayout(x.Extents).Of(dims))
            x = c.Algebra.Move(x, x.Extents, v => c.Path.Trace.Emit(Primitive.Flip, new Parameters.Axis(dim), Atom.Variable(v)));
        return x;
    }

    private static ElaborateValue Sort(TorchOperationCall c)
    {
        var (values, order) = Sorted(c, c.Self, c.Dim("dim", c.Self.Rank, -1), c.Flag("descending"));
        return new ElaborateValue.Tuple([values, order]);
    }

    private static (ElaborateTensor Values, ElaborateTensor Order) Sorted(TorchOperationCall c, ElaborateTensor x, int dim, bool descending)
    {
        var kind = ElaborateTensors.KindOf(x) == Integer ? Integer : Real;
        var (values, order) = c.Path.Trace.Sort(x.As(kind), ElaborateTensors.Place(x.Extents, dim, "`" + c.Operation + "`"), descending);
        return (
            c.Algebra.Made(x.Extents, kind, x.DType, _ => values),
            c.Algebra.Made(x.Extents, Integer, ElaborateTensors.FixedType("Int64", true), _ => order));
    }

    private static ElaborateValue TopK(TorchOperationCall c)
    {
        var x = c.Self;
        var (k, dim) = (c.Whole("k"), c.Dim("dim", x.Rank, -1));
        c.RequireNotNegative(x.Extents[dim] - Extent.Fixed(k), "k = " + TorchOperationCall.Text(k));
        var (values, order) = Sorted(c, x, dim, c.Flag("largest", true));
        return new ElaborateValue.Tuple([c.Algebra.Slice(values, dim, Extent.Fixed(0), Extent.Fixed(k)), c.Algebra.Slice(order, dim, Extent.Fixed(0), Extent.Fixed(k))]);
    }

    // The k-th smallest element and where it was.
    private static ElaborateValue KthValue(TorchOperationCall c)
    {
        var x = c.Self;
        var (k, dim) = (c.Whole("k"), c.Dim("dim", x.Rank, -1));
        c.RequireNotNegative(x.Extents[dim] - Extent.Fixed(k), "k = " + TorchOperationCall.Text(k));
        c.RequireNotNegative(Extent.Fixed(k - 1), "k = " + TorchOperationCall.Text(k));
        var (values, order) = Sorted(c, x, dim, descending: false);
        var parts = new[] { values, order }.Select(t => c.Algebra.Slice(t, dim, Extent.Fixed(k - 1), Extent.One));
        return new ElaborateValue.Tuple(parts.Select(t => c.Flag("keepdim") ? t : (ElaborateValue)c.Algebra.Drop(t, dim)).ToArray());
    }

    // The lower one of two in the middle.
    private static ElaborateValue Median(TorchOperationCall c)
    {
        var x = c.Self;
        if (x.Rank != 1)
            throw new ElaborateStop.Refused("DPO0034", "`median` over several axes", "sort along one, and take the element in its middle");
        c.RequireNotNegative(x.Extents[0] - Extent.One, "the first element");
        var last = c.Host.Binary("-", HostKind.Int64, c.Host.Size(x.Extents[0]), c.Host.Whole(1));
        return c.Algebra.Drop(Ranked(c, Sorted(c, x, 0, descending: false).Values, 0, c.Host.Binary("/", HostKind.Int64, last, c.Host.Whole(2))), 0);
    }

    /// <summary>The element at a place that the host computes.</summary>
    private static ElaborateTensor Ranked(TorchOperationCall c, ElaborateTensor values, int dim, int place)
    {
        var extents = values.Extents.Select((e, i) => i == dim ? Extent.One : e).ToEquatableArray();
        var index = c.Algebra.Fill(place, extents, Integer, ElaborateTensors.FixedType("Int64", true));
        return c.Algebra.Gather(values, index, dim, Enumerable.Range(0, values.Rank).Select(i => i == dim ? -1 : i).ToArray());
    }

    // Between the elements of rank floor(q (n-1)) and ceil(q (n-1)), linearly.
    private static ElaborateValue Quantile(TorchOperationCall c)
    {
        var x = Numbers(c, c.Self);
        if (!c.IsNumber("q"))
            throw c.NotConstant("q");
        // TorchSharp reads -1 as all axes.
        var axes = x.Rank;
        var isWhole = c.Whole("dim", -1) == -1;
        if (isWhole)
            x = Flattened(c, x.Rank == 0 ? c.Algebra.Insert(x, 0) : x, 0, Math.Max(x.Rank - 1, 0));
        var dim = isWhole ? 0 : c.Dim("dim", x.Rank);
        c.RequireNotNegative(x.Extents[dim] - Extent.Fixed(1), "the first element");
        var host = c.Host;
        int ToDouble(int id) => host.Make(new HostEquation(HostOperation.Convert, HostKind.Double, [id]));
        int Call(string name, int id) => host.Make(new HostEquation(HostOperation.Call, HostKind.Double, [id], "global::System.Math." + name));
        var last = host.Binary("-", HostKind.Int64, host.Size(x.Extents[dim]), host.Whole(1));
        var rank = host.Binary("*", HostKind.Double, ToDouble(c.Number("q")), ToDouble(last));
        var (below, above) = (Call("Floor", rank), Call("Ceiling", rank));
        var weight = host.Binary("-", HostKind.Double, rank, below);
        var (values, _) = Sorted(c, x, dim, descending: false);
        int Place(int position) => host.Make(new HostEquation(HostOperation.Convert, HostKind.Int64, [position]));
        var (low, high) = (Ranked(c, values, dim, Place(below)), Ranked(c, values, dim, Place(above)));
        var result = c.Algebra.Add(low, c.Algebra.Multiply(c.Algebra.Subtract(high, low), c.Algebra.Of(weight)));
        if (!c.Flag("keepdim"))
            return c.Algebra.Drop(result, dim);
        while (isWhole && result.Rank < axes)
            result = c.Algebra.Insert(result, 0);
        return result;
    }
}
