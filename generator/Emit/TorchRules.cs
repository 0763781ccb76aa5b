using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>Each primitive as one TorchSharp expression: x (and z) the operands. One row a primitive.</summary>
internal static class TorchRules
{
    public static IReadOnlyDictionary<Primitive, Func<TorchRow, string>> Table { get; } = new Dictionary<Primitive, Func<TorchRow, string>>
    {
        [Primitive.Negate] = c => $"-{c.X}",
        [Primitive.Absolute] = c => $"{c.X}.abs()",
        [Primitive.Sign] = c => $"{c.X}.sign()",
        [Primitive.Exp] = c => $"{c.X}.exp()",
        [Primitive.ExpM1] = c => $"{c.X}.expm1()",
        [Primitive.Log] = c => $"{c.X}.log()",
        [Primitive.Log1P] = c => $"{c.X}.log1p()",
        [Primitive.Log2] = c => $"{c.X}.log2()",
        [Primitive.Log1MExp] = Log1MExp,
        [Primitive.Sqrt] = c => $"{c.X}.sqrt()",
        // Where x is 0 the root is not differentiated.
        [Primitive.SqrtZero] = c =>
            $"{c.X}.where({c.X}.ne({c.Number(0)}), {c.NumberTensor(1)}).sqrt().where({c.X}.ne({c.Number(0)}), {c.NumberTensor(0)})",
        [Primitive.Rsqrt] = c => $"{c.X}.rsqrt()",
        [Primitive.Square] = c => $"{c.X}.square()",
        [Primitive.Reciprocal] = c => $"{c.X}.reciprocal()",
        [Primitive.Sigmoid] = c => $"{c.X}.sigmoid()",
        [Primitive.LogSigmoid] = c => $"{c.X}.log_sigmoid()",
        // torch's softplus is linear beyond a threshold; this one is exact.
        [Primitive.Softplus] = c => $"-(-{c.X}).log_sigmoid()",
        [Primitive.Tanh] = c => $"{c.X}.tanh()",
        [Primitive.Relu] = c => $"{c.X}.relu()",
        [Primitive.Erf] = c => $"{c.X}.erf()",

        [Primitive.Add] = c => $"{c.Operand(0)} + {c.Operand(1)}",
        [Primitive.Subtract] = c => $"{c.Operand(0)} - {c.Operand(1)}",
        [Primitive.Multiply] = c => $"{c.Operand(0)} * {c.Operand(1)}",
        // A number divided by a tensor is, in TorchSharp, a product with the reciprocal, which rounds twice.
        [Primitive.Divide] = c => $"{c.X} / {c.Operand(1)}",
        [Primitive.Power] = c => $"{c.X}.pow({c.Operand(1)})",
        [Primitive.Minimum] = c => $"{c.X}.minimum({c.Z})",
        [Primitive.Maximum] = c => $"{c.X}.maximum({c.Z})",
        [Primitive.ClampMin] = c => $"{c.X}.clamp(min: {c.Operand(1)})",
        [Primitive.ClampMax] = c => $"{c.X}.clamp(max: {c.Operand(1)})",

        [Primitive.Equal] = c => Compare(c, "eq", "eq"),
        [Primitive.NotEqual] = c => Compare(c, "ne", "ne"),
        [Primitive.Less] = c => Compare(c, "lt", "gt"),
        [Primitive.LessOrEqual] = c => Compare(c, "le", "ge"),
        [Primitive.Greater] = c => Compare(c, "gt", "lt"),
        [Primitive.GreaterOrEqual] = c => Compare(c, "ge", "le"),

        [Primitive.And] = c => $"{c.X}.logical_and({c.Z})",
        [Primitive.Or] = c => $"{c.X}.logical_or({c.Z})",
        [Primitive.Xor] = c => $"{c.X}.logical_xor({c.Z})",
        [Primitive.Not] = c => $"{c.X}.logical_not()",
        [Primitive.IsNaN] = c => $"{c.X}.isnan()",
        [Primitive.IsInfinite] = c => $"{c.X}.isinf()",
        [Primitive.IsFinite] = c => $"{c.X}.isfinite()",
        [Primitive.Where] = c => c.HostCondition is { } condition
            ? $"{condition} ? {c.Whole(1)} : {c.Whole(2)}"
            : $"{c.Tensor(1)}.where({c.X}, {c.Tensor(2)})",

        [Primitive.StopGradient] = c => $"{c.X}.detach()",
        [Primitive.Convert] = c => ((Parameters.Convert)c.Equation.Parameters).DType is { } dtype
            ? $"{c.X}.to_type({TorchNames.ScalarType}.{dtype}).to_type({c.DType})"
            : $"{c.X}.to_type({c.DType})",
        [Primitive.Fill] = c => c.IsNumber(0)
            ? $"{TorchNames.Torch}.full({c.Shape(c.Type.Extents)}, {c.FillNumber()}, {c.DType}, {c.Device})"
            : $"{c.X}.expand({c.Shape(c.Type.Extents)})",
        [Primitive.Iota] = Iota,

        [Primitive.Rearrange] = Rearrange,
        [Primitive.Slice] = c =>
        {
            var slice = (Parameters.Slice)c.Equation.Parameters;
            var (position, start, count) = (TorchRow.Text(slice.Position), c.Size(slice.Start), c.Type.Extents[slice.Position]);
            return slice.Step == 1
                ? $"{c.X}.narrow({position}, {start}, {c.Size(count)})"
                : $"{c.X}.slice({position}, {start}, {c.End(slice, count)}, {TorchRow.Text(slice.Step)}L)";
        },
        [Primitive.Pad] = c =>
        {
            var slice = (Parameters.Slice)c.Equation.Parameters;
            var end = c.End(slice, c.TypeOf(0).Extents[slice.Position]);
            return $"{Zeros(c, c.Type.Extents)}.slice_scatter({c.X}, {TorchRow.Text(slice.Position)}, {c.Size(slice.Start)}, {end}, {TorchRow.Text(slice.Step)}L)";
        },
        [Primitive.Flip] = c => $"{c.X}.flip({TorchRow.Text(c.Axis)})",

        [Primitive.Sum] = c => c.Contraction is { } contraction
            ? $"{TorchNames.Torch}.einsum(\"{contraction.Equation}\", {c.NameOf(contraction.Left)}, {c.NameOf(contraction.Right)})"
            : Reduce(c, "sum"),
        [Primitive.Max] = c => Reduce(c, "amax"),
        [Primitive.Min] = c => Reduce(c, "amin"),
        [Primitive.Any] = c => ReduceInTurn(c, "any"),
        [Primitive.All] = c => ReduceInTurn(c, "all"),
        [Primitive.ArgMax] = c => c.TypeOf(0).Kind == ElementKind.Boolean
            ? $"{c.X}.to_type({c.DTypeOf(ElementKind.Integer)}).argmax({TorchRow.Text(c.Axis)})"
            : $"{c.X}.argmax({TorchRow.Text(c.Axis)})",
        [Primitive.LogSumExp] = c => ReduceInTurn(c, "logsumexp"),
        [Primitive.Softmax] = c => $"{c.X}.softmax({TorchRow.Text(c.Axis)})",
        [Primitive.LogSoftmax] = c => $"{c.X}.log_softmax({TorchRow.Text(c.Axis)})",

        [Primitive.Contract] = c =>
        {
            var contract = (Parameters.Contract)c.Equation.Parameters;
            var subscripts = $"{ProgramPrinter.Axes(contract.Left)},{ProgramPrinter.Axes(contract.Right)}->{ProgramPrinter.Axes(Enumerable.Range(0, contract.Rank))}";
            return $"{TorchNames.Torch}.einsum(\"{subscripts}\", {c.X}, {c.Z})";
        },

        [Primitive.Gather] = TorchIndexing.Gather,
        [Primitive.ScatterAdd] = TorchIndexing.ScatterAdd,
        [Primitive.CumSum] = c => Scan(c, "cumsum"),
        [Primitive.LogCumSumExp] = c => Scan(c, "logcumsumexp"),
        [Primitive.Sort] = c =>
        {
            var sort = (Parameters.Sort)c.Equation.Parameters;
            return $"{c.X}.sort({TorchRow.Text(sort.Position)}, {(sort.Descending ? "true" : "false")}, stable: true)";
        },
    };

