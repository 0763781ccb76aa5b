using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Evaluates variables at an index, down to what is read from memory: the pull model. Slices, flips, transposes, expansions and gathers
/// are maps composed onto the index; pads are predicates. An equal (variable, index) is computed once, and as far out as its operands allow.
/// </summary>
internal abstract partial class BodyWriter(Materialisation program)
{
    private readonly List<int> levels = [];
    private readonly Dictionary<int, bool> isGuarded = [];

    protected Materialisation Program { get; } = program;

    /// <summary>The kinds of all values, by id.</summary>
    protected List<ElementKind> Kinds { get; } = [];

    /// <summary>Extents that bodies compute with.</summary>
    protected List<Extent> Sizes { get; } = [];

    /// <summary>The open bodies, outermost first: level 0 is outside all loops.</summary>
    protected List<Body> Bodies { get; } = [];

    /// <summary>The level of a loop's body.</summary>
    protected abstract int LevelOf(int loop);

    protected abstract Extent ExtentOf(int loop);

    /// <summary>Reads an input or a stored variable.</summary>
    protected abstract LoopAtom Read(int variable, EquatableArray<IndexExpression> index, Guards guards);

    /// <summary>Told of every evaluation of a variable that is not stored, and how deep it is.</summary>
    protected abstract void Evaluated(int variable, int level);

    /// <summary>The variable's element at an index.</summary>
    protected LoopAtom Evaluate(int variable, EquatableArray<IndexExpression> index, Guards guards)
    {
        guards = guards.For(LevelsOf(index), IsGuarded(variable) || index.Any(i => i is IndexExpression.Indirect));
        var key = new ElementKey(variable, index, guards);
        if (Find(key) is { } known)
            return known;
        LoopAtom atom;
        if (Program.IsRead(variable))
        {
            atom = Read(variable, index, guards);
        }
        else
        {
            atom = Define(variable, index, guards);
            Evaluated(variable, LevelOf(atom));
        }

        Remember(key, atom);
        return atom;
    }

    protected LoopAtom? Find(ElementKey key)
    {
        for (var level = Bodies.Count - 1; level >= 0; level--)
            if (Bodies[level].Elements.TryGetValue(key, out var atom))
                return atom;
        return null;
    }

    protected void Remember(ElementKey key, LoopAtom atom) => Bodies[LevelOf(atom)].Elements[key] = atom;

    /// <summary>The element by the variable's equation, whether or not it is stored.</summary>
    protected LoopAtom Define(int variable, EquatableArray<IndexExpression> index, Guards guards)
    {
        // Deep chains end in an exception that the compiler reports, not in the death of the process.
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        var equation = Program.Definition(variable)!;
        var x = equation.Operands.Count > 0 && equation.Operands[0].IsVariable ? equation.Operands[0].Id : -1;
        LoopAtom Operand(int operand) => Atom(equation.Operands[operand], index, guards);
        switch (equation.Primitive)
        {
            case Primitive.Fill:
                return Atom(equation.Operands[0], [], guards);
            case Primitive.Iota:
                return Coordinate(index[((Parameters.Axis)equation.Parameters).Position]);
            case Primitive.StopGradient:
                return Operand(0);
            case Primitive.Convert when ((Parameters.Convert)equation.Parameters).DType is null && x >= 0 && Program.TypeOf(x).Kind == Program.TypeOf(variable).Kind:
                return Operand(0);
            case Primitive.Rearrange:
                return Evaluate(x, Rearranged(equation, index), guards);
            case Primitive.Slice:
                var slice = (Parameters.Slice)equation.Parameters;
                return Evaluate(x, With(index, slice.Position, Scaled(index[slice.Position], slice.Start, slice.Step)), guards);
            case Primitive.Flip:
                var flipped = ((Parameters.Axis)equation.Parameters).Position;
                return Evaluate(x, With(index, flipped, Scaled(index[flipped], Program.TypeOf(x).Extents[flipped] - Extent.One, -1)), guards);
            case Primitive.Pad:
                return Padded(equation, index, guards);
            case Primitive.Gather:
                return Gathered(equation, index, guards);
            case Primitive.ScatterAdd:
                return Pulled(equation, index, guards);
            case Primitive.ArgMax:
                return LoopAtom.Literal(0);
            case Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.Any or Primitive.All:
                return Evaluate(x, Widened(Domains.Reduced(equation), Program.TypeOf(x).Rank, index), guards);
            case Primitive.CumSum or Primitive.LogCumSumExp:
                return Operand(0);
            case Primitive.Sort:
                return variable == equation.Result ? Operand(0) : LoopAtom.Literal(0);
            case Primitive.Where:
                return Selected(equation, index, guards);
            default:
                return Compute(Program.TypeOf(variable).Kind, equation.Primitive, equation.Parameters, equation.Operands.Select((_, i) => Operand(i)).ToArray());
        }
    }

    private LoopAtom Atom(Atom atom, EquatableArray<IndexExpression> index, Guards guards) => atom.Kind switch
    {
        AtomKind.Variable => Evaluate(atom.Id, Program.TypeOf(atom.Id).Rank == 0 ? [] : index, guards),
        AtomKind.Host => LoopAtom.Host(atom.Id),
        _ => new LoopAtom(LoopAtomKind.Literal, atom.Payload),
    };

