using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>A C# expression, and whether it can be an operand as it stands.</summary>
internal readonly record struct Code(string Text, bool IsPrimary = true)
{
    public string Operand => IsPrimary ? Text : "(" + Text + ")";

    public static Code Compound(string text) => new(text, false);
}

/// <summary>One operand of a primitive: as an expression, and once more as a number where it is one.</summary>
/// <param name="Code">The expression.</param>
/// <param name="Number">Its value where the source has a number there.</param>
internal readonly record struct SimdOperand(Code Code, double? Number = null)
{
    public string Text => Code.Text;

    public string Operand => Code.Operand;
}

/// <summary>The table of pointwise primitives as vector expressions, one row a primitive and kind.</summary>
/// <remarks>
/// Reals and conditions are vectors (V) everywhere: of equal lanes where the value is the same in all. Whole numbers are Int64Lanes
/// in lanes and long elsewhere.
/// </remarks>
internal static class SimdExpressions
{
    public const string Namespace = "global::Dpo.Autodiff.Cpu.";
    public const string Lanes = Namespace + "Int64Lanes";

    /// <summary>Primitives that mention an operand more than once: it must have a name.</summary>
    public static bool Repeats(Primitive primitive, ElementKind kind) =>
        primitive is Primitive.Square or Primitive.IsNaN || (primitive == Primitive.Absolute && kind == ElementKind.Integer);

    /// <summary>The expression of a primitive.</summary>
    /// <param name="primitive">The operation.</param>
    /// <param name="kind">The kind of its operands (for Where: of the two values).</param>
    /// <param name="lanes">Whether its value runs in lanes.</param>
    /// <param name="operands">The operands.</param>
    /// <param name="isCall">Whether the function is called rather than inlined.</param>
    public static Code Of(Primitive primitive, ElementKind kind, bool lanes, IReadOnlyList<SimdOperand> operands, bool isCall = false) => kind switch
    {
        ElementKind.Real when isCall => new($"{Namespace}VectorCalls.{primitive}<T, V>({operands[0].Text})"),
        ElementKind.Real => OfReals(primitive, operands),
        ElementKind.Boolean => OfConditions(primitive, operands),
        _ => lanes ? OfIntegerLanes(primitive, operands) : OfIntegers(primitive, operands),
    };

    /// <summary>A conversion between kinds, and to a dtype.</summary>
    public static Code Convert(ElementKind from, ElementKind to, string? dtype, bool lanes, Code x) => (from, to) switch
    {
        (ElementKind.Real, ElementKind.Real) => dtype switch
        {
            "Float32" => new($"{Namespace}Rounding.ToFloat32<T, V>({x.Text})"),
            "Float16" => new($"{Namespace}Rounding.ToFloat16<T, V>({x.Text})"),
            "BFloat16" => new($"{Namespace}Rounding.ToBFloat16<T, V>({x.Text})"),
            _ => x,
        },
        (ElementKind.Real, ElementKind.Integer) => Wrap(dtype, lanes, new(lanes ? $"V.ToInt64({x.Text})" : $"V.ToInt64({x.Text})[0]")),
        (ElementKind.Real, ElementKind.Boolean) => new($"~V.Equal({x.Text}, 0)"),
        (ElementKind.Integer, ElementKind.Real) => Convert(ElementKind.Real, ElementKind.Real, dtype, lanes, new(lanes ? $"V.FromInt64({x.Text})" : $"V.Broadcast(T.CreateTruncating({x.Text}))")),
        (ElementKind.Integer, ElementKind.Integer) => Wrap(dtype, lanes, x),
        (ElementKind.Integer, ElementKind.Boolean) => lanes
            ? new($"~V.FromCondition({Lanes}.Equal({x.Text}, default))")
            : new($"V.Condition({x.Operand} != 0)"),
        (ElementKind.Boolean, ElementKind.Real) => Code.Compound($"{x.Operand} & V.Create(1)"),
        (ElementKind.Boolean, ElementKind.Integer) => lanes
            ? Code.Compound($"V.ToCondition({x.Text}) & {Lanes}.Create(1)")
            : Code.Compound($"V.AnyLane({x.Text}) ? 1L : 0L"),
        _ => x,
    };

