using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Which functions of a method are called rather than inlined. The JIT inlines at most 512 locals' worth into a method; beyond that
/// even an addition of vectors becomes a call, and the kernel many times slower. The largest functions give way first.
/// </summary>
internal static class SimdBudget
{
    private const int Locals = 480;

    /// <summary>The primitives of a method that are written as calls.</summary>
    public static HashSet<Primitive> Calls(IEnumerable<SimdNode> nodes, LoopProgram program, SimdLogistic logistic)
    {
        var functions = new Dictionary<Primitive, int>();
        var total = -logistic.Saved * LogisticExponential;
        foreach (var statement in SimdTree.Statements(nodes))
        {
            if (statement.Node is LoopNode.Compute { Primitive: var primitive } && Weight(primitive) is var weight && weight > SmallFunction)
                functions[primitive] = functions.TryGetValue(primitive, out var sum) ? sum + weight : weight;
            else
                total += Weight(statement.Node, program);
        }

        var calls = new HashSet<Primitive>();
        foreach (var function in functions.OrderBy(f => Weight(f.Key)).ThenBy(f => f.Key))
        {
            if (calls.Count > 0 || total + function.Value > Locals)
                calls.Add(function.Key);
            else
                total += function.Value;
        }

        return calls;
    }

    private const int SmallFunction = 20;
    private const int LogisticExponential = 50;

    // Measured in double, where polynomials are longer: 512 over the number of copies that still inline.
    private static int Weight(Primitive primitive) => primitive switch
    {
        Primitive.Exp => 58,
        Primitive.ExpM1 or Primitive.Log or Primitive.Log2 => 105,
        Primitive.Log1P => 125,
        Primitive.Sigmoid => 80,
        Primitive.LogSigmoid or Primitive.Softplus => 100,
        Primitive.Tanh => 130,
        Primitive.Erf => 255,
        Primitive.Log1MExp => 450,
        Primitive.Sign => 11,
        Primitive.Where or Primitive.Maximum or Primitive.Minimum or Primitive.ClampMax or Primitive.ClampMin or Primitive.Relu => 3,
        _ => 1,
    };

    private static int Weight(LoopNode node, LoopProgram program) => node switch
    {
        LoopNode.Compute compute => Weight(compute.Primitive),
        LoopNode.Load load => program.Buffers[load.Buffer].Kind == ElementKind.Integer ? 2 : 8,
        LoopNode.Store => 4,
        LoopNode.Combine { Monoid: Monoid.Sum } => 20,
        LoopNode.Combine => 8,
        _ => 1,
    };
}
