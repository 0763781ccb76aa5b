using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>
/// Divides outermost loops whose iterations have whole rows of work in an inner loop (the tokens of a sequence, each over its
/// vocabulary): the inner rows become items of their own, so that there are as many as a card has use for.
/// </summary>
/// <remarks>
/// Before: a verified loop program. After: one that computes the same, in which an iteration that had rows inside is several nests, one
/// after the other. What one nest leaves for a later one is in memory: an element an iteration; of a sum over rows, an element a row,
/// which the next nest adds; and what was a row of workspace, whole.
/// </remarks>
internal sealed class CudaFission
{
    private readonly List<LoopBuffer> buffers;
    private readonly List<LoopVariable> loops;
    private readonly List<ElementKind> values;
    private readonly LoopProgram program;

    private CudaFission(LoopProgram program)
    {
        this.program = program;
        buffers = [.. program.Buffers];
        loops = [.. program.Loops];
        values = [.. program.Values];
    }

    public static LoopProgram Run(LoopProgram program)
    {
        var fission = new CudaFission(program);
        var stages = program.Stages.Select(s => s with { Body = Sequence(SimdTree.Of(program, s.Body).SelectMany(n => n is SimdLoop loop ? fission.Split(loop) : [n])) }).ToEquatableArray();
        if (fission.loops.Count == program.Loops.Count)
            return program;
        var divided = program with { Buffers = fission.buffers.ToEquatableArray(), Loops = fission.loops.ToEquatableArray(), Values = fission.values.ToEquatableArray(), Stages = stages };

        // Nothing may be read any later than the gradient that is written over it.
        return (CudaMemory.Donations(program) & ~CudaMemory.Donations(divided)) != 0 ? program : divided;
    }

    public static LoopNode Sequence(IEnumerable<SimdNode> nodes) => new LoopNode.Sequence(nodes.Select(Node).ToEquatableArray());

    private static LoopNode Node(SimdNode node) => node is SimdLoop loop ? new LoopNode.Loop(loop.Variable.Id, Sequence(loop.Body), loop.When) : ((SimdStatement)node).Node;

    private IReadOnlyList<SimdNode> Split(SimdLoop root)
    {
        if (root.Variable.Iterator == IteratorType.Segment)
            return [root];
        var nest = CudaNest.Of(program, root);
        if (nest.Grid != CudaGrid.Rows)
            return [root];
        var heavy = nest.Body.OfType<SimdLoop>().Where(l => !nest.IsLane(l) && l.Variable.Iterator != IteratorType.Segment && CudaNest.Loops(l).Any(nest.IsLane)).ToList();
        if (heavy.Count == 0)
            return [root];
        var (whole, counts) = (Node(root), (buffers.Count, loops.Count, values.Count));
        var division = new Division(this, nest, heavy);
        if (division.IsPossible)
            return division.Nests();
        buffers.RemoveRange(counts.Item1, buffers.Count - counts.Item1);
        loops.RemoveRange(counts.Item2, loops.Count - counts.Item2);
        values.RemoveRange(counts.Item3, values.Count - counts.Item3);
        return SimdTree.Of(program, whole);
    }

    private int NewValue(ElementKind kind)
    {
        values.Add(kind);
        return values.Count - 1;
    }

    private LoopBuffer NewBuffer(string name, ElementKind kind, IEnumerable<Extent> extents, BufferScope scope = BufferScope.Global)
    {
        var buffer = new LoopBuffer(buffers.Count, name, kind, extents.ToEquatableArray(), scope, BufferRole.Workspace);
        buffers.Add(buffer);
        return buffer;
    }

    private LoopVariable NewLoop(LoopVariable like, IteratorType iterator, bool isVector)
    {
        var variable = like with { Id = loops.Count, Iterator = iterator, IsVector = isVector };
        loops.Add(variable);
        return variable;
    }

    /// <summary>One iteration's body in pieces: each inner loop of rows is one, and so is what stands between them.</summary>
    private sealed class Division
    {
        private readonly CudaFission owner;
        private readonly CudaNest nest;
        private readonly List<SimdLoop> heavy;
        private readonly List<List<SimdNode>> pieces = [];
        private readonly Dictionary<int, (int Piece, SimdStatement Statement)> definitions = [];
        private readonly HashSet<int> written;
        private readonly Dictionary<int, LoopBuffer> spilled = [];
        private readonly Dictionary<int, LoopBuffer> expanded = [];

