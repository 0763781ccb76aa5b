namespace Dpo.Autodiff.Generator.IR;

/// <summary>The table: how each primitive is evaluated. One row a primitive.</summary>
public static partial class ProgramEvaluator
{
    private static double[][] Evaluate(Step step) => step.Equation.Primitive switch
    {
        Primitive.Negate => Map(step, x => -x),
        Primitive.Absolute => Map(step, x => Math.Abs(x)),
        Primitive.Sign => Map(step, x => x > 0 ? 1 : x < 0 ? -1 : 0),
        Primitive.Exp => Map(step, Math.Exp),
        Primitive.ExpM1 => Map(step, ScalarMath.ExpM1),
        Primitive.Log => Map(step, x => Math.Log(x)),
        Primitive.Log1P => Map(step, ScalarMath.Log1P),
        Primitive.Log2 => Map(step, x => Math.Log(x) / Math.Log(2)),
        Primitive.Log1MExp => Map(step, ScalarMath.Log1MExp),
        Primitive.Sqrt or Primitive.SqrtZero => Map(step, Math.Sqrt),
        Primitive.Rsqrt => Map(step, x => 1 / Math.Sqrt(x)),
        Primitive.Square => Map(step, x => x * x),
        Primitive.Reciprocal => Map(step, x => 1 / x),
        Primitive.Sigmoid => Map(step, ScalarMath.Sigmoid),
        Primitive.LogSigmoid => Map(step, x => -ScalarMath.Softplus(-x)),
        Primitive.Softplus => Map(step, ScalarMath.Softplus),
        Primitive.Tanh => Map(step, Math.Tanh),
        Primitive.Relu => Map(step, x => x <= 0 ? 0 : x),
        Primitive.Erf => Map(step, ScalarMath.Erf),

        Primitive.Add => Map(step, (x, z) => x + z),
        Primitive.Subtract => Map(step, (x, z) => x - z),
        Primitive.Multiply => Map(step, (x, z) => x * z),
        Primitive.Divide => Map(step, (x, z) => x / z),
        Primitive.Power => Map(step, ScalarMath.Power),
        Primitive.Minimum or Primitive.ClampMax => Map(step, Math.Min),
        Primitive.Maximum or Primitive.ClampMin => Map(step, Math.Max),

        Primitive.Equal => Map(step, (x, z) => Truth(x == z)),
        Primitive.NotEqual => Map(step, (x, z) => Truth(x != z)),
        Primitive.Less => Map(step, (x, z) => Truth(x < z)),
        Primitive.LessOrEqual => Map(step, (x, z) => Truth(x <= z)),
        Primitive.Greater => Map(step, (x, z) => Truth(x > z)),
        Primitive.GreaterOrEqual => Map(step, (x, z) => Truth(x >= z)),
        Primitive.And => Map(step, (x, z) => Truth(x != 0 && z != 0)),
        Primitive.Or => Map(step, (x, z) => Truth(x != 0 || z != 0)),
        Primitive.Xor => Map(step, (x, z) => Truth((x != 0) != (z != 0))),
        Primitive.Not => Map(step, x => Truth(x == 0)),
        Primitive.IsNaN => Map(step, x => Truth(double.IsNaN(x))),
        Primitive.IsInfinite => Map(step, x => Truth(double.IsInfinity(x))),
        Primitive.IsFinite => Map(step, x => Truth(!double.IsInfinity(x) && !double.IsNaN(x))),
        Primitive.Where => [Places(step.Shape).Select(p => step.X[p] != 0 ? step.Operands[1][p] : step.Operands[2][p]).ToArray()],
        Primitive.StopGradient => Map(step, x => x),
        Primitive.Convert => Map(step, x => ScalarMath.Convert(x, step.Kind, ((Parameters.Convert)step.Parameters).DType)),

        Primitive.Fill => [Places(step.Shape).Select(_ => step.X.Elements[0]).ToArray()],
        Primitive.Iota => [Places(step.Shape).Select(p => (double)p[((Parameters.Axis)step.Parameters).Position]).ToArray()],
        Primitive.Rearrange => [Rearranged(step, (Parameters.Rearrange)step.Parameters)],
        Primitive.Slice => [Sliced(step, (Parameters.Slice)step.Parameters)],
        Primitive.Pad => [Padded(step, (Parameters.Slice)step.Parameters)],
        Primitive.Flip => AlongRows(step, ((Parameters.Axis)step.Parameters).Position, row => Enumerable.Reverse(row)),

        Primitive.Sum => Reduce(step, row => row.Sum()),
        Primitive.Max => Reduce(step, row => row.Aggregate(Math.Max)),
        Primitive.Min => Reduce(step, row => row.Aggregate(Math.Min)),
        Primitive.Any => Reduce(step, row => Truth(row.Any(x => x != 0))),
        Primitive.All => Reduce(step, row => Truth(row.All(x => x != 0))),
        Primitive.ArgMax => Reduce(step, row => ScalarMath.ArgMax(row.ToArray())),
        Primitive.LogSumExp => Reduce(step, row => ScalarMath.LogSumExp(row.ToArray())),
        Primitive.Softmax => AlongRows(step, ((Parameters.Axis)step.Parameters).Position, Softmax),
        Primitive.LogSoftmax => AlongRows(step, ((Parameters.Axis)step.Parameters).Position, LogSoftmax),

        Primitive.Contract => [Contracted(step, (Parameters.Contract)step.Parameters)],
        Primitive.Gather => [Gathered(step, (Parameters.Gather)step.Parameters)],
        Primitive.ScatterAdd => [Scattered(step, (Parameters.Gather)step.Parameters)],
        Primitive.CumSum => Scan(step, 0, (sum, x) => sum + x),
        Primitive.LogCumSumExp => Scan(step, double.NegativeInfinity, (sum, x) => ScalarMath.LogSumExp([sum, x])),
        Primitive.Sort => Sorted(step, (Parameters.Sort)step.Parameters),
        _ => throw new InvalidOperationException($"{step.Equation.Primitive} has no evaluation rule."),
    };

