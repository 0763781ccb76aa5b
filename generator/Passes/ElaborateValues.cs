using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>What a register holds while a function is interpreted.</summary>
internal abstract class ElaborateValue
{
    /// <summary>The result of an instruction that was refused: what uses it is silent, so that one mistake is one finding.</summary>
    public sealed class Poison : ElaborateValue
    {
        public static Poison Instance { get; } = new();
    }

    public sealed class Null : ElaborateValue
    {
        public static Null Instance { get; } = new();
    }

    /// <summary>A number, condition or enum of the host table.</summary>
    /// <param name="id">The expression.</param>
    /// <param name="nullable">The nullable hyper-parameter that it is the value of, or null.</param>
    public sealed class Host(int id, string? nullable = null) : ElaborateValue
    {
        public int Id => id;

        public string? Nullable => nullable;
    }

    public sealed class Tuple(IReadOnlyList<ElaborateValue> items) : ElaborateValue
    {
        public IReadOnlyList<ElaborateValue> Items => items;
    }

    /// <summary>A range or index from the end in brackets: <c>..</c> with bounds, <c>...</c>, <c>^</c>.</summary>
    public sealed class Range(string text, IReadOnlyDictionary<string, ElaborateValue> bounds) : ElaborateValue
    {
        public string Text => text;

        public IReadOnlyDictionary<string, ElaborateValue> Bounds => bounds;
    }

    /// <summary>The dtype of a tensor: <c>x.dtype</c>.</summary>
    public sealed class StorageType(EquatableArray<DTypeTerm> terms, ElementKind? kind) : ElaborateValue
    {
        public EquatableArray<DTypeTerm> Terms => terms;

        public ElementKind? Kind => kind;
    }

    /// <summary>An optional tensor parameter of the objective, present or absent at the call.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="isStopped">It came through a helper's [NoGrad] parameter.</param>
    public sealed class Optional(FunctionParameter parameter, bool isStopped) : ElaborateValue
    {
        public FunctionParameter Parameter => parameter;

        public bool IsStopped => isStopped;
    }
}

/// <summary>A tensor: its extents, what its elements are, and how it is made as each kind.</summary>
/// <remarks>
/// The kind of a parameter follows from its uses, so what is made of parameters alone (views of labels, labels - 1) stays undecided until
/// something asks: a gather asks for whole numbers, a where for conditions, exp for numbers. What is asked for twice is made once.
/// </remarks>
internal sealed class ElaborateTensor : ElaborateValue
{
    private readonly ProgramBuilder trace;
    private readonly Func<ElementKind, int> make;
    private readonly int?[] made = new int?[3];

    /// <param name="trace">What it is made in.</param>
    /// <param name="extents">Its extents.</param>
    /// <param name="kind">See <see cref="Kind"/>; a decided tensor is made at once.</param>
    /// <param name="dtype">What its dtype is promoted from.</param>
    /// <param name="roots">See <see cref="Roots"/>.</param>
    /// <param name="make">Makes its variable of a kind.</param>
    public ElaborateTensor(
        ProgramBuilder trace,
        EquatableArray<Extent> extents,
        ElementKind? kind,
        EquatableArray<DTypeTerm> dtype,
        EquatableArray<string> roots,
        Func<ElementKind, int> make)
    {
        (this.trace, Extents, Kind, DType, Roots, this.make) = (trace, extents, kind, dtype, kind is null ? roots : [], make);
        if (kind is { } decided)
            As(decided);
    }

    public EquatableArray<Extent> Extents { get; }

    public int Rank => Extents.Count;

    /// <summary>What its elements are; null where that is for its use to say.</summary>
    public ElementKind? Kind { get; }

    public EquatableArray<DTypeTerm> DType { get; }

    /// <summary>The parameters that an undecided tensor is made of.</summary>
    public EquatableArray<string> Roots { get; }

    /// <summary>The host number that it is everywhere, or null. Such a tensor has no dimensions.</summary>
    public int? Number { get; init; }

    /// <summary>What the number is: it joins tensors of every kind, but promotes as its own.</summary>
    public ElementKind? NumberKind { get; init; }

    /// <summary>A C# number beside a tensor: of no dtype of its own.</summary>
    public bool IsWeak { get; init; }

    /// <summary>The variable that holds it as <paramref name="kind"/>.</summary>
    public int As(ElementKind kind)
    {
        if (made[(int)kind] is { } known)
            return known;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var variable = Kind is { } decided && decided != kind ? trace.Convert(As(decided), kind) : make(kind);
        made[(int)kind] = variable;
        return variable;
    }

    /// <summary>How it is read as an index where that is another way than its value's: an index that was converted to whole numbers is one.</summary>
    public Func<int>? Index { get; init; }

    /// <summary>The variable that holds it as an index.</summary>
    public int AsIndex() => Index?.Invoke() ?? As(ElementKind.Integer);

    public override string ToString() => "[" + string.Join(" ", Extents) + "]";
}
