using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Pointwise composites and what makes tensors of numbers.</content>
internal static partial class TorchOperations
{
    // x (1 + erf(x / sqrt 2)) / 2
    private static ElaborateValue Gelu(TorchOperationCall c)
    {
        var x = c.Self;
        var erf = c.Algebra.Unary(Primitive.Erf, c.Algebra.Multiply(x, c.Algebra.Number(Math.Sqrt(0.5))));
        return c.Algebra.Multiply(c.Algebra.Multiply(x, c.Algebra.Number(0.5)), c.Algebra.Add(erf, c.Algebra.Whole(1)));
    }

    // log(1 + exp(beta x)) / beta; above the threshold x. Torch's own threshold only guards exp, which the primitive does better.
    private static ElaborateValue Softplus(TorchOperationCall c)
    {
        var x = c.Self;
        var beta = c.MaybeTensor("beta") is { } given && !(IsLiteral(c, given, 1)) ? given : null;
        var scaled = beta is null ? x : c.Algebra.Multiply(x, beta);
        var soft = c.Algebra.Unary(Primitive.Softplus, scaled);
        var result = beta is null ? soft : c.Algebra.Divide(soft, beta);
        return c.MaybeTensor("threshold") is { } threshold && !IsLiteral(c, threshold, 20)
            ? c.Algebra.Where(c.Algebra.Compare(Primitive.Greater, scaled, threshold), x, result)
            : result;
    }

    // scale (x > 0: x, else alpha (exp(x) - 1))
    private static ElaborateTensor Elu(TorchOperationCall c, double scale, ElaborateTensor alpha)
    {
        var x = c.Self;
        var soft = c.Algebra.Multiply(c.Algebra.Unary(Primitive.ExpM1, x), alpha);
        var result = c.Algebra.Where(c.Algebra.Compare(Primitive.Greater, x, c.Algebra.Whole(0)), x, soft);
        return scale == 1 ? result : c.Algebra.Multiply(result, c.Algebra.Number(scale));
    }

    // max(x, y) + log(1 + exp(-|x - y|)), x where both are the same infinity
    private static ElaborateValue LogAddExp(TorchOperationCall c)
    {
        var (x, y) = (c.Self, c.Other);
        var distance = c.Algebra.UnaryKeeping(Primitive.Absolute, c.Algebra.Subtract(x, y));
        var sum = c.Algebra.Add(c.Algebra.Arithmetic(Primitive.Maximum, x, y), c.Algebra.Unary(Primitive.Log1P, c.Algebra.Unary(Primitive.Exp, c.Algebra.Negate(distance))));
        var same = c.Algebra.Logical(Primitive.And, c.Algebra.Compare(Primitive.Equal, x, y), c.Algebra.Test(Primitive.IsInfinite, x, whole: false));
        return c.Algebra.Where(same, x, sum);
    }

    // log(x) - log(1 - x)
    private static ElaborateValue Logit(TorchOperationCall c)
    {
        var x = c.Self;
        if (c.MaybeTensor("eps") is { } eps)
            x = c.Algebra.Arithmetic(Primitive.ClampMax, c.Algebra.Arithmetic(Primitive.ClampMin, x, eps), c.Algebra.Subtract(c.Algebra.Whole(1), eps));
        return c.Algebra.Subtract(c.Algebra.Unary(Primitive.Log, x), c.Algebra.Unary(Primitive.Log1P, c.Algebra.Negate(x)));
    }

    private static bool IsLiteral(TorchOperationCall c, ElaborateTensor x, double number) => x.Number is { } id && c.Host.AsNumber(id) == number;

    // The whole part towards zero, less 1 where that is above x; beyond 2^52 every double is whole.
    private static ElaborateTensor Floor(TorchOperationCall c, ElaborateTensor x)
    {
        if (ElaborateTensors.KindOf(x) is Integer or Boolean)
            return x;
        var fixedPart = Truncated(c, x);
        return c.Algebra.Subtract(fixedPart, c.Algebra.Convert(c.Algebra.Compare(Primitive.Greater, fixedPart, x), Real, null, x.DType));
    }

    private static ElaborateTensor Truncated(TorchOperationCall c, ElaborateTensor x)
    {
        var constant = c.Algebra.Stop(c.Algebra.Convert(x, Real, null, x.DType));
        var isSmall = c.Algebra.Compare(Primitive.Less, c.Algebra.UnaryKeeping(Primitive.Absolute, constant), c.Algebra.Number(4503599627370496.0));
        var safe = c.Algebra.Where(isSmall, constant, c.Algebra.Number(0));
        return c.Algebra.Where(isSmall, c.Algebra.Convert(c.Algebra.Convert(safe, Integer, null, x.DType), Real, null, x.DType), constant);
    }

    private static ElaborateValue Trunc(TorchOperationCall c) => ElaborateTensors.KindOf(c.Self) is Integer or Boolean ? c.Self : Truncated(c, c.Self);

