using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>Each primitive in the notation of papers. One row a primitive.</summary>
internal static class FormulaRules
{
    private static readonly FormulaText One = FormulaText.Atom("1");

    public static IReadOnlyDictionary<Primitive, Func<FormulaRow, FormulaText>> Table { get; } = new Dictionary<Primitive, Func<FormulaRow, FormulaText>>
    {
        [Primitive.Negate] = c => -c.X,
        [Primitive.Absolute] = c => FormulaText.Call("abs", c.X),
        [Primitive.Sign] = c => FormulaText.Call("sign", c.X),
        [Primitive.Exp] = c => c.Softmax() ?? c.LogSpaceScan() ?? FormulaText.Call("exp", c.X),
        [Primitive.ExpM1] = c => FormulaText.Call("exp", c.X) - One,
        [Primitive.Log] = c => FormulaText.Call("log", c.X),
        [Primitive.Log1P] = c => FormulaText.Call("log", One + c.X),
        [Primitive.Log2] = c => FormulaText.Call("log2", c.X),
        [Primitive.Log1MExp] = c => FormulaText.Call("log", One - FormulaText.Call("exp", c.X)),
        [Primitive.Sqrt] = c => FormulaText.Call("sqrt", c.X),
        [Primitive.SqrtZero] = c => FormulaText.Call("sqrt", c.X),
        [Primitive.Rsqrt] = c => One / FormulaText.Call("sqrt", c.X),
        [Primitive.Square] = c => FormulaText.Power(c.X, FormulaText.Atom("2")),
        [Primitive.Reciprocal] = c => One / c.X,
        [Primitive.Sigmoid] = c => FormulaText.Call("sigmoid", c.X),
        [Primitive.LogSigmoid] = c => FormulaText.Call("logsigmoid", c.X),
        [Primitive.Softplus] = c => FormulaText.Call("softplus", c.X),
        [Primitive.Tanh] = c => FormulaText.Call("tanh", c.X),
        [Primitive.Relu] = c => FormulaText.Call("relu", c.X),
        [Primitive.Erf] = c => FormulaText.Call("erf", c.X),

        [Primitive.Add] = c => c.X + c.Z,
        [Primitive.Subtract] = c => c.LogSpaceDifference() ?? c.X - c.Z,
        // What is the same everywhere comes first: beta * (chosen - rejected).
        [Primitive.Multiply] = c => c.Mean() ?? (c.Uniformity(1) > c.Uniformity(0) ? c.Z * c.X : c.X * c.Z),
        [Primitive.Divide] = c => c.Mean() ?? c.X / c.Z,
        [Primitive.Power] = c => FormulaText.Power(c.X, c.Z),
        [Primitive.Minimum] = c => FormulaText.Call("min", c.X, c.Z),
        [Primitive.Maximum] = c => FormulaText.Call("max", c.X, c.Z),
        [Primitive.ClampMin] = c => c.Clamp(Primitive.ClampMax) ?? FormulaText.Call("max", c.X, c.Z),
        [Primitive.ClampMax] = c => c.Clamp(Primitive.ClampMin) ?? FormulaText.Call("min", c.X, c.Z),

        [Primitive.Equal] = c => FormulaText.Infix("==", c.X, c.Z),
        [Primitive.NotEqual] = c => FormulaText.Infix("!=", c.X, c.Z),
        [Primitive.Less] = c => FormulaText.Infix("<", c.X, c.Z),
        [Primitive.LessOrEqual] = c => FormulaText.Infix("<=", c.X, c.Z),
        [Primitive.Greater] = c => FormulaText.Infix(">", c.X, c.Z),
        [Primitive.GreaterOrEqual] = c => FormulaText.Infix(">=", c.X, c.Z),
        [Primitive.And] = c => FormulaText.Infix("and", c.X, c.Z),
        [Primitive.Or] = c => FormulaText.Infix("or", c.X, c.Z),
        [Primitive.Xor] = c => FormulaText.Infix("xor", c.X, c.Z),
        [Primitive.Not] = c => FormulaText.Not(c.X),
        [Primitive.IsNaN] = c => FormulaText.Call("isnan", c.X),
        [Primitive.IsInfinite] = c => FormulaText.Call("isinf", c.X),
        [Primitive.IsFinite] = c => FormulaText.Call("isfinite", c.X),
        [Primitive.Where] = c => c.IfPresent() ?? FormulaText.Call("where", c.X, c.Z, c.Operand(2, c.Indices)),

        [Primitive.StopGradient] = c => c.ShowsDetached ? FormulaText.Call("detach", c.X) : c.X,
        [Primitive.Convert] = c => c.Converted(),
        [Primitive.Fill] = c => c.Operand(0, []),
        [Primitive.Iota] = c => FormulaText.Atom(c.Indices[c.Axis]),

        [Primitive.Rearrange] = c => c.Rearranged(),
        [Primitive.Slice] = c =>
        {
            var slice = (Parameters.Slice)c.Equation.Parameters;
            return c.Operand(0, c.With(slice.Position, FormulaIndex.Shifted(c.Indices[slice.Position], slice.Start, slice.Step)));
        },
        [Primitive.Pad] = c => c.Padded(),
        [Primitive.Flip] = c => c.Operand(0, c.With(c.Axis, FormulaIndex.Flipped(c.Indices[c.Axis], c.Type.Extents[c.Axis]))),

        [Primitive.Sum] = c => c.Reduced("sum"),
        [Primitive.Max] = c => c.Reduced("max"),
        [Primitive.Min] = c => c.Reduced("min"),
        [Primitive.Any] = c => c.Reduced("any"),
        [Primitive.All] = c => c.Reduced("all"),
        [Primitive.ArgMax] = c => c.Reduced("argmax"),
        [Primitive.LogSumExp] = c => c.Reduced("logsumexp"),
        [Primitive.Softmax] = c => c.Along("softmax", c.Axis),
        [Primitive.LogSoftmax] = c => c.Along("log_softmax", c.Axis),

        [Primitive.Contract] = c => c.Contracted(),
        [Primitive.Gather] = c => c.Gathered(),
        [Primitive.ScatterAdd] = c => c.Scattered(),
        [Primitive.CumSum] = c => c.Scanned("cumsum"),
        [Primitive.LogCumSumExp] = c => c.Scanned("logcumsumexp"),
        [Primitive.Sort] = c =>
        {
            var sort = (Parameters.Sort)c.Equation.Parameters;
            return c.Along(c.IsSecondResult ? "argsort" : "sort", sort.Position, sort.Descending ? " descending" : "");
        },
    };

