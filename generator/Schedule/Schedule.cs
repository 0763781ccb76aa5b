using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>One way to run a program: which pointwise variables are stored besides what must be, and what follows from it.</summary>
/// <param name="Stored">The pointwise variables that are stored.</param>
/// <param name="Program">The statements.</param>
/// <param name="Tree">The loops that they share.</param>
/// <param name="Vectors">Which of them run in lanes.</param>
/// <param name="Loops">The loop program, without the text of its stages.</param>
/// <param name="Evaluations">How often each variable that is not stored is evaluated.</param>
/// <param name="Cost">What the cost model says.</param>
internal sealed record Schedule(
    IReadOnlyCollection<int> Stored,
    Materialisation Program,
    List<LoopItem> Tree,
    ISet<LoopGroup> Vectors,
    LoopProgram Loops,
    IReadOnlyDictionary<int, double> Evaluations,
    double Cost)
{
    public static Schedule Of(Program source, string name, IEnumerable<int> stored)
    {
        var variables = new SortedSet<int>(stored);
        var program = Materialisation.Of(source, variables);
        while (Footprint.Measure(program) is { } crowded)
        {
            variables.Add(crowded);
            program = Materialisation.Of(source, variables);
        }

        var tree = Fusion.Group(program);
        var (plain, _) = LoopWriter.Write(program, tree, new HashSet<LoopGroup>(), name, isQuoted: false);
        var (loopIds, cost) = VectorLoops.Plan(plain);
        var vectors = new HashSet<LoopGroup>(Groups(tree).Where(g => loopIds.Contains(g.Id)));
        var (loops, evaluations) = LoopWriter.Write(program, tree, vectors, name, isQuoted: false);
        return new Schedule(variables, program, tree, vectors, loops, evaluations, cost);
    }

    /// <summary>The loop program, each stage with the equations that it computes.</summary>
    public LoopProgram Quoted() => LoopWriter.Write(Program, Tree, Vectors, Loops.Name, isQuoted: true).Program;

    /// <summary>
    /// The degree of the workspace: that of an input is as large as one. A row stays in the cache; several rows together do not, whatever
    /// iteration they belong to. What products of matrices read and give is whole in any case, and does not count.
    /// </summary>
    public int WorkspaceDegree => Loops.Buffers
        .Where(b => b.Role == BufferRole.Workspace && b.Scope != BufferScope.Register && !Contracted.Contains(b.Id))
        .Select(b => (Degree: b.Extents.Count(e => !e.IsFixed), b.Scope))
        .Select(b => b.Scope == BufferScope.Global || b.Degree <= 1 ? b.Degree : b.Degree + 1).DefaultIfEmpty(0).Max();

    private HashSet<int> Contracted => [.. Loops.Stages.SelectMany(s => s.Body is LoopNode.Sequence sequence ? sequence.Children : [])
        .OfType<LoopNode.Contract>().SelectMany(c => new[] { c.Left.Buffer, c.Right.Buffer, c.Result.Buffer })];

    private static IEnumerable<LoopGroup> Groups(IEnumerable<LoopItem> items) =>
        items.OfType<LoopGroup>().SelectMany(g => Groups(g.Body).Concat([g]));
}