    private static Code Wrap(string? dtype, bool lanes, Code x) => (dtype, lanes) switch
    {
        ("Byte", true) => Code.Compound($"{x.Operand} & {Lanes}.Create(255)"),
        ("Int8", true) => new($"{Lanes}.Wrap({x.Text}, 8)"),
        ("Int16", true) => new($"{Lanes}.Wrap({x.Text}, 16)"),
        ("Int32", true) => new($"{Lanes}.Wrap({x.Text}, 32)"),
        ("Byte", false) => new($"unchecked((byte){x.Operand})"),
        ("Int8", false) => new($"unchecked((sbyte){x.Operand})"),
        ("Int16", false) => new($"unchecked((short){x.Operand})"),
        ("Int32", false) => new($"unchecked((int){x.Operand})"),
        _ => x,
    };

    private static Code OfReals(Primitive primitive, IReadOnlyList<SimdOperand> x) => primitive switch
    {
        Primitive.Negate => Code.Compound("-" + x[0].Operand),
        Primitive.Absolute => new($"V.Abs({x[0].Text})"),
        Primitive.Sign => new($"V.Sign({x[0].Text})"),
        Primitive.Exp => new($"V.Exp({x[0].Text})"),
        Primitive.ExpM1 => new($"V.ExpM1({x[0].Text})"),
        Primitive.Log => new($"V.Log({x[0].Text})"),
        Primitive.Log1P => new($"V.Log1P({x[0].Text})"),
        Primitive.Log2 => new($"V.Log2({x[0].Text})"),
        Primitive.Log1MExp => new($"V.Log1MExp({x[0].Text})"),
        Primitive.Sqrt or Primitive.SqrtZero => new($"V.Sqrt({x[0].Text})"),
        Primitive.Rsqrt => Code.Compound($"V.Create(1) / V.Sqrt({x[0].Text})"),
        Primitive.Square => Code.Compound($"{x[0].Operand} * {x[0].Operand}"),
        Primitive.Reciprocal => Code.Compound($"V.Create(1) / {x[0].Operand}"),
        Primitive.Sigmoid => new($"V.Sigmoid({x[0].Text})"),
        Primitive.LogSigmoid => new($"V.LogSigmoid({x[0].Text})"),
        Primitive.Softplus => new($"V.Softplus({x[0].Text})"),
        Primitive.Tanh => new($"V.Tanh({x[0].Text})"),
        Primitive.Relu => new($"V.Max({x[0].Text}, V.Create(0))"),
        Primitive.Erf => new($"V.Erf({x[0].Text})"),

        Primitive.Add => Commutative("+", x[0], x[1]),
        Primitive.Multiply => Commutative("*", x[0], x[1]),
        Primitive.Subtract => x[1].Number is { } number ? Code.Compound($"{x[0].Operand} - {Number(number)}") : Code.Compound($"{x[0].Operand} - {x[1].Operand}"),
        Primitive.Divide => Code.Compound($"{x[0].Operand} / {x[1].Operand}"),
        Primitive.Power => new($"V.Power({x[0].Text}, {x[1].Text})"),
        Primitive.Minimum or Primitive.ClampMax => new($"V.Min({x[0].Text}, {x[1].Text})"),
        Primitive.Maximum or Primitive.ClampMin => new($"V.Max({x[0].Text}, {x[1].Text})"),

        Primitive.Equal => Comparison("Equal", x[0], x[1]),
        Primitive.NotEqual => new("~" + Comparison("Equal", x[0], x[1]).Text),
        Primitive.Less => Comparison("Less", x[0], x[1]),
        Primitive.LessOrEqual => new($"V.LessOrEqual({x[0].Text}, {x[1].Text})"),
        Primitive.Greater => Comparison("Less", x[1], x[0]),
        Primitive.GreaterOrEqual => new($"V.LessOrEqual({x[1].Text}, {x[0].Text})"),
        Primitive.IsNaN => new($"~V.Equal({x[0].Text}, {x[0].Text})"),
        Primitive.IsInfinite => new($"V.Equal(V.Abs({x[0].Text}), double.PositiveInfinity)"),
        Primitive.IsFinite => new($"V.Less(V.Abs({x[0].Text}), double.PositiveInfinity)"),

        Primitive.Where => new($"V.Where({x[0].Text}, {x[1].Text}, {x[2].Text})"),
        Primitive.StopGradient or Primitive.Fill => x[0].Code,
        _ => throw Missing(primitive),
    };

