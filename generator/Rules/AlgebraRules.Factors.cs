using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// Scalar factors: numbers, host scalars and what is spread along an axis. They are collected into one, computed before the spreading,
/// so that a tensor is multiplied once.
/// </summary>
public static partial class AlgebraRules
{
    private static RewriteRule[] Factors =>
    [
        new("s * x", "x * s", [Primitive.Multiply], r => IsReal(r) && IsLight(r.X) && !IsLight(r.Z) ? r.Z * r.X : null),
        new("(x * s) * t", "x * (s * t)", [Primitive.Multiply], r =>
            IsReal(r) && Scaled(r.X) is { } x && Combined(x.Scalar, Primitive.Multiply, r.Z) is { } scalar ? x.Tensor * scalar : null),
        new("(x * s) / t", "x * (s / t)", [Primitive.Divide], r =>
            Scaled(r.X) is { } x && Combined(x.Scalar, Primitive.Divide, r.Z) is { } scalar ? x.Tensor * scalar : null),
        new("(x / s) * t", "x * (t / s)", [Primitive.Multiply], r =>
            IsReal(r) && r.X.Is(Primitive.Divide, out var x, out var s) && IsLight(s) && !IsLight(x) && Combined(r.Z, Primitive.Divide, s) is { } scalar
                ? x * scalar : null),
        // The row assumes that the scalar is finite: 0 stays 0.
        new("where(c, s, 0) * t", "where(c, s * t, 0)", [Primitive.Multiply], r =>
            IsReal(r) && IsLight(r.Z) && IsLightChoice(r.X, out var c, out var s, out var t)
                && Scaled(s, r.Z) is { } first && Scaled(t, r.Z) is { } second ? c.Select(first, second) : null),
    ];

    /// <summary>Only where a product is read nowhere else: otherwise there would be one more multiplication, not as many.</summary>
    private static RewriteRule[] Products =>
    [
        new("(x * s) * y", "(x * y) * s", [Primitive.Multiply], r =>
            !IsReal(r) || IsLight(r.X) || IsLight(r.Z) ? null
            : r.X.IsOnlyHere() && Scaled(r.X) is { } x ? x.Tensor * r.Z * x.Scalar
            : r.Z.IsOnlyHere() && Scaled(r.Z) is { } z ? r.X * z.Tensor * z.Scalar : null),
        new("(x * s) / y", "(x / y) * s", [Primitive.Divide], r =>
            !IsLight(r.Z) && r.X.IsOnlyHere() && Scaled(r.X) is { } x ? x.Tensor / r.Z * x.Scalar : null),
        new("x * s + y * s", "(x + y) * s", [Primitive.Add, Primitive.Subtract], r =>
            IsReal(r) && r.X.IsOnlyHere() && r.Z.IsOnlyHere() && Scaled(r.X) is { } x && Scaled(r.Z) is { } z && x.Scalar == z.Scalar
                ? r.With(x.Tensor, z.Tensor) * x.Scalar : null),
        new("x * s + y * t * s", "(x + y * t) * s", [Primitive.Add, Primitive.Subtract], r =>
        {
            if (!IsReal(r) || !r.X.IsOnlyHere() || !r.Z.IsOnlyHere())
                return null;
            if (Scaled(r.X) is { } x && OneScalar(x.Scalar) is { } s && Without(r.Z, s) is { } z)
                return r.With(x.Tensor, z) * x.Scalar;
            return Scaled(r.Z) is { } y && OneScalar(y.Scalar) is { } t && Without(r.X, t) is { } w ? r.With(w, y.Tensor) * y.Scalar : null;
        }),
        new("(x * s + y * t) * r", "x * (s * r) + y * (t * r)", [Primitive.Multiply], r =>
        {
            if (!IsReal(r) || !IsLight(r.Z) || !r.X.IsOnlyHere() || r.X.Definition() is not { Primitive: Primitive.Add or Primitive.Subtract } sum)
                return null;
            var (first, second) = (Operand(r.X, 0), Operand(r.X, 1));
            return IsScaledOrLight(first) && IsScaledOrLight(second) && !(IsLight(first) && IsLight(second))
                && first.IsOnlyHere() && second.IsOnlyHere()
                ? (first * r.Z).Of(sum.Primitive, second * r.Z) : null;
        }),
        new("sum(x * s)", "sum(x) * s", [Primitive.Sum], r =>
            IsReal(r) && Scaled(r.X) is { } x && OneScalar(x.Scalar) is { } scalar
                ? r.With(x.Tensor) * SpreadOver(scalar, r.Type) : null),
    ];

