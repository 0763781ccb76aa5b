using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Loops along a row in two: where a condition that is the same for the whole row discards most of the work, that work is done only where
/// it counts. In: a loop program. Out: one that computes the same, in which a masked row's gradient is written without reading the row.
/// </summary>
/// <remarks>
/// A loop is divided once, by the condition that leaves least to do, joined with those that leave just as little. Selections by it are
/// gone from both parts. A loop that is under a condition already only loses its selections.
/// </remarks>
internal sealed class Unswitch
{
    /// <summary>What is left to do where the condition does not hold is at most this share of the whole.</summary>
    private const double MostLeft = 0.5;

    /// <summary>Reading an element of a tensor costs more than most of what is computed of it.</summary>
    private const double ReadCost = 8;

    private readonly LoopProgram program;
    private readonly List<LoopVariable> loops;
    private readonly List<ElementKind> values;
    private readonly Dictionary<int, LoopNode> definitions = [];

    private Unswitch(LoopProgram program)
    {
        this.program = program;
        loops = [.. program.Loops];
        values = [.. program.Values];
    }

    public static LoopProgram Run(LoopProgram program)
    {
        var pass = new Unswitch(program);
        foreach (var stage in program.Stages)
            pass.Note(stage.Body);
        var stages = program.Stages.Select(s => s with { Body = pass.WithoutUnread(pass.Visit(s.Body, depth: 0)) }).ToEquatableArray();
        return program with { Loops = pass.loops.ToEquatableArray(), Values = pass.values.ToEquatableArray(), Stages = stages };
    }