    /// <summary>What a result is called where the user gave it no name.</summary>
    public static string Noun(Primitive primitive) => primitive switch
    {
        Primitive.Negate => "negative",
        Primitive.Absolute => "magnitude",
        Primitive.Exp or Primitive.ExpM1 => "exponential",
        Primitive.Log or Primitive.Log1P or Primitive.Log2 or Primitive.Log1MExp => "logarithm",
        Primitive.Sqrt or Primitive.SqrtZero or Primitive.Rsqrt => "root",
        Primitive.Add or Primitive.Sum => "sum",
        Primitive.Subtract => "difference",
        Primitive.Multiply or Primitive.Contract => "product",
        Primitive.Divide => "quotient",
        Primitive.Minimum or Primitive.Min => "minimum",
        Primitive.Maximum or Primitive.Max => "maximum",
        Primitive.ClampMin or Primitive.ClampMax => "clamped",
        Primitive.Equal or Primitive.NotEqual or Primitive.Less or Primitive.LessOrEqual or Primitive.Greater or Primitive.GreaterOrEqual
            or Primitive.And or Primitive.Or or Primitive.Xor or Primitive.Not or Primitive.IsNaN or Primitive.IsInfinite or Primitive.IsFinite
            or Primitive.Any or Primitive.All => "condition",
        Primitive.Where => "selected",
        Primitive.StopGradient => "constant",
        Primitive.Convert => "converted",
        Primitive.Fill => "filled",
        Primitive.Iota => "coordinate",
        Primitive.Rearrange => "rearranged",
        Primitive.Slice => "slice",
        Primitive.Pad => "padded",
        Primitive.Flip => "flipped",
        Primitive.Gather => "gathered",
        Primitive.ScatterAdd => "scattered",
        Primitive.CumSum or Primitive.LogCumSumExp => "cumulative",
        Primitive.Sort => "sorted",
        _ => char.ToLowerInvariant(primitive.ToString()[0]) + primitive.ToString().Substring(1),
    };