    private static Code OfConditions(Primitive primitive, IReadOnlyList<SimdOperand> x) => primitive switch
    {
        Primitive.And => Code.Compound($"{x[0].Operand} & {x[1].Operand}"),
        Primitive.Or => Code.Compound($"{x[0].Operand} | {x[1].Operand}"),
        Primitive.Xor or Primitive.NotEqual => Code.Compound($"{x[0].Operand} ^ {x[1].Operand}"),
        Primitive.Equal => Code.Compound($"~({x[0].Operand} ^ {x[1].Operand})"),
        Primitive.Not => new("~" + x[0].Operand),
        Primitive.Less => Code.Compound($"~{x[0].Operand} & {x[1].Operand}"),
        Primitive.LessOrEqual => Code.Compound($"~{x[0].Operand} | {x[1].Operand}"),
        Primitive.Greater => Code.Compound($"{x[0].Operand} & ~{x[1].Operand}"),
        Primitive.GreaterOrEqual => Code.Compound($"{x[0].Operand} | ~{x[1].Operand}"),
        Primitive.Where => new($"V.Where({x[0].Text}, {x[1].Text}, {x[2].Text})"),
        Primitive.StopGradient or Primitive.Fill => x[0].Code,
        Primitive.IsNaN or Primitive.IsInfinite => new("V.Condition(false)"),
        Primitive.IsFinite => new("V.Condition(true)"),
        _ => throw Missing(primitive),
    };

    private static Code OfIntegerLanes(Primitive primitive, IReadOnlyList<SimdOperand> x) => primitive switch
    {
        Primitive.Negate => Code.Compound("-" + x[0].Operand),
        Primitive.Absolute => new($"{Lanes}.Abs({x[0].Text})"),
        Primitive.Sign => new($"{Lanes}.Sign({x[0].Text})"),
        Primitive.Square => Code.Compound($"{x[0].Operand} * {x[0].Operand}"),
        Primitive.Relu => new($"{Lanes}.Max({x[0].Text}, default)"),
        Primitive.Add => Code.Compound($"{x[0].Operand} + {x[1].Operand}"),
        Primitive.Subtract => Code.Compound($"{x[0].Operand} - {x[1].Operand}"),
        Primitive.Multiply => Code.Compound($"{x[0].Operand} * {x[1].Operand}"),
        Primitive.Minimum or Primitive.ClampMax => new($"{Lanes}.Min({x[0].Text}, {x[1].Text})"),
        Primitive.Maximum or Primitive.ClampMin => new($"{Lanes}.Max({x[0].Text}, {x[1].Text})"),
        Primitive.Equal => new($"V.FromCondition({Lanes}.Equal({x[0].Text}, {x[1].Text}))"),
        Primitive.NotEqual => new($"~V.FromCondition({Lanes}.Equal({x[0].Text}, {x[1].Text}))"),
        Primitive.Less => new($"V.FromCondition({Lanes}.Less({x[0].Text}, {x[1].Text}))"),
        Primitive.LessOrEqual => new($"V.FromCondition({Lanes}.LessOrEqual({x[0].Text}, {x[1].Text}))"),
        Primitive.Greater => new($"V.FromCondition({Lanes}.Less({x[1].Text}, {x[0].Text}))"),
        Primitive.GreaterOrEqual => new($"V.FromCondition({Lanes}.LessOrEqual({x[1].Text}, {x[0].Text}))"),
        Primitive.IsNaN or Primitive.IsInfinite => new("V.Condition(false)"),
        Primitive.IsFinite => new("V.Condition(true)"),
        Primitive.Where => new($"{Lanes}.Where(V.ToCondition({x[0].Text}), {x[1].Text}, {x[2].Text})"),
        Primitive.StopGradient or Primitive.Fill => x[0].Code,
        _ => throw Missing(primitive),
    };

