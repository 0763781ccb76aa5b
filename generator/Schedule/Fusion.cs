using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Loop fusion with barriers. In: statements in order, with what they read. Out: the loop tree: statements that agree on an outer axis
/// share its loop as long as none needs what is complete only after it; the same again inside.
/// </summary>
internal sealed class Fusion
{
    private readonly Materialisation program;
    private readonly HashSet<Statement> counts;
    private int loops;

    private Fusion(Materialisation program)
    {
        this.program = program;
        counts = Counts();
    }

    public static List<LoopItem> Group(Materialisation program)
    {
        foreach (var statement in program.Statements)
            statement.Open();
        return Sunk(new Fusion(program).Nest(program.Statements, 0));
    }

    /// <summary>Statements outside all loops come as late as they can, so that they share a stage.</summary>
    private static List<LoopItem> Sunk(List<LoopItem> items)
    {
        for (var i = items.Count - 1; i >= 0; i--)
        {
            if (items[i] is not LoopItem.Leaf leaf)
                continue;
            var made = leaf.Statement.Results;
            var place = i + 1;
            while (place < items.Count && !Statements(items[place]).Any(s => s.Reads.Any(r => made.Contains(r.Variable))))
                place++;
            items.Insert(place, leaf);
            items.RemoveAt(i);
        }

        return items;
    }

    private static IReadOnlyList<Statement> Statements(LoopItem item) => item is LoopGroup group ? group.Members : [((LoopItem.Leaf)item).Statement];

    /// <summary>
    /// The counts of masks that alone keep rows waiting: sums over everything that read whole numbers and conditions. They have loops of their own, before all
    /// others: in a loop with the rows, what divides by them would have to read the rows again.
    /// </summary>
    private HashSet<Statement> Counts()
    {
        var counts = new HashSet<Statement>(program.Statements.Where(s => IsTotal(s) && s.Reads.All(r => IsGiven(r.Variable))));
        var needs = new Dictionary<Statement, HashSet<Statement>>();
        foreach (var statement in program.Statements)
        {
            var totals = new HashSet<Statement>();
            foreach (var maker in statement.Reads.Select(r => program.Makers.TryGetValue(r.Variable, out var made) ? made : null).OfType<Statement>().Where(needs.ContainsKey))
            {
                totals.UnionWith(needs[maker]);
                if (IsTotal(maker))
                    totals.Add(maker);
            }

            needs[statement] = totals;
        }

        var freed = program.Statements.Where(s => s.Axes.Count > 0 && needs[s].IsSubsetOf(counts)).ToArray();
        counts.RemoveWhere(c => !freed.Any(s => needs[s].Contains(c)));
        return counts;
    }

    /// <summary>Whether an item counts what others wait for.</summary>
    private bool IsCount(LoopItem item) => item is LoopGroup group && counts.Contains(group.Members[0]);

    private static bool IsTotal(Statement statement) =>
        statement.Kind == StatementKind.Reduce && statement.Axes.Count > 0 && statement.Axes.All(a => a.Role == AxisRole.Reduced);

    private bool IsGiven(int variable) => !program.Makers.ContainsKey(variable) && program.Program.Types[variable].Kind != ElementKind.Real;

    private List<LoopItem> Nest(IReadOnlyList<Statement> statements, int depth)
    {
        var items = new List<LoopItem>();
        var places = new Dictionary<Statement, LoopItem>();
        for (var s = 0; s < statements.Count; s++)
        {
            var statement = statements[s];
            var makers = Makers(statement, places);
            var last = makers.Select(m => items.IndexOf(places[m])).DefaultIfEmpty(-1).Max();
            if (!statement.OpenAxes().Any())
            {
                // As early as it can be, so that what needs it may still join an earlier loop.
                var place = last + 1;
                while (place < items.Count && items[place] is LoopItem.Leaf)
                    place++;
                items.Insert(place, new LoopItem.Leaf(statement));
                places[statement] = items[place];
                continue;
            }

            if (Join(statement, items, last) is not ({ } group, var axis))
            {
                axis = Seed(statement, statements.Skip(s + 1), depth);
                group = new LoopGroup(loops++, statement.Axes[axis].Extent, IsSegment(statement, axis));
                items.Insert(counts.Contains(statement) ? items.TakeWhile(IsCount).Count() : items.Count, group);
            }

            group.Members.Add(statement);
            statement.Loops[axis] = group;
            statement.Path.Add(group);
            places[statement] = group;
        }

        foreach (var group in items.OfType<LoopGroup>())
            group.Body = Nest(group.Members, depth + 1);
        return items;
    }

