using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// What a person would do before writing a kernel: move out of a loop what does not depend on it, keep in a register what a loop only
/// combines, and compute beside its use what only a gradient needs.
/// </summary>
internal sealed class SimdRearrangement(LoopProgram program)
{
    /// <summary>The accumulators of combining statements.</summary>
    public Dictionary<LoopNode.Combine, SimdAccumulator> Accumulators { get; } = new(ReferenceComparer<LoopNode.Combine>.Instance);

    /// <summary>The accumulators of register buffers.</summary>
    public Dictionary<int, SimdAccumulator> Registers { get; } = [];

    /// <summary>Moves invariant loads and computations in front of their loops; out of an outermost loop, into its prologue.</summary>
    public void Hoist(List<SimdNode> stage)
    {
        foreach (var loop in stage.OfType<SimdLoop>())
            loop.Prologue.AddRange(Hoist(loop));
    }

    private List<SimdStatement> Hoist(SimdLoop loop)
    {
        var body = new List<SimdNode>();
        foreach (var node in loop.Body)
        {
            if (node is SimdLoop inner)
                body.AddRange(Hoist(inner));
            body.Add(node);
        }

        var written = new HashSet<int>(SimdTree.Statements(body).SelectMany(s => LoopStatements.Writes(s.Node)));
        var defined = new HashSet<int>(SimdTree.Statements(body).Select(s => s.Defines));
        var hoisted = new List<SimdStatement>();
        loop.Body = [];
        foreach (var node in body)
        {
            // What is read in a loop that may not run is not read for it.
            if (node is SimdStatement { Node: LoopNode.Load or LoopNode.Compute } statement
                && (loop.When is null || statement.Node is LoopNode.Compute)
                && !LoopStatements.Uses(statement.Node).Any(defined.Contains)
                && !LoopStatements.LoopUses(statement.Node).Contains(loop.Variable.Id)
                && !LoopStatements.Accesses(statement.Node).Any(a => written.Contains(a.Buffer)))
            {
                hoisted.Add(statement);
                defined.Remove(statement.Defines);
            }
            else
            {
                loop.Body.Add(node);
            }
        }

        return hoisted;
    }

    /// <summary>Finds for each combining statement the outermost loop during which its place can be kept in a register.</summary>
    public void Promote(List<SimdNode> stage)
    {
        Promote(stage, []);
    }

    private void Promote(List<SimdNode> nodes, List<SimdLoop> path)
    {
        foreach (var node in nodes)
        {
            if (node is SimdLoop loop)
            {
                path.Add(loop);
                Promote(loop.Body, path);
                path.RemoveAt(path.Count - 1);
            }
            else if (node is SimdStatement { Node: LoopNode.Initialise initialise } && program.Buffers[initialise.Buffer].Scope == BufferScope.Register)
            {
                Registers[initialise.Buffer] = new(initialise.Buffer, initialise.Monoid, program.Buffers[initialise.Buffer].Kind, EquatableArray<IndexExpression>.Empty)
                {
                    IsPerLane = path.Any(l => l.Variable.IsVector),
                    IsRegister = true,
                };
            }
            else if (node is SimdStatement { Node: LoopNode.Combine combine })
            {
                if (AccumulatorOf(combine, path) is not { } accumulator)
                    continue;
                accumulator.CombinesLanes |= path.Any(l => l.Variable.IsVector);
                Accumulators[combine] = accumulator;
            }
        }
    }

    private SimdAccumulator? AccumulatorOf(LoopNode.Combine combine, List<SimdLoop> path)
    {
        if (program.Buffers[combine.Buffer].Scope == BufferScope.Register && Registers.TryGetValue(combine.Buffer, out var register))
            return register;
        var loop = path.FirstOrDefault(l => IsInvariant(combine, l, path));
        if (loop is null)
            return null;
        var accumulator = loop.Accumulators.FirstOrDefault(a => a.Buffer == combine.Buffer);
        if (accumulator is null)
        {
            accumulator = new(combine.Buffer, combine.Monoid, OperandKinds.Of(program, combine.Operand, program.Buffers[combine.Buffer].Kind), combine.Index)
            {
                IsPerLane = path.TakeWhile(l => l != loop).Any(l => l.Variable.IsVector),
            };
            loop.Accumulators.Add(accumulator);
        }

        return accumulator;
    }

    private static bool IsInvariant(LoopNode.Combine combine, SimdLoop loop, List<SimdLoop> path)
    {
        var inner = path.SkipWhile(l => l != loop).Select(l => l.Variable.Id).ToArray();
        var statements = SimdTree.Statements(loop).ToArray();
        var defined = new HashSet<int>(statements.Select(s => s.Defines));
        foreach (var index in combine.Index)
        {
            if (index is IndexExpression.Indirect indirect ? defined.Contains(indirect.Value) : ((IndexExpression.Affine)index).Terms.Any(t => inner.Contains(t.Loop)))
                return false;
        }

        return statements.All(s => s.Node switch
        {
            LoopNode.Combine other when other.Buffer == combine.Buffer => other.Monoid == combine.Monoid && other.Index == combine.Index,
            LoopNode.Initialise other => other.Buffer != combine.Buffer,
            _ => LoopStatements.Accesses(s.Node).All(a => a.Buffer != combine.Buffer),
        });
    }

    /// <summary>Removes what nothing needs.</summary>
    public static void Prune(List<SimdNode> nodes)
    {
        nodes.RemoveAll(n => n.Gate == SimdGate.Never);
        foreach (var loop in nodes.OfType<SimdLoop>())
        {
            Prune(loop.Prologue);
            Prune(loop.Body);
        }
    }

    /// <summary>Moves computations that only some gradients need down to their first use, so that they come under one condition with it.</summary>
    public static void Sink(List<SimdNode> nodes)
    {
        for (var i = nodes.Count - 1; i >= 0; i--)
        {
            if (nodes[i] is SimdLoop loop)
            {
                Sink(loop.Body);
                continue;
            }

            if (nodes[i] is not SimdStatement { Node: LoopNode.Compute, Gate.IsAlways: false } statement)
                continue;
            var use = nodes.FindIndex(i + 1, n => SimdTree.Uses(n).Contains(statement.Defines));
            if (use < 0)
                continue;
            nodes.Insert(use, statement);
            nodes.RemoveAt(i);
        }
    }
}

/// <summary>Records compare by value; nodes of a tree are told apart by where they are.</summary>
internal sealed class ReferenceComparer<T> : IEqualityComparer<T>
    where T : class
{
    public static ReferenceComparer<T> Instance { get; } = new();

    public bool Equals(T? x, T? y) => ReferenceEquals(x, y);

    public int GetHashCode(T obj) => System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(obj);
}