    private static double Truth(bool condition) => condition ? 1 : 0;

    private static double[][] Map(Step step, Func<double, double> rule) => [Places(step.Shape).Select(p => rule(step.X[p])).ToArray()];

    private static double[][] Map(Step step, Func<double, double, double> rule) =>
        [Places(step.Shape).Select(p => rule(step.X[p], step.Operands[1][p])).ToArray()];

    private static double[] Rearranged(Step step, Parameters.Rearrange rearrange)
    {
        var from = step.X.Shape;
        return Places(step.Shape).Select(place =>
        {
            var source = new long[from.Length];
            for (var i = 0; i < place.Length; i++)
                if (rearrange.Source[i] is >= 0 and var p && from[p] != 1)
                    source[p] = place[i];
            return step.X[source];
        }).ToArray();
    }

    private static double[] Sliced(Step step, Parameters.Slice slice)
    {
        var start = step.SizeOf(slice.Start);
        return Places(step.Shape).Select(place =>
        {
            var source = place.ToArray();
            source[slice.Position] = start + (place[slice.Position] * slice.Step);
            return step.X[source];
        }).ToArray();
    }

    private static double[] Padded(Step step, Parameters.Slice slice)
    {
        var result = new double[Count(step.Shape)];
        var start = step.SizeOf(slice.Start);
        foreach (var place in Places(step.X.Shape))
        {
            var target = place.ToArray();
            target[slice.Position] = start + (place[slice.Position] * slice.Step);
            result[Offset(step.Shape, target)] = step.X[place];
        }

        return result;
    }

    private static double[][] Reduce(Step step, Func<IEnumerable<double>, double> rule)
    {
        var positions = step.Parameters is Parameters.Axis axis ? [axis.Position] : ((Parameters.Reduce)step.Parameters).Positions;
        var rows = new List<double>[Count(step.Shape)];
        foreach (var place in Places(step.X.Shape))
        {
            var target = Offset(step.Shape, place.Where((_, i) => !positions.Contains(i)).ToArray());
            (rows[target] ??= []).Add(step.X[place]);
        }

        return [rows.Select(row => rule(row ?? [])).ToArray()];
    }

