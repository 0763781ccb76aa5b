using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Other names for scalars and loops, where a piece of a loop program is written once more; what has no other name keeps its own.</summary>
/// <param name="values">The other names of scalars.</param>
/// <param name="loops">The other names of loops.</param>
internal sealed class LoopRenaming(IReadOnlyDictionary<int, int> values, IReadOnlyDictionary<int, int> loops)
{
    public LoopNode Of(LoopNode statement) => statement switch
    {
        LoopNode.Load load => load with { Value = Value(load.Value), Index = Of(load.Index), Predicate = Predicate(load.Predicate) },
        LoopNode.Store store => store with { Index = Of(store.Index), Operand = Of(store.Operand), Predicate = Predicate(store.Predicate) },
        LoopNode.Compute compute => compute with { Value = Value(compute.Value), Operands = compute.Operands.Select(Of).ToEquatableArray() },
        LoopNode.Combine combine => combine with
        {
            Index = Of(combine.Index),
            Operand = Of(combine.Operand),
            Position = combine.Position is { } position ? Of(position) : null,
            Predicate = Predicate(combine.Predicate),
        },
        LoopNode.Extern call => call with { Operands = call.Operands.Select(o => o with { Start = Of(o.Start) }).ToEquatableArray() },
        _ => statement,
    };

    public LoopCondition? Of(LoopCondition? when) => when is { } condition ? condition with { Value = Value(condition.Value) } : null;

    public IndexExpression Of(IndexExpression index) => index switch
    {
        IndexExpression.Indirect indirect => new IndexExpression.Indirect(Value(indirect.Value)),
        IndexExpression.Affine affine => affine with { Terms = affine.Terms.Select(t => t with { Loop = Loop(t.Loop) }).ToEquatableArray() },
        _ => index,
    };

    private EquatableArray<IndexExpression> Of(EquatableArray<IndexExpression> index) => index.Select(Of).ToEquatableArray();

    private LoopAtom Of(LoopAtom atom) => atom.Kind switch
    {
        LoopAtomKind.Value => LoopAtom.Value(Value(atom.Id)),
        LoopAtomKind.Coordinate => LoopAtom.Coordinate(Loop(atom.Id)),
        _ => atom,
    };

    private int? Predicate(int? predicate) => predicate is { } value ? Value(value) : null;

    private int Value(int value) => values.TryGetValue(value, out var other) ? other : value;

    private int Loop(int loop) => loops.TryGetValue(loop, out var other) ? other : loop;
}