    /// <summary>What an unnamed subexpression is called: a letter that hints at what it is.</summary>
    public static string Letter(Primitive primitive) => primitive switch
    {
        Primitive.Sigmoid or Primitive.Softmax => "p",
        Primitive.LogSigmoid or Primitive.LogSoftmax => "logp",
        Primitive.LogSumExp => "lse",
        Primitive.Max or Primitive.Min => "best",
        Primitive.Exp => "e",
        Primitive.Sum or Primitive.CumSum or Primitive.LogCumSumExp or Primitive.ScatterAdd or Primitive.Contract => "s",
        Primitive.Subtract => "m",
        Primitive.Multiply or Primitive.Divide => "w",
        Primitive.Equal or Primitive.NotEqual or Primitive.Less or Primitive.LessOrEqual or Primitive.Greater or Primitive.GreaterOrEqual
            or Primitive.And or Primitive.Or or Primitive.Xor or Primitive.Not or Primitive.Any or Primitive.All => "c",
        Primitive.Sort => "sorted",
        _ => "a",
    };

    /// <summary>Only moves elements: shown through its operand, so naming the operand is enough.</summary>
    public static bool IsView(Primitive primitive) => primitive is Primitive.Rearrange or Primitive.Slice or Primitive.StopGradient or Primitive.Flip;
}
