using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// Chooses which loop on each path runs in the lanes of a vector: where most accesses are of unit stride. A loop over segments does not
/// (equal indices would meet), nor does one around a row routine.
/// </summary>
internal sealed class VectorLoops
{
    private readonly LoopProgram program;
    private readonly HashSet<int> chosen = [];

    private VectorLoops(LoopProgram program) => this.program = program;

    public static ISet<int> Choose(LoopProgram program) => Plan(program).Loops;

    /// <summary>The cheapest choice, and what the program then costs.</summary>
    public static (ISet<int> Loops, double Cost) Plan(LoopProgram program)
    {
        var vectors = new VectorLoops(program);
        var cost = program.Stages.Sum(s => vectors.Cheapest(s.Body));
        return (vectors.chosen, cost);
    }

    /// <summary>The cost of a node, vector loops chosen inside.</summary>
    private double Cheapest(LoopNode node)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                return sequence.Children.Sum(Cheapest);
            case LoopNode.Loop loop:
                var variable = program.Loops[loop.Variable];
                var before = new HashSet<int>(chosen);
                var scalar = LoopCosts.Trips(variable.Extent) * Cheapest(loop.Body);
                var lanes = new Lanes(this, loop.Variable);
                var vector = variable.Iterator == IteratorType.Segment ? double.PositiveInfinity : LoopCosts.Trips(variable.Extent) * lanes.Cost(loop.Body);
                if (vector >= scalar)
                    return scalar;
                chosen.Clear();
                chosen.UnionWith(before);
                chosen.Add(loop.Variable);
                return vector;
            default:
                return Scalar(node);
        }
    }

    private double Scalar(LoopNode node) => node switch
    {
        LoopNode.Load load => LoopCosts.Access(program.Buffers[load.Buffer].Scope),
        LoopNode.Store store => LoopCosts.Access(program.Buffers[store.Buffer].Scope),
        LoopNode.Combine combine => 1 + LoopCosts.Access(program.Buffers[combine.Buffer].Scope),
        LoopNode.Compute compute => LoopCosts.Of(compute.Primitive),
        LoopNode.Initialise initialise => program.Buffers[initialise.Buffer].Extents.Aggregate(1.0, (n, e) => n * LoopCosts.Trips(e)) / LoopCosts.Lanes,
        LoopNode.Extern row => 8 * LoopCosts.Trips(row.Length),
        _ => 0,
    };

    /// <summary>What a body costs in the lanes of one loop.</summary>
    private sealed class Lanes(VectorLoops owner, int loop)
    {
        // Values that differ from lane to lane may be told from uniform ones by where they are defined.
        private readonly HashSet<int> varying = [];
        private readonly double speedup = LoopCosts.Speedup(owner.program.Loops[loop].Extent);

        public double Cost(LoopNode node)
        {
            switch (node)
            {
                case LoopNode.Sequence sequence:
                    return sequence.Children.Sum(Cost);
                case LoopNode.Loop inner:
                    return LoopCosts.Trips(owner.program.Loops[inner.Variable].Extent) * Cost(inner.Body);
                case LoopNode.Extern:
                    return double.PositiveInfinity;
                case LoopNode.Initialise { Buffer: var buffer } when owner.program.Buffers[buffer].Scope != BufferScope.Register:
                    return double.PositiveInfinity;
                case LoopNode.Load load:
                    varying.Add(load.Value);
                    return Access(load.Buffer, load.Index);
                case LoopNode.Store store:
                    return Access(store.Buffer, store.Index);
                case LoopNode.Combine combine:
                    return (1 / speedup) + Access(combine.Buffer, combine.Index);
                case LoopNode.Compute compute:
                    varying.Add(compute.Value);
                    return LoopCosts.Of(compute.Primitive) / speedup;
                default:
                    return 0;
            }
        }

        private double Access(int buffer, EquatableArray<IndexExpression> index)
        {
            var memory = owner.program.Buffers[buffer];
            var last = memory.Extents.Count - 1;
            while (last >= 0 && memory.Extents[last].IsOne)
                last--;
            var (isUnit, isUniform) = (true, true);
            for (var p = 0; p < index.Count; p++)
            {
                if (index[p] is IndexExpression.Indirect indirect)
                {
                    isUniform &= !varying.Contains(indirect.Value);
                    isUnit &= !varying.Contains(indirect.Value);
                }
                else if (((IndexExpression.Affine)index[p]).Terms.FirstOrDefault(t => t.Loop == loop) is { } term)
                {
                    isUniform = false;
                    isUnit &= term.Stride == 1 && p == last;
                }
            }

            if (isUniform)
                return LoopCosts.Access(memory.Scope) / speedup;
            return isUnit ? Math.Max(LoopCosts.LaneAccess(memory.Scope), LoopCosts.Access(memory.Scope) / speedup) : LoopCosts.ScatteredAccess(memory.Scope);
        }
    }
}
