using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>A condition on an element of a variable: that of a Boolean variable at a place that follows from the element's.</summary>
/// <param name="Variable">The Boolean variable.</param>
/// <param name="Index">For each of its positions the place, in terms of the element's positions in place of loops.</param>
/// <param name="IsNegated">Whether it must not hold.</param>
internal sealed record RelevantWhere(int Variable, EquatableArray<IndexExpression> Index, bool IsNegated);

/// <summary>
/// Where an element of a variable matters at all: conditions outside of which a <c>where</c> discards all that is computed from it. In: a
/// lowered program. Out: for each variable the conditions that all ways to an output share; none where it matters everywhere.
/// </summary>
/// <remarks>
/// Conditions flow from uses to operands, their places by the maps of views; a condition is looked through down to what it is made of, so
/// that the mask of the loss and the padded one of its gradient are the same. What is used as an index matters everywhere: it must be in range.
/// </remarks>
internal sealed class Relevance
{
    private static readonly IndexExpression First = new IndexExpression.Affine(Extent.Fixed(0), []);

    private readonly Program program;
    private readonly Equation?[] definitions;
    private readonly HashSet<RelevantWhere>?[] conditions;
    private readonly bool[] isInput;
    private readonly Dictionary<int, bool> isKnown = [];

    private Relevance(Program program)
    {
        this.program = program;
        definitions = program.Definitions();
        conditions = new HashSet<RelevantWhere>?[program.Types.Count];
        isInput = new bool[program.Types.Count];
        foreach (var input in program.Inputs)
            isInput[input.Variable] = true;
        foreach (var output in program.Outputs)
            conditions[output.Variable] = [];
        foreach (var equation in program.Equations.Reverse())
            Flow(equation);
    }

    /// <summary>The conditions of a variable's element, of those that are computed from inputs place by place.</summary>
    public IEnumerable<RelevantWhere> this[int variable] => conditions[variable]?.Where(c => IsKnown(c.Variable)) ?? [];

    public static Relevance Of(Program program) => new(program);

    /// <summary>Whether conditions are known before a variable is, and it does not matter where some of them do not hold.</summary>
    public bool IsDiscarded(int variable, IReadOnlyCollection<RelevantWhere> parts) =>
        parts.All(p => IsKnown(p.Variable)) && (conditions[variable] is not { } own || parts.Any(own.Contains));

    /// <summary>The conditions whose conjunction a Boolean variable is, at its own place.</summary>
    public IEnumerable<RelevantWhere> PartsOf(int condition) => Parts(condition, Identity(program.Types[condition]), isNegated: false, program.Types[condition].Extents);

    private static EquatableArray<IndexExpression> Identity(TensorType type) => type.Extents.Select((e, p) => e.IsOne ? First : IndexExpression.Of(p)).ToEquatableArray();

    private void Flow(Equation equation)
    {
        // What nothing reads does not matter anywhere; what all readers discard somewhere does not matter there.
        var known = equation.Results.Select(r => conditions[r]).OfType<HashSet<RelevantWhere>>().ToArray();
        if (known.Length == 0)
            return;
        var own = known.Aggregate((a, b) => [.. a.Intersect(b)]);
        for (var o = 0; o < equation.Operands.Count; o++)
        {
            if (!equation.Operands[o].IsVariable)
                continue;
            var operand = equation.Operands[o].Id;
            HashSet<RelevantWhere> passed = [.. Passed(equation, o, own).SelectMany(c => Parts(c.Variable, c.Index, c.IsNegated, program.Types[operand].Extents))];
            if (conditions[operand] is { } before)
                before.IntersectWith(passed);
            else
                conditions[operand] = passed;
        }
    }

