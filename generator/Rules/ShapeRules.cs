using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Abstract evaluation: the result types of every primitive from its operands' types. One row a primitive.</summary>
/// <remarks>Broadcasting is explicit, so pointwise rows only ask for equal extents; a rule that fails is a fault of the pass that built the equation.</remarks>
public static class ShapeRules
{
    private const ElementKind Real = ElementKind.Real;
    private const ElementKind Integer = ElementKind.Integer;
    private const ElementKind Boolean = ElementKind.Boolean;

    /// <summary>The result types of an equation whose result is determined by its operands.</summary>
    /// <param name="primitive">The operation.</param>
    /// <param name="operands">Types of the operands; scalar atoms come as rank 0.</param>
    /// <param name="isScalarAtom">Which operands are literals or host scalars, which fit any extents.</param>
    /// <param name="parameters">The equation's parameters.</param>
    public static EquatableArray<TensorType> Infer(
        Primitive primitive, IReadOnlyList<TensorType> operands, IReadOnlyList<bool> isScalarAtom, Parameters parameters) => primitive switch
        {
            // y = f(x), real.
            Primitive.Exp or Primitive.ExpM1 or Primitive.Log or Primitive.Log1P or Primitive.Log2 or Primitive.Log1MExp
                or Primitive.Sqrt or Primitive.SqrtZero or Primitive.Rsqrt or Primitive.Reciprocal or Primitive.Sigmoid
                or Primitive.LogSigmoid or Primitive.Softplus or Primitive.Tanh or Primitive.Erf
                => Pointwise(primitive, operands, isScalarAtom, 1, Real),

            // y = f(x), real or integer.
            Primitive.Negate or Primitive.Absolute or Primitive.Sign or Primitive.Square or Primitive.Relu
                => Pointwise(primitive, operands, isScalarAtom, 1, null),

            // z = x op y, real or integer.
            Primitive.Add or Primitive.Subtract or Primitive.Multiply or Primitive.Minimum or Primitive.Maximum
                or Primitive.ClampMin or Primitive.ClampMax
                => Pointwise(primitive, operands, isScalarAtom, 2, null),
            Primitive.Divide or Primitive.Power => Pointwise(primitive, operands, isScalarAtom, 2, Real),

            // b = x cmp y.
            Primitive.Equal or Primitive.NotEqual or Primitive.Less or Primitive.LessOrEqual or Primitive.Greater or Primitive.GreaterOrEqual
                => Compare(primitive, operands, isScalarAtom),

            Primitive.And or Primitive.Or or Primitive.Xor => Pointwise(primitive, operands, isScalarAtom, 2, Boolean),
            Primitive.Not => Pointwise(primitive, operands, isScalarAtom, 1, Boolean),
            Primitive.IsNaN or Primitive.IsInfinite or Primitive.IsFinite => One(operands[0] with { Kind = Boolean }),
            Primitive.Where => Select(operands, isScalarAtom),
            Primitive.StopGradient => One(operands[0]),

            // [a b c] -> [a c].
            Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.LogSumExp => One(Reduced(operands[0], (Parameters.Reduce)parameters)),
            Primitive.Any or Primitive.All => One(Reduced(Expect(primitive, operands[0], Boolean), (Parameters.Reduce)parameters)),
            Primitive.ArgMax => One(Reduced(operands[0], new Parameters.Reduce([((Parameters.Axis)parameters).Position])) with { Kind = Integer }),

            Primitive.Softmax or Primitive.LogSoftmax => One(Along(Expect(primitive, operands[0], Real), ((Parameters.Axis)parameters).Position)),
            Primitive.Flip => One(Along(operands[0], ((Parameters.Axis)parameters).Position)),
            Primitive.CumSum => One(Along(operands[0], ((Parameters.Scan)parameters).Position)),
            Primitive.LogCumSumExp => One(Along(Expect(primitive, operands[0], Real), ((Parameters.Scan)parameters).Position)),
            Primitive.Sort => [Along(operands[0], ((Parameters.Sort)parameters).Position), operands[0] with { Kind = Integer }],
            Primitive.Contract => One(Contracted(operands, (Parameters.Contract)parameters)),
            Primitive.Gather => Gathered(operands, (Parameters.Gather)parameters),

            // The result's extents or kind are the caller's: Declared checks them.
            Primitive.Convert or Primitive.Fill or Primitive.Iota or Primitive.Rearrange or Primitive.Slice or Primitive.Pad or Primitive.ScatterAdd
                => throw new InvalidOperationException($"{primitive} takes a declared result type."),
            _ => throw new InvalidOperationException($"{primitive} has no shape rule."),
        };

