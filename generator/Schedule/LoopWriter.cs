using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Writes the loop tree as a loop program: bodies, accumulators, loads and stores.</summary>
internal sealed class LoopWriter : BodyWriter
{
    private const int CommentLines = 12;

    /// <summary>More conditions than these are not asked before a loop.</summary>
    private const int MostConditions = 3;

    private readonly StorageMap storage;
    private readonly ISet<LoopGroup> vectors;
    private readonly Func<int, string>? equation;
    private readonly List<LoopGroup> path = [];
    private readonly Dictionary<int, bool> isImmediate = [];
    private readonly SortedDictionary<int, LoopVariable> loops = [];
    private readonly Dictionary<int, double> evaluations = [];

    private LoopWriter(Materialisation program, StorageMap storage, ISet<LoopGroup> vectors, bool isQuoted)
        : base(program)
    {
        this.storage = storage;
        this.vectors = vectors;
        equation = isQuoted ? Formulas.Equations(program.Program, storage.Names) : null;
    }

    /// <summary>The loop program, and how often each variable that is not stored is evaluated.</summary>
    public static (LoopProgram Program, IReadOnlyDictionary<int, double> Evaluations) Write(
        Materialisation program, List<LoopItem> tree, ISet<LoopGroup> vectors, string name, bool isQuoted)
    {
        var storage = StorageMap.Of(program, vectors);
        var writer = new LoopWriter(program, storage, vectors, isQuoted);
        var stages = writer.Stages(tree);
        var loops = new LoopProgram(
            name,
            program.Program,
            storage.Buffers.ToEquatableArray(),
            writer.loops.Values.ToEquatableArray(),
            writer.Kinds.ToEquatableArray(),
            stages.ToEquatableArray(),
            writer.Sizes.ToEquatableArray());
        return (loops, writer.evaluations);
    }

    protected override void Evaluated(int variable, int level)
    {
        var times = path.Take(level).Aggregate(1.0, (n, loop) => n * LoopCosts.Trips(loop.Extent));
        evaluations[variable] = evaluations.TryGetValue(variable, out var before) ? before + times : times;
    }

    protected override int LevelOf(int loop)
    {
        for (var level = path.Count; level > 0; level--)
            if (path[level - 1].Id == loop)
                return level;
        throw new InvalidOperationException($"Loop {loop} is not open.");
    }

    protected override Extent ExtentOf(int loop) => loops[loop].Extent;

    /// <summary>The element of a stored variable: still in an accumulator, or known, in the iteration that makes it; otherwise loaded.</summary>
    protected override LoopAtom Read(int variable, EquatableArray<IndexExpression> index, Guards guards)
    {
        if (Program.IsInput(variable))
            return Load(storage.Inputs[variable], Program.TypeOf(variable).Kind, index, 0, guards);
        var maker = Program.Makers[variable];
        var shared = 0;
        while (shared < path.Count && shared < maker.Path.Count && path[shared] == maker.Path[shared])
            shared++;
        var place = storage[variable];
        if (shared >= maker.KeptDepth && IsThisIteration(maker, index))
        {
            if (Find(new ElementKey(variable, index, default)) is { } known)
                return known;
            if (place.Accumulator >= 0)
            {
                var value = Load(place.Accumulator, Program.TypeOf(variable).Kind, [], maker.KeptDepth, default);
                Remember(new ElementKey(variable, index, default), value);
                return value;
            }
        }

        var kept = place.Positions.Select(p => index[p]).ToEquatableArray();
        return Load(place.Memory, Program.TypeOf(variable).Kind, kept, shared, guards);
    }

    private static bool IsThisIteration(Statement maker, EquatableArray<IndexExpression> index)
    {
        for (var a = 0; a < maker.Axes.Count; a++)
            if (maker.Axes[a].Role == AxisRole.Kept && index[maker.Axes[a].Position] != IndexExpression.Of(maker.Loops[a]!.Id))
                return false;
        return maker.Kind is StatementKind.Store or StatementKind.Reduce;
    }

    private LoopAtom Load(int buffer, ElementKind kind, EquatableArray<IndexExpression> index, int level, Guards guards)
    {
        var predicate = index.Any(i => i is IndexExpression.Indirect) ? Both(guards.Bounds, guards.Relevance) : guards.Bounds;
        foreach (var place in index)
            level = Math.Max(level, LevelOf(place));
        if (predicate is { } condition)
            level = Math.Max(level, LevelOf(LoopAtom.Value(condition)));
        var value = NewValue(kind, level);
        Bodies[level].Nodes.Add(new LoopNode.Load(value.Id, buffer, index, predicate));
        return value;
    }