        public Division(CudaFission owner, CudaNest nest, List<SimdLoop> heavy)
        {
            (this.owner, this.nest, this.heavy) = (owner, nest, heavy);
            written = new(SimdTree.Statements(nest.Body).SelectMany(s => LoopStatements.Writes(s.Node)));
            IsPossible = heavy.All(IsIndependent) && Arrange();
        }

        public bool IsPossible { get; }

        private LoopBuffer Buffer(int id) => owner.program.Buffers[id];

        /// <summary>Whether an inner loop's iterations share nothing but sums.</summary>
        private bool IsIndependent(SimdLoop loop)
        {
            var inside = SimdTree.Statements(loop).ToArray();
            var own = new HashSet<int>(inside.Select(s => s.Node).OfType<LoopNode.Initialise>().Select(i => i.Buffer));
            foreach (var statement in inside)
            {
                if (statement.Node is LoopNode.Combine { Monoid: Monoid.ArgMax } position && !own.Contains(position.Buffer))
                    return false;
                foreach (var id in LoopStatements.Writes(statement.Node))
                {
                    var isOfLoop = LoopStatements.Accesses(statement.Node).Where(a => a.Buffer == id).Any(a => a.Index.Any(i => CudaNest.Has(i, loop.Variable.Id)));
                    var isOutside = nest.Body.Where(n => n != loop).SelectMany(SimdTree.Statements).Any(s => Touches(s.Node, id));
                    var isPossible = Buffer(id) switch
                    {
                        { Scope: BufferScope.Register } => own.Contains(id) || statement.Node is LoopNode.Combine,
                        { Scope: BufferScope.Row } => isOfLoop || !isOutside,
                        { Extents.Count: 0 } => true,
                        _ => isOfLoop,
                    };
                    if (!isPossible)
                        return false;
                }
            }

            return true;
        }

        private static bool Touches(LoopNode node, int buffer) => LoopStatements.Accesses(node).Any(a => a.Buffer == buffer) || LoopStatements.Writes(node).Contains(buffer);

        /// <summary>Makes the pieces: accumulators begin where they are first combined into, and are read where they are complete.</summary>
        private bool Arrange()
        {
            var body = nest.Body.ToList();
            foreach (var begin in body.OfType<SimdStatement>().Where(s => s.Node is LoopNode.Initialise).ToArray())
            {
                var id = ((LoopNode.Initialise)begin.Node).Buffer;
                if (Buffer(id).Scope != BufferScope.Register)
                    continue;
                var combining = body.Where(n => n != begin && SimdTree.Statements(n).Any(s => s.Node is LoopNode.Combine combine && combine.Buffer == id)).ToArray();
                if (combining.Length > 1)
                    return false;
                if (combining.Length == 0)
                    continue;
                body.Remove(begin);
                body.Insert(body.IndexOf(combining[0]), begin);
                var loads = body.OfType<SimdStatement>().Where(s => s.Node is LoopNode.Load load && load.Buffer == id).ToArray();
                if (body.SelectMany(SimdTree.Statements).Count(s => s.Node is LoopNode.Load load && load.Buffer == id) != loads.Length)
                    return false;
                foreach (var load in loads.AsEnumerable().Reverse())
                {
                    body.Remove(load);
                    body.Insert(body.IndexOf(combining[0]) + 1, load);
                }
            }

            pieces.Add([]);
            foreach (var node in body)
            {
                if (node is SimdLoop loop && heavy.Contains(loop))
                {
                    Reduce(loop);
                    continue;
                }

                pieces[pieces.Count - 1].Add(node);
            }

            for (var i = 0; i < pieces.Count; i++)
                foreach (var statement in pieces[i].OfType<SimdStatement>().Where(s => s.Defines >= 0))
                    definitions[statement.Defines] = (i, statement);
            return Expand();
        }

