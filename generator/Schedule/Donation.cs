using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Which gradients may be written over the input that they are of: where nothing of the input is read after its place has been written.
/// </summary>
public static class Donation
{
    /// <summary>Bit k is set for such a gradient k.</summary>
    public static ulong Of(LoopProgram program)
    {
        var accesses = Accesses(program);
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        var donations = 0UL;
        foreach (var gradient in program.Buffers.Where(b => b.Role == BufferRole.Gradient))
        {
            var output = program.Source.Outputs[gradient.Argument];

            // As whatever kind the input is read: it is one memory. What is not read at all may be written at any time.
            var reads = accesses.Where(a => IsInputOf(program, program.Buffers[a.Buffer], output)).ToArray();
            if (reads.Length == 0 || MayOverwrite(accesses, gradient.Id, reads))
                donations |= 1UL << Array.IndexOf(gradients, output);
        }

        return donations;
    }

    /// <summary>
    /// The program with whole buffers of workspace in the memory of earlier ones: where nothing of that is read after its place has been
    /// written. Gradients of logits that are a product take the logits' place.
    /// </summary>
    public static LoopProgram ShareWorkspace(LoopProgram program)
    {
        var accesses = Accesses(program);
        var buffers = program.Buffers.ToArray();
        bool IsWhole(LoopBuffer buffer) => buffer is { Role: BufferRole.Workspace, Scope: BufferScope.Global, Kind: ElementKind.Real, Extents.Count: > 0 };
        foreach (var buffer in program.Buffers.Where(IsWhole))
        {
            var dead = program.Buffers.Take(buffer.Id).LastOrDefault(b => IsWhole(b) && b.Extents == buffer.Extents && buffers.All(other => other.Over != b.Id)
                && MayOverwrite(accesses, buffer.Id, accesses.Where(a => a.Buffer == b.Id).ToArray()));
            if (dead is not null)
                buffers[buffer.Id] = buffer with { Over = dead.Id };
        }

        return program with { Buffers = buffers.ToEquatableArray() };
    }

    private static List<Visit> Accesses(LoopProgram program)
    {
        var accesses = new List<Visit>();
        for (var stage = 0; stage < program.Stages.Count; stage++)
            Collect(program.Stages[stage].Body, stage, [], accesses);
        return accesses;
    }

    private static bool MayOverwrite(List<Visit> accesses, int written, Visit[] reads)
    {
        var writes = accesses.Where(a => a.Buffer == written && a.IsWrite).ToArray();
        var isWhole = writes switch
        {
            [var write] => write.IsStore && write.Path.All(l => l.When is null),
            [var write, var other] => write.IsStore && other.IsStore && AreAlternatives(write, other),
            _ => false,
        };
        return isWhole && writes.All(w => IsOnce(w) && reads.All(r => IsInstead(r, w) ? IsOfIteration(r, w) : Precedes(r, w)));
    }

    /// <summary>Whether two stores write the same places, one where the other does not: their innermost loops run under opposite conditions.</summary>
    private static bool AreAlternatives(Visit left, Visit right)
    {
        var last = left.Path.Count - 1;
        return IsInstead(left, right) && right.Path.Count == left.Path.Count
            && left.Path.Take(last).SequenceEqual(right.Path.Take(last)) && left.Path.Take(last).All(l => l.When is null)
            && left.Index.Select(i => LoopOf(i) == left.Path[last].Variable ? -1 : LoopOf(i)).SequenceEqual(right.Index.Select(i => LoopOf(i) == right.Path[last].Variable ? -1 : LoopOf(i)));
    }

    /// <summary>Whether, in an iteration of the loops that both are in, one is done only where the other is not.</summary>
    private static bool IsInstead(Visit left, Visit right)
    {
        var depth = Common(left, right);
        return left.Stage == right.Stage && depth < left.Path.Count && depth < right.Path.Count
            && left.Path[depth].When is { } when && right.Path[depth].When is { } other && when.IsOpposite(other);
    }