    private void Note(LoopNode node)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Note(child);
                break;
            case LoopNode.Loop loop:
                Note(loop.Body);
                break;
            case LoopNode.Load or LoopNode.Compute:
                definitions[LoopStatements.Defines(node)] = node;
                break;
        }
    }

    private LoopNode Visit(LoopNode node, int depth)
    {
        if (node is LoopNode.Loop loop)
            return program.Loops[loop.Variable].IsVector ? loop : loop with { Body = Visit(loop.Body, depth + 1) };
        if (node is not LoopNode.Sequence sequence)
            return node;
        var nodes = new List<LoopNode>();
        var computed = new Dictionary<(Primitive, int, int), int>();
        foreach (var child in sequence.Children)
        {
            if (depth > 0 && child is LoopNode.Loop { Body: LoopNode.Sequence body } row && !body.Children.Any(c => c is LoopNode.Loop or LoopNode.Extern))
                nodes.AddRange(Divide(row, body.Children, computed));
            else
                nodes.Add(Visit(child, depth));
        }

        return new LoopNode.Sequence(nodes.ToEquatableArray());
    }

    /// <summary>A stage without the loops that only fill memory of a row which is read where they do not run.</summary>
    private LoopNode WithoutUnread(LoopNode body)
    {
        var readers = new Dictionary<int, HashSet<LoopCondition?>>();
        Read(body, null);
        return Kept(body);

        void Read(LoopNode node, LoopCondition? when)
        {
            switch (node)
            {
                case LoopNode.Sequence sequence:
                    foreach (var child in sequence.Children)
                        Read(child, when);
                    break;
                case LoopNode.Loop loop:
                    Read(loop.Body, loop.When ?? when);
                    break;
                case not (LoopNode.Store or LoopNode.Combine or LoopNode.Initialise):
                    foreach (var (buffer, _) in LoopStatements.Accesses(node))
                        (readers.TryGetValue(buffer, out var known) ? known : readers[buffer] = []).Add(when);
                    break;
            }
        }

        LoopNode Kept(LoopNode node) => node switch
        {
            LoopNode.Loop loop => loop with { Body = Kept(loop.Body) },
            LoopNode.Sequence sequence => new LoopNode.Sequence(sequence.Children.Where(c => !IsUnread(c)).Select(Kept).ToEquatableArray()),
            _ => node,
        };

        bool IsUnread(LoopNode node) => node is LoopNode.Loop { When: { } when, Body: LoopNode.Sequence statements }
            && statements.Children.All(s => LoopStatements.Defines(s) >= 0 || (s is LoopNode.Store or LoopNode.Combine && LoopStatements.Writes(s).All(b =>
                program.Buffers[b].Scope == BufferScope.Row && readers.TryGetValue(b, out var known) && known.All(r => r?.IsOpposite(when) == true))));
    }

    /// <summary>A loop along a row, by its condition.</summary>
    private IEnumerable<LoopNode> Divide(LoopNode.Loop row, EquatableArray<LoopNode> body, Dictionary<(Primitive, int, int), int> computed)
    {
        if (row.When is { } when)
            return [row with { Body = new LoopNode.Sequence(Simplified(body, [(when.Value, !when.IsNegated)])) }];
        if (!LoopCosts.IsRow(loops[row.Variable].Extent))
            return [row];

        // What is left where each condition does not hold, or, negated, where it does.
        var whole = Cost(body);
        var left = Conditions(body).SelectMany(c => new[] { (Value: c, Holds: true), (Value: c, Holds: false) })
            .Select(c => (Condition: c, Body: Simplified(body, [(c.Value, !c.Holds)]))).ToArray();
        var least = left.OrderBy(l => Cost(l.Body)).FirstOrDefault().Body;
        if (left.Length == 0 || Cost(least) > MostLeft * whole)
            return [row];

        var conditions = new List<(int Value, bool Holds)>();
        foreach (var candidate in left.Where(l => l.Body == least).Select(l => l.Condition).OrderByDescending(c => c.Value))
            if (!Implied(conditions).ContainsKey(candidate.Value))
                conditions.Add(candidate);
        var divided = new List<LoopNode>();
        var condition = conditions.Select(c => c.Holds ? c.Value : Compute(Primitive.Not, c.Value, -1)).Aggregate((a, b) => Compute(Primitive.And, a, b));
        divided.Add(row with { Body = new LoopNode.Sequence(Simplified(body, conditions)), When = new(condition) });
        if (least.Count > 0)
            divided.Add(Copy(row.Variable, least, new(condition, IsNegated: true)));
        return divided;

        int Compute(Primitive primitive, int first, int second)
        {
            if (computed.TryGetValue((primitive, first, second), out var known))
                return known;
            values.Add(ElementKind.Boolean);
            var operands = second < 0 ? new[] { LoopAtom.Value(first) } : [LoopAtom.Value(first), LoopAtom.Value(second)];
            divided.Add(new LoopNode.Compute(values.Count - 1, primitive, operands.ToEquatableArray(), Parameters.Nothing));
            return computed[(primitive, first, second)] = values.Count - 1;
        }
    }

    /// <summary>The Boolean values from outside a body by which it selects.</summary>
    private int[] Conditions(EquatableArray<LoopNode> body)
    {
        var inside = new HashSet<int>(body.Select(LoopStatements.Defines));
        return body.SelectMany(Asked).Where(v => !inside.Contains(v) && values[v] == ElementKind.Boolean).Distinct().OrderBy(v => v).ToArray();
    }

    private static IEnumerable<int> Asked(LoopNode node) => node switch
    {
        LoopNode.Compute { Primitive: Primitive.Where } where => where.Operands.Take(1).Where(o => o.Kind == LoopAtomKind.Value).Select(o => o.Id),
        LoopNode.Compute { Primitive: Primitive.And or Primitive.Or or Primitive.Not } => LoopStatements.Uses(node),
        _ => LoopStatements.Predicate(node) is { } predicate ? [predicate] : [],
    };

    private double Cost(EquatableArray<LoopNode> body) => body.Sum(n => n switch
    {
        LoopNode.Load load => program.Buffers[load.Buffer].Scope == BufferScope.Global ? ReadCost : 1,
        LoopNode.Compute compute => LoopCosts.Of(compute.Primitive),
        LoopNode.Combine => 1,
        _ => 0,
    });

    /// <summary>What conditions say of others: both sides of a conjunction that holds, for one.</summary>
    private Dictionary<int, bool> Implied(IEnumerable<(int Value, bool Holds)> conditions)
    {
        var known = new Dictionary<int, bool>();
        foreach (var (value, holds) in conditions)
            Assume(LoopAtom.Value(value), holds);
        return known;

        void Assume(LoopAtom atom, bool holds)
        {
            if (atom.Kind != LoopAtomKind.Value || values[atom.Id] != ElementKind.Boolean || known.ContainsKey(atom.Id))
                return;
            known[atom.Id] = holds;
            switch (definitions.TryGetValue(atom.Id, out var node) ? node : null)
            {
                case LoopNode.Load { Predicate: { } predicate } when holds:
                    Assume(LoopAtom.Value(predicate), true);
                    break;
                case LoopNode.Compute { Primitive: Primitive.Not } negation:
                    Assume(negation.Operands[0], !holds);
                    break;
                case LoopNode.Compute { Primitive: Primitive.And or Primitive.Or } both when both.Primitive == Primitive.And == holds:
                    foreach (var operand in both.Operands)
                        Assume(operand, holds);
                    break;
                case LoopNode.Compute { Primitive: Primitive.Where } where:
                    // One side is what the value is not, so it is the other.
                    for (var side = 1; side <= 2; side++)
                        if (where.Operands[3 - side] is { Kind: LoopAtomKind.Literal } other && other.Number != 0 != holds)
                        {
                            Assume(where.Operands[0], side == 1);
                            Assume(where.Operands[side], holds);
                        }

                    break;
            }
        }
    }

    /// <summary>A body where conditions from outside are known: without selections by them, and without what nothing needs any more.</summary>
    private EquatableArray<LoopNode> Simplified(EquatableArray<LoopNode> body, IEnumerable<(int Value, bool Holds)> conditions)
    {
        var known = Implied(conditions);
        var replaced = new Dictionary<int, LoopAtom>();
        var nodes = new List<LoopNode>();
        foreach (var node in body)
        {
            switch (node)
            {
                case LoopNode.Compute compute:
                    var operands = compute.Operands.Select(Atom).ToArray();
                    if (Folded(compute.Primitive, operands) is { } folded)
                        replaced[compute.Value] = folded;
                    else
                        nodes.Add(compute with { Operands = operands.ToEquatableArray() });
                    break;
                case LoopNode.Load load when Holds(load.Predicate) == false:
                    replaced[load.Value] = LoopAtom.Literal(0);
                    break;
                case LoopNode.Load load:
                    nodes.Add(load with { Index = Index(load.Index), Predicate = Remaining(load.Predicate) });
                    break;
                case LoopNode.Store store when Holds(store.Predicate) != false:
                    nodes.Add(store with { Index = Index(store.Index), Operand = Atom(store.Operand), Predicate = Remaining(store.Predicate) });
                    break;
                case LoopNode.Combine combine when Holds(combine.Predicate) != false && !IsIdentity(combine.Monoid, Atom(combine.Operand)):
                    nodes.Add(combine with
                    {
                        Index = Index(combine.Index),
                        Operand = Atom(combine.Operand),
                        Position = combine.Position is { } position ? Atom(position) : null,
                        Predicate = Remaining(combine.Predicate),
                    });
                    break;
                case LoopNode.Store or LoopNode.Combine:
                    break;
                default:
                    nodes.Add(node);
                    break;
            }
        }

        return Needed(nodes);

        LoopAtom Atom(LoopAtom atom) => atom.Kind == LoopAtomKind.Value && replaced.TryGetValue(atom.Id, out var other) ? other : atom;

        bool? Truth(LoopAtom atom) => atom.Kind == LoopAtomKind.Literal ? atom.Number != 0 : atom.Kind == LoopAtomKind.Value && known.TryGetValue(atom.Id, out var holds) ? holds : null;

        bool? Holds(int? predicate) => predicate is { } value ? Truth(Atom(LoopAtom.Value(value))) : true;

        int? Remaining(int? predicate) => predicate is not { } value || Holds(value) == true ? null : Named(Atom(LoopAtom.Value(value)), ElementKind.Boolean);

        EquatableArray<IndexExpression> Index(EquatableArray<IndexExpression> index) =>
            index.Select(i => i is IndexExpression.Indirect indirect ? new IndexExpression.Indirect(Named(Atom(LoopAtom.Value(indirect.Value)), ElementKind.Integer)) : i).ToEquatableArray();

        // Where and whether is said by values.
        int Named(LoopAtom atom, ElementKind kind)
        {
            if (atom.Kind == LoopAtomKind.Value)
                return atom.Id;
            values.Add(kind);
            nodes.Add(new LoopNode.Compute(values.Count - 1, Primitive.Convert, [atom], new Parameters.Convert(null)));
            return values.Count - 1;
        }

        LoopAtom? Folded(Primitive primitive, LoopAtom[] operands)
        {
            switch (primitive)
            {
                case Primitive.Where:
                    return operands[1] == operands[2] ? operands[1] : Truth(operands[0]) is { } chosen ? operands[chosen ? 1 : 2] : null;
                case Primitive.Not:
                    return Truth(operands[0]) is { } negated ? LoopAtom.Literal(negated ? 0 : 1) : null;
                case Primitive.And or Primitive.Or:
                    for (var side = 0; side < 2; side++)
                        if (Truth(operands[side]) is { } holds)
                            return holds == (primitive == Primitive.And) ? operands[1 - side] : LoopAtom.Literal(holds ? 1 : 0);
                    return null;
                default:
                    return null;
            }
        }
    }

    private static bool IsIdentity(Monoid monoid, LoopAtom atom) => atom.Kind == LoopAtomKind.Literal && monoid switch
    {
        Monoid.Sum or Monoid.Any => atom.Number == 0,
        Monoid.All => atom.Number != 0,
        Monoid.Max => double.IsNegativeInfinity(atom.Number),
        Monoid.Min => double.IsPositiveInfinity(atom.Number),
        _ => false,
    };

    /// <summary>The nodes without values that nothing uses.</summary>
    private static EquatableArray<LoopNode> Needed(List<LoopNode> nodes)
    {
        var needed = new HashSet<int>();
        var kept = new List<LoopNode>();
        foreach (var node in nodes.AsEnumerable().Reverse())
        {
            if (LoopStatements.Defines(node) is >= 0 and var defined && !needed.Contains(defined))
                continue;
            needed.UnionWith(LoopStatements.Uses(node));
            kept.Insert(0, node);
        }

        return kept.ToEquatableArray();
    }

    /// <summary>A loop of its own over the same extent, with values of its own.</summary>
    private LoopNode Copy(int variable, EquatableArray<LoopNode> body, LoopCondition when)
    {
        var loop = loops.Count;
        loops.Add(loops[variable] with { Id = loop });
        var renamed = new Dictionary<int, int>();
        foreach (var defined in body.Select(LoopStatements.Defines).Where(d => d >= 0))
        {
            renamed[defined] = values.Count;
            values.Add(values[defined]);
        }

        var renaming = new LoopRenaming(renamed, new Dictionary<int, int> { [variable] = loop });
        return new LoopNode.Loop(loop, new LoopNode.Sequence(body.Select(renaming.Of).ToEquatableArray()), when);
    }
}