    /// <summary>Zeros of the result's kind.</summary>
    public static string Zeros(TorchRow c, IEnumerable<Extent> extents) => $"{TorchNames.Torch}.zeros({c.Shape(extents)}, {c.DType}, {c.Device})";

    /// <summary>Maechler's two branches, each clamped to where it is used so that its derivative is finite elsewhere.</summary>
    private static string Log1MExp(TorchRow c)
    {
        var split = c.Number(-Math.Log(2));
        return $"(-{c.X}.clamp(min: {split}).expm1()).log().where({c.X}.gt({split}), (-{c.X}.clamp(max: {split}).exp()).log1p())";
    }

    private static string Compare(TorchRow c, string name, string swapped) =>
        c.IsNumber(0) && !c.IsNumber(1) ? $"{c.Z}.{swapped}({c.Operand(0)})" : $"{c.X}.{name}({c.Operand(1)})";

    private static string Iota(TorchRow c)
    {
        var extents = c.Type.Extents;
        var range = $"{TorchNames.Torch}.arange({c.SizeNumber(extents[c.Axis])}, {c.DType}, {c.Device})";
        if (extents.Count == 1)
            return range;
        var column = c.Shape(extents.Select((e, i) => i == c.Axis ? e : Extent.One));
        return $"{range}.reshape({column}).expand({c.Shape(extents)})";
    }

    private static string Rearrange(TorchRow c)
    {
        var source = ((Parameters.Rearrange)c.Equation.Parameters).Source;
        var operand = c.TypeOf(0);
        var text = c.X;
        var dropped = Enumerable.Range(0, operand.Rank).Where(p => !source.Contains(p)).ToArray();
        foreach (var position in dropped.OrderByDescending(p => p))
            text += $".squeeze({TorchRow.Text(position)})";
        var kept = source.Where(s => s >= 0).Select(s => s - dropped.Count(d => d < s)).ToArray();
        if (kept.Where((s, i) => s != i).Any())
            text += $".permute({string.Join(", ", kept.Select(s => TorchRow.Text(s)))})";
        var isExpanded = source.Where((s, i) => s < 0 ? !c.Type.Extents[i].IsOne : operand.Extents[s] != c.Type.Extents[i]).Any();
        // Positions in front are made by expand itself.
        var leading = isExpanded ? source.TakeWhile(s => s < 0).Count() : 0;
        for (var i = leading; i < source.Count; i++)
            if (source[i] < 0)
                text += $".unsqueeze({TorchRow.Text(i - leading)})";
        return isExpanded ? text + $".expand({c.Shape(c.Type.Extents)})" : text;
    }

    /// <summary>Torch takes no positions for all of them, so a reduction over none is the operand.</summary>
    private static string Reduce(TorchRow c, string name)
    {
        var positions = ((Parameters.Reduce)c.Equation.Parameters).Positions;
        return positions.Count == 0 ? c.X : $"{c.X}.{name}({TorchRow.Positions(positions)})";
    }

    private static string ReduceInTurn(TorchRow c, string name) =>
        c.X + string.Concat(((Parameters.Reduce)c.Equation.Parameters).Positions.Reverse().Select(p => $".{name}({TorchRow.Text(p)})"));

    private static string Scan(TorchRow c, string name)
    {
        var scan = (Parameters.Scan)c.Equation.Parameters;
        var position = TorchRow.Text(scan.Position);
        return scan.Reverse ? $"{c.X}.flip({position}).{name}({position}).flip({position})" : $"{c.X}.{name}({position})";
    }
}
