using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>Programs over tensors of one axis, in high precision: what the formulas of papers and their gradients need.</summary>
internal static class BigEvaluator
{
    public static double[][] Run(Program program, double[][] inputs)
    {
        var values = new BigFloat[program.Types.Count][];
        for (var i = 0; i < program.Inputs.Count; i++)
            values[program.Inputs[i].Variable] = inputs[i].Select(BigFloat.Of).ToArray();
        foreach (var equation in program.Equations)
        {
            var length = program.Types[equation.Result].Rank == 0 ? 1 : (int)program.Types[equation.Result].Extents[0].Constant;
            var operands = equation.Operands.Select(o => o.IsVariable ? values[o.Id] : [BigFloat.Of(o.Number)]).ToArray();
            values[equation.Result] = Evaluate(equation, operands, length);
        }

        return program.Outputs.Select(o => values[o.Variable].Select(x => x.ToDouble()).ToArray()).ToArray();
    }

    private static BigFloat[] Evaluate(Equation equation, BigFloat[][] operands, int length)
    {
        BigFloat[] Map(Func<BigFloat, BigFloat> rule) => Enumerable.Range(0, length).Select(i => rule(At(operands[0], i))).ToArray();
        BigFloat[] Both(Func<BigFloat, BigFloat, BigFloat> rule) =>
            Enumerable.Range(0, length).Select(i => rule(At(operands[0], i), At(operands[1], i))).ToArray();
        var one = BigFloat.One;
        return equation.Primitive switch
        {
            Primitive.Negate => Map(x => -x),
            Primitive.Exp => Map(BigFloat.Exp),
            Primitive.ExpM1 => Map(x => BigFloat.Exp(x) - one),
            Primitive.Log => Map(BigFloat.Log),
            Primitive.Log1P => Map(x => BigFloat.Log(one + x)),
            Primitive.Reciprocal => Map(x => one / x),
            Primitive.Square => Map(x => x * x),
            Primitive.Sigmoid => Map(x => one / (one + BigFloat.Exp(-x))),
            Primitive.Add => Both((x, z) => x + z),
            Primitive.Subtract => Both((x, z) => x - z),
            Primitive.Multiply => Both((x, z) => x * z),
            Primitive.Divide => Both((x, z) => x / z),
            Primitive.Fill or Primitive.Rearrange => Map(x => x),
            Primitive.Sum => [operands[0].Aggregate((x, z) => x + z)],
            Primitive.Softmax or Primitive.LogSoftmax => Normalised(operands[0], equation.Primitive == Primitive.LogSoftmax),
            Primitive.CumSum => Accumulated(operands[0], ((Parameters.Scan)equation.Parameters).Reverse),
            _ => throw new NotSupportedException($"{equation.Primitive} in high precision."),
        };
    }

    private static BigFloat At(BigFloat[] values, int i) => values[values.Length == 1 ? 0 : i];

    private static BigFloat[] Normalised(BigFloat[] x, bool isLogarithm)
    {
        var exponentials = x.Select(BigFloat.Exp).ToArray();
        var sum = exponentials.Aggregate((a, b) => a + b);
        return exponentials.Select(e => isLogarithm ? BigFloat.Log(e / sum) : e / sum).ToArray();
    }

    private static BigFloat[] Accumulated(BigFloat[] x, bool reverse)
    {
        var result = x.ToArray();
        for (var i = 1; i < x.Length; i++)
        {
            var (at, before) = reverse ? (x.Length - 1 - i, x.Length - i) : (i, i - 1);
            result[at] += result[before];
        }

        return result;
    }
}
