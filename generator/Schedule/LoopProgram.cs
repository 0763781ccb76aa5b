using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// A program as loops: a schedule tree of imperfectly nested loops over named extents. Every emitter reads it, and the reference
/// interpreter defines what it means.
/// </summary>
/// <remarks>
/// Scalars (values inside loops) are in static single assignment; buffers are memory. A tensor that is not a buffer was fused away:
/// it is recomputed where it is used.
/// </remarks>
/// <param name="Name">The kernel's name.</param>
/// <param name="Source">The program it was made from.</param>
/// <param name="Buffers">All memory, by id.</param>
/// <param name="Loops">All loop variables, by id.</param>
/// <param name="Values">The kind of every scalar, by id.</param>
/// <param name="Stages">The subtrees between barriers, in order.</param>
/// <param name="Sizes">Extents that bodies compute with (a bound of a predicate, the offset of a coordinate): see <see cref="LoopAtomKind.Size"/>.</param>
public sealed record LoopProgram(
    string Name,
    Program Source,
    EquatableArray<LoopBuffer> Buffers,
    EquatableArray<LoopVariable> Loops,
    EquatableArray<ElementKind> Values,
    EquatableArray<Stage> Stages,
    EquatableArray<Extent> Sizes = default)
{
    /// <summary>The axis of which this is one tile at a time (<see cref="TiledLoops"/>); empty where it is whole.</summary>
    public string TiledAxis { get; init; } = "";
}

/// <summary>A subtree whose results are complete before the next one begins.</summary>
/// <param name="Comment">The equations it computes, for the reader of the generated code.</param>
/// <param name="Barrier">Why the next stage must wait (the buffer that is complete only now), or empty.</param>
/// <param name="Body">What is done.</param>
public sealed record Stage(string Comment, string Barrier, LoopNode Body);

/// <summary>How the iterations of a loop depend on each other.</summary>
public enum IteratorType
{
    /// <summary>Not at all.</summary>
    Parallel,

    /// <summary>They combine into a buffer that does not have the loop's axis.</summary>
    Reduction,

    /// <summary>Each needs the one before.</summary>
    Scan,

    /// <summary>They combine into places found by an index (scatter, segment sums).</summary>
    Segment,

    /// <summary>A block of another loop.</summary>
    Tile,
}

/// <summary>A loop variable: runs from 0 to its extent.</summary>
/// <param name="Id">Its place in <see cref="LoopProgram.Loops"/>.</param>
/// <param name="Name">A readable name: the axis, with a number where the axis occurs twice.</param>
/// <param name="Extent">How often it runs.</param>
/// <param name="Iterator">How its iterations depend on each other.</param>
/// <param name="IsVector">
/// Its iterations run in the lanes of a vector. At most one loop on a path from the root is; loops inside it run once for all lanes.
/// A reduction into a buffer that does not have this axis combines the lanes.
/// </param>
public sealed record LoopVariable(int Id, string Name, Extent Extent, IteratorType Iterator, bool IsVector);

/// <summary>Where a buffer lives.</summary>
public enum BufferScope
{
    /// <summary>One element, in a register or an accumulator, for the body that declares it.</summary>
    Register,

    /// <summary>A row (or small block) in workspace, private to an iteration of the loops outside.</summary>
    Row,

    /// <summary>A tile of a tiled loop.</summary>
    Tile,

    /// <summary>Whole, in memory.</summary>
    Global,
}

/// <summary>How long a buffer lives, and whose it is.</summary>
public enum BufferRole
{
    /// <summary>An argument of the call: Name is the parameter's.</summary>
    Input,

    /// <summary>A result of the objective: Name is the output's.</summary>
    Output,

    /// <summary>A gradient: Name is the parameter's.</summary>
    Gradient,

    /// <summary>Workspace of one kernel.</summary>
    Workspace,

    /// <summary>Kept from the forward for the backward.</summary>
    Residual,
}

/// <summary>A piece of memory, contiguous, row-major.</summary>
/// <param name="Id">Its place in <see cref="LoopProgram.Buffers"/>.</param>
/// <param name="Name">A readable name.</param>
/// <param name="Kind">What its elements are.</param>
/// <param name="Extents">Its axes (after contraction: a row of <c>[list item]</c> has only <c>item</c>).</param>
/// <param name="Scope">Where it lives.</param>
/// <param name="Role">Whose it is.</param>
/// <param name="Argument">For inputs, outputs and gradients: the index into Source.Inputs or Source.Outputs; otherwise -1.</param>
/// <param name="Over">The earlier buffer, of the same extents, in whose memory it may be: nothing of that is read after its place is written. Otherwise -1.</param>
public sealed record LoopBuffer(
    int Id,
    string Name,
    ElementKind Kind,
    EquatableArray<Extent> Extents,
    BufferScope Scope,
    BufferRole Role,
    int Argument = -1,
    int Over = -1);

/// <summary>A node of the schedule tree.</summary>
public abstract record LoopNode
{
    private LoopNode()
    {
    }