    /// <summary>A number, a host scalar, or a tensor that is spread along a position: cheap beside a tensor of the same extents.</summary>
    private static bool IsLight(Term x)
    {
        if (x.Scalar() is not null)
            return true;
        if (!x.Is(Primitive.Rearrange, out _))
            return false;
        var spreading = Spreading.Of(x);
        return Enumerable.Range(0, x.Type.Rank).Any(p => spreading.IsSpread(p) && !x.Type.Extents[p].IsOne);
    }

    /// <summary>x = Tensor * Scalar, the scalar light and the tensor not.</summary>
    private static (Term Tensor, Term Scalar)? Scaled(Term x) =>
        x.Is(Primitive.Multiply, out var tensor, out var scalar) && IsLight(scalar) && !IsLight(tensor) ? (tensor, scalar) : null;

    private static bool IsScaledOrLight(Term x) => IsLight(x) || Scaled(x) is not null;

    /// <summary>x = where(c, s, t), both arms light, one of them 0: a choice between two weights.</summary>
    private static bool IsLightChoice(Term x, out Term c, out Term s, out Term t)
    {
        (s, t) = (x, x);
        if (!x.Is(Primitive.Where, out c) || !x.IsOnlyHere())
            return false;
        (s, t) = (Operand(x, 1), Operand(x, 2));
        return IsLight(s) && IsLight(t) && (s.IsNumber(0) || t.IsNumber(0));
    }

    /// <summary>s * t, light; 0 stays 0.</summary>
    private static Term? Scaled(Term s, Term t) => s.IsNumber(0) ? s : Combined(s, Primitive.Multiply, t);

    /// <summary>y where term = y * s: the scalar s stands in the term's scalar factor, perhaps beside others.</summary>
    private static Term? Without(Term term, Term s)
    {
        if (!IsLight(term))
            return Scaled(term) is { } y && Without(y.Scalar, s) is { } rest ? y.Tensor * rest : null;
        if (!term.Is(Primitive.Rearrange, out var inner) || !inner.Is(Primitive.Multiply, out var t, out var factor))
            return null;
        return OneScalar(factor) == s ? Spreading.Of(term).Apply(t) : null;
    }

    /// <summary>The product or quotient of two light factors where it is light too.</summary>
    private static Term? Combined(Term left, Primitive operation, Term right)
    {
        if (left.Scalar() is { } x && right.Scalar() is { } z)
            return left with { Atom = Fold(left.Builder, x, operation, z) };
        if (!IsLight(left) || !IsLight(right))
            return null;
        var spreadings = new[] { left, right }.Where(t => t.Scalar() is null).Select(Spreading.Of).ToArray();
        return Enumerable.Range(0, spreadings[0].To.Count).Any(p => spreadings.All(s => s.IsSpread(p))) ? left.Of(operation, right) : null;
    }

    /// <summary>The scalar itself where a factor is a number, a host scalar or one value spread over all.</summary>
    private static Term? OneScalar(Term factor) =>
        factor.Scalar() is { } scalar ? factor with { Atom = scalar }
        : factor.Is(Primitive.Rearrange, out var x) && x.Type.Rank == 0 ? x : null;

    private static Term SpreadOver(Term scalar, TensorType type) =>
        scalar.Atom.IsVariable ? new Spreading(type.Extents.Select(_ => -1).ToEquatableArray(), [], type.Extents).Apply(scalar) : scalar;

    private static Term NegateScalar(Term factor)
    {
        if (factor.Scalar() is not { } scalar)
            return -factor;
        if (scalar.IsLiteral)
            return factor.Number(-scalar.Number);
        var builder = factor.Builder;
        return factor with { Atom = Atom.Host(builder.HostUnary("-", HostKind.Double, ToDouble(builder, scalar))) };
    }

    /// <summary>Numbers fold, since IEEE multiplication and division are the same everywhere; host scalars are computed by the host.</summary>
    private static Atom Fold(ProgramBuilder builder, Atom left, Primitive operation, Atom right)
    {
        var isProduct = operation == Primitive.Multiply;
        if (left.IsLiteral && right.IsLiteral)
            return Atom.Literal(isProduct ? left.Number * right.Number : left.Number / right.Number);
        return Atom.Host(builder.HostBinary(isProduct ? "*" : "/", HostKind.Double, ToDouble(builder, left), ToDouble(builder, right)));
    }

    private static int ToDouble(ProgramBuilder builder, Atom scalar)
    {
        if (scalar.IsLiteral)
            return builder.HostLiteral(scalar.Number);
        return builder.HostTable[scalar.Id].Kind == HostKind.Bool
            ? builder.Host(new HostEquation(HostOperation.Select, HostKind.Double, [scalar.Id, builder.HostLiteral(1), builder.HostLiteral(0)]))
            : builder.HostConvert(HostKind.Double, scalar.Id);
    }
}
