using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What an axis of a statement's domain is to its result.</summary>
internal enum AxisRole
{
    /// <summary>The result has it, at its <see cref="DomainAxis.Position"/>.</summary>
    Kept,

    /// <summary>Its iterations combine into one place.</summary>
    Reduced,

    /// <summary>Its iterations combine into places found by an index.</summary>
    Segment,

    /// <summary>Its iterations write distinct places, but not each its own: a strided pad.</summary>
    Placed,
}

/// <summary>An axis that a statement runs over. Axes of extent 1 are not there.</summary>
/// <param name="Extent">How often it runs.</param>
/// <param name="Role">What it is to the result.</param>
/// <param name="Position">For kept axes: the position of the result.</param>
internal sealed record DomainAxis(Extent Extent, AxisRole Role, int Position);

/// <summary>How a statement makes its variable.</summary>
internal enum StatementKind
{
    /// <summary>Stores a pointwise value.</summary>
    Store,

    /// <summary>Stores a variable in one more output.</summary>
    Copy,

    /// <summary>Combines over reduced axes.</summary>
    Reduce,

    /// <summary>Adds to places found by an index.</summary>
    Scatter,

    /// <summary>Puts values at every n-th place, zeros between.</summary>
    Place,

    /// <summary>A row routine of the runtime.</summary>
    Extern,

    /// <summary>A product of matrices, outside all loops.</summary>
    Contract,
}

/// <summary>A read of a stored variable: the index of each of its positions in terms of the domain's axes; null where a whole row is read.</summary>
internal sealed record Access(int Variable, EquatableArray<IndexExpression?> Index);

/// <summary>
/// A materialised value: an equation (or copy) that gets loops of its own, over its domain. Everything between statements is
/// evaluated where it is used.
/// </summary>
internal sealed class Statement(int id, StatementKind kind, Equation? equation, int variable)
{
    public int Id { get; } = id;

    public StatementKind Kind { get; } = kind;

    /// <summary>The equation; null for a copy or a stored input.</summary>
    public Equation? Equation { get; } = equation;

    /// <summary>The variable that it makes (the first, for a sort).</summary>
    public int Variable { get; } = variable;

    /// <summary>The variables that it makes.</summary>
    public IReadOnlyList<int> Results => Kind == StatementKind.Copy ? [] : Kind == StatementKind.Extern ? [.. Equation!.Results] : [Variable];

    /// <summary>The output whose buffer it writes, for each result; -1 for none.</summary>
    public int[] Outputs { get; } = equation is null ? [-1] : equation.Results.Select(_ => -1).ToArray();

    public List<DomainAxis> Axes { get; } = [];

    /// <summary>For each position of what the body evaluates (or of the row routine's operand): its axis in <see cref="Axes"/>, or -1 where the extent is 1 or the row runs.</summary>
    public int[] Body { get; set; } = [];

    /// <summary>The position along which a row routine runs.</summary>
    public int Along { get; set; } = -1;

    /// <summary>The loop of each axis, once chosen.</summary>
    public LoopGroup?[] Loops { get; private set; } = [];

    /// <summary>What it reads of stored variables and inputs.</summary>
    public IReadOnlyList<Access> Reads { get; set; } = [];

    /// <summary>Its loops, outermost first.</summary>
    public List<LoopGroup> Path { get; } = [];

    public void Open()
    {
        Loops = new LoopGroup?[Axes.Count];
        Path.Clear();
    }

    /// <summary>The axes that may become its next loop: those that the result keeps come first, so that a reduction is complete as early as possible.</summary>
    public IEnumerable<int> OpenAxes()
    {
        var open = Enumerable.Range(0, Axes.Count).Where(a => Loops[a] is null).ToArray();
        var kept = open.Where(a => Axes[a].Role == AxisRole.Kept).ToArray();
        return kept.Length > 0 ? kept : open;
    }

    public int AxisOf(LoopGroup loop) => Array.IndexOf(Loops, loop);

    /// <summary>How many of its outermost loops keep their axis.</summary>
    public int KeptDepth => Path.TakeWhile(loop => Axes[AxisOf(loop)].Role == AxisRole.Kept).Count();
}

/// <summary>A loop that statements share, or a statement whose loops are all open.</summary>
internal abstract class LoopItem
{
    public sealed class Leaf(Statement statement) : LoopItem
    {
        public Statement Statement { get; } = statement;
    }
}

/// <summary>A loop shared by statements.</summary>
internal sealed class LoopGroup(int id, Extent extent, bool isSegment) : LoopItem
{
    public int Id { get; } = id;

    public Extent Extent { get; } = extent;

    /// <summary>Runs in order: its statements combine into places found by an index.</summary>
    public bool IsSegment { get; } = isSegment;

    public List<Statement> Members { get; } = [];

    public List<LoopItem> Body { get; set; } = [];
}