    private static int Common(Visit left, Visit right)
    {
        var depth = 0;
        while (depth < left.Path.Count && depth < right.Path.Count && left.Path[depth] == right.Path[depth])
            depth++;
        return depth;
    }

    /// <summary>The input that a gradient is of; null where it is not read.</summary>
    internal static LoopBuffer? InputOf(LoopProgram program, ProgramOutput gradient) =>
        program.Buffers.FirstOrDefault(b => b.Kind == ElementKind.Real && IsInputOf(program, b, gradient));

    private static bool IsInputOf(LoopProgram program, LoopBuffer buffer, ProgramOutput gradient) => buffer.Role == BufferRole.Input
        && program.Source.Inputs[buffer.Argument] is { Role: InputRole.Parameter } source && source.Name == gradient.Name;

    /// <summary>Whether the store writes each place once: every position runs with a loop of its own.</summary>
    private static bool IsOnce(Visit write)
    {
        var loops = write.Index.Select(LoopOf).ToArray();
        return loops.All(l => l >= 0) && loops.Distinct().Count() == loops.Length && write.Path.All(l => loops.Contains(l.Variable));
    }

    /// <summary>Whether a read happens before its place is written, in whatever order parallel iterations run.</summary>
    private static bool Precedes(Visit read, Visit write)
    {
        if (read.Stage != write.Stage)
            return read.Stage < write.Stage;
        return read.Order <= write.Order && IsOfIteration(read, write);
    }

    /// <summary>Whether, in the loops that both are in, a read stays within the iteration whose places are written.</summary>
    private static bool IsOfIteration(Visit read, Visit write) => write.Path.Take(Common(read, write)).All(loop =>
    {
        var position = write.Index.Select(LoopOf).ToList().IndexOf(loop.Variable);
        return LoopOf(read.Index[position]) == loop.Variable;
    });

    /// <summary>The loop whose variable an index is, or -1.</summary>
    private static int LoopOf(IndexExpression index) =>
        index is IndexExpression.Affine { Terms: { Count: 1 } terms } affine && terms[0].Stride == 1 && affine.Offset == Extent.Fixed(0) ? terms[0].Loop : -1;

    private static void Collect(LoopNode node, int stage, IReadOnlyList<Open> path, List<Visit> accesses)
    {
        void Add(int buffer, EquatableArray<IndexExpression> index, bool isWrite = false, bool isStore = false) =>
            accesses.Add(new(buffer, index, stage, accesses.Count, path, isWrite, isStore));
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Collect(child, stage, path, accesses);
                break;
            case LoopNode.Loop loop:
                Collect(loop.Body, stage, [.. path, new(loop.Variable, loop.When)], accesses);
                break;
            case LoopNode.Load load:
                Add(load.Buffer, load.Index);
                break;
            case LoopNode.Store store:
                Add(store.Buffer, store.Index, isWrite: true, store.Predicate is null);
                break;
            case LoopNode.Combine combine:
                Add(combine.Buffer, combine.Index, isWrite: true);
                break;
            case LoopNode.Initialise initialise:
                Add(initialise.Buffer, [], isWrite: true);
                break;
            case LoopNode.Contract contract:
                Add(contract.Left.Buffer, []);
                Add(contract.Right.Buffer, []);
                Add(contract.Result.Buffer, [], isWrite: true);
                break;
            case LoopNode.Extern call:
                foreach (var operand in call.Operands)
                    Add(operand.Buffer, operand.Start, operand.IsWritten);
                break;
        }
    }

    /// <summary>One access to memory: where it stands, in which loops; a store is a write of every place that it comes to.</summary>
    private sealed record Visit(int Buffer, EquatableArray<IndexExpression> Index, int Stage, int Order, IReadOnlyList<Open> Path, bool IsWrite, bool IsStore);

    /// <summary>A loop on the way to an access, and when it runs.</summary>
    private readonly record struct Open(int Variable, LoopCondition? When);
}