    /// <summary>The conditions of a result in terms of an operand's element.</summary>
    private IEnumerable<RelevantWhere> Passed(Equation equation, int operand, HashSet<RelevantWhere> own)
    {
        var (type, result) = (program.Types[equation.Operands[operand].Id], program.Types[equation.Result]);
        switch (equation.Primitive)
        {
            case Primitive.Where when operand > 0 && type.Rank == result.Rank && equation.Operands[0].IsVariable:
                var condition = equation.Operands[0].Id;
                var place = program.Types[condition].Rank == 0 ? [] : Identity(result);
                return own.Append(new RelevantWhere(condition, place, IsNegated: operand == 2));
            case Primitive.Rearrange:
                var source = ((Parameters.Rearrange)equation.Parameters).Source;
                return Moved(own, i => source[i] is >= 0 and var from && type.Extents[from] == result.Extents[i] ? IndexExpression.Of(from) : null);
            case Primitive.Slice:
                // Elsewhere it is not read here, but the condition is not there either.
                var slice = (Parameters.Slice)equation.Parameters;
                return Moved(own, i => i != slice.Position ? IndexExpression.Of(i) : null);
            case Primitive.Flip:
                var flipped = ((Parameters.Axis)equation.Parameters).Position;
                return Moved(own, i => i == flipped ? new IndexExpression.Affine(result.Extents[i] - Extent.One, [new IndexTerm(i, -1)]) : IndexExpression.Of(i));
            case Primitive.Pad:
                var pad = (Parameters.Slice)equation.Parameters;
                return Moved(own, i => i == pad.Position ? new IndexExpression.Affine(pad.Start, [new IndexTerm(i, pad.Step)]) : IndexExpression.Of(i));
            case Primitive.Gather when operand == 0:
                var map = ((Parameters.Gather)equation.Parameters).Map.AsImmutableArray();
                return Moved(own, i => map.IndexOf(i) is >= 0 and var p && type.Extents[p] == result.Extents[i] ? IndexExpression.Of(p) : null);
            case Primitive.ScatterAdd when operand == 0:
                var places = ((Parameters.Gather)equation.Parameters).Map;
                return Moved(own, i => places[i] >= 0 ? IndexExpression.Of(places[i]) : null);
            case Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.Any or Primitive.All or Primitive.ArgMax:
                var reduced = Domains.Reduced(equation);
                var kept = Enumerable.Range(0, type.Rank).Where(p => !reduced.Contains(p)).ToArray();
                return Moved(own, i => IndexExpression.Of(kept[i]));
            case Primitive.CumSum or Primitive.LogCumSumExp or Primitive.Sort:
                var along = Domains.Along(equation);
                return Moved(own, i => i != along ? IndexExpression.Of(i) : null);
            case Primitive.Gather or Primitive.ScatterAdd or Primitive.Contract:
                return [];
            default:
                return type.Rank == result.Rank ? own : Moved(own, _ => null);
        }
    }

    /// <summary>The conditions whose places a map of positions moves; null where it says nothing of a position.</summary>
    public static IEnumerable<RelevantWhere> Moved(IEnumerable<RelevantWhere> own, Func<int, IndexExpression?> map)
    {
        foreach (var condition in own)
            if (Moved(condition.Index, map) is { } index)
                yield return condition with { Index = index };
    }

    private static EquatableArray<IndexExpression>? Moved(EquatableArray<IndexExpression> index, Func<int, IndexExpression?> map)
    {
        var moved = new List<IndexExpression>();
        foreach (var place in index.Cast<IndexExpression.Affine>())
        {
            var (offset, terms) = (place.Offset, new List<IndexTerm>());
            foreach (var term in place.Terms)
            {
                if (map(term.Loop) is not IndexExpression.Affine to)
                    return null;
                offset += to.Offset * term.Stride;
                terms.AddRange(to.Terms.Select(t => t with { Stride = t.Stride * term.Stride }));
            }

            moved.Add(new IndexExpression.Affine(offset, terms.ToEquatableArray()));
        }

        return moved.ToEquatableArray();
    }

