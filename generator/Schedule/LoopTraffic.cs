using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What a loop program moves, counted from its text: elements, as polynomials in the sizes.</summary>
/// <remarks>An access with a predicate counts whether or not it holds. Accumulators are registers and do not count.</remarks>
/// <param name="Loads">Elements loaded from each buffer.</param>
/// <param name="Stores">Elements stored or combined into each buffer; clearing one counts too.</param>
public sealed record LoopTraffic(EquatableArray<Volume> Loads, EquatableArray<Volume> Stores)
{
    /// <summary>The bytes of an element in float32 programs; indices are int64, conditions bytes.</summary>
    public static long Bytes(ElementKind kind) => kind switch { ElementKind.Real => 4, ElementKind.Integer => 8, _ => 1 };

    public static LoopTraffic Of(LoopProgram program)
    {
        var (loads, stores) = (new Volume[program.Buffers.Count], new Volume[program.Buffers.Count]);
        for (var i = 0; i < loads.Length; i++)
            loads[i] = stores[i] = Volume.Zero;
        foreach (var stage in program.Stages)
            Count(program, stage.Body, Volume.Of(1), loads, stores);
        return new(loads.ToEquatableArray(), stores.ToEquatableArray());
    }

    /// <summary>Bytes read of inputs: each element once for each loop that loads it.</summary>
    public Volume BytesRead(LoopProgram program) => Sum(program, Loads, b => b.Role == BufferRole.Input);

    /// <summary>Bytes written to results and gradients.</summary>
    public Volume BytesWritten(LoopProgram program) => Sum(program, Stores, b => b.Role is BufferRole.Output or BufferRole.Gradient);

    /// <summary>Bytes of memory besides arguments, for one iteration of the outermost loop where that is private.</summary>
    public static Volume Workspace(LoopProgram program) => program.Buffers
        .Where(b => b.Role == BufferRole.Workspace && b.Scope != BufferScope.Register)
        .Aggregate(Volume.Zero, (sum, b) => sum + (Volume.Of(b.Extents) * Bytes(b.Kind)));

    /// <summary>Bytes kept for the backward.</summary>
    public static Volume Kept(LoopProgram program) => program.Buffers
        .Where(b => b.Role == BufferRole.Residual)
        .Aggregate(Volume.Zero, (sum, b) => sum + (Volume.Of(b.Extents) * Bytes(b.Kind)));

    /// <summary>Bytes for each element of the largest loops: the sum of the coefficients of highest degree.</summary>
    public static double PerElement(Volume bytes, int degree) => bytes.Terms.Where(t => t.Names.Count == degree).Sum(t => (double)t.Coefficient);

    /// <summary>The depth of named loops: the degree of the largest volume moved.</summary>
    public int Degree => Loads.Concat(Stores).SelectMany(v => v.Terms.Select(t => t.Names.Count)).DefaultIfEmpty(0).Max();

    private static Volume Sum(LoopProgram program, EquatableArray<Volume> elements, Func<LoopBuffer, bool> counts) => program.Buffers
        .Where(counts).Aggregate(Volume.Zero, (sum, b) => sum + (elements[b.Id] * Bytes(b.Kind)));

    private static void Count(LoopProgram program, LoopNode node, Volume times, Volume[] loads, Volume[] stores)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Count(program, child, times, loads, stores);
                break;
            case LoopNode.Loop loop:
                Count(program, loop.Body, times * Volume.Of(program.Loops[loop.Variable].Extent), loads, stores);
                break;
            case LoopNode.Load load:
                Add(loads, load.Buffer, times);
                break;
            case LoopNode.Store store:
                Add(stores, store.Buffer, times);
                break;
            case LoopNode.Combine combine:
                Add(stores, combine.Buffer, times);
                break;
            case LoopNode.Initialise initialise:
                Add(stores, initialise.Buffer, times * Volume.Of(program.Buffers[initialise.Buffer].Extents));
                break;
            case LoopNode.Contract contract:
                Add(loads, contract.Left.Buffer, times * Volume.Of(program.Buffers[contract.Left.Buffer].Extents));
                Add(loads, contract.Right.Buffer, times * Volume.Of(program.Buffers[contract.Right.Buffer].Extents));
                Add(stores, contract.Result.Buffer, times * Volume.Of(program.Buffers[contract.Result.Buffer].Extents));
                break;
            case LoopNode.Extern row:
                foreach (var operand in row.Operands)
                    Add(operand.IsWritten ? stores : loads, operand.Buffer, times * Volume.Of(row.Length));
                break;
        }

        void Add(Volume[] counts, int buffer, Volume elements)
        {
            if (program.Buffers[buffer].Scope != BufferScope.Register)
                counts[buffer] += elements;
        }
    }
}