    /// <summary>Whether the result type must be declared by the caller because the operands do not determine it.</summary>
    public static bool IsDeclared(Primitive primitive) => primitive is Primitive.Convert or Primitive.Fill or Primitive.Iota
        or Primitive.Rearrange or Primitive.Slice or Primitive.Pad or Primitive.ScatterAdd;

    /// <summary>Checks a declared result type against the operands.</summary>
    public static void Check(Primitive primitive, IReadOnlyList<TensorType> operands, Parameters parameters, TensorType result)
    {
        var ok = (primitive, parameters) switch
        {
            (Primitive.Convert, Parameters.Convert) => operands[0].Extents == result.Extents,
            (Primitive.Fill, _) => operands[0].Rank == 0,
            (Primitive.Iota, Parameters.Axis axis) => result.Kind == Integer && axis.Position < result.Rank,
            (Primitive.Rearrange, Parameters.Rearrange rearrange) => IsRearrangement(operands[0], rearrange, result),
            (Primitive.Slice, Parameters.Slice slice) => SameBut(operands[0], result, slice.Position) && slice.Step > 0,
            (Primitive.Pad, Parameters.Slice slice) => SameBut(operands[0], result, slice.Position) && slice.Step > 0,
            (Primitive.ScatterAdd, Parameters.Gather gather) => IsScatter(operands, gather, result),
            _ => false,
        };
        if (!ok)
            throw new InvalidOperationException($"{primitive} does not make {result} of {string.Join(", ", operands)} with {parameters}.");
    }

    private static EquatableArray<TensorType> One(TensorType type) => [type];

    private static EquatableArray<TensorType> Pointwise(
        Primitive primitive, IReadOnlyList<TensorType> operands, IReadOnlyList<bool> isScalarAtom, int count, ElementKind? required)
    {
        if (operands.Count != count)
            throw new InvalidOperationException($"{primitive} takes {count} operands, not {operands.Count}.");
        var extents = CommonExtents(primitive, operands, isScalarAtom);
        var variables = operands.Where((_, i) => !isScalarAtom[i]).Select(t => t.Kind).Distinct().ToArray();
        var kind = variables.Length == 0 ? required ?? Real : variables[0];
        if (variables.Length > 1 || (required is { } r && kind != r) || (kind == Boolean && required != Boolean))
            throw new InvalidOperationException($"{primitive} does not take {string.Join(", ", operands)}.");
        return One(new TensorType(kind, extents));
    }

    private static EquatableArray<TensorType> Compare(Primitive primitive, IReadOnlyList<TensorType> operands, IReadOnlyList<bool> isScalarAtom)
    {
        if (operands.Where((_, i) => !isScalarAtom[i]).Select(t => t.Kind).Distinct().Count() > 1)
            throw new InvalidOperationException($"{primitive} does not compare {string.Join(" with ", operands)}.");
        return One(new TensorType(Boolean, CommonExtents(primitive, operands, isScalarAtom)));
    }

    private static EquatableArray<TensorType> Select(IReadOnlyList<TensorType> operands, IReadOnlyList<bool> isScalarAtom)
    {
        Expect(Primitive.Where, operands[0], Boolean);
        var kinds = operands.Skip(1).Where((_, i) => !isScalarAtom[i + 1]).Select(t => t.Kind).Distinct().ToArray();
        if (kinds.Length > 1)
            throw new InvalidOperationException($"Where does not select from {operands[1]} and {operands[2]}.");
        return One(new TensorType(kinds.Length == 0 ? Real : kinds[0], CommonExtents(Primitive.Where, operands, isScalarAtom)));
    }

