using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// The identities by which programs become as small as a person would write them. One row an identity. Every row is exact in IEEE
/// arithmetic, NaN and infinities included, but for the rows on scalar factors, which reassociate products of finite scalars.
/// </summary>
/// <remarks>
/// The form they lead to: signs outermost, then scalar factors (second operand, collected into one), then the tensor; what is equal
/// along an axis is computed before it is spread along it.
/// </remarks>
public static partial class AlgebraRules
{
    /// <summary>The table, in the order in which rows are tried.</summary>
    public static IReadOnlyList<RewriteRule> Table { get; } = [.. Constants, .. Signs, .. Spreads, .. Factors, .. Products, .. Reductions, .. Moves, .. Contractions];

    /// <summary>The rows that hold whoever else reads an operand: for programs that are still being made.</summary>
    public static IReadOnlyList<RewriteRule> Local { get; } = [.. Constants, .. Signs, .. Spreads, .. Factors, .. Moves, .. Contractions];

    /// <summary>Afterwards: signs that stand before a product go into its scalar factor, where they cost nothing an element.</summary>
    public static IReadOnlyList<RewriteRule> Settling { get; } =
    [
        new("-(x * s)", "x * -s", [Primitive.Negate], r =>
            IsReal(r) && r.X.IsOnlyHere() && r.X.Is(Primitive.Multiply, out var x, out var s) && IsLight(s) && !IsLight(x)
                ? x * NegateScalar(s) : null),
        new("-where(c, s, 0)", "where(c, -s, 0)", [Primitive.Negate], r =>
            IsReal(r) && r.X.IsOnlyHere() && IsLightChoice(r.X, out var c, out var s, out var t) ? c.Select(NegateScalar(s), NegateScalar(t)) : null),
        .. Spreads,
    ];

    private static RewriteRule[] Constants =>
    [
        new("x * 1", "x", [Primitive.Multiply], r => r.Z.IsNumber(1) && IsWhole(r, r.X) ? r.X : r.X.IsNumber(1) && IsWhole(r, r.Z) ? r.Z : null),
        new("x / 1", "x", [Primitive.Divide], r => r.Z.IsNumber(1) && IsWhole(r, r.X) ? r.X : null),
        new("x + 0", "x", [Primitive.Add], r => r.Z.IsNumber(0) && IsWhole(r, r.X) ? r.X : r.X.IsNumber(0) && IsWhole(r, r.Z) ? r.Z : null),
        new("x - 0", "x", [Primitive.Subtract], r => r.Z.IsNumber(0) && IsWhole(r, r.X) ? r.X : null),
        new("x + x", "x * 2", [Primitive.Add], r => r.X == r.Z && r.X.Atom.IsVariable ? r.X * 2 : null),
        new("x * x", "square(x)", [Primitive.Multiply], r => r.X == r.Z && r.X.Atom.IsVariable ? r.X.Of(Primitive.Square) : null),
        new("x / 2^k", "x * 2^-k", [Primitive.Divide], r =>
            r.X.Atom.IsVariable && r.Z.Scalar() is { IsLiteral: true } divisor && IsPowerOfTwo(divisor.Number) ? r.X * (1 / divisor.Number) : null),
        new("x^1", "x", [Primitive.Power], r => r.Z.IsNumber(1) && IsWhole(r, r.X) ? r.X : null),
        new("x^2", "square(x)", [Primitive.Power], r => r.Z.IsNumber(2) && IsWhole(r, r.X) ? r.X.Of(Primitive.Square) : null),
        new("x^0", "1", [Primitive.Power], r => r.Z.IsNumber(0) ? Filled(r, Atom.Literal(1)) : null),
        new("where(c, x, x)", "x", [Primitive.Where], r => r.Z == r.Third ? IsWhole(r, r.Z) ? r.Z : !r.Z.Atom.IsVariable && IsReal(r) ? Filled(r, r.Z.Atom) : null : null),
        new("where(not c, x, y)", "where(c, y, x)", [Primitive.Where], r => r.X.Is(Primitive.Not, out var c) ? c.Select(r.Third, r.Z) : null),
        new("where(c, where(c, x, y), z)", "where(c, x, z)", [Primitive.Where], r =>
            r.Z.Is(Primitive.Where, out var c) && c == r.X ? r.With(r.X, Operand(r.Z, 1), r.Third) : null),
        new("where(c, x, where(c, y, z))", "where(c, x, z)", [Primitive.Where], r =>
            r.Third.Is(Primitive.Where, out var c) && c == r.X ? r.With(r.X, r.Z, Operand(r.Third, 2)) : null),
        new("where(c, x, 0) + where(c, 0, y)", "where(c, x, y)", [Primitive.Add], r =>
            r.X.Is(Primitive.Where, out var c) && r.Z.Is(Primitive.Where, out var d) && c == d
                ? Operand(r.X, 2).IsNumber(0) && Operand(r.Z, 1).IsNumber(0) ? c.Select(Operand(r.X, 1), Operand(r.Z, 2))
                    : Operand(r.X, 1).IsNumber(0) && Operand(r.Z, 2).IsNumber(0) ? c.Select(Operand(r.Z, 1), Operand(r.X, 2)) : null
                : null),
        new("exp(log_softmax(x))", "softmax(x)", [Primitive.Exp], r =>
            r.X.Is(Primitive.LogSoftmax, out var x) ? x.Of(Primitive.Softmax, r.X.Definition()!.Parameters) : null),
        new("not not c", "c", [Primitive.Not], r => r.X.Is(Primitive.Not, out var c) ? c : null),
        new("not (x == y)", "x != y", [Primitive.Not], r => r.X.Is(Primitive.Equal, out var x, out var y) ? x.Of(Primitive.NotEqual, y) : null),
        new("not (x != y)", "x == y", [Primitive.Not], r => r.X.Is(Primitive.NotEqual, out var x, out var y) ? x.Of(Primitive.Equal, y) : null),
        new("c and c", "c", [Primitive.And, Primitive.Or], r => r.X == r.Z ? r.X : null),
        new("stop_gradient(stop_gradient(x))", "stop_gradient(x)", [Primitive.StopGradient], r => r.X.Is(Primitive.StopGradient, out _) ? r.X : null),
    ];

