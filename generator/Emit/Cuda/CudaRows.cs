using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// Rows of workspace that are computed of a few inputs are computed again where they are read: a card reads a row again, from its cache,
/// sooner than it writes another.
/// </summary>
internal static class CudaRows
{
    private const int MostComputes = 6;
    private const int MostLoads = 2;

    public static LoopProgram Run(LoopProgram program)
    {
        var values = program.Values.ToList();
        var isChanged = false;
        var stages = program.Stages.Select(s =>
        {
            var nodes = SimdTree.Of(program, s.Body);
            foreach (var root in nodes.OfType<SimdLoop>().SelectMany(CudaNest.Loops).ToArray())
                foreach (var row in program.Buffers.Where(b => b is { Scope: BufferScope.Row, Extents.Count: 1 }))
                    isChanged |= Inline(program, root.Body, row.Id, values, nodes);
            return isChanged ? s with { Body = CudaFission.Sequence(nodes) } : s;
        }).ToEquatableArray();
        if (!isChanged)
            return program;
        var inlined = program with { Stages = stages, Values = values.ToEquatableArray() };
        return (CudaMemory.Donations(program) & ~CudaMemory.Donations(inlined)) != 0 ? program : inlined;
    }

    /// <summary>Computes a row's elements where they are read, if one loop of the body stores it and others load it.</summary>
    private static bool Inline(LoopProgram program, List<SimdNode> body, int row, List<ElementKind> values, List<SimdNode> stage)
    {
        bool Touches(SimdNode node) => SimdTree.Statements(node).Any(s => LoopStatements.Accesses(s.Node).Any(a => a.Buffer == row) || LoopStatements.Writes(s.Node).Contains(row));
        var touching = body.Where(Touches).ToArray();
        if (touching.Length < 2 || touching.Any(n => n is not SimdLoop loop || loop.Body.Any(i => i is SimdLoop)) || stage.SelectMany(CudaNest.Loops).SelectMany(l => l.Body).OfType<SimdStatement>().Count(Touches) != touching.SelectMany(SimdTree.Statements).Count(Touches))
            return false;
        var storing = (SimdLoop)touching[0];
        if (storing.Body.OfType<SimdStatement>().Where(Touches).ToArray() is not [{ Node: LoopNode.Store { Predicate: null, Operand.Kind: LoopAtomKind.Value } store } statement]
            || store.Index[0] != IndexExpression.Of(storing.Variable.Id)
            || touching.Skip(1).SelectMany(SimdTree.Statements).Any(s => Touches(s) && s.Node is not LoopNode.Load))
            return false;

        // What the element is computed of, inside the loop.
        var written = new HashSet<int>(SimdTree.Statements(stage).SelectMany(s => LoopStatements.Writes(s.Node)));
        var defined = storing.Body.OfType<SimdStatement>().Where(s => s.Defines >= 0).ToDictionary(s => s.Defines, s => s.Node);
        var needed = new List<LoopNode>();
        var open = new Stack<int>([store.Operand.Id]);
        var seen = new HashSet<int>();
        while (open.Count > 0)
        {
            var value = open.Pop();
            if (!seen.Add(value) || !defined.TryGetValue(value, out var node))
                continue;
            needed.Add(node);
            foreach (var operand in LoopStatements.Uses(node))
                open.Push(operand);
        }

        var isCheap = needed.OfType<LoopNode.Compute>().Count() <= MostComputes && needed.OfType<LoopNode.Load>().Count() <= MostLoads
            && needed.All(n => n is LoopNode.Compute compute
                ? compute.Operands.All(o => o != LoopAtom.Coordinate(storing.Variable.Id))
                : n is LoopNode.Load load && program.Buffers[load.Buffer].Scope == BufferScope.Global && !written.Contains(load.Buffer));
        if (!isCheap)
            return false;
        var order = storing.Body.OfType<SimdStatement>().Select(s => s.Node).Where(needed.Contains).ToArray();
        foreach (var reading in touching.Skip(1).Cast<SimdLoop>())
            for (var i = 0; i < reading.Body.Count; i++)
                if (reading.Body[i] is SimdStatement { Node: LoopNode.Load load } && load.Buffer == row)
                {
                    if (load.Predicate is not null || load.Index[0] is not IndexExpression.Affine)
                        return false;
                }

        foreach (var reading in touching.Skip(1).Cast<SimdLoop>())
            for (var i = 0; i < reading.Body.Count; i++)
                if (reading.Body[i] is SimdStatement { Node: LoopNode.Load load } && load.Buffer == row)
                {
                    var copy = Copy(order, store.Operand.Id, load.Value, storing.Variable.Id, (IndexExpression.Affine)load.Index[0], values);
                    reading.Body.RemoveAt(i);
                    reading.Body.InsertRange(i, copy);
                    i += copy.Count - 1;
                }

        storing.Body.Remove(statement);
        CudaOnline.Clean(storing.Body);
        if (storing.Body.Count == 0)
            body.Remove(storing);
        return true;
    }

    /// <summary>The statements that compute an element, at another place and under another name.</summary>
    private static List<SimdNode> Copy(LoopNode[] order, int result, int name, int loop, IndexExpression.Affine place, List<ElementKind> values)
    {
        var renamed = new Dictionary<int, int>();
        var copy = new List<SimdNode>();
        int Fresh(int value)
        {
            if (value == result)
                return renamed[value] = name;
            values.Add(values[value]);
            return renamed[value] = values.Count - 1;
        }

        int Value(int value) => renamed.TryGetValue(value, out var other) ? other : value;
        IndexExpression At(IndexExpression index)
        {
            if (index is IndexExpression.Indirect indirect)
                return new IndexExpression.Indirect(Value(indirect.Value));
            var affine = (IndexExpression.Affine)index;
            var stride = affine.Terms.Where(t => t.Loop == loop).Sum(t => t.Stride);
            return stride == 0 ? affine : new IndexExpression.Affine(
                affine.Offset + (place.Offset * stride),
                affine.Terms.Where(t => t.Loop != loop).Concat(place.Terms.Select(t => t with { Stride = t.Stride * stride })).ToEquatableArray());
        }

        foreach (var node in order)
        {
            LoopNode copied = node switch
            {
                LoopNode.Load load => load with { Index = load.Index.Select(At).ToEquatableArray(), Predicate = load.Predicate is { } holds ? Value(holds) : null },
                LoopNode.Compute compute => compute with { Operands = compute.Operands.Select(o => o.Kind == LoopAtomKind.Value ? LoopAtom.Value(Value(o.Id)) : o).ToEquatableArray() },
                _ => node,
            };
            copy.Add(new SimdStatement(copied is LoopNode.Load loaded ? loaded with { Value = Fresh(loaded.Value) } : ((LoopNode.Compute)copied) with { Value = Fresh(((LoopNode.Compute)copied).Value) }));
        }

        return copy;
    }
}