    private static double[] Contracted(Step step, Parameters.Contract contract)
    {
        var (left, right) = (step.X, step.Operands[1]);
        var sizes = new long[contract.Axes];
        for (var p = 0; p < contract.Left.Count; p++)
            sizes[contract.Left[p]] = left.Shape[p];
        for (var p = 0; p < contract.Right.Count; p++)
            sizes[contract.Right[p]] = right.Shape[p];
        var result = new double[Count(step.Shape)];
        foreach (var place in Places(sizes))
            result[Offset(step.Shape, place.Take(contract.Rank).ToArray())] +=
                left[contract.Left.Select(a => place[a]).ToArray()] * right[contract.Right.Select(a => place[a]).ToArray()];
        return result;
    }

    private static double[][] AlongRows(Step step, int position, Func<double[], IEnumerable<double>> rule)
    {
        var result = new double[step.X.Elements.Length];
        foreach (var row in Rows(step.Shape, position))
        {
            var values = rule(row.Select(offset => step.X.Elements[offset]).ToArray()).ToArray();
            for (var i = 0; i < row.Length; i++)
                result[row[i]] = values[i];
        }

        return [result];
    }

    private static IEnumerable<double> Softmax(double[] row)
    {
        var largest = row.Aggregate(Math.Max);
        var sum = row.Sum(x => Math.Exp(x - largest));
        return row.Select(x => Math.Exp(x - largest) / sum);
    }

    private static IEnumerable<double> LogSoftmax(double[] row)
    {
        var largest = row.Aggregate(Math.Max);
        var logarithm = Math.Log(row.Sum(x => Math.Exp(x - largest)));
        return row.Select(x => x - largest - logarithm);
    }

    private static double[][] Scan(Step step, double start, Func<double, double, double> rule)
    {
        var scan = (Parameters.Scan)step.Parameters;
        return AlongRows(step, scan.Position, row =>
        {
            var state = start;
            var result = new double[row.Length];
            for (var i = 0; i < row.Length; i++)
            {
                var at = scan.Reverse ? row.Length - 1 - i : i;
                result[at] = state = rule(state, row[at]);
            }

            return result;
        });
    }

    /// <summary>Where an element of index and result is in the indexed tensor.</summary>
    private static long[] Indexed(Parameters.Gather gather, long[] place, double index, long[] shape)
    {
        var target = gather.Map.Select(m => m < 0 ? (long)index : place[m]).ToArray();
        return index >= 0 && index < shape[gather.Position]
            ? target
            : throw new ArgumentOutOfRangeException(nameof(index), $"The index {index} is not below {shape[gather.Position]}.");
    }

    private static double[] Gathered(Step step, Parameters.Gather gather) =>
        Places(step.Shape).Select(p => step.X[Indexed(gather, p, step.Operands[1][p], step.X.Shape)]).ToArray();

    private static double[] Scattered(Step step, Parameters.Gather gather)
    {
        var result = new double[Count(step.Shape)];
        foreach (var place in Places(step.X.Shape))
            result[Offset(step.Shape, Indexed(gather, place, step.Operands[1][place], step.Shape))] += step.X[place];
        return result;
    }

    private static double[][] Sorted(Step step, Parameters.Sort sort)
    {
        // Stable, NaN last in ascending order and first in descending order, as torch.
        IEnumerable<int> Order(double[] row)
        {
            var places = Enumerable.Range(0, row.Length);
            return sort.Descending
                ? places.OrderBy(i => double.IsNaN(row[i]) ? 0 : 1).ThenByDescending(i => row[i])
                : places.OrderBy(i => double.IsNaN(row[i]) ? 1 : 0).ThenBy(i => row[i]);
        }

        return
        [
            AlongRows(step, sort.Position, row => Order(row).Select(i => row[i]))[0],
            AlongRows(step, sort.Position, row => Order(row).Select(i => (double)i))[0],
        ];
    }
}