    /// <summary>The statements of this level that make what a statement reads.</summary>
    private List<Statement> Makers(Statement statement, Dictionary<Statement, LoopItem> places) =>
        statement.Reads.Select(r => program.Makers.TryGetValue(r.Variable, out var maker) ? maker : null)
            .OfType<Statement>().Where(places.ContainsKey).Distinct().ToList();

    /// <summary>The loop that a statement shares most with, among those it may join: none before, or unfinished in, what it needs.</summary>
    private (LoopGroup? Group, int Axis) Join(Statement statement, List<LoopItem> items, int last)
    {
        (LoopGroup? Group, int Axis) best = (null, -1);
        var most = -1;
        for (var i = Math.Max(last, 0); i < items.Count; i++)
        {
            if (items[i] is not LoopGroup group || IsCount(group) != counts.Contains(statement))
                continue;
            foreach (var axis in statement.OpenAxes())
            {
                if (statement.Axes[axis].Extent != group.Extent || IsSegment(statement, axis) != group.IsSegment || !IsComplete(statement, axis, group))
                    continue;
                var shared = Shared(statement, axis, group);
                if (shared > most)
                    (best, most) = ((group, axis), shared);
            }
        }

        return best;
    }

    /// <summary>Whether an iteration of the loop has all that the statement's iteration reads of the loop's other statements.</summary>
    private bool IsComplete(Statement statement, int axis, LoopGroup group)
    {
        foreach (var access in statement.Reads)
        {
            if (!program.Makers.TryGetValue(access.Variable, out var maker) || maker.AxisOf(group) is not (>= 0 and var made))
                continue;
            if (maker.Axes[made].Role != AxisRole.Kept || access.Index[maker.Axes[made].Position] != IndexExpression.Of(axis))
                return false;
        }

        return true;
    }

    /// <summary>How many reads have the same place in the statement and in the loop; what the loop makes counts for more.</summary>
    private int Shared(Statement statement, int axis, LoopGroup group)
    {
        var shared = 0;
        foreach (var access in statement.Reads)
        {
            if (program.Makers.TryGetValue(access.Variable, out var maker) && maker.AxisOf(group) >= 0)
                shared += 16;
            else if (group.Members.Any(m => m.Reads.Any(r => Agree(access, axis, r, m.AxisOf(group)))))
                shared++;
        }

        return shared;
    }

    private static bool Agree(Access left, int leftAxis, Access right, int rightAxis)
    {
        if (left.Variable != right.Variable)
            return false;
        for (var p = 0; p < left.Index.Count; p++)
            if (left.Index[p] == IndexExpression.Of(leftAxis) && right.Index[p] == IndexExpression.Of(rightAxis))
                return true;
        return false;
    }

    /// <summary>The axis of a new loop: the one that most of the statements to come can share; a named one outermost, for the threads; then in order.</summary>
    private int Seed(Statement statement, IEnumerable<Statement> others, int depth)
    {
        var axes = statement.OpenAxes().ToArray();
        if (axes.Length == 1)
            return axes[0];
        var rest = others.ToArray();
        return axes
            .OrderBy(a => depth == 0 && statement.Axes[a].Extent.IsFixed)
            .ThenByDescending(a => rest.Count(other => CouldShare(statement, a, other)))
            .ThenBy(a => a)
            .First();
    }

    private static bool CouldShare(Statement statement, int axis, Statement other)
    {
        var made = statement.Axes[axis];
        foreach (var otherAxis in other.OpenAxes())
        {
            if (other.Axes[otherAxis].Extent != made.Extent)
                continue;
            foreach (var access in other.Reads)
            {
                if (statement.Results.Contains(access.Variable))
                {
                    if (made.Role == AxisRole.Kept && access.Index[made.Position] == IndexExpression.Of(otherAxis))
                        return true;
                }
                else if (statement.Reads.Any(r => Agree(access, otherAxis, r, axis)))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsSegment(Statement statement, int axis) => statement.Axes[axis].Role == AxisRole.Segment;
}