    // floor(x + 1/2), less 1 at a half whose result is odd.
    private static ElaborateValue Round(TorchOperationCall c)
    {
        if (c.Whole("decimals", 0) != 0)
            throw c.Unsupported("round to whole numbers only");
        var x = c.Algebra.Stop(c.Algebra.Convert(c.Self, Real, null, c.Self.DType));
        var up = Floor(c, c.Algebra.Add(x, c.Algebra.Number(0.5)));
        var half = c.Algebra.Multiply(up, c.Algebra.Number(0.5));
        var isOdd = c.Algebra.Compare(Primitive.NotEqual, half, Floor(c, half));
        var isTie = c.Algebra.Compare(Primitive.Equal, c.Algebra.Subtract(up, x), c.Algebra.Number(0.5));
        return c.Algebra.Subtract(up, c.Algebra.Convert(c.Algebra.Logical(Primitive.And, isOdd, isTie), Real, null, x.DType));
    }

    // x - y floor(x / y)
    private static ElaborateValue Remainder(TorchOperationCall c) => c.Algebra.Promote(c.Self, c.Other) is null
        ? c.Algebra.Open(c.Self, c.Other, (x, y) => Remainder(c, x, y))
        : Remainder(c, c.Self, c.Other);

    private static ElaborateTensor Remainder(TorchOperationCall c, ElaborateTensor x, ElaborateTensor y)
    {
        if (c.Algebra.Promote(x, y) == Integer)
        {
            var whole = c.Algebra.Convert(Floor(c, c.Algebra.Divide(x, y)), Integer, null, ElaborateTensors.FixedType("Int64", true));
            return c.Algebra.Subtract(x, c.Algebra.Multiply(y, whole));
        }

        return c.Algebra.Subtract(x, c.Algebra.Multiply(y, Floor(c, c.Algebra.Divide(x, y))));
    }

    // x^2 is a square, whatever the kind; other powers are real.
    private static ElaborateValue Power(TorchOperationCall c)
    {
        var (x, exponent) = (c.Self, c.Tensor("exponent"));
        if (exponent.Number is { } id && c.Host.AsNumber(id) is { } number && x.Number is null)
        {
            if (number == 2)
                return c.Algebra.UnaryKeeping(Primitive.Square, x);
            if (number == 1)
                return x;
            if (number == 3 && ElaborateTensors.KindOf(x) == Integer)
                return c.Algebra.Multiply(c.Algebra.UnaryKeeping(Primitive.Square, x), x);
        }

        if (c.Algebra.Promote(x, exponent) == Integer)
            throw c.Unsupported("write the power of a whole number as a product, or convert it first: `to_type(ScalarType.Float32)`");
        return c.Algebra.Arithmetic(Primitive.Power, x, exponent, isReal: true);
    }

    private static ElaborateValue Clamp(TorchOperationCall c, ElaborateTensor? least, ElaborateTensor? most)
    {
        var x = c.Self;
        if (least is not null)
            x = c.Algebra.Arithmetic(Primitive.ClampMin, x, least);
        return most is null ? x : c.Algebra.Arithmetic(Primitive.ClampMax, x, most);
    }

    /// <summary>A tensor that is a condition: numbers are refused, as torch would work on their bits.</summary>
    private static ElaborateTensor Condition(TorchOperationCall c, ElaborateTensor x) => ElaborateTensors.KindOf(x) is Boolean or null
        ? x
        : throw new ElaborateStop.Refused("DPO0038", "`" + c.Operation + "` of numbers", "compare first: `x != 0`");

    private static ElaborateValue Bitwise(TorchOperationCall c, Primitive primitive) =>
        c.Algebra.Logical(primitive, Condition(c, c.Self), Condition(c, c.Other));

    private static ElaborateValue Where(TorchOperationCall c)
    {
        if (!c.Has("self") || !c.Has("other"))
            throw c.Unsupported("give it both values: `where(condition, x, y)`");
        return c.Algebra.Where(Condition(c, c.Tensor("condition")), c.Self, c.Other);
    }

    private static ElaborateValue MaskedFill(TorchOperationCall c)
    {
        var (x, value) = (c.Self, c.Tensor("value"));
        var mask = Condition(c, c.Tensor("mask"));
        var filled = c.Algebra.Where(mask, value, x);
        if (filled.Extents != c.Algebra.Broadcast(x, value) && filled.Rank > x.Rank)
            throw new ElaborateStop.Refused("DPO0030", mask.ToString(), x.ToString(), mask.ToString(), x.ToString());
        return filled;
    }

    // where(isnan(x), nan, where(x = inf, posinf, where(x = -inf, neginf, x)))
    private static ElaborateValue NanToNum(TorchOperationCall c)
    {
        var x = c.Self;
        if (ElaborateTensors.KindOf(x) is Integer or Boolean)
            return x;
        var above = c.Algebra.Compare(Primitive.Equal, x, c.Algebra.Number(double.PositiveInfinity));
        var below = c.Algebra.Compare(Primitive.Equal, x, c.Algebra.Number(double.NegativeInfinity));
        // By default the largest numbers of the dtype, which the kernel knows.
        var (most, least) = (c.MaybeTensor("posinf") ?? c.Algebra.Number(double.MaxValue), c.MaybeTensor("neginf") ?? c.Algebra.Number(-double.MaxValue));
        var finite = c.Algebra.Where(above, most, c.Algebra.Where(below, least, x));
        return c.Algebra.Where(c.Algebra.Test(Primitive.IsNaN, x, whole: false), c.MaybeTensor("nan") ?? c.Algebra.Number(0), finite);
    }