    private static RewriteRule[] Signs =>
    [
        new("-(-x)", "x", [Primitive.Negate], r => r.X.Is(Primitive.Negate, out var x) ? x : null),
        new("-number", "number", [Primitive.Negate], r =>
            r.X.Scalar() is { IsLiteral: true } scalar && r.X.Atom.IsVariable && IsReal(r) ? Filled(r, Atom.Literal(-scalar.Number)) : null),
        new("x * -1", "-x", [Primitive.Multiply], r => r.Z.IsNumber(-1) && IsWhole(r, r.X) ? -r.X : r.X.IsNumber(-1) && IsWhole(r, r.Z) ? -r.Z : null),
        new("x / -1", "-x", [Primitive.Divide], r => r.Z.IsNumber(-1) && IsWhole(r, r.X) ? -r.X : null),
        new("(-x) * z", "-(x * z)", [Primitive.Multiply, Primitive.Divide], r =>
            IsNegated(r.X, out var x) ? -r.With(x, r.Z) : IsNegated(r.Z, out var z) ? -r.With(r.X, z) : null),
        new("x + -z", "x - z", [Primitive.Add], r => IsNegated(r.Z, out var z) ? r.X - z : IsNegated(r.X, out var x) ? r.Z - x : null),
        new("x - -z", "x + z", [Primitive.Subtract], r => IsNegated(r.Z, out var z) ? r.X + z : null),
        new("-x - z", "-(x + z)", [Primitive.Subtract], r => IsNegated(r.X, out var x) ? -(x + r.Z) : null),
        new("abs(-x)", "abs(x)", [Primitive.Absolute, Primitive.Square], r => IsNegated(r.X, out var x) ? r.With(x) : null),
        new("square(abs(x))", "square(x)", [Primitive.Square], r => r.X.Is(Primitive.Absolute, out var x) ? r.With(x) : null),
        new("sum(-x)", "-sum(x)", [Primitive.Sum], r => IsNegated(r.X, out var x) ? -r.With(x) : null),
    ];

    private static bool IsReal(Redex r) => r.Type.Kind == ElementKind.Real;

    /// <summary>Whether an operand can stand for the whole result: a variable, not a scalar atom.</summary>
    private static bool IsWhole(Redex r, Term x) => x.Atom.IsVariable && x.Type == r.Type;

    private static Term Filled(Redex r, Atom scalar) => new(r.Builder, Atom.Variable(r.Builder.Fill(scalar, r.Type.Extents, r.Type.Kind)));

    private static Term Operand(Term x, int index) => x with { Atom = x.Definition()!.Operands[index] };

    /// <summary>x = -magnitude, also where the sign stands before the spreading.</summary>
    private static bool IsNegated(Term x, out Term magnitude)
    {
        if (x.Is(Primitive.Negate, out magnitude))
            return true;
        if (x.Is(Primitive.Rearrange, out var inner) && inner.Is(Primitive.Negate, out var before))
        {
            magnitude = Spreading.Of(x).Apply(before);
            return true;
        }

        return false;
    }

    private static bool IsPowerOfTwo(double number)
    {
        const long Mantissa = (1L << 52) - 1;
        var exponent = (BitConverter.DoubleToInt64Bits(number) >> 52) & 0x7FF;
        return (BitConverter.DoubleToInt64Bits(number) & Mantissa) == 0 && exponent is > 1 and < 0x7FD;
    }
}
