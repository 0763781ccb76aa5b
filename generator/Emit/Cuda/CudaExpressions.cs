using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>The table of pointwise primitives as CUDA C: operators where the language has one, otherwise the prelude's function of that name.</summary>
internal static class CudaExpressions
{
    public static string TypeOf(ElementKind kind) => kind switch { ElementKind.Real => "real", ElementKind.Integer => "long long", _ => "bool" };

    /// <summary>The expression of a primitive.</summary>
    /// <param name="primitive">The operation.</param>
    /// <param name="kind">The kind of its operands (for Where: of the two values).</param>
    /// <param name="x">The operands.</param>
    public static Code Of(Primitive primitive, ElementKind kind, IReadOnlyList<Code> x) => primitive switch
    {
        Primitive.Where => Code.Compound($"{x[0].Operand} ? {x[1].Operand} : {x[2].Operand}"),
        Primitive.StopGradient or Primitive.Fill => x[0],
        _ when kind == ElementKind.Boolean => OfConditions(primitive, x),
        Primitive.Negate => Code.Compound("-" + x[0].Operand),
        Primitive.Add => Operator("+", x),
        Primitive.Subtract => Operator("-", x),
        Primitive.Multiply => Operator("*", x),
        Primitive.Divide => Operator("/", x),
        Primitive.Equal => Operator("==", x),
        Primitive.NotEqual => Operator("!=", x),
        Primitive.Less => Operator("<", x),
        Primitive.LessOrEqual => Operator("<=", x),
        Primitive.Greater => Operator(">", x),
        Primitive.GreaterOrEqual => Operator(">=", x),
        < Primitive.Equal or Primitive.IsNaN or Primitive.IsInfinite or Primitive.IsFinite => Function(primitive, x),
        _ => throw new InvalidOperationException($"{primitive} is not pointwise, or has no meaning for its kind."),
    };

    /// <summary>A conversion between kinds, and to a dtype.</summary>
    public static Code Convert(ElementKind from, ElementKind to, string? dtype, Code x) => (from, to) switch
    {
        (ElementKind.Real, ElementKind.Real) => dtype is "Float32" or "Float16" or "BFloat16" ? new($"dpo_round_{dtype.ToLowerInvariant()}({x.Text})") : x,
        (ElementKind.Real, ElementKind.Integer) => Wrap(dtype, new($"dpo_to_integer({x.Text})")),
        (ElementKind.Integer, ElementKind.Integer) => Wrap(dtype, x),
        (ElementKind.Integer, ElementKind.Real) => Convert(ElementKind.Real, ElementKind.Real, dtype, Code.Compound("(real)" + x.Operand)),
        (ElementKind.Boolean, ElementKind.Real) => Code.Compound($"{x.Operand} ? (real)1 : (real)0"),
        (ElementKind.Boolean, ElementKind.Integer) => Code.Compound($"{x.Operand} ? 1LL : 0LL"),
        (_, ElementKind.Boolean) when from != ElementKind.Boolean => Code.Compound($"{x.Operand} != 0"),
        _ => x,
    };

    /// <summary>A number of a kind. The largest double stands for the largest number of the compute type.</summary>
    public static Code Literal(double number, ElementKind kind) => kind switch
    {
        ElementKind.Boolean => new(number != 0 ? "true" : "false"),
        ElementKind.Integer => Integer((long)number),
        _ when double.IsNaN(number) => new("dpo_nan((real)0)"),
        _ when double.IsInfinity(number) => new(number > 0 ? "dpo_infinity((real)0)" : "dpo_lowest((real)0)"),
        _ when Math.Abs(number) == double.MaxValue => new($"(real)(sizeof(real) == 8 ? {(number < 0 ? "-" : "")}1.7976931348623157e308 : {(number < 0 ? "-" : "")}3.4028234663852886e38)"),
        _ => new($"(real){Number(number)}"),
    };

    public static Code Integer(long number) => number switch
    {
        long.MinValue => new("(long long)(1ULL << 63)"),
        < 0 => Code.Compound(number.ToString(CultureInfo.InvariantCulture) + "LL"),
        _ => new(number.ToString(CultureInfo.InvariantCulture) + "LL"),
    };

    private static string Number(double number)
    {
        var text = Literals.CSharp(number);
        return text.EndsWith(".0", StringComparison.Ordinal) && text.Length <= 8 && !text.StartsWith("-0", StringComparison.Ordinal) ? text.Substring(0, text.Length - 2) : text;
    }

    private static Code Wrap(string? dtype, Code x) => dtype switch
    {
        "Byte" => Code.Compound("(long long)(unsigned char)" + x.Operand),
        "Int8" => Code.Compound("(long long)(signed char)" + x.Operand),
        "Int16" => Code.Compound("(long long)(short)" + x.Operand),
        "Int32" => Code.Compound("(long long)(int)" + x.Operand),
        _ => x,
    };

    private static Code OfConditions(Primitive primitive, IReadOnlyList<Code> x) => primitive switch
    {
        Primitive.And => Operator("&&", x),
        Primitive.Or => Operator("||", x),
        Primitive.Xor or Primitive.NotEqual => Operator("!=", x),
        Primitive.Equal => Operator("==", x),
        Primitive.Not => Code.Compound("!" + x[0].Operand),
        Primitive.Less => Code.Compound($"!{x[0].Operand} && {x[1].Operand}"),
        Primitive.LessOrEqual => Code.Compound($"!{x[0].Operand} || {x[1].Operand}"),
        Primitive.Greater => Code.Compound($"{x[0].Operand} && !{x[1].Operand}"),
        Primitive.GreaterOrEqual => Code.Compound($"{x[0].Operand} || !{x[1].Operand}"),
        Primitive.IsNaN or Primitive.IsInfinite => new("false"),
        Primitive.IsFinite => new("true"),
        _ => throw new InvalidOperationException($"{primitive} has no meaning for conditions."),
    };

    private static Code Operator(string symbol, IReadOnlyList<Code> x) => Code.Compound($"{x[0].Operand} {symbol} {x[1].Operand}");

    private static Code Function(Primitive primitive, IReadOnlyList<Code> x) => new($"dpo_{primitive.ToString().ToLowerInvariant()}({string.Join(", ", x.Select(o => o.Text))})");
}