    private List<Stage> Stages(List<LoopItem> tree)
    {
        var stages = new List<Stage>();
        for (var i = 0; i < tree.Count;)
        {
            Bodies.Clear();
            Bodies.Add(new Body());
            var first = i;
            do
                Write(tree[i++]);
            while (i < tree.Count && tree[i - 1] is LoopItem.Leaf && tree[i] is LoopItem.Leaf);
            var made = tree.Skip(first).Take(i - first).SelectMany(Members).ToArray();
            stages.Add(new Stage(Comment(made), Barrier(made, tree.Skip(i).SelectMany(Members)), Sequence(Bodies[0].Nodes)));
        }

        return stages;
    }

    private static IEnumerable<Statement> Members(LoopItem item) =>
        item is LoopGroup group ? group.Members : [((LoopItem.Leaf)item).Statement];

    private static LoopNode Sequence(List<LoopNode> nodes) => nodes.Count == 1 && nodes[0] is LoopNode.Loop ? nodes[0] : new LoopNode.Sequence(nodes.ToEquatableArray());

    /// <summary>What a stage computes, in the user's names: its results and gradients, and what they are reduced from.</summary>
    private string Comment(IReadOnlyCollection<Statement> made)
    {
        if (equation is null)
            return "";
        var lines = made.SelectMany(s => s.Kind == StatementKind.Copy ? [s.Variable] : s.Results).Distinct().Select(equation).Distinct().ToList();
        return string.Join("\n", lines.Count <= CommentLines ? lines : lines.Take(CommentLines).Concat(["..."]));
    }

    /// <summary>What the later stages wait for.</summary>
    private string Barrier(IReadOnlyCollection<Statement> made, IEnumerable<Statement> later)
    {
        var read = new HashSet<int>(later.SelectMany(s => s.Reads.Select(r => r.Variable)));
        var awaited = made.SelectMany(s => s.Results.Where(read.Contains).Select(r => Reason(s, r))).ToArray();
        return string.Join(", ", awaited);
    }

    private string Reason(Statement statement, int variable)
    {
        var name = storage.Buffers[storage[variable].Memory].Name;
        var over = string.Join(" ", statement.Axes.Where(a => a.Role is AxisRole.Reduced or AxisRole.Segment).Select(a => a.Extent.ToString()));
        return over.Length > 0 ? $"{name} (over {over})" : name;
    }

    private void Write(LoopItem item)
    {
        if (item is LoopItem.Leaf leaf)
        {
            Initialise(leaf.Statement, path.Count);
            Write(leaf.Statement);
            return;
        }

        var group = (LoopGroup)item;
        foreach (var statement in group.Members)
            Initialise(statement, path.Count);
        var when = When(group);
        loops[group.Id] = new LoopVariable(group.Id, LoopName(group), group.Extent, Iterator(group), vectors.Contains(group));
        path.Add(group);
        Bodies.Add(new Body());
        foreach (var child in group.Body)
            Write(child);
        var body = Bodies[Bodies.Count - 1];
        path.RemoveAt(path.Count - 1);
        Bodies.RemoveAt(Bodies.Count - 1);
        Bodies[Bodies.Count - 1].Nodes.Add(new LoopNode.Loop(group.Id, new LoopNode.Sequence(body.Nodes.ToEquatableArray()), when));
        foreach (var statement in group.Members)
            if (statement.Kind == StatementKind.Reduce && statement.KeptDepth == path.Count)
                Finish(statement);
    }

    /// <summary>Where a loop need run at all: what it gives is discarded elsewhere. Null for everywhere.</summary>
    private LoopCondition? When(LoopGroup group)
    {
        if (path.Count == 0 || path.Any(vectors.Contains) || !LoopCosts.IsRow(group.Extent) || !group.Members.All(MayStayEmpty))
            return null;
        int? condition = null;
        var shared = group.Members.Select(RelevantWhere).Aggregate((all, own) => all.Intersect(own));
        foreach (var part in shared.OrderBy(c => c.Variable).Take(MostConditions))
        {
            var value = Evaluate(part.Variable, part.Index, default);
            condition = Both(condition, part.IsNegated ? Compute(ElementKind.Boolean, Primitive.Not, Parameters.Nothing, value) : value);
        }

        return condition is { } holds ? new LoopCondition(holds) : null;
    }

    /// <summary>Whether a result that nothing was done for harms nobody where it is discarded: it is no index out of range.</summary>
    private bool MayStayEmpty(Statement statement) => statement switch
    {
        { Kind: StatementKind.Reduce, Equation.Primitive: Primitive.Sum or Primitive.ArgMax } => true,
        { Kind: StatementKind.Reduce } => Program.TypeOf(statement.Variable).Kind != ElementKind.Integer,
        { Kind: StatementKind.Store } => Program.TypeOf(statement.Variable).Kind == ElementKind.Real,
        _ => false,
    };

