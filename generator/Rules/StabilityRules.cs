using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// The formulas of papers that overflow or cancel in floating point, and the forms that do not. One row a formula; spellings that mean
/// the same (commuted, 1 + -x, exp(0) as 1, kept axes) are one row.
/// </summary>
/// <remarks>A ratio a / (a + b) of what is not known to be an exponential stays: rewriting it would change where it is finite.</remarks>
public static class StabilityRules
{
    public static IReadOnlyList<RewriteRule> Table { get; } =
    [
        new("exp(a) / (exp(a) + exp(b))", "sigmoid(a - b)", [Primitive.Divide, Primitive.Reciprocal], OddsRatio),
        new("exp(x) / sum(exp(x))", "softmax(x)", [Primitive.Divide], Normalised),

        new("log(exp(x))", "x", [Primitive.Log], r => r.X.Is(Primitive.Exp, out var x) ? x : null),
        new("log(sigmoid(x))", "logsigmoid(x)", [Primitive.Log], r => r.X.Is(Primitive.Sigmoid, out var x) ? x.Of(Primitive.LogSigmoid) : null),
        new("log(1 - sigmoid(x))", "logsigmoid(-x)", [Primitive.Log, Primitive.Log1P], r =>
            IsOneMinus(r, out var y) && y.Is(Primitive.Sigmoid, out var x) ? Negative(x).Of(Primitive.LogSigmoid) : null),
        new("log(1 - exp(x))", "log1mexp(x)", [Primitive.Log, Primitive.Log1P], r =>
            IsOneMinus(r, out var y) && y.Is(Primitive.Exp, out var x) || IsNegative(r.X, out y) && r.Primitive == Primitive.Log && y.Is(Primitive.ExpM1, out x)
                ? x.Of(Primitive.Log1MExp) : null),
        new("log(1 + exp(x))", "softplus(x)", [Primitive.Log, Primitive.Log1P], r =>
            IsOnePlus(r, out var y) && y.Is(Primitive.Exp, out var x) ? x.Of(Primitive.Softplus) : null),
        new("log(exp(a) + exp(b))", "max(a, b) + softplus(-abs(a - b))", [Primitive.Log], r =>
            r.X.Is(Primitive.Add, out var x, out var z) && x.Is(Primitive.Exp, out var a) && z.Is(Primitive.Exp, out var b) ? LogAddExp(a, b) : null),

        new("log(softmax(x))", "log_softmax(x)", [Primitive.Log], r =>
            r.X.Is(Primitive.Softmax, out var x) ? x.Of(Primitive.LogSoftmax, r.X.Definition()!.Parameters) : null),
        new("log(sum(exp(x)))", "logsumexp(x)", [Primitive.Log], r => LogSum(r.X)),
        new("log(mean(exp(x)))", "logsumexp(x) - log(n)", [Primitive.Log], r =>
            r.X.Is(Primitive.Divide, out var sum, out var count) && count.Scalar() is { } n && LogSum(sum) is { } y ? y - Logarithm(y, n) : null),
        new("log(exp(x) / sum(exp(y)))", "x - logsumexp(y)", [Primitive.Log], r =>
            r.X.Is(Primitive.Divide, out var e, out var sum) && e.Is(Primitive.Exp, out var x) && LogSum(sum) is { } y ? x - y : null),
        new("log(cumsum(exp(x)))", "logcumsumexp(x)", [Primitive.Log], r =>
            r.X.Is(Primitive.CumSum, out var e) && e.Is(Primitive.Exp, out var x) ? x.Of(Primitive.LogCumSumExp, r.X.Definition()!.Parameters) : null),
    ];

