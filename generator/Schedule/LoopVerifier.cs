using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>Checks that a loop program is well formed, by the conventions that emitters rely on.</summary>
public sealed class LoopVerifier
{
    private readonly LoopProgram program;
    private readonly HashSet<int> visible = [];
    private readonly HashSet<int> defined = [];
    private readonly HashSet<int> initialised = [];
    private readonly List<int> open = [];
    private readonly HashSet<int> entered = [];

    private LoopVerifier(LoopProgram program) => this.program = program;

    /// <exception cref="InvalidOperationException">The loop program is not well formed; the message says where.</exception>
    public static void Verify(LoopProgram program)
    {
        for (var i = 0; i < program.Buffers.Count; i++)
            if (program.Buffers[i].Id != i)
                throw new InvalidOperationException($"{program.Name}: buffer {program.Buffers[i].Name} is not in its place.");
        foreach (var buffer in program.Buffers.Where(b => b.Over >= 0))
            if (buffer.Over >= buffer.Id || program.Buffers[buffer.Over].Extents != buffer.Extents || program.Buffers[buffer.Over].Kind != buffer.Kind)
                throw new InvalidOperationException($"{program.Name}: {buffer.Name} does not fit over {program.Buffers[buffer.Over].Name}.");
        for (var i = 0; i < program.Loops.Count; i++)
            if (program.Loops[i].Id != i)
                throw new InvalidOperationException($"{program.Name}: loop {program.Loops[i].Name} is not in its place.");
        var verifier = new LoopVerifier(program);
        foreach (var stage in program.Stages)
        {
            // Stages are functions of their own: they share memory, not values.
            verifier.visible.Clear();
            verifier.initialised.RemoveWhere(b => program.Buffers[b].Scope != BufferScope.Global);
            verifier.Require(stage.Body is LoopNode.Sequence or LoopNode.Loop, "a stage is a sequence or a loop");
            verifier.Visit(stage.Body, isVector: false, depth: 0);
        }
    }

    private void Visit(LoopNode node, bool isVector, int depth)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                var declared = new List<int>();
                foreach (var child in sequence.Children)
                {
                    Visit(child, isVector, depth);
                    if (child is LoopNode.Load { Value: var loaded })
                        declared.Add(loaded);
                    else if (child is LoopNode.Compute { Value: var computed })
                        declared.Add(computed);
                }

                if (depth > 0)
                    visible.ExceptWith(declared);
                break;
            case LoopNode.Loop loop:
                VisitLoop(loop, isVector, depth);
                break;
            case LoopNode.Load load:
                CheckAccess(load.Buffer, load.Index, load.Predicate);
                Require(program.Values[load.Value] == program.Buffers[load.Buffer].Kind, $"v{load.Value} has the kind of {Name(load.Buffer)}");
                Define(load.Value);
                break;
            case LoopNode.Store store:
                CheckAccess(store.Buffer, store.Index, store.Predicate);
                CheckAtom(store.Operand);
                Require(program.Buffers[store.Buffer].Role != BufferRole.Input, $"input {Name(store.Buffer)} is not written");
                break;
            case LoopNode.Compute compute:
                foreach (var operand in compute.Operands)
                    CheckAtom(operand);
                Define(compute.Value);
                break;
            case LoopNode.Initialise initialise:
                Require(!isVector || program.Buffers[initialise.Buffer].Scope == BufferScope.Register, $"{Name(initialise.Buffer)} is cleared outside the vector loop");
                initialised.Add(initialise.Buffer);
                break;
            case LoopNode.Combine combine:
                CheckAccess(combine.Buffer, combine.Index, combine.Predicate);
                CheckAtom(combine.Operand);
                Require(initialised.Contains(combine.Buffer), $"{Name(combine.Buffer)} is initialised before it is combined into");
                Require(combine.Monoid == Monoid.ArgMax == combine.Position is not null, "argmax alone takes a position");
                CheckPrivate(combine);
                break;
            case LoopNode.Contract contract:
                Require(depth == 0, "a contraction is outside all loops");
                foreach (var operand in new[] { contract.Left, contract.Right, contract.Result })
                {
                    var buffer = program.Buffers[operand.Buffer];
                    Require(buffer is { Scope: BufferScope.Global, Kind: ElementKind.Real }, $"{buffer.Name} is in memory");
                    Require(operand.Axes.Select(a => contract.Extents[a]).SequenceEqual(buffer.Extents), $"{buffer.Name} has the extents of its axes");
                }

