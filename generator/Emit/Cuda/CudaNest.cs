using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// How an outermost loop is spread over the card. Outer loops whose iterations do not meet become one: its iterations are the items.
/// An item is a thread's where nothing inside is long, a block's where its threads can share inner loops.
/// </summary>
internal sealed class CudaNest
{
    // Loops so short are run by each thread.
    private const int Short = 8;

    private readonly LoopProgram program;
    private readonly HashSet<SimdLoop> lanes = [];

    private CudaNest(LoopProgram program) => this.program = program;

    /// <summary>The loops that became one, outermost first; none where a scatter runs in order.</summary>
    public List<SimdLoop> Items { get; } = [];

    /// <summary>What is computed on the way to the innermost of them.</summary>
    public List<SimdNode> Prologue { get; } = [];

    /// <summary>What is done for each item.</summary>
    public List<SimdNode> Body { get; private set; } = [];

    public CudaGrid Grid { get; private set; }

    /// <summary>Whether a loop's iterations are shared among the threads of a block, or of the grid where they own what they write.</summary>
    public bool IsLane(SimdLoop loop) => lanes.Contains(loop);

    /// <summary>The axes of the loops that threads share.</summary>
    public EquatableArray<Extent> Row => lanes.Select(l => l.Variable.Extent).Distinct().OrderBy(e => e.ToString(), StringComparer.Ordinal).ToEquatableArray();

    public static CudaNest Of(LoopProgram program, SimdLoop root)
    {
        var nest = new CudaNest(program);
        if (root.Variable.Iterator == IteratorType.Segment)
            nest.Scatter(root);
        else
            nest.Spread(root);
        return nest;
    }

    private void Spread(SimdLoop root)
    {
        Items.Add(root);
        Body = root.Body;
        while (!Items[Items.Count - 1].Variable.IsVector && Inner(Body) is { } inner)
        {
            // What is the same for a row is computed once for it, where its elements are many.
            if (inner.Variable.IsVector && Prologue.Count + Body.Count > 1 && !IsShort(inner))
                break;
            Prologue.AddRange(Body.Where(n => n != inner));
            Items.Add(inner);
            Body = inner.Body;
        }

        var isLong = Body.OfType<SimdLoop>().Any(IsLong) || SimdTree.Statements(Body).Any(IsOfBlock);
        Grid = !Items[Items.Count - 1].Variable.IsVector && isLong ? CudaGrid.Rows : CudaGrid.Elements;
        if (Grid == CudaGrid.Rows)
            Share(Body);
    }

    /// <summary>The only loop of a body that otherwise computes nothing but values, where its iterations share no memory.</summary>
    private SimdLoop? Inner(List<SimdNode> body)
    {
        var loops = body.OfType<SimdLoop>().ToArray();
        if (loops.Length != 1 || loops[0].When is not null || loops[0].Variable.Iterator == IteratorType.Segment || body.Any(n => n is SimdStatement { Defines: < 0 }))
            return null;
        return SimdTree.Statements(loops[0]).All(s => IsApart(s.Node, loops[0].Variable.Id, loops[0])) ? loops[0] : null;
    }

    /// <summary>Whether what a statement writes is of one iteration of the loop alone, or a sum over all.</summary>
    private bool IsApart(LoopNode node, int loop, SimdLoop within)
    {
        foreach (var written in LoopStatements.Writes(node))
        {
            var buffer = program.Buffers[written];
            if (buffer.Scope == BufferScope.Global && buffer.Extents.Count == 0)
                continue;
            if (buffer.Scope != BufferScope.Global)
            {
                // Its own, if it begins inside.
                if (!SimdTree.Statements(within).Any(s => s.Node is LoopNode.Initialise initialise && initialise.Buffer == written)
                    && !(buffer.Scope == BufferScope.Row && IsRowOf(written, within)))
                    return false;
            }
            else if (!LoopStatements.Accesses(node).Where(a => a.Buffer == written).Any(a => a.Index.Any(i => Has(i, loop))))
            {
                return false;
            }
        }

        return true;
    }