    /// <summary>A condition as the conditions that it is the conjunction of, looked through views.</summary>
    private IEnumerable<RelevantWhere> Parts(int variable, EquatableArray<IndexExpression> index, bool isNegated, EquatableArray<Extent> domain)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        if (isInput[variable] || definitions[variable] is not { } equation)
            return [new(variable, index, isNegated)];
        IEnumerable<RelevantWhere> Of(Atom atom, bool isNot) => Parts(atom.Id, program.Types[atom.Id].Rank == 0 ? [] : index, isNot, domain);
        IEnumerable<RelevantWhere> At(Func<int, IndexExpression> map) =>
            Parts(equation.Operands[0].Id, Enumerable.Range(0, program.Types[equation.Operands[0].Id].Rank).Select(map).ToEquatableArray(), isNegated, domain);
        switch (equation.Primitive)
        {
            case Primitive.And or Primitive.Or when equation.Primitive == Primitive.And != isNegated && equation.Operands.All(o => o.IsVariable):
                return equation.Operands.SelectMany(o => Of(o, isNegated));
            case Primitive.Not when equation.Operands[0].IsVariable:
                return Of(equation.Operands[0], !isNegated);
            case Primitive.StopGradient or Primitive.Convert when equation.Operands[0].IsVariable && program.Types[equation.Operands[0].Id].Kind == ElementKind.Boolean:
                return Of(equation.Operands[0], isNegated);
            case Primitive.Where when !isNegated && equation.Operands[0].IsVariable && equation.Operands[1].IsVariable && equation.Operands[2].IsNumber(0):
                return Of(equation.Operands[0], isNot: false).Concat(Of(equation.Operands[1], isNot: false));
            case Primitive.Where when !isNegated && equation.Operands[0].IsVariable && equation.Operands[1].IsNumber(0) && equation.Operands[2].IsVariable:
                return Of(equation.Operands[0], isNot: true).Concat(Of(equation.Operands[2], isNot: false));
            case Primitive.Rearrange:
                var source = ((Parameters.Rearrange)equation.Parameters).Source.AsImmutableArray();
                var extents = program.Types[equation.Operands[0].Id].Extents;
                return At(p => extents[p].IsOne ? First : index[source.IndexOf(p)]);
            case Primitive.Slice:
                var slice = (Parameters.Slice)equation.Parameters;
                return At(p => p == slice.Position ? Scaled(index[p], slice.Start, slice.Step) : index[p]);
            case Primitive.Flip:
                var flipped = ((Parameters.Axis)equation.Parameters).Position;
                return At(p => p == flipped ? Scaled(index[p], program.Types[variable].Extents[p] - Extent.One, -1) : index[p]);
            case Primitive.Pad when ((Parameters.Slice)equation.Parameters) is { Step: 1 } pad:
                // Only where every place is in the slice; elsewhere the padding is a condition too.
                var count = program.Types[equation.Operands[0].Id].Extents[pad.Position];
                var place = Scaled(index[pad.Position], pad.Start * -1, 1);
                var isInside = place.Offset == Extent.Fixed(0) && place.Terms is [{ Stride: 1 } term] && domain[term.Loop] == count;
                return isInside ? At(p => p == pad.Position ? place : index[p]) : [new(variable, index, isNegated)];
            default:
                return [new(variable, index, isNegated)];
        }
    }

    /// <summary>start + step * index.</summary>
    private static IndexExpression.Affine Scaled(IndexExpression index, Extent start, long step)
    {
        var affine = (IndexExpression.Affine)index;
        return new(start + (affine.Offset * step), affine.Terms.Select(t => t with { Stride = t.Stride * step }).ToEquatableArray());
    }

    /// <summary>Whether a condition is computed from inputs place by place, so that it is known before anything else is.</summary>
    private bool IsKnown(int variable)
    {
        if (isInput[variable])
            return true;
        if (!isKnown.TryGetValue(variable, out var known))
        {
            var equation = definitions[variable];
            known = equation is not null && LoopCosts.Of(equation.Primitive) <= 1
                && equation.Primitive is not (Primitive.Gather or Primitive.ScatterAdd or Primitive.Contract or Primitive.CumSum or Primitive.LogCumSumExp or Primitive.Sort
                    or Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.Any or Primitive.All or Primitive.ArgMax)
                && !(equation is { Primitive: Primitive.Pad, Parameters: Parameters.Slice { Step: not 1 } })
                && equation.Operands.Where(o => o.IsVariable).All(o => IsKnown(o.Id));
            isKnown.Add(variable, known);
        }

        return known;
    }
}
