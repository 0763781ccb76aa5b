using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>A maximum, and the sum of the exponentials of what it is the maximum of, relative to it: one reading gives both.</summary>
/// <param name="Max">The accumulator of the maximum.</param>
/// <param name="Sum">The accumulator of the sum.</param>
/// <param name="Count">The loop's extent.</param>
internal sealed record CudaOnline(int Max, int Sum, Extent Count)
{
    /// <summary>
    /// Joins the two readings of a row where one loop has the maximum and a later one nothing but sums of exponentials of the same
    /// elements: what is summed then leaves the later loop, and the loop goes where nothing is left.
    /// </summary>
    /// <param name="program">The loop program.</param>
    /// <param name="nodes">The body that has both loops. Rewritten.</param>
    /// <param name="isLane">Whether threads share a loop.</param>
    public static List<CudaOnline> Join(LoopProgram program, List<SimdNode> nodes, Func<SimdLoop, bool> isLane)
    {
        var joined = new List<CudaOnline>();
        foreach (var first in nodes.OfType<SimdLoop>().Where(isLane).ToArray())
            foreach (var max in first.Body.OfType<SimdStatement>().Select(s => s.Node).OfType<LoopNode.Combine>().Where(c => c is { Monoid: Monoid.Max, Predicate: null }).ToArray())
                foreach (var second in nodes.Skip(nodes.IndexOf(first) + 1).OfType<SimdLoop>().Where(l => isLane(l) && l.Variable.Extent == first.Variable.Extent && l.When == first.When).ToArray())
                    if (program.Buffers[max.Buffer].Kind == ElementKind.Real && SumOf(program, nodes, max, first, second) is { } sum)
                    {
                        joined.Add(new(max.Buffer, ((LoopNode.Combine)sum.Node).Buffer, first.Variable.Extent));
                        second.Body.Remove(sum);
                        Clean(second.Body);
                        if (second.Body.Count == 0)
                            nodes.Remove(second);
                        break;
                    }

        return joined;
    }

    /// <summary>The statement of the second loop that sums exp(x - max), where max is that of the same x in the first.</summary>
    private static SimdStatement? SumOf(LoopProgram program, List<SimdNode> nodes, LoopNode.Combine max, SimdLoop first, SimdLoop second)
    {
        if (program.Buffers[max.Buffer].Scope != BufferScope.Register || max.Operand.Kind != LoopAtomKind.Value)
            return null;
        var defined = nodes.OfType<SimdStatement>().Concat(second.Body.OfType<SimdStatement>()).Where(s => s.Defines >= 0).ToDictionary(s => s.Defines, s => s.Node);
        var renaming = new LoopRenaming(new Dictionary<int, int>(), new Dictionary<int, int> { [second.Variable.Id] = first.Variable.Id });
        var firsts = first.Body.OfType<SimdStatement>().Where(s => s.Defines >= 0).ToDictionary(s => s.Defines, s => s.Node);
        foreach (var statement in second.Body.OfType<SimdStatement>())
        {
            if (statement.Node is LoopNode.Combine { Monoid: Monoid.Sum, Predicate: null, Operand.Kind: LoopAtomKind.Value } sum
                && program.Buffers[sum.Buffer] is { Scope: BufferScope.Register, Kind: ElementKind.Real }
                && Once(nodes, sum.Buffer) && Once(nodes, max.Buffer)
                && defined[sum.Operand.Id] is LoopNode.Compute { Primitive: Primitive.Exp } exponential
                && exponential.Operands[0] is { Kind: LoopAtomKind.Value } argument
                && defined[argument.Id] is LoopNode.Compute { Primitive: Primitive.Subtract } difference
                && difference.Operands[1] is { Kind: LoopAtomKind.Value } shift
                && defined.TryGetValue(shift.Id, out var load) && load is LoopNode.Load loaded && loaded.Buffer == max.Buffer
                && difference.Operands[0] is { Kind: LoopAtomKind.Value } element
                && Same(element.Id, max.Operand.Id, defined, firsts, renaming))
                return statement;
        }

        return null;
    }

    // Combined by one statement.
    private static bool Once(List<SimdNode> nodes, int buffer) => SimdTree.Statements(nodes).Count(s => s.Node is LoopNode.Combine combine && combine.Buffer == buffer) == 1;

    /// <summary>Whether two values are computed alike, the one in the second loop, the other in the first.</summary>
    private static bool Same(int second, int first, Dictionary<int, LoopNode> seconds, Dictionary<int, LoopNode> firsts, LoopRenaming renaming)
    {
        if (second == first)
            return true;
        if (!seconds.TryGetValue(second, out var left) || !firsts.TryGetValue(first, out var right))
            return false;
        return (left, right) switch
        {
            (LoopNode.Load { Predicate: null } x, LoopNode.Load { Predicate: null } y) => x.Buffer == y.Buffer && x.Index.Select(renaming.Of).SequenceEqual(y.Index),
            (LoopNode.Compute x, LoopNode.Compute y) => x.Primitive == y.Primitive && x.Parameters.Equals(y.Parameters) && x.Operands.Count == y.Operands.Count
                && x.Operands.Zip(y.Operands, (a, b) => a.Kind == LoopAtomKind.Value && b.Kind == LoopAtomKind.Value ? Same(a.Id, b.Id, seconds, firsts, renaming) : a == b).All(same => same),
            _ => false,
        };
    }

    /// <summary>Removes values that nothing uses any more.</summary>
    public static void Clean(List<SimdNode> body)
    {
        while (body.RemoveAll(n => n is SimdStatement { Defines: >= 0 } s && !SimdTree.Uses(body).Contains(s.Defines)) > 0)
        {
        }
    }
}
