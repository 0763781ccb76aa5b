using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>The index maps: what a view, a pad, a gather or a scatter of few values does to an index.</summary>
internal abstract partial class BodyWriter
{
    /// <summary>Zero but for the slice: the operand's element where the place is one of the slice's.</summary>
    private LoopAtom Padded(Equation equation, EquatableArray<IndexExpression> index, Guards guards)
    {
        var pad = (Parameters.Slice)equation.Parameters;
        var (source, type) = (equation.Operands[0].Id, Program.TypeOf(equation.Result));
        var count = Program.TypeOf(source).Extents[pad.Position];
        var end = pad.Start + count;
        int? inside = null;
        LoopAtom Place() => Coordinate(index[pad.Position]);
        var (isAfter, isBefore) = (IsAtLeast(index[pad.Position], pad.Start), !IsAtLeast(index[pad.Position], end));
        if (isAfter == false || isBefore == false)
            return LoopAtom.Literal(0);
        if (pad.Start != Extent.Fixed(0) && isAfter is null)
            inside = Both(inside, Compute(ElementKind.Boolean, Primitive.GreaterOrEqual, Parameters.Nothing, Place(), Size(pad.Start)));
        if (end != type.Extents[pad.Position] && isBefore is null)
            inside = Both(inside, Compute(ElementKind.Boolean, Primitive.Less, Parameters.Nothing, Place(), Size(end)));
        var place = count.IsOne ? Fixed(Extent.Fixed(0)) : Scaled(index[pad.Position], pad.Start * -1, 1);
        var bounds = inside is null ? guards : guards with { Bounds = Both(guards.Bounds, inside), BoundsLevels = guards.BoundsLevels | LevelsOf([index[pad.Position]]) };
        var value = Evaluate(source, With(index, pad.Position, place), bounds);
        return inside is { } condition && !(Program.IsRead(source) && !count.IsOne)
            ? Compute(type.Kind, Primitive.Where, Parameters.Nothing, LoopAtom.Value(condition), value, LoopAtom.Literal(0))
            : value;
    }

    private LoopAtom Gathered(Equation equation, EquatableArray<IndexExpression> index, Guards guards)
    {
        var gather = (Parameters.Gather)equation.Parameters;
        var (source, type) = (equation.Operands[0].Id, Program.TypeOf(equation.Operands[0].Id));
        var place = Atom(equation.Operands[1], index, guards);
        var composed = gather.Map.Select((from, p) => from < 0 ? Found(place, type.Extents[p]) : index[from]).ToEquatableArray();
        return Evaluate(source, composed, guards);
    }

    /// <summary>The place that an index names. A loop's own coordinate over the same extent is not read from data.</summary>
    private IndexExpression Found(LoopAtom place, Extent extent)
    {
        if (place.Kind == LoopAtomKind.Coordinate && ExtentOf(place.Id) == extent)
            return IndexExpression.Of(place.Id);
        if (place.Kind != LoopAtomKind.Value)
            place = Compute(ElementKind.Integer, Primitive.Convert, new Parameters.Convert(null), place);
        return new IndexExpression.Indirect(place.Id);
    }

    /// <summary>A scatter seen from a place of its result: the sum of the few values whose index is this place.</summary>
    private LoopAtom Pulled(Equation equation, EquatableArray<IndexExpression> index, Guards guards)
    {
        var scatter = (Parameters.Gather)equation.Parameters;
        var (kind, extents) = (Program.TypeOf(equation.Result).Kind, Program.TypeOf(equation.Operands[0].Id).Extents);
        var segments = Materialisation.SegmentPositions(Program.Program, equation);
        var count = segments.Aggregate(1L, (n, p) => n * extents[p].Constant);
        var place = Coordinate(index[scatter.Position]);
        LoopAtom? sum = null;
        for (var i = 0L; i < count; i++)
        {
            var rest = i;
            var from = new IndexExpression[extents.Count];
            for (var p = 0; p < scatter.Map.Count; p++)
                if (scatter.Map[p] >= 0)
                    from[scatter.Map[p]] = index[p];
            foreach (var p in segments)
            {
                from[p] = Fixed(Extent.Fixed(rest % extents[p].Constant));
                rest /= extents[p].Constant;
            }

            var at = from.ToEquatableArray();
            var hit = Compute(ElementKind.Boolean, Primitive.Equal, Parameters.Nothing, Atom(equation.Operands[1], at, guards), place);
            var value = Compute(kind, Primitive.Where, Parameters.Nothing, hit, Atom(equation.Operands[0], at, guards), LoopAtom.Literal(0));
            sum = sum is { } before ? Compute(kind, Primitive.Add, Parameters.Nothing, before, value) : value;
        }

        return sum!.Value;
    }