                Require(program.Buffers[contract.Result.Buffer].Role != BufferRole.Input, $"input {Name(contract.Result.Buffer)} is not written");
                break;
            case LoopNode.Extern row:
                Require(!isVector, $"{row.Name} is outside any vector loop");
                foreach (var operand in row.Operands)
                {
                    CheckAccess(operand.Buffer, operand.Start, null);
                    Require(program.Buffers[operand.Buffer].Scope is BufferScope.Row or BufferScope.Global, $"{row.Name} works on rows in memory");
                    Require(operand.Position >= 0 && operand.Position < operand.Start.Count, $"{row.Name} runs along a position of {Name(operand.Buffer)}");
                }

                break;
        }
    }

    private void VisitLoop(LoopNode.Loop loop, bool isVector, int depth)
    {
        var variable = program.Loops[loop.Variable];
        Require(entered.Add(loop.Variable), $"loop {variable.Name} is entered at one place");
        Require(!(isVector && variable.IsVector), $"loop {variable.Name} is not a vector loop inside another");
        Require(!variable.IsVector || variable.Iterator != IteratorType.Segment, $"loop {variable.Name} runs in order");
        Require(loop.Body is LoopNode.Sequence, $"the body of {variable.Name} is a sequence");
        if (loop.When is { } when)
        {
            // The threads of a block agree on it, and the lanes of a vector.
            Require(depth > 0 && !isVector, $"loop {variable.Name} is under a condition inside loops, none of them in lanes");
            CheckCondition(when.Value);
        }

        open.Add(loop.Variable);
        Visit(loop.Body, isVector || variable.IsVector, depth + 1);
        open.RemoveAt(open.Count - 1);
    }

    /// <summary>Iterations of a parallel outermost loop share no memory but privatised accumulators.</summary>
    private void CheckPrivate(LoopNode.Combine combine)
    {
        var buffer = program.Buffers[combine.Buffer];
        if (open.Count == 0 || buffer.Scope != BufferScope.Global || buffer.Extents.Count == 0 || program.Loops[open[0]].Iterator != IteratorType.Parallel)
            return;
        Require(
            combine.Index.Any(i => i is IndexExpression.Affine affine && affine.Terms.Any(t => t.Loop == open[0])),
            $"blocks of {program.Loops[open[0]].Name} do not meet in {buffer.Name}");
    }

    private void CheckAccess(int buffer, EquatableArray<IndexExpression> index, int? predicate)
    {
        Require(index.Count == program.Buffers[buffer].Extents.Count, $"{Name(buffer)} has {program.Buffers[buffer].Extents.Count} positions");
        Require(open.Count > 0 || program.Buffers[buffer].Scope == BufferScope.Global, $"{Name(buffer)} is memory of an iteration");
        foreach (var place in index)
        {
            if (place is IndexExpression.Indirect indirect)
            {
                CheckAtom(LoopAtom.Value(indirect.Value));
                Require(program.Values[indirect.Value] == ElementKind.Integer, $"v{indirect.Value} is an index");
            }
            else
            {
                foreach (var term in ((IndexExpression.Affine)place).Terms)
                    CheckAtom(LoopAtom.Coordinate(term.Loop));
            }
        }

        if (predicate is { } condition)
            CheckCondition(condition);
    }

    private void CheckCondition(int condition)
    {
        CheckAtom(LoopAtom.Value(condition));
        Require(program.Values[condition] == ElementKind.Boolean, $"v{condition} is a condition");
    }

    private void CheckAtom(LoopAtom atom)
    {
        var exists = atom.Kind switch
        {
            LoopAtomKind.Value => visible.Contains(atom.Id),
            LoopAtomKind.Coordinate => open.Contains(atom.Id),
            LoopAtomKind.Host => atom.Id < program.Source.Host.Count,
            LoopAtomKind.Size => atom.Id < program.Sizes.Count,
            _ => true,
        };
        Require(exists, $"{atom.Kind} {atom.Payload} is there");
    }

    private void Define(int value)
    {
        Require(defined.Add(value), $"v{value} is defined once");
        visible.Add(value);
    }

    private string Name(int buffer) => program.Buffers[buffer].Name;

    private void Require(bool condition, string what)
    {
        if (!condition)
            throw new InvalidOperationException($"{program.Name}: it does not hold that {what}.");
    }
}
