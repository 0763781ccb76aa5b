using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Which arguments a kernel takes as their tensors keep them, whatever their dtype: those that it touches element by element, by index,
/// or in whole rows. The others are converted as a whole before it runs, or after.
/// </summary>
/// <remarks>
/// What is written is written once and not looked at again: partial sums would be rounded each time. Vector loops find rows in the one
/// form that they are compiled for (a check at each access would slow them down), so a row that is of another dtype is converted before
/// or after them.
/// </remarks>
internal sealed class SimdStorage
{
    private readonly SimdKernel kernel;
    private readonly bool[] stored;
    private readonly Dictionary<SimdLoop, HashSet<int>> rows = [];

    public SimdStorage(SimdKernel kernel)
    {
        this.kernel = kernel;
        stored = [.. kernel.Program.Buffers.Select(b => b switch
        {
            { Role: BufferRole.Input } => b.Kind != ElementKind.Boolean,
            { Role: BufferRole.Output or BufferRole.Gradient } => b.Kind == ElementKind.Real,
            _ => false,
        })];
        foreach (var stage in kernel.Stages)
            Walk(stage, []);
    }

    public bool this[int buffer] => stored[buffer];

    /// <summary>
    /// The tensors whose rows the loops inside an outermost one take as they are in memory: those with most axes. There the time goes,
    /// and smaller ones beside them may be of another dtype without slowing them down.
    /// </summary>
    public IReadOnlyList<int> RowsIn(SimdLoop outermost)
    {
        if (!kernel.IsBlock(outermost) || !rows.TryGetValue(outermost, out var all))
            return [];
        int Axes(int buffer) => kernel.Program.Buffers[buffer].Extents.Count(e => !e.IsOne);
        var own = all.Where(b => stored[b]).OrderBy(b => b).ToArray();
        return own.Where(b => Axes(b) == own.Max(Axes)).ToArray();
    }

    private void Walk(IEnumerable<SimdNode> nodes, List<SimdLoop> path)
    {
        foreach (var node in nodes)
        {
            if (node is SimdStatement statement)
            {
                Check(statement.Node, path);
                continue;
            }

            var loop = (SimdLoop)node;
            Walk(loop.Prologue, path);
            path.Add(loop);
            Walk(loop.Body, path);
            path.RemoveAt(path.Count - 1);
        }
    }

    private void Check(LoopNode node, List<SimdLoop> path)
    {
        foreach (var (buffer, index) in LoopStatements.Accesses(node))
            stored[buffer] &= IsPossible(node, buffer, index, path);
        if (node is LoopNode.Initialise initialise)
            stored[initialise.Buffer] = false;
    }

    private bool IsPossible(LoopNode node, int buffer, EquatableArray<IndexExpression> index, List<SimdLoop> path)
    {
        var isWritten = kernel.Program.Buffers[buffer].Role != BufferRole.Input;
        if (isWritten ? node is not LoopNode.Store : node is not LoopNode.Load)
            return false;
        if (path.FirstOrDefault(l => l.Variable.IsVector) is not { } lanes || kernel.Program.Buffers[buffer].Kind == ElementKind.Integer)
            return true;
        if (IsScattered(buffer, index, lanes))
            return true;
        if (!IsRow(buffer, index, lanes, path, LoopStatements.Predicate(node), isWritten))
            return false;
        if (!rows.TryGetValue(path[0], out var found))
            rows[path[0]] = found = [];
        found.Add(buffer);
        return true;
    }

    /// <summary>Whether the lanes are neither neighbours nor one place, so that each is found by its index.</summary>
    private bool IsScattered(int buffer, EquatableArray<IndexExpression> index, SimdLoop lanes)
    {
        var extents = kernel.Program.Buffers[buffer].Extents;
        for (var p = 0; p < extents.Count; p++)
        {
            if (index[p] is IndexExpression.Indirect indirect && SimdTree.Statements(lanes).Any(s => s.Defines == indirect.Value))
                return true;
            if (index[p] is IndexExpression.Affine affine && affine.Terms.Any(t => t.Loop == lanes.Variable.Id && (t.Stride != 1 || extents.Skip(p + 1).Any(e => !e.IsOne))))
                return true;
        }

        return false;
    }

    /// <summary>Whether the lanes are neighbours in a row that begins where the loops outside stand.</summary>
    private bool IsRow(int buffer, EquatableArray<IndexExpression> index, SimdLoop lanes, List<SimdLoop> path, int? predicate, bool isWritten)
    {
        var extents = kernel.Program.Buffers[buffer].Extents;
        var outside = path.TakeWhile(l => l != lanes).Select(l => l.Variable).ToDictionary(v => v.Id);
        var last = extents.Count - 1;
        while (last > 0 && extents[last].IsOne)
            last--;
        if (last < 1)
            return false;
        for (var p = 0; p < extents.Count; p++)
        {
            if (index[p] is not IndexExpression.Affine affine)
                return false;
            if (p == last)
            {
                // All of it is written, so that all of it can be converted.
                if (affine.Terms is not [{ Stride: 1 } own] || own.Loop != lanes.Variable.Id)
                    return false;
                if (isWritten && (predicate is not null || affine.Offset != Extent.Fixed(0) || lanes.Variable.Extent != extents[p]))
                    return false;
            }
            else if (affine.Terms.Any(t => !outside.ContainsKey(t.Loop)) || (predicate is not null && !IsInside(affine, extents[p], outside)))
            {
                return false;
            }
        }

        return true;
    }

    // Where a predicate says whether the place exists, the row must exist whatever it says.
    private static bool IsInside(IndexExpression.Affine affine, Extent extent, Dictionary<int, LoopVariable> outside) =>
        affine.Offset == Extent.Fixed(0) && (affine.Terms.Count == 0 || (affine.Terms is [{ Stride: 1 } own] && outside[own.Loop].Extent == extent));
}
