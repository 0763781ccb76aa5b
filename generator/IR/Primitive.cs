namespace Dpo.Autodiff.Generator.IR;

/// <summary>The operations of a <see cref="Program"/>. Every one has its row in every rule table (generator/Rules, generator/Emit).</summary>
/// <remarks>
/// Pointwise operands have the extents of the result or are scalar atoms (literals, host scalars): broadcasting is explicit, by
/// <see cref="Rearrange"/>. A composite of torch (mean, var, cross_entropy, ...) is decomposed by the elaborator.
/// </remarks>
public enum Primitive
{
    // Pointwise, one operand, real -> real.
    Negate,
    Absolute,
    Sign,
    Exp,
    ExpM1,
    Log,
    Log1P,
    Log2,
    /// <summary>log(1 - exp(x)) for x &lt;= 0, stable at both ends (Maechler 2012).</summary>
    Log1MExp,
    Sqrt,
    /// <summary>sqrt whose derivative at 0 is taken as 0: the root of <c>std</c>.</summary>
    SqrtZero,
    Rsqrt,
    Square,
    Reciprocal,
    Sigmoid,
    LogSigmoid,
    /// <summary>log(1 + exp(x)); torch's softplus with beta and threshold is decomposed.</summary>
    Softplus,
    Tanh,
    Relu,
    Erf,

    // Pointwise, two operands, real or integer.
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Minimum,
    Maximum,
    /// <summary>max(x, bound): the gradient passes to x at the bound (clamp_min).</summary>
    ClampMin,
    /// <summary>min(x, bound): the gradient passes to x at the bound (clamp_max).</summary>
    ClampMax,

    // Pointwise comparisons, real or integer -> Boolean.
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,

    // Pointwise on Booleans.
    And,
    Or,
    Xor,
    Not,

    // Pointwise, real -> Boolean.
    IsNaN,
    IsInfinite,
    IsFinite,

    /// <summary>where(condition, a, b), any kind of a and b.</summary>
    Where,

    /// <summary>Identity with derivative zero (detach).</summary>
    StopGradient,

    /// <summary>Between kinds (Boolean to real: 0 and 1; real to integer: truncation; to Boolean: not zero) and, with a dtype, rounding to it.</summary>
    Convert,

    /// <summary>A tensor of one value, of the result's extents (zeros_like, full): operand 0 is a scalar atom.</summary>
    Fill,

    /// <summary>The coordinate along one position, as integer (arange): parameters <see cref="Parameters.Axis"/>.</summary>
    Iota,

    // Axes.
    /// <summary>Transposes, inserts, drops and expands axes in one: parameters <see cref="Parameters.Rearrange"/>.</summary>
    Rearrange,
    /// <summary>A constant slice of one position: parameters <see cref="Parameters.Slice"/>.</summary>
    Slice,
    /// <summary>The transpose of <see cref="Slice"/>: zeros but for the slice.</summary>
    Pad,
    /// <summary>The order of one position reversed: parameters <see cref="Parameters.Axis"/>.</summary>
    Flip,

    // Reductions; the reduced positions disappear: parameters <see cref="Parameters.Reduce"/>.
    Sum,
    Max,
    Min,
    Any,
    All,
    /// <summary>The first position of the largest element along one axis: parameters <see cref="Parameters.Axis"/>; integer result.</summary>
    ArgMax,
    /// <summary>log(sum(exp(x))), stable; lowered to Max, Sum before scheduling.</summary>
    LogSumExp,

    // Normalisers along one position: parameters <see cref="Parameters.Axis"/>; lowered before scheduling.
    Softmax,
    LogSoftmax,

    // Products.
    /// <summary>A sum of products of two tensors over the axes that both have and the result has not: parameters <see cref="Parameters.Contract"/>.</summary>
    Contract,

    // Indexing.
    /// <summary>result[o] = x[.., index[o], ..]: parameters <see cref="Parameters.Gather"/>; operands x, index.</summary>
    Gather,
    /// <summary>The transpose of <see cref="Gather"/>: operands values, index; equal indices add up.</summary>
    ScatterAdd,

    // Along one position, in order: parameters <see cref="Parameters.Scan"/>.
    CumSum,
    LogCumSumExp,

    /// <summary>Values in order and the permutation that sorts them (real, integer): parameters <see cref="Parameters.Sort"/>; stable.</summary>
    Sort,
}

/// <summary>What an equation needs beyond its operands.</summary>
public abstract record Parameters
{
    private Parameters()
    {
    }

    public static Parameters Nothing { get; } = new None();

    /// <summary>No parameters.</summary>
    public sealed record None : Parameters;

    /// <summary>The reduced operand positions, ascending.</summary>
    public sealed record Reduce(EquatableArray<int> Positions) : Parameters;

    /// <summary>One operand position.</summary>
    public sealed record Axis(int Position) : Parameters;

    /// <summary>
    /// For each result position the operand position it comes from, or -1 for a new one. An operand position of extent 1 may become
    /// any extent (expansion); operand positions that do not appear have extent 1.
    /// </summary>
    public sealed record Rearrange(EquatableArray<int> Source) : Parameters;

    /// <summary>Elements Start, Start + Step, ... of one position; the result's type has the number of them. Pad has the same parameters.</summary>
    public sealed record Slice(int Position, Extent Start, long Step) : Parameters;

    /// <summary>
    /// For each position of either operand the axis that it runs with: a position of the result, or from Rank (the result's) on one that
    /// is summed over. Axes of the result are of one operand or of both (a batch); what is summed over is of both.
    /// </summary>
    public sealed record Contract(int Rank, EquatableArray<int> Left, EquatableArray<int> Right) : Parameters
    {
        /// <summary>How many axes there are, the result's first.</summary>
        public int Axes => Math.Max(Rank, Left.Concat(Right).DefaultIfEmpty(-1).Max() + 1);

        /// <summary>Where an axis is not the result's, and so is summed over.</summary>
        public bool IsSummed(int axis) => axis >= Rank;
    }

    /// <summary>
    /// Position is x's indexed position; Map gives for each x position the position of index and result that it runs with (-1 at
    /// Position). Index and result have the same extents. For ScatterAdd the result is x and the operands are (values, index).
    /// </summary>
    public sealed record Gather(int Position, EquatableArray<int> Map) : Parameters;

    /// <summary>A scan along Position, from the end if Reverse.</summary>
    public sealed record Scan(int Position, bool Reverse) : Parameters;

    /// <summary>A sort along Position.</summary>
    public sealed record Sort(int Position, bool Descending) : Parameters;

    /// <summary>A conversion; DType is torch's name (Float32, BFloat16, Int64, Bool, ...) or null where only the kind changes.</summary>
    public sealed record Convert(string? DType) : Parameters;
}