    /// <summary>Children in order.</summary>
    public sealed record Sequence(EquatableArray<LoopNode> Children) : LoopNode;

    /// <summary>Body for every value of a loop variable; where the condition does not hold, nothing.</summary>
    public sealed record Loop(int Variable, LoopNode Body, LoopCondition? When = null) : LoopNode;

    /// <summary>Value = Buffer[Index]; where Predicate (a Boolean scalar) is false nothing is read and the value is 0.</summary>
    public sealed record Load(int Value, int Buffer, EquatableArray<IndexExpression> Index, int? Predicate = null) : LoopNode;

    /// <summary>Buffer[Index] = Operand, where Predicate holds.</summary>
    public sealed record Store(int Buffer, EquatableArray<IndexExpression> Index, LoopAtom Operand, int? Predicate = null) : LoopNode;

    /// <summary>Value = Primitive(Operands): pointwise primitives only; Convert takes its dtype from Parameters.</summary>
    public sealed record Compute(int Value, Primitive Primitive, EquatableArray<LoopAtom> Operands, Parameters Parameters) : LoopNode;

    /// <summary>Every element of Buffer = the identity of Monoid (0 where Monoid is null).</summary>
    public sealed record Initialise(int Buffer, Monoid Monoid) : LoopNode;

    /// <summary>Buffer[Index] = combine(Buffer[Index], Operand), where Predicate holds. ArgMax also takes the position.</summary>
    public sealed record Combine(int Buffer, EquatableArray<IndexExpression> Index, Monoid Monoid, LoopAtom Operand, LoopAtom? Position = null, int? Predicate = null) : LoopNode;

    /// <summary>
    /// Result = the sum of Left * Right over the axes that it has not, outside all loops and of whole buffers in memory. Extents are those
    /// of the axes, the result's first.
    /// </summary>
    public sealed record Contract(ContractOperand Left, ContractOperand Right, ContractOperand Result, EquatableArray<Extent> Extents) : LoopNode;

    /// <summary>A row routine of the runtime: Name (sort, cumsum, logcumsumexp), operating along one axis of its buffers; the other axes are fixed by the indices.</summary>
    public sealed record Extern(string Name, EquatableArray<ExternOperand> Operands, Extent Length, Parameters Parameters) : LoopNode;
}

/// <summary>
/// When a loop runs: where a Boolean scalar holds or, negated, where it does not. Of two loops side by side under one scalar, the negated
/// one is what is done instead of the other.
/// </summary>
public readonly record struct LoopCondition(int Value, bool IsNegated = false)
{
    /// <summary>Whether one of the two runs exactly where the other does not.</summary>
    public bool IsOpposite(LoopCondition other) => Value == other.Value && IsNegated != other.IsNegated;
}

/// <summary>A row of a buffer: where it starts, and the buffer position along which it runs (its stride follows from the extents).</summary>
public sealed record ExternOperand(int Buffer, EquatableArray<IndexExpression> Start, int Position, bool IsWritten);

/// <summary>A buffer and the axis that each of its positions runs with.</summary>
public sealed record ContractOperand(int Buffer, EquatableArray<int> Axes);

/// <summary>How partial results combine.</summary>
public enum Monoid
{
    Sum,
    Max,
    Min,
    Any,
    All,
    ArgMax,
}

/// <summary>An operand inside a loop: a scalar value, a host scalar of Source.Host, a number, a loop variable's value or a size as integer.</summary>
public readonly record struct LoopAtom(LoopAtomKind Kind, long Payload)
{
    public int Id => (int)Payload;

    public double Number => BitConverter.Int64BitsToDouble(Payload);

    public static LoopAtom Value(int id) => new(LoopAtomKind.Value, id);

    public static LoopAtom Host(int id) => new(LoopAtomKind.Host, id);

    public static LoopAtom Literal(double number) => new(LoopAtomKind.Literal, BitConverter.DoubleToInt64Bits(number));

    public static LoopAtom Coordinate(int loop) => new(LoopAtomKind.Coordinate, loop);

    public static LoopAtom Size(int id) => new(LoopAtomKind.Size, id);
}

/// <summary>What a <see cref="LoopAtom"/> is.</summary>
public enum LoopAtomKind
{
    Value,
    Host,
    Literal,
    Coordinate,

    /// <summary>An entry of <see cref="LoopProgram.Sizes"/>, as integer.</summary>
    Size,
}

/// <summary>The index of one buffer position.</summary>
public abstract record IndexExpression
{
    private IndexExpression()
    {
    }

    /// <summary>Offset + sum of Stride * loop variable: 0 terms is a fixed place, stride -1 a flip.</summary>
    public sealed record Affine(Extent Offset, EquatableArray<IndexTerm> Terms) : IndexExpression;

    /// <summary>The value of an integer scalar: the place is read from data.</summary>
    public sealed record Indirect(int Value) : IndexExpression;

    public static IndexExpression Of(int loop) => new Affine(Extent.Fixed(0), [new IndexTerm(loop, 1)]);
}

/// <summary>Stride * loop variable.</summary>
public sealed record IndexTerm(int Loop, long Stride);