    /// <summary>exp(a) / (exp(a) + exp(b)), 1 / (1 + exp(b)), exp(a) / (1 + exp(a)): 1 is exp(0).</summary>
    private static Term? OddsRatio(Redex r)
    {
        var (numerator, denominator) = r.Primitive == Primitive.Reciprocal ? (r.X.Number(1), r.X) : (r.X, r.Z);
        if (!denominator.Is(Primitive.Add, out var first, out var second))
            return null;
        var other = IsSame(numerator, first) ? second : IsSame(numerator, second) ? first : default(Term?);
        if (other is not { } rest || Exponent(numerator) is not { } a || Exponent(rest) is not { } b)
            return null;
        return a.IsNumber(0) && b.IsNumber(0) ? null
            : (a.IsNumber(0) ? Negative(b) : b.IsNumber(0) ? a : a - b).Of(Primitive.Sigmoid);
    }

    private static Term? Normalised(Redex r)
    {
        if (!r.X.Is(Primitive.Exp, out var x) || !r.Z.Is(Primitive.Rearrange, out var sum) || !sum.Is(Primitive.Sum, out var summed) || summed != r.X)
            return null;
        var reduce = (Parameters.Reduce)sum.Definition()!.Parameters;
        return reduce.Positions.Count == 1 && sum.SpreadOver(x.Type, reduce.Positions) == r.Z
            ? x.Of(Primitive.Softmax, new Parameters.Axis(reduce.Positions[0])) : null;
    }

    /// <summary>log(sum) where sum = sum(exp(x)), also after a rearrangement (a kept axis, a spreading).</summary>
    private static Term? LogSum(Term sum)
    {
        if (sum.Is(Primitive.Rearrange, out var inner))
            return LogSum(inner) is { } y ? Spreading.Of(sum).Apply(y) : null;
        return sum.Is(Primitive.Sum, out var e) && e.Is(Primitive.Exp, out var x) ? x.Of(Primitive.LogSumExp, sum.Definition()!.Parameters) : null;
    }

    /// <summary>The difference is 0 where the two are equal, also where both are infinite.</summary>
    private static Term LogAddExp(Term a, Term b)
    {
        var difference = a.Of(Primitive.Equal, b).Select(a.Number(0), a - b);
        return a.Of(Primitive.Maximum, b) + (-difference.Of(Primitive.Absolute)).Of(Primitive.Softplus);
    }

    private static Term Logarithm(Term model, Atom scalar)
    {
        var builder = model.Builder;
        var number = scalar.IsLiteral ? builder.HostLiteral(scalar.Number) : builder.HostConvert(HostKind.Double, scalar.Id);
        return model with { Atom = Atom.Host(builder.Host(new HostEquation(HostOperation.Call, HostKind.Double, [number], "global::System.Math.Log"))) };
    }

    /// <summary>a where term = exp(a); 1 is exp(0).</summary>
    private static Term? Exponent(Term term) => term.Is(Primitive.Exp, out var a) ? a : term.IsNumber(1) ? term.Number(0) : null;

    private static bool IsSame(Term x, Term z) => x == z || (x.IsNumber(1) && z.IsNumber(1));

    /// <summary>The logarithm's argument is 1 + y.</summary>
    private static bool IsOnePlus(Redex r, out Term y)
    {
        y = r.X;
        if (r.Primitive == Primitive.Log1P)
            return true;
        if (!r.X.Is(Primitive.Add, out var first, out var second) || !(first.IsNumber(1) || second.IsNumber(1)))
            return false;
        y = first.IsNumber(1) ? second : first;
        return true;
    }

    /// <summary>The logarithm's argument is 1 - y.</summary>
    private static bool IsOneMinus(Redex r, out Term y)
    {
        y = r.X;
        return IsOnePlus(r, out var z) ? IsNegative(z, out y)
            : r.Primitive == Primitive.Log && r.X.Is(Primitive.Subtract, out var one, out y) && one.IsNumber(1);
    }

    private static bool IsNegative(Term term, out Term x) =>
        term.Is(Primitive.Negate, out x)
        || (term.Is(Primitive.Subtract, out var zero, out x) && zero.IsNumber(0))
        || (term.Is(Primitive.Multiply, out x, out var factor) && factor.IsNumber(-1))
        || (term.Is(Primitive.Multiply, out factor, out x) && factor.IsNumber(-1));

    private static Term Negative(Term x) => IsNegative(x, out var y) ? y : -x;
}