    /// <summary>The conditions under which a statement's result matters, in terms of the open loops.</summary>
    private IEnumerable<RelevantWhere> RelevantWhere(Statement statement) => Relevance.Moved(
        Program.Relevance[statement.Variable].Where(c => IsImmediate(c.Variable)),
        position => statement.Axes.FindIndex(a => a.Role == AxisRole.Kept && a.Position == position) is >= 0 and var axis
            ? path.Contains(statement.Loops[axis]!) ? IndexExpression.Of(statement.Loops[axis]!.Id) : null
            : Fixed(Extent.Fixed(0)));

    /// <summary>Whether a condition is evaluated from inputs alone: what another loop stores may not be there yet.</summary>
    private bool IsImmediate(int variable)
    {
        if (Program.IsRead(variable))
            return Program.IsInput(variable);
        if (!isImmediate.TryGetValue(variable, out var known))
        {
            known = Program.Definition(variable)!.Operands.All(o => !o.IsVariable || IsImmediate(o.Id));
            isImmediate.Add(variable, known);
        }

        return known;
    }

    private void Initialise(Statement statement, int depth)
    {
        if (statement.Kind is not (StatementKind.Reduce or StatementKind.Scatter or StatementKind.Place))
            return;
        var place = storage[statement.Variable];
        var buffer = statement.Kind == StatementKind.Reduce ? place.Accumulator : place.Memory;
        var at = statement.Kind == StatementKind.Reduce ? statement.KeptDepth : storage.InitialiseDepth[statement];
        if (at == depth)
            Bodies[depth].Nodes.Add(new LoopNode.Initialise(buffer, Monoids.Of(statement.Equation!.Primitive)));
    }

    /// <summary>A complete reduction goes to memory where another loop reads it.</summary>
    private void Finish(Statement statement)
    {
        var place = storage[statement.Variable];
        if (place.Memory < 0 || place.Memory == place.Accumulator)
            return;
        var index = Index(statement, p => p);
        Store(place, index, Evaluate(statement.Variable, index, default));
    }

    private void Write(Statement statement)
    {
        var body = statement.Body.Select(a => a < 0 ? Fixed(Extent.Fixed(0)) : IndexExpression.Of(statement.Loops[a]!.Id)).ToEquatableArray();
        switch (statement.Kind)
        {
            case StatementKind.Store:
                var value = Define(statement.Variable, body, default);
                Remember(new ElementKey(statement.Variable, body, default), value);
                if (storage[statement.Variable].Memory >= 0)
                    Store(storage[statement.Variable], body, value);
                break;
            case StatementKind.Copy:
                Bodies[path.Count].Nodes.Add(new LoopNode.Store(storage.OutputBuffer(statement.Outputs[0]), body, Evaluate(statement.Variable, body, default)));
                break;
            case StatementKind.Reduce:
                Reduce(statement, body);
                break;
            case StatementKind.Scatter:
                Scatter(statement, body);
                break;
            case StatementKind.Place:
                var pad = (Parameters.Slice)statement.Equation!.Parameters;
                var target = body.Select((e, p) => p == pad.Position ? Strided(e, pad) : e).ToEquatableArray();
                Store(storage[statement.Variable], target, Evaluate(statement.Equation.Operands[0].Id, body, default));
                break;
            case StatementKind.Contract:
                Contract(statement);
                break;
            default:
                Extern(statement, body);
                break;
        }
    }

    private void Store(Storage place, EquatableArray<IndexExpression> index, LoopAtom value) =>
        Bodies[path.Count].Nodes.Add(new LoopNode.Store(place.Memory, place.Positions.Select(p => index[p]).ToEquatableArray(), value));

    private static IndexExpression Strided(IndexExpression index, Parameters.Slice pad) =>
        index is IndexExpression.Affine { Terms: var terms }
            ? new IndexExpression.Affine(pad.Start, terms.Select(t => t with { Stride = t.Stride * pad.Step }).ToEquatableArray())
            : throw new InvalidOperationException("A loop's index is affine.");

    private void Reduce(Statement statement, EquatableArray<IndexExpression> body)
    {
        var equation = statement.Equation!;
        var operand = Evaluate(equation.Operands[0].Id, body, default);
        LoopAtom? position = null;
        if (equation.Primitive == Primitive.ArgMax)
            position = LoopAtom.Coordinate(statement.Loops[statement.Body[Domains.Reduced(equation)[0]]]!.Id);
        Bodies[path.Count].Nodes.Add(new LoopNode.Combine(storage[statement.Variable].Accumulator, [], Monoids.Of(equation.Primitive), operand, position));
    }