    // Rows are touched in one loop only, and written there before they are read.
    private static bool IsRowOf(int buffer, SimdLoop loop) =>
        SimdTree.Statements(loop).SelectMany(s => LoopStatements.Accesses(s.Node)).Where(a => a.Buffer == buffer).All(a => a.Index.All(i => !Has(i, loop.Variable.Id)));

    private static bool IsLong(SimdLoop loop) => loop.Variable.Iterator != IteratorType.Segment && (loop.Body.OfType<SimdLoop>().Any(IsLong) || !IsShort(loop));

    private static bool IsShort(SimdLoop loop) => loop.Variable.Extent.IsFixed && loop.Variable.Extent.Constant <= Short;

    private bool IsOfBlock(SimdStatement statement) =>
        statement.Node is LoopNode.Extern || LoopStatements.Accesses(statement.Node).Any(a => program.Buffers[a.Buffer].Scope == BufferScope.Row);

    /// <summary>Chooses the loops that threads share: those that run in lanes; elsewhere the outermost whose iterations do not meet.</summary>
    private void Share(IEnumerable<SimdNode> nodes)
    {
        foreach (var loop in nodes.OfType<SimdLoop>())
        {
            if (CanShare(loop))
                lanes.Add(loop);
            else
                Share(loop.Body);
        }
    }

    private bool CanShare(SimdLoop loop)
    {
        if (loop.Variable.IsVector)
            return true;
        if (loop.Variable.Iterator == IteratorType.Segment || Loops(loop).Any(l => l != loop && (l.Variable.IsVector || l.Variable.Iterator == IteratorType.Segment)))
            return false;
        return SimdTree.Statements(loop).All(s => s.Node switch
        {
            LoopNode.Extern or LoopNode.Contract => false,
            LoopNode.Initialise initialise => program.Buffers[initialise.Buffer].Scope == BufferScope.Register,
            LoopNode.Store or LoopNode.Combine => LoopStatements.Accesses(s.Node).All(a => a.Index.Count == 0 || a.Index.Any(i => Has(i, loop.Variable.Id))),
            _ => true,
        });
    }

    /// <summary>A scatter: iterations in order, in every thread, each of which writes what it owns.</summary>
    private void Scatter(SimdLoop root)
    {
        Body = [root];
        var statements = SimdTree.Statements(root).ToArray();
        var written = new HashSet<int>(statements.SelectMany(s => LoopStatements.Writes(s.Node)).Where(b => program.Buffers[b].Scope == BufferScope.Global && program.Buffers[b].Extents.Count > 0));
        var isOwnable = !statements.Any(s => IsOfBlock(s) || (s.Node is LoopNode.Load load && written.Contains(load.Buffer)));
        Grid = isOwnable ? CudaGrid.Owners : CudaGrid.Block;
        if (!isOwnable)
            Share(Body);
        else if (Loops(root).FirstOrDefault(l => l.Variable.IsVector) is { } lane && Columns(root, lane))
            lanes.Add(lane);
    }

    /// <summary>Whether everything that a scatter writes is inside one loop, each iteration in places of its own.</summary>
    private bool Columns(SimdLoop root, SimdLoop lane)
    {
        var inside = SimdTree.Statements(lane).ToArray();
        return SimdTree.Statements(root).All(s => s.Node switch
        {
            LoopNode.Store or LoopNode.Combine or LoopNode.Initialise when LoopStatements.Writes(s.Node).Any(b => program.Buffers[b].Scope == BufferScope.Register) =>
                !inside.Contains(s) || inside.Any(i => i.Node is LoopNode.Initialise initialise && LoopStatements.Writes(s.Node).Contains(initialise.Buffer)),
            LoopNode.Store or LoopNode.Combine => inside.Contains(s) && LoopStatements.Accesses(s.Node).All(a => a.Index.Count == 0 || a.Index.Any(i => Has(i, lane.Variable.Id))),
            _ => true,
        });
    }

    public static IEnumerable<SimdLoop> Loops(SimdNode node) => node is SimdLoop loop ? loop.Body.SelectMany(Loops).Prepend(loop) : [];

    public static bool Has(IndexExpression index, int loop) => index is IndexExpression.Affine affine && affine.Terms.Any(t => t.Loop == loop);
}
