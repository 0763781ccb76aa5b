namespace Dpo.Autodiff.Generator.IR;

/// <summary>
/// What a program means: it computes one in float64 on plain row-major arrays, an equation at a time, as torch would. Slow and
/// plain on purpose; every pass and every backend is tested against it.
/// </summary>
/// <remarks>All kinds are doubles here: whole numbers are exact up to 2^53, conditions are 0 and 1.</remarks>
public static partial class ProgramEvaluator
{
    /// <summary>The values of the program's outputs.</summary>
    /// <param name="program">What to compute.</param>
    /// <param name="inputs">The elements of every input, in the program's order.</param>
    /// <param name="scalars">The value of every host scalar (see <see cref="HostEvaluator"/>).</param>
    /// <param name="extents">The size of every named axis.</param>
    public static double[][] Run(
        Program program, IReadOnlyList<double[]> inputs, IReadOnlyList<double> scalars, IReadOnlyDictionary<string, long> extents)
    {
        var values = new ArrayValue[program.Types.Count];
        for (var i = 0; i < inputs.Count; i++)
        {
            var shape = Shape(program.Types[program.Inputs[i].Variable], extents);
            if (inputs[i].Length != Count(shape))
                throw new ArgumentException($"{program.Inputs[i].Name} has {inputs[i].Length} elements, not {Count(shape)}.");
            values[program.Inputs[i].Variable] = new(shape, inputs[i]);
        }

        foreach (var equation in program.Equations)
        {
            var operands = equation.Operands.Select(o =>
                o.IsVariable ? values[o.Id] : new ArrayValue([], [o.IsHost ? scalars[o.Id] : o.Number])).ToArray();
            var shape = Shape(program.Types[equation.Result], extents);
            var results = Evaluate(new Step(equation, operands, program.Types[equation.Result].Kind, shape, e => Size(e, extents)));
            for (var i = 0; i < equation.Results.Count; i++)
                values[equation.Results[i]] = new(shape, results[i]);
        }

        return program.Outputs.Select(o => values[o.Variable].Elements).ToArray();
    }

    /// <summary>One element of a pointwise primitive.</summary>
    internal static double Scalar(Primitive primitive, Parameters parameters, ElementKind kind, IReadOnlyList<double> operands)
    {
        var equation = new Equation(primitive, EquatableArray<Atom>.Empty, parameters, EquatableArray<int>.Empty);
        var arrays = operands.Select(o => new ArrayValue([], [o])).ToArray();
        return Evaluate(new Step(equation, arrays, kind, [], extent => extent.Constant))[0][0];
    }

    /// <summary>The value of an affine form.</summary>
    public static long Size(Extent extent, IReadOnlyDictionary<string, long> extents) =>
        extent.Constant + extent.Terms.Sum(t => t.Coefficient * extents[t.Name]);

    private static long[] Shape(TensorType type, IReadOnlyDictionary<string, long> extents) =>
        type.Extents.Select(e => Size(e, extents)).ToArray();

    private static long Count(long[] shape) => shape.Aggregate(1L, (a, b) => a * b);

    /// <summary>A tensor: its sizes and its elements, row-major.</summary>
    private sealed record ArrayValue(long[] Shape, double[] Elements)
    {
        /// <summary>The element at a place; a scalar has the same everywhere.</summary>
        public double this[long[] place] => Elements[Shape.Length == 0 ? 0 : Offset(Shape, place)];
    }

    /// <summary>One equation with its operands' values.</summary>
    private sealed record Step(Equation Equation, ArrayValue[] Operands, ElementKind Kind, long[] Shape, Func<Extent, long> SizeOf)
    {
        public ArrayValue X => Operands[0];

        public Parameters Parameters => Equation.Parameters;
    }

    private static long Offset(long[] shape, long[] place)
    {
        long offset = 0;
        for (var i = 0; i < shape.Length; i++)
            offset = (offset * shape[i]) + place[i];
        return offset;
    }

    /// <summary>Every place of a shape, in row-major order. The array is the same one each time.</summary>
    private static IEnumerable<long[]> Places(long[] shape)
    {
        var place = new long[shape.Length];
        for (var count = Count(shape); count > 0; count--)
        {
            yield return place;
            for (var i = shape.Length - 1; i >= 0 && ++place[i] == shape[i]; i--)
                place[i] = 0;
        }
    }

    /// <summary>The rows along a position: for each, the places of its elements as offsets.</summary>
    private static IEnumerable<long[]> Rows(long[] shape, int position)
    {
        var stride = Count(shape.Skip(position + 1).ToArray());
        var length = shape[position];
        for (long outer = 0; outer < Count(shape.Take(position).ToArray()); outer++)
            for (long inner = 0; inner < stride; inner++)
            {
                var row = new long[length];
                for (long i = 0; i < length; i++)
                    row[i] = (((outer * length) + i) * stride) + inner;
                yield return row;
            }
    }
}
