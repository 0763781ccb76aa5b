using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// What was read under a condition is not read again under a narrower one, as discarded positions' programs do of the same label: the
/// second reading becomes a selection, needs no check of its own, and nothing must wait for it.
/// </summary>
internal static class CudaReloads
{
    /// <summary>Replaces such loads, list by list.</summary>
    public static void Replace(LoopProgram program, IReadOnlyList<List<SimdNode>> stages)
    {
        var defined = stages.SelectMany(SimdTree.Statements).Where(s => s.Defines >= 0).GroupBy(s => s.Defines).ToDictionary(g => g.Key, g => g.First().Node);
        foreach (var list in stages.Concat(stages.SelectMany(SimdTree.Loops).Select(l => l.Body)).ToArray())
            Replace(program, list, defined);
    }

    private static void Replace(LoopProgram program, List<SimdNode> list, Dictionary<int, LoopNode> defined)
    {
        var read = new List<LoopNode.Load>();
        for (var i = 0; i < list.Count; i++)
        {
            var written = new HashSet<int>(SimdTree.Statements(list[i]).SelectMany(s => LoopStatements.Writes(s.Node)));
            read.RemoveAll(l => written.Contains(l.Buffer));
            if (list[i] is not SimdStatement { Node: LoopNode.Load load } || program.Buffers[load.Buffer].Scope == BufferScope.Register || program.Buffers[load.Buffer].Extents.Count == 0)
                continue;
            if (load.Predicate is { } narrow && read.FirstOrDefault(l => l.Buffer == load.Buffer && l.Index == load.Index && (l.Predicate is not { } wide || Implies(narrow, wide, defined))) is { } earlier)
                list[i] = new SimdStatement(new LoopNode.Compute(load.Value, Primitive.Where, [LoopAtom.Value(narrow), LoopAtom.Value(earlier.Value), LoopAtom.Literal(0)], Parameters.Nothing)) { Gate = list[i].Gate };
            else
                read.Add(load);
        }
    }

    private static bool Implies(int narrow, int wide, Dictionary<int, LoopNode> defined) =>
        narrow == wide || (defined.TryGetValue(narrow, out var node) && node is LoopNode.Compute { Primitive: Primitive.And } both
            && both.Operands.Any(o => o.Kind == LoopAtomKind.Value && Implies(o.Id, wide, defined)));
}