    /// <summary>Adds a value to the place that its index names. A value that is zero but where a condition holds is added only there, and its index is read only there.</summary>
    private void Scatter(Statement statement, EquatableArray<IndexExpression> body)
    {
        var equation = statement.Equation!;
        var scatter = (Parameters.Gather)equation.Parameters;
        var (values, index) = (equation.Operands[0].Id, equation.Operands[1].Id);
        int? predicate = Program.Support(values) is { } support ? Both(null, Evaluate(support, body, default)) : null;
        var value = Evaluate(values, body, predicate is null ? default : default(Guards).Where(predicate));
        var place = Evaluate(index, body, default);
        if (place.Kind != LoopAtomKind.Value)
            place = Compute(ElementKind.Integer, Primitive.Convert, new Parameters.Convert(null), place);
        var target = scatter.Map.Select(from => from < 0 ? new IndexExpression.Indirect(place.Id) : body[from]).ToEquatableArray();
        var memory = storage[statement.Variable];
        Bodies[path.Count].Nodes.Add(new LoopNode.Combine(
            memory.Memory, memory.Positions.Select(p => target[p]).ToEquatableArray(), Monoid.Sum, value, null, predicate));
    }

    private void Contract(Statement statement)
    {
        var equation = statement.Equation!;
        var contract = (Parameters.Contract)equation.Parameters;
        var extents = new Extent[contract.Axes];
        ContractOperand Operand(int variable, EquatableArray<int> axes)
        {
            for (var p = 0; p < axes.Count; p++)
                extents[axes[p]] = Program.TypeOf(variable).Extents[p];
            return new(Program.IsInput(variable) ? storage.Inputs[variable] : storage[variable].Memory, axes);
        }

        var (left, right) = (Operand(equation.Operands[0].Id, contract.Left), Operand(equation.Operands[1].Id, contract.Right));
        var result = Operand(equation.Result, Enumerable.Range(0, contract.Rank).ToEquatableArray());
        Bodies[path.Count].Nodes.Add(new LoopNode.Contract(left, right, result, extents.ToEquatableArray()));
    }

    private void Extern(Statement statement, EquatableArray<IndexExpression> body)
    {
        var equation = statement.Equation!;
        var operands = new List<ExternOperand> { Operand(equation.Operands[0].Id, isWritten: false) };
        operands.AddRange(equation.Results.Select(r => Operand(r, isWritten: true)));
        ExternOperand Operand(int variable, bool isWritten)
        {
            if (Program.IsInput(variable))
                return new(storage.Inputs[variable], body, statement.Along, isWritten);
            var place = storage[variable];
            return new(place.Memory, place.Positions.Select(p => body[p]).ToEquatableArray(), place.Positions.AsImmutableArray().IndexOf(statement.Along), isWritten);
        }

        var name = equation.Primitive switch { Primitive.Sort => "sort", Primitive.CumSum => "cumsum", _ => "logcumsumexp" };
        var length = Program.TypeOf(equation.Operands[0].Id).Extents[statement.Along];
        Bodies[path.Count].Nodes.Add(new LoopNode.Extern(name, operands.ToEquatableArray(), length, equation.Parameters));
    }

    /// <summary>The index of a statement's result in its own iteration.</summary>
    private EquatableArray<IndexExpression> Index(Statement statement, Func<int, int> position)
    {
        var index = Program.TypeOf(statement.Variable).Extents.Select(_ => Fixed(Extent.Fixed(0))).ToArray();
        for (var a = 0; a < statement.Axes.Count; a++)
            if (statement.Axes[a].Role == AxisRole.Kept)
                index[position(statement.Axes[a].Position)] = IndexExpression.Of(statement.Loops[a]!.Id);
        return index.ToEquatableArray();
    }

    private IteratorType Iterator(LoopGroup group)
    {
        if (group.IsSegment)
            return IteratorType.Segment;
        var isReduction = path.Count > 0 && group.Members.Any(m => m.Axes[m.AxisOf(group)].Role == AxisRole.Reduced);
        return isReduction ? IteratorType.Reduction : IteratorType.Parallel;
    }

    /// <summary>The axis, with a number where a loop outside has the same name.</summary>
    private string LoopName(LoopGroup group)
    {
        var axis = group.Extent.Terms.Count > 0 ? group.Extent.Terms[0].Name : "i";
        var name = axis;
        for (var n = 2; path.Any(outer => loops[outer.Id].Name == name); n++)
            name = axis + n.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return name;
    }
}
