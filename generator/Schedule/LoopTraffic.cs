using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What a loop program moves, counted from its text: elements, as polynomials in the sizes.</summary>
/// <remarks>
/// An access with a predicate counts whether or not it holds. A loop under a condition counts as if the condition held, and what is done
/// instead of it does not: where rows are skipped, less is moved. Accumulators are registers and do not count.
/// </remarks>
/// <param name="Loads">Elements loaded from each buffer.</param>
/// <param name="Fetches">Those of them that come from memory: a row that the same iteration loaded before is in the cache yet.</param>
/// <param name="Stores">Elements stored or combined into each buffer; clearing one counts too.</param>
public sealed record LoopTraffic(EquatableArray<Volume> Loads, EquatableArray<Volume> Fetches, EquatableArray<Volume> Stores)
{
    /// <summary>The bytes of an element in float32 programs; indices are int64, conditions bytes.</summary>
    public static long Bytes(ElementKind kind) => kind switch { ElementKind.Real => 4, ElementKind.Integer => 8, _ => 1 };

    public static LoopTraffic Of(LoopProgram program)
    {
        var count = new LoopCount(program);
        foreach (var stage in program.Stages)
            count.Add(stage.Body);
        return new(count.Loads.ToEquatableArray(), count.Fetches.ToEquatableArray(), count.Stores.ToEquatableArray());
    }

    /// <summary>Bytes of inputs that come from memory.</summary>
    public Volume BytesRead(LoopProgram program) => Sum(program, Fetches, b => b.Role == BufferRole.Input);

    /// <summary>Bytes written to results and gradients.</summary>
    public Volume BytesWritten(LoopProgram program) => Sum(program, Stores, b => b.Role is BufferRole.Output or BufferRole.Gradient);

    /// <summary>Bytes of memory besides arguments, for one iteration of the outermost loop where that is private.</summary>
    public static Volume Workspace(LoopProgram program) => program.Buffers
        .Where(b => b.Role == BufferRole.Workspace && b.Scope != BufferScope.Register && b.Over < 0)
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
}