    /// <summary>Appends a computation at the level of its operands, or finds the equal one.</summary>
    protected LoopAtom Compute(ElementKind kind, Primitive primitive, Parameters parameters, params LoopAtom[] operands)
    {
        var level = operands.Select(LevelOf).DefaultIfEmpty(0).Max();
        var key = new ComputeKey(kind, primitive, parameters, operands.ToEquatableArray());
        if (Bodies[level].Computed.TryGetValue(key, out var known))
            return known;
        var value = NewValue(kind, level);
        Bodies[level].Nodes.Add(new LoopNode.Compute(value.Id, primitive, key.Operands, parameters));
        Bodies[level].Computed.Add(key, value);
        return value;
    }

    protected LoopAtom NewValue(ElementKind kind, int level)
    {
        Kinds.Add(kind);
        levels.Add(level);
        return LoopAtom.Value(Kinds.Count - 1);
    }

    protected int LevelOf(LoopAtom atom) => atom.Kind switch
    {
        LoopAtomKind.Value => levels[atom.Id],
        LoopAtomKind.Coordinate => LevelOf(atom.Id),
        _ => 0,
    };

    protected int LevelOf(IndexExpression index) => index is IndexExpression.Affine affine
        ? affine.Terms.Select(t => LevelOf(t.Loop)).DefaultIfEmpty(0).Max()
        : levels[((IndexExpression.Indirect)index).Value];

    /// <summary>The levels whose loops an index depends on, as bits; the first for a fixed place, all where a place is read from data.</summary>
    private ulong LevelsOf(EquatableArray<IndexExpression> index)
    {
        var bits = 0UL;
        foreach (var place in index)
        {
            if (place is not IndexExpression.Affine affine)
                return ulong.MaxValue;
            if (affine.Terms.Count == 0)
                bits |= 1;
            foreach (var term in affine.Terms)
                bits |= 1UL << LevelOf(term.Loop);
        }

        return bits;
    }

    /// <summary>Whether the variable is had by an index that is read from data, so that it matters where its value is discarded.</summary>
    private bool IsGuarded(int variable)
    {
        if (Program.IsRead(variable))
            return false;
        if (!isGuarded.TryGetValue(variable, out var guarded))
        {
            var equation = Program.Definition(variable)!;
            guarded = equation.Primitive == Primitive.Gather || equation.Operands.Any(o => o.IsVariable && IsGuarded(o.Id));
            isGuarded.Add(variable, guarded);
        }

        return guarded;
    }

    private LoopAtom Selected(Equation equation, EquatableArray<IndexExpression> index, Guards guards)
    {
        var condition = Atom(equation.Operands[0], index, guards);
        LoopAtom Branch(int operand, Func<LoopAtom> holds)
        {
            var isGuarded = equation.Operands[operand] is { IsVariable: true } x && IsGuarded(x.Id);
            return Atom(equation.Operands[operand], index, isGuarded ? guards.Where(Both(guards.Inherited, holds())) : guards);
        }

        var whenTrue = Branch(1, () => condition);
        var whenFalse = Branch(2, () => Compute(ElementKind.Boolean, Primitive.Not, Parameters.Nothing, condition));
        return Compute(Program.TypeOf(equation.Result).Kind, Primitive.Where, Parameters.Nothing, condition, whenTrue, whenFalse);
    }

    /// <summary>The conjunction of conditions, as a value; null where there is none.</summary>
    protected int? Both(int? condition, LoopAtom other)
    {
        if (other.Kind != LoopAtomKind.Value)
            other = Compute(ElementKind.Boolean, Primitive.Convert, new Parameters.Convert(null), other);
        return condition is not { } first || first == other.Id ? other.Id : Compute(ElementKind.Boolean, Primitive.And, Parameters.Nothing, LoopAtom.Value(first), other).Id;
    }

    protected int? Both(int? condition, int? other) => other is { } value ? Both(condition, LoopAtom.Value(value)) : condition;

    /// <summary>The body of an open loop: what it does, and what it already knows.</summary>
    protected sealed class Body
    {
        public List<LoopNode> Nodes { get; } = [];

        public Dictionary<ElementKey, LoopAtom> Elements { get; } = [];

        public Dictionary<ComputeKey, LoopAtom> Computed { get; } = [];
    }

    /// <summary>Where a value is wanted. Conditions are Boolean values; null is everywhere.</summary>
    /// <param name="Bounds">Outside it the index may be out of range: nothing may be read.</param>
    /// <param name="BoundsLevels">The levels that make it so: what does not depend on their loops is in range.</param>
    /// <param name="Relevance">Outside it the value is discarded: an index read from data need not be in range.</param>
    /// <param name="Depth">How many conditions it joins.</param>
    protected readonly record struct Guards(int? Bounds, ulong BoundsLevels, int? Relevance, int Depth)
    {
        // Every choice of branches on the way would be an element of its own: 2^n of them.
        private const int MaxDepth = 3;

        /// <summary>What a further condition is joined with.</summary>
        public int? Inherited => Depth < MaxDepth ? Relevance : null;

        public Guards Where(int? relevance) => this with { Relevance = relevance, Depth = Depth < MaxDepth ? Depth + 1 : 1 };

        /// <summary>The conditions that matter to an index that depends on some levels.</summary>
        public Guards For(ulong indexLevels, bool isGuarded)
        {
            var isBound = Bounds is not null && (BoundsLevels & indexLevels) != 0;
            return new(isBound ? Bounds : null, isBound ? BoundsLevels : 0, isGuarded ? Relevance : null, isGuarded ? Depth : 0);
        }
    }

    protected readonly record struct ElementKey(int Variable, EquatableArray<IndexExpression> Index, Guards Guards);

    protected readonly record struct ComputeKey(ElementKind Kind, Primitive Primitive, Parameters Parameters, EquatableArray<LoopAtom> Operands);
}
