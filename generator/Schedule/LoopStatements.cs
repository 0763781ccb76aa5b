using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Questions about one statement of a loop program: any node but a loop or a sequence.</summary>
internal static class LoopStatements
{
    /// <summary>The scalar that a statement defines, or -1.</summary>
    public static int Defines(LoopNode node) => node switch { LoopNode.Load load => load.Value, LoopNode.Compute compute => compute.Value, _ => -1 };

    /// <summary>What a statement computes with, stores or combines.</summary>
    public static IEnumerable<LoopAtom> Operands(LoopNode node) => node switch
    {
        LoopNode.Compute compute => compute.Operands.AsEnumerable(),
        LoopNode.Store store => [store.Operand],
        LoopNode.Combine { Position: { } position } combine => [combine.Operand, position],
        LoopNode.Combine combine => [combine.Operand],
        _ => [],
    };

    /// <summary>The scalars that a statement uses, each as often as it does.</summary>
    public static IEnumerable<int> Uses(LoopNode node)
    {
        foreach (var atom in Operands(node))
            if (atom.Kind == LoopAtomKind.Value)
                yield return atom.Id;
        foreach (var value in AddressUses(node))
            yield return value;
    }

    /// <summary>Those of them that say where, or whether.</summary>
    public static IEnumerable<int> AddressUses(LoopNode node)
    {
        foreach (var access in Accesses(node))
            foreach (var index in access.Index)
                if (index is IndexExpression.Indirect indirect)
                    yield return indirect.Value;
        if (Predicate(node) is { } predicate)
            yield return predicate;
    }

    /// <summary>The loop variables that a statement itself mentions.</summary>
    public static IEnumerable<int> LoopUses(LoopNode node)
    {
        foreach (var access in Accesses(node))
            foreach (var index in access.Index)
                if (index is IndexExpression.Affine affine)
                    foreach (var term in affine.Terms)
                        yield return term.Loop;
        foreach (var atom in Operands(node))
            if (atom.Kind == LoopAtomKind.Coordinate)
                yield return atom.Id;
    }

    /// <summary>The places in memory that a statement touches.</summary>
    public static IEnumerable<(int Buffer, EquatableArray<IndexExpression> Index)> Accesses(LoopNode node) => node switch
    {
        LoopNode.Load load => [(load.Buffer, load.Index)],
        LoopNode.Store store => [(store.Buffer, store.Index)],
        LoopNode.Combine combine => [(combine.Buffer, combine.Index)],
        LoopNode.Extern call => call.Operands.Select(o => (o.Buffer, o.Start)),
        LoopNode.Contract contract => new[] { contract.Left, contract.Right, contract.Result }.Select(o => (o.Buffer, EquatableArray<IndexExpression>.Empty)),
        _ => [],
    };

    /// <summary>The condition under which a statement reads or writes; null for always.</summary>
    public static int? Predicate(LoopNode node) => node switch
    {
        LoopNode.Load load => load.Predicate,
        LoopNode.Store store => store.Predicate,
        LoopNode.Combine combine => combine.Predicate,
        _ => null,
    };

    /// <summary>The buffers that a statement writes.</summary>
    public static IEnumerable<int> Writes(LoopNode node) => node switch
    {
        LoopNode.Store store => [store.Buffer],
        LoopNode.Combine combine => [combine.Buffer],
        LoopNode.Initialise initialise => [initialise.Buffer],
        LoopNode.Extern call => call.Operands.Where(o => o.IsWritten).Select(o => o.Buffer),
        LoopNode.Contract contract => [contract.Result.Buffer],
        _ => [],
    };
}