    private EquatableArray<IndexExpression> Rearranged(Equation equation, EquatableArray<IndexExpression> index)
    {
        var source = ((Parameters.Rearrange)equation.Parameters).Source;
        var type = Program.TypeOf(equation.Operands[0].Id);
        var from = new IndexExpression[type.Rank];
        for (var p = 0; p < from.Length; p++)
            from[p] = Fixed(Extent.Fixed(0));
        for (var i = 0; i < source.Count; i++)
            if (source[i] >= 0 && !type.Extents[source[i]].IsOne)
                from[source[i]] = index[i];
        return from.ToEquatableArray();
    }

    /// <summary>The index with 0 at positions that a reduction of one element dropped.</summary>
    private static EquatableArray<IndexExpression> Widened(EquatableArray<int> reduced, int rank, EquatableArray<IndexExpression> index)
    {
        var kept = 0;
        return Enumerable.Range(0, rank).Select(p => reduced.Contains(p) ? Fixed(Extent.Fixed(0)) : index[kept++]).ToEquatableArray();
    }

    protected static IndexExpression Fixed(Extent place) => new IndexExpression.Affine(place, []);

    private static EquatableArray<IndexExpression> With(EquatableArray<IndexExpression> index, int position, IndexExpression place) =>
        index.Select((e, i) => i == position ? place : e).ToEquatableArray();

    /// <summary>start + step * index.</summary>
    private IndexExpression Scaled(IndexExpression index, Extent start, long step)
    {
        if (index is IndexExpression.Affine affine)
            return new IndexExpression.Affine(
                start + (affine.Offset * step),
                affine.Terms.Select(t => t with { Stride = t.Stride * step }).ToEquatableArray());
        if (start == Extent.Fixed(0) && step == 1)
            return index;
        return new IndexExpression.Indirect(Sum(Size(start), Times(LoopAtom.Value(((IndexExpression.Indirect)index).Value), step)).Id);
    }

    /// <summary>Whether a place that no loop moves, the last one say, is at least a bound; null where that depends on sizes or loops.</summary>
    private static bool? IsAtLeast(IndexExpression index, Extent bound) =>
        index is IndexExpression.Affine { Terms.Count: 0 } place && place.Offset - bound is { IsFixed: true } difference ? difference.Constant >= 0 : null;

    /// <summary>An index as an integer.</summary>
    private LoopAtom Coordinate(IndexExpression index)
    {
        if (index is IndexExpression.Indirect indirect)
            return LoopAtom.Value(indirect.Value);
        var affine = (IndexExpression.Affine)index;
        LoopAtom? sum = affine.Offset == Extent.Fixed(0) && affine.Terms.Count > 0 ? null : Size(affine.Offset);
        foreach (var term in affine.Terms)
            sum = sum is { } before ? Sum(before, Times(LoopAtom.Coordinate(term.Loop), term.Stride)) : Times(LoopAtom.Coordinate(term.Loop), term.Stride);
        return sum!.Value;
    }

    private LoopAtom Sum(LoopAtom left, LoopAtom right) => Compute(ElementKind.Integer, Primitive.Add, Parameters.Nothing, left, right);

    private LoopAtom Times(LoopAtom atom, long factor) => factor switch
    {
        1 => atom,
        -1 => Compute(ElementKind.Integer, Primitive.Negate, Parameters.Nothing, atom),
        _ => Compute(ElementKind.Integer, Primitive.Multiply, Parameters.Nothing, atom, LoopAtom.Literal(factor)),
    };

    private LoopAtom Size(Extent extent)
    {
        if (extent.IsFixed)
            return LoopAtom.Literal(extent.Constant);
        var known = Sizes.IndexOf(extent);
        if (known < 0)
        {
            known = Sizes.Count;
            Sizes.Add(extent);
        }

        return LoopAtom.Size(known);
    }
}