        /// <summary>An inner loop as a piece: each iteration leaves its part of a sum, and the next piece adds them.</summary>
        private void Reduce(SimdLoop loop)
        {
            var before = pieces[pieces.Count - 1];
            var own = new HashSet<int>(SimdTree.Statements(loop).Select(s => s.Node).OfType<LoopNode.Initialise>().Select(i => i.Buffer));
            var after = new List<SimdNode>();
            var adding = new SimdLoop(owner.NewLoop(loop.Variable, IteratorType.Reduction, isVector: true), loop.When);
            foreach (var combine in SimdTree.Statements(loop).Select(s => s.Node).OfType<LoopNode.Combine>().GroupBy(c => c.Buffer).Select(g => g.First()).ToArray())
            {
                if (Buffer(combine.Buffer).Scope != BufferScope.Register || own.Contains(combine.Buffer))
                    continue;
                var register = Buffer(combine.Buffer);
                var part = owner.NewBuffer(register.Name + "Row", register.Kind, [], BufferScope.Register);
                var rows = owner.NewBuffer(register.Name + "Rows", register.Kind, nest.Items.Select(i => i.Variable.Extent).Append(loop.Variable.Extent));
                Redirect(loop, register.Id, part.Id);
                var (left, added) = (owner.NewValue(register.Kind), owner.NewValue(register.Kind));
                var place = nest.Items.Select(i => IndexExpression.Of(i.Variable.Id)).ToArray();
                loop.Body.Insert(0, new SimdStatement(new LoopNode.Initialise(part.Id, combine.Monoid)));
                loop.Body.Add(new SimdStatement(new LoopNode.Load(left, part.Id, [])));
                loop.Body.Add(new SimdStatement(new LoopNode.Store(rows.Id, [.. place, IndexExpression.Of(loop.Variable.Id)], LoopAtom.Value(left))));
                before.RemoveAll(n => n is SimdStatement { Node: LoopNode.Initialise initialise } && initialise.Buffer == register.Id);
                after.Add(new SimdStatement(new LoopNode.Initialise(register.Id, combine.Monoid)));
                adding.Body.Add(new SimdStatement(new LoopNode.Load(added, rows.Id, [.. place, IndexExpression.Of(adding.Variable.Id)])));
                adding.Body.Add(new SimdStatement(new LoopNode.Combine(register.Id, [], combine.Monoid, LoopAtom.Value(added))));
            }

            if (adding.Body.Count > 0)
                after.Add(adding);
            pieces.Add([loop]);
            pieces.Add(after);
        }

        private static void Redirect(SimdLoop loop, int from, int to)
        {
            for (var i = 0; i < loop.Body.Count; i++)
            {
                if (loop.Body[i] is SimdLoop inner)
                    Redirect(inner, from, to);
                else if (loop.Body[i] is SimdStatement { Node: LoopNode.Combine combine } && combine.Buffer == from)
                    loop.Body[i] = new SimdStatement(combine with { Buffer = to });
            }
        }

        /// <summary>Rows of workspace that several pieces touch become whole.</summary>
        private bool Expand()
        {
            foreach (var buffer in owner.program.Buffers.Where(b => b.Scope == BufferScope.Row))
            {
                if (pieces.Count(p => SimdTree.Statements(p).Any(s => Touches(s.Node, buffer.Id))) < 2)
                    continue;
                if (SimdTree.Statements(nest.Body).Any(s => s.Node is LoopNode.Initialise initialise && initialise.Buffer == buffer.Id))
                    return false;
                expanded[buffer.Id] = owner.NewBuffer(buffer.Name, buffer.Kind, nest.Items.Select(i => i.Variable.Extent).Concat(buffer.Extents));
            }

            return true;
        }

        public IReadOnlyList<SimdNode> Nests()
        {
            // What a later piece uses of an earlier one, and cannot be computed again, is kept.
            for (var i = 0; i < pieces.Count; i++)
                Require(i, SimdTree.Uses(pieces[i]));
            var nests = new List<SimdNode>();
            for (var i = 0; i < pieces.Count; i++)
            {
                var kept = pieces[i].OfType<SimdStatement>().Where(s => spilled.ContainsKey(s.Defines)).Select(s => s.Defines).ToArray();
                if (kept.Length > 0 || SimdTree.Statements(pieces[i]).Any(s => LoopStatements.Writes(s.Node).Any(b => owner.buffers[b].Scope != BufferScope.Register)))
                    nests.Add(Nest(i, kept));
            }

            return nests;
        }

        private void Require(int piece, IEnumerable<int> uses)
        {
            foreach (var value in uses)
            {
                if (!definitions.TryGetValue(value, out var definition) || definition.Piece == piece)
                    continue;
                if (IsPure(value))
                    Require(piece, LoopStatements.Uses(definition.Statement.Node));
                else if (!spilled.ContainsKey(value))
                    spilled[value] = owner.NewBuffer("v" + value.ToString(System.Globalization.CultureInfo.InvariantCulture) + "All", owner.values[value], nest.Items.Select(l => l.Variable.Extent));
            }
        }