    private static Code OfIntegers(Primitive primitive, IReadOnlyList<SimdOperand> x) => primitive switch
    {
        Primitive.Negate => new($"unchecked(-{x[0].Operand})"),
        Primitive.Absolute => new($"unchecked({x[0].Operand} < 0 ? -{x[0].Operand} : {x[0].Operand})"),
        Primitive.Sign => new($"(long)global::System.Math.Sign({x[0].Text})", false),
        Primitive.Square => new($"unchecked({x[0].Operand} * {x[0].Operand})"),
        Primitive.Relu => new($"global::System.Math.Max({x[0].Text}, 0L)"),
        Primitive.Add => new($"unchecked({x[0].Operand} + {x[1].Operand})"),
        Primitive.Subtract => new($"unchecked({x[0].Operand} - {x[1].Operand})"),
        Primitive.Multiply => new($"unchecked({x[0].Operand} * {x[1].Operand})"),
        Primitive.Minimum or Primitive.ClampMax => new($"global::System.Math.Min({x[0].Text}, {x[1].Text})"),
        Primitive.Maximum or Primitive.ClampMin => new($"global::System.Math.Max({x[0].Text}, {x[1].Text})"),
        Primitive.Equal => Compare(x[0], "==", x[1]),
        Primitive.NotEqual => Compare(x[0], "!=", x[1]),
        Primitive.Less => Compare(x[0], "<", x[1]),
        Primitive.LessOrEqual => Compare(x[0], "<=", x[1]),
        Primitive.Greater => Compare(x[0], ">", x[1]),
        Primitive.GreaterOrEqual => Compare(x[0], ">=", x[1]),
        Primitive.IsNaN or Primitive.IsInfinite => new("V.Condition(false)"),
        Primitive.IsFinite => new("V.Condition(true)"),
        Primitive.Where => Code.Compound($"V.AnyLane({x[0].Text}) ? {x[1].Operand} : {x[2].Operand}"),
        Primitive.StopGradient or Primitive.Fill => x[0].Code,
        _ => throw Missing(primitive),
    };

    // C# warns about a number that is compared with itself.
    private static Code Compare(SimdOperand left, string symbol, SimdOperand right) => left.Text == right.Text
        ? new(symbol.Contains("=") && symbol != "!=" ? "V.Condition(true)" : "V.Condition(false)")
        : new($"V.Condition({left.Operand} {symbol} {right.Operand})");

    private static Code Commutative(string symbol, SimdOperand left, SimdOperand right)
    {
        if (right.Number is { } number)
            return Code.Compound($"{left.Operand} {symbol} {Number(number)}");
        return left.Number is { } first
            ? Code.Compound($"{right.Operand} {symbol} {Number(first)}")
            : Code.Compound($"{left.Operand} {symbol} {right.Operand}");
    }

    private static Code Comparison(string name, SimdOperand left, SimdOperand right) => new($"V.{name}({left.Text}, {(right.Number is { } number ? Number(number) : right.Text)})");

    /// <summary>A number as an argument of type double: whole numbers as such, which convert.</summary>
    public static string Number(double number) =>
        number == Math.Floor(number) && Math.Abs(number) < 1e6 && !(number == 0 && 1 / number < 0)
            ? ((long)number).ToString(CultureInfo.InvariantCulture)
            : Literals.CSharp(number);

    private static InvalidOperationException Missing(Primitive primitive) => new($"{primitive} is not pointwise, or has no vector expression for its kind.");
}