    private static ElaborateTensor WithoutNaN(TorchOperationCall c, ElaborateTensor x) => ElaborateTensors.KindOf(x) is Integer or Boolean
        ? x
        : c.Algebra.Where(c.Algebra.Test(Primitive.IsNaN, x, whole: false), c.Algebra.Number(0), x);

    private static ElaborateValue FromNumber(TorchOperationCall c)
    {
        var value = c.Given("value");
        if (value is ElaborateTensor { Number: null } tensor)
            return tensor;
        var number = c.Number("value");
        var kind = c.Algebra.KindOf(number);
        var dtype = c.DType("dtype", false);
        // TorchSharp makes numbers tensors of their own type.
        var own = c.Host[number].Kind switch { HostKind.Bool => "Bool", HostKind.Int32 => "Int32", HostKind.Int64 => "Int64", HostKind.Single => "Float32", _ => "Float64" };
        return c.Algebra.Scalar(number, dtype?.Kind ?? kind, dtype?.Terms ?? ElaborateTensors.FixedType(own, false));
    }

    private static ElaborateValue FilledLike(TorchOperationCall c, int number)
    {
        var x = c.Self;
        var dtype = c.DType("dtype", x.Rank > 0);
        return c.Algebra.Fill(number, x.Extents, dtype is { } given ? given.Kind : ElaborateTensors.KindOf(x), dtype?.Terms ?? x.DType);
    }

    private static ElaborateValue Filled(TorchOperationCall c, int number)
    {
        var extents = c.Items("size").Select(s => c.Size(s) ?? throw c.NotConstant("size")).ToEquatableArray();
        foreach (var extent in extents)
            c.RequireNotNegative(extent, "size " + extent);
        var kind = c.Operation == "full" ? c.Algebra.KindOf(number) : Real;
        var dtype = c.DType("dtype", extents.Count > 0) ?? (ElaborateTensors.FixedType(kind switch { Real => "Float32", Integer => "Int64", _ => "Bool" }, extents.Count > 0), kind, null);
        return c.Algebra.Fill(number, extents, dtype.Kind, dtype.Terms);
    }

    // start + step iota
    private static ElaborateValue Arange(TorchOperationCall c)
    {
        var start = c.Has("start") ? Bound("start") : Extent.Fixed(0);
        var step = c.Has("step") ? (long)c.Literal("step") : 1;
        var count = (Bound("end") - start).DivideBy(step);
        if (count is null || step == 0 || (c.Has("step") && step != c.Literal("step")))
            throw new ElaborateStop.Refused("DPO0034", "`arange`", "use bounds that are sizes of named axes or constants, and steps that divide their distance");
        c.RequireNotNegative(count, "the number of elements");
        ElaborateTensor coordinates = c.Algebra.Iota(count);
        if (step != 1)
            coordinates = c.Algebra.Multiply(coordinates, c.Algebra.Whole(step));
        if (start != Extent.Fixed(0))
            coordinates = c.Algebra.Add(coordinates, c.Algebra.Of(c.Host.Size(start)));
        return c.DType("dtype", true) is { } dtype ? c.Algebra.Convert(coordinates, dtype.Kind ?? Integer, null, dtype.Terms) : coordinates;

        Extent Bound(string name)
        {
            var id = c.Path.Known(c.Number(name));
            if (c.Host.AsExtent(id) is { } extent)
                return extent;
            return c.Host.AsNumber(id) is { } number && number == Math.Floor(number) && Math.Abs(number) < 1e9
                ? Extent.Fixed((long)number)
                : throw new ElaborateStop.Refused("DPO0034", "`arange`", "use bounds that are sizes of named axes or constants");
        }
    }

    // label == class, as whole numbers
    private static ElaborateValue OneHot(TorchOperationCall c)
    {
        var labels = c.Algebra.Insert(Whole(c, c.Self), c.Self.Rank);
        var classes = c.Given("num_classes") is { } count ? c.Size(count) : null;
        if (classes is null)
            throw c.NotConstant("num_classes");
        return c.Algebra.Convert(c.Algebra.Compare(Primitive.Equal, labels, c.Algebra.Iota(classes)), Integer, null, ElaborateTensors.FixedType("Int64", true));
    }

    private static ElaborateValue ToType(TorchOperationCall c)
    {
        var x = c.Self;
        if (c.DType("dtype", x.Rank > 0) is not { } dtype)
            return x;
        return dtype.Kind == Boolean ? c.Algebra.NotZero(x) : c.Algebra.Convert(x, dtype.Kind ?? Real, dtype.Name, dtype.Terms);
    }
}