    private static EquatableArray<Extent> CommonExtents(Primitive primitive, IReadOnlyList<TensorType> operands, IReadOnlyList<bool> isScalarAtom)
    {
        TensorType? first = null;
        for (var i = 0; i < operands.Count; i++)
        {
            if (isScalarAtom[i])
                continue;
            first ??= operands[i];
            if (operands[i].Extents != first.Extents)
                throw new InvalidOperationException($"{primitive} meets {first} and {operands[i]}: broadcasting is explicit.");
        }

        return first?.Extents ?? EquatableArray<Extent>.Empty;
    }

    private static TensorType Expect(Primitive primitive, TensorType type, ElementKind kind) =>
        type.Kind == kind ? type : throw new InvalidOperationException($"{primitive} takes {kind}, not {type}.");

    private static TensorType Along(TensorType type, int position) =>
        position >= 0 && position < type.Rank ? type : throw new InvalidOperationException($"{type} has no position {position}.");

    private static TensorType Reduced(TensorType type, Parameters.Reduce reduce)
    {
        foreach (var position in reduce.Positions)
            Along(type, position);
        return type with { Extents = type.Extents.Where((_, i) => !reduce.Positions.Contains(i)).ToEquatableArray() };
    }

    // [a b d] [c d] -> [a b c]
    private static TensorType Contracted(IReadOnlyList<TensorType> operands, Parameters.Contract contract)
    {
        var extents = new Extent?[contract.Axes];
        foreach (var (type, axes) in new[] { (Expect(Primitive.Contract, operands[0], Real), contract.Left), (Expect(Primitive.Contract, operands[1], Real), contract.Right) })
        {
            if (type.Rank != axes.Count || axes.Distinct().Count() != axes.Count)
                throw new InvalidOperationException($"Contract does not name the axes of {type}.");
            for (var p = 0; p < type.Rank; p++)
            {
                if ((extents[axes[p]] ?? type.Extents[p]) != type.Extents[p])
                    throw new InvalidOperationException($"Contract meets {operands[0]} and {operands[1]} along different extents.");
                extents[axes[p]] = type.Extents[p];
            }
        }

        if (extents.Contains(null) || Enumerable.Range(contract.Rank, contract.Axes - contract.Rank).Any(a => !contract.Left.Contains(a) || !contract.Right.Contains(a)))
            throw new InvalidOperationException($"Contract sums over an axis of one operand alone: {operands[0]} and {operands[1]}.");
        return new TensorType(Real, extents.Take(contract.Rank).Select(e => e!).ToEquatableArray());
    }

    private static EquatableArray<TensorType> Gathered(IReadOnlyList<TensorType> operands, Parameters.Gather gather)
    {
        var (source, index) = (operands[0], Expect(Primitive.Gather, operands[1], Integer));
        CheckMap(source, index, gather);
        return One(index with { Kind = source.Kind });
    }

    private static bool IsScatter(IReadOnlyList<TensorType> operands, Parameters.Gather gather, TensorType result)
    {
        CheckMap(result, operands[1], gather);
        return operands[0].Extents == operands[1].Extents && operands[0].Kind == result.Kind && operands[1].Kind == Integer;
    }

    private static void CheckMap(TensorType source, TensorType index, Parameters.Gather gather)
    {
        for (var i = 0; i < source.Rank; i++)
        {
            var runsWith = gather.Map[i];
            if (i == gather.Position ? runsWith != -1 : source.Extents[i] != index.Extents[runsWith])
                throw new InvalidOperationException($"Position {i} of {source} does not run with {index}.");
        }
    }

    private static bool IsRearrangement(TensorType operand, Parameters.Rearrange rearrange, TensorType result)
    {
        if (rearrange.Source.Count != result.Rank || operand.Kind != result.Kind)
            return false;
        var used = new HashSet<int>();
        for (var i = 0; i < result.Rank; i++)
        {
            var source = rearrange.Source[i];
            if (source == -1)
                continue;
            if (source >= operand.Rank || !used.Add(source) || (operand.Extents[source] != result.Extents[i] && !operand.Extents[source].IsOne))
                return false;
        }

        return Enumerable.Range(0, operand.Rank).All(i => used.Contains(i) || operand.Extents[i].IsOne);
    }

    private static bool SameBut(TensorType operand, TensorType result, int position) =>
        operand.Kind == result.Kind && operand.Rank == result.Rank && position < operand.Rank
        && Enumerable.Range(0, operand.Rank).All(i => i == position || operand.Extents[i] == result.Extents[i]);
}