        /// <summary>Whether a value of the body is computed of nothing that the body writes.</summary>
        private bool IsPure(int value) => !definitions.TryGetValue(value, out var definition) || (definition.Statement.Node switch
        {
            LoopNode.Load load => owner.buffers[load.Buffer].Scope == BufferScope.Global && load.Buffer < owner.program.Buffers.Count && !written.Contains(load.Buffer),
            LoopNode.Compute => true,
            _ => false,
        } && LoopStatements.Uses(definition.Statement.Node).All(IsPure));

        /// <summary>A piece in loops of its own.</summary>
        private SimdNode Nest(int piece, int[] kept)
        {
            var items = nest.Items.Select(l => owner.NewLoop(l.Variable, l.Variable.Iterator, isVector: false)).ToArray();
            var loops = nest.Items.Zip(items, (old, made) => (old.Variable.Id, made.Id)).ToDictionary(p => p.Item1, p => p.Item2);
            var place = items.Select(l => IndexExpression.Of(l.Id)).ToEquatableArray();
            var renamed = new Dictionary<int, int>();
            var renaming = new LoopRenaming(renamed, loops);
            var body = new List<SimdNode>();
            var prologue = nest.Prologue.OfType<SimdStatement>().ToDictionary(s => s.Defines, s => s);

            void Bring(int value)
            {
                if (renamed.ContainsKey(value))
                    return;
                var isProlog = prologue.TryGetValue(value, out var statement);
                if (!isProlog)
                {
                    if (!definitions.TryGetValue(value, out var definition) || definition.Piece == piece)
                        return;
                    if (spilled.TryGetValue(value, out var buffer))
                    {
                        renamed[value] = owner.NewValue(owner.values[value]);
                        body.Add(new SimdStatement(new LoopNode.Load(renamed[value], buffer.Id, place)));
                        return;
                    }

                    statement = definition.Statement;
                }

                foreach (var operand in LoopStatements.Uses(statement!.Node))
                    Bring(operand);
                renamed[value] = owner.NewValue(owner.values[value]);
                body.Add(Rename(statement, renaming, place));
            }

            foreach (var value in SimdTree.Uses(pieces[piece]).ToArray())
                Bring(value);
            body.AddRange(pieces[piece].Select(n => Rename(n, renaming, place)));
            foreach (var value in kept)
                body.Add(new SimdStatement(new LoopNode.Store(spilled[value].Id, place, LoopAtom.Value(value))));
            SimdLoop? result = null;
            foreach (var item in items.AsEnumerable().Reverse())
                result = new SimdLoop(item) { Body = result is null ? body : [result] };
            return result!;
        }

        private SimdNode Rename(SimdNode node, LoopRenaming renaming, EquatableArray<IndexExpression> place)
        {
            if (node is SimdStatement statement)
                return new SimdStatement(Expand(renaming.Of(statement.Node), place));
            var loop = (SimdLoop)node;
            return new SimdLoop(loop.Variable, renaming.Of(loop.When)) { Body = loop.Body.Select(n => Rename(n, renaming, place)).ToList() };
        }

        /// <summary>A statement on memory of which each item has its own.</summary>
        private LoopNode Expand(LoopNode node, EquatableArray<IndexExpression> place)
        {
            int Memory(int buffer) => expanded.TryGetValue(buffer, out var whole) ? whole.Id : buffer;
            EquatableArray<IndexExpression> Index(int buffer, EquatableArray<IndexExpression> index) => expanded.ContainsKey(buffer) ? place.Concat(index).ToEquatableArray() : index;
            return node switch
            {
                LoopNode.Load load => load with { Buffer = Memory(load.Buffer), Index = Index(load.Buffer, load.Index) },
                LoopNode.Store store => store with { Buffer = Memory(store.Buffer), Index = Index(store.Buffer, store.Index) },
                LoopNode.Combine combine => combine with { Buffer = Memory(combine.Buffer), Index = Index(combine.Buffer, combine.Index) },
                LoopNode.Extern call => call with
                {
                    Operands = call.Operands.Select(o => new ExternOperand(
                        Memory(o.Buffer), Index(o.Buffer, o.Start), o.Position + (expanded.ContainsKey(o.Buffer) ? nest.Items.Count : 0), o.IsWritten)).ToEquatableArray(),
                },
                _ => node,
            };
        }
    }
}
