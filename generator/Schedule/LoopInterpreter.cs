using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>What a run of the interpreter gives: the outputs, and what it counted for each buffer.</summary>
/// <param name="Outputs">The elements of each output of the source program.</param>
/// <param name="Loads">Elements loaded from each buffer; accumulators do not count.</param>
/// <param name="Stores">Elements stored, combined or cleared in each buffer.</param>
/// <param name="SkippedLoads">What loops that did not run would have loaded, less what was loaded instead: a plan counts both.</param>
/// <param name="SkippedStores">The same of stores.</param>
public sealed record LoopRun(double[][] Outputs, long[] Loads, long[] Stores, long[] SkippedLoads, long[] SkippedStores);

/// <summary>What a loop program means: it runs one in float64, in order, and counts. The first backend: every schedule is tested against it.</summary>
/// <remarks>Memory is NaN before it is written, so that a schedule that reads too early shows.</remarks>
public sealed class LoopInterpreter
{
    private readonly LoopProgram program;
    private readonly IReadOnlyDictionary<string, long> extents;
    private readonly IReadOnlyList<double> scalars;
    private readonly double[][] memory;
    private readonly long[][] shapes;
    private readonly double[] largest;
    private readonly double[] values;
    private readonly long[] coordinates;
    private readonly long[] loads;
    private readonly long[] stores;
    private readonly long[] skippedLoads;
    private readonly long[] skippedStores;
    private readonly bool backwards;

    private LoopInterpreter(
        LoopProgram program, IReadOnlyList<double[]> inputs, IReadOnlyList<double> scalars, IReadOnlyDictionary<string, long> extents, bool backwards, ulong donated)
    {
        this.backwards = backwards;
        this.program = program;
        this.scalars = scalars;
        this.extents = extents;
        shapes = program.Buffers.Select(b => b.Extents.Select(SizeOf).ToArray()).ToArray();
        memory = program.Buffers.Select(b => b.Role == BufferRole.Input ? inputs[b.Argument] : Fresh(b.Id)).ToArray();
        foreach (var buffer in program.Buffers.Where(b => b.Over >= 0))
            memory[buffer.Id] = memory[buffer.Over];
        Donate(donated);
        largest = new double[program.Buffers.Count];
        values = new double[program.Values.Count];
        coordinates = new long[program.Loops.Count];
        loads = new long[program.Buffers.Count];
        stores = new long[program.Buffers.Count];
        skippedLoads = new long[program.Buffers.Count];
        skippedStores = new long[program.Buffers.Count];
    }

    /// <summary>Runs a loop program.</summary>
    /// <param name="program">What to run.</param>
    /// <param name="inputs">The elements of every input of the source program, in order.</param>
    /// <param name="scalars">The value of every host scalar.</param>
    /// <param name="extents">The size of every named axis.</param>
    /// <param name="backwards">Parallel loops from the end: their iterations do not depend on each other.</param>
    /// <param name="donated">Bit k: gradient k is written over its input (<see cref="Donation"/>).</param>
    public static LoopRun Run(
        LoopProgram program,
        IReadOnlyList<double[]> inputs,
        IReadOnlyList<double> scalars,
        IReadOnlyDictionary<string, long> extents,
        bool backwards = false,
        ulong donated = 0)
    {
        var run = new LoopInterpreter(program, inputs, scalars, extents, backwards, donated);
        foreach (var stage in program.Stages)
            run.Visit(stage.Body, depth: 0);
        var outputs = new double[program.Source.Outputs.Count][];
        foreach (var buffer in program.Buffers)
            if (buffer.Role is BufferRole.Output or BufferRole.Gradient or BufferRole.Residual)
                outputs[buffer.Argument] = run.memory[buffer.Id];
        return new LoopRun(outputs, run.loads, run.stores, run.skippedLoads, run.skippedStores);
    }

    private void Donate(ulong donated)
    {
        var gradients = program.Source.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        foreach (var gradient in program.Buffers.Where(b => b.Role == BufferRole.Gradient))
        {
            var output = program.Source.Outputs[gradient.Argument];
            if ((donated & (1UL << Array.IndexOf(gradients, output))) != 0 && Donation.InputOf(program, output) is { } input)
                memory[gradient.Id] = memory[input.Id] = (double[])memory[input.Id].Clone();
        }
    }

    private long SizeOf(Extent extent) => ProgramEvaluator.Size(extent, extents);

    private double[] Fresh(int buffer)
    {
        var elements = new double[shapes[buffer].Aggregate(1L, (a, b) => a * b)];
        for (var i = 0; i < elements.Length; i++)
            elements[i] = double.NaN;
        return elements;
    }

    private void Visit(LoopNode node, int depth)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Visit(child, depth);
                break;
            case LoopNode.Loop { When: { } when } loop when Holds(when.Value) == when.IsNegated:
                if (!when.IsNegated)
                    Skip(loop, 1);
                break;
            case LoopNode.Loop loop:
                if (loop.When is { IsNegated: true })
                    Skip(loop, -1);
                var variable = program.Loops[loop.Variable];
                var size = SizeOf(variable.Extent);
                for (long i = 0; i < size; i++)
                {
                    coordinates[loop.Variable] = backwards && variable.Iterator == IteratorType.Parallel ? size - 1 - i : i;
                    if (depth == 0)
                        Forget();
                    Visit(loop.Body, depth + 1);
                }

                break;
            case LoopNode.Load load:
                Count(loads, load.Buffer, 1);
                values[load.Value] = Holds(load.Predicate) ? memory[load.Buffer][Offset(load.Buffer, load.Index)] : 0;
                break;
            case LoopNode.Store store:
                Count(stores, store.Buffer, 1);
                if (Holds(store.Predicate))
                    memory[store.Buffer][Offset(store.Buffer, store.Index)] = ScalarMath.Convert(Value(store.Operand), program.Buffers[store.Buffer].Kind, null);
                break;
            case LoopNode.Compute compute:
                values[compute.Value] = ProgramEvaluator.Scalar(
                    compute.Primitive, compute.Parameters, program.Values[compute.Value], compute.Operands.Select(Value).ToArray());
                break;
            case LoopNode.Initialise initialise:
                Initialise(initialise);
                break;
            case LoopNode.Combine combine:
                Count(stores, combine.Buffer, 1);
                if (Holds(combine.Predicate))
                    Combine(combine);
                break;
            case LoopNode.Contract contract:
                Run(contract);
                break;
            case LoopNode.Extern row:
                Run(row);
                break;
        }
    }

    /// <summary>Counts what the plan has of a loop that does not run.</summary>
    private void Skip(LoopNode.Loop loop, int times)
    {
        var count = new LoopCount(program);
        count.AddAlways(loop);
        for (var b = 0; b < program.Buffers.Count; b++)
        {
            skippedLoads[b] += times * count.Loads[b].At(extents);
            skippedStores[b] += times * count.Stores[b].At(extents);
        }
    }

    /// <summary>Rows and accumulators are an iteration's own: another one finds nothing in them.</summary>
    private void Forget()
    {
        foreach (var buffer in program.Buffers)
            if (buffer.Scope is BufferScope.Register or BufferScope.Row)
                memory[buffer.Id] = Fresh(buffer.Id);
    }

    private bool Holds(int? predicate) => predicate is not { } value || values[value] != 0;

    private void Count(long[] counts, int buffer, long elements)
    {
        if (program.Buffers[buffer].Scope != BufferScope.Register)
            counts[buffer] += elements;
    }

    private double Value(LoopAtom atom) => atom.Kind switch
    {
        LoopAtomKind.Value => values[atom.Id],
        LoopAtomKind.Host => scalars[atom.Id],
        LoopAtomKind.Coordinate => coordinates[atom.Id],
        LoopAtomKind.Size => SizeOf(program.Sizes[atom.Id]),
        _ => atom.Number,
    };

    private long Index(IndexExpression index) => index is IndexExpression.Affine affine
        ? SizeOf(affine.Offset) + affine.Terms.Sum(t => t.Stride * coordinates[t.Loop])
        : (long)values[((IndexExpression.Indirect)index).Value];

    private long Offset(int buffer, EquatableArray<IndexExpression> index)
    {
        long offset = 0;
        for (var p = 0; p < index.Count; p++)
        {
            var place = Index(index[p]);
            if (place < 0 || place >= shapes[buffer][p])
                throw new ArgumentOutOfRangeException(nameof(index), $"{program.Buffers[buffer].Name} has no place {place} at position {p}: {shapes[buffer][p]}.");
            offset = (offset * shapes[buffer][p]) + place;
        }

        return offset;
    }

    private void Initialise(LoopNode.Initialise initialise)
    {
        var identity = initialise.Monoid switch
        {
            Monoid.Max => double.NegativeInfinity,
            Monoid.Min => double.PositiveInfinity,
            Monoid.All => 1,
            _ => 0,
        };
        largest[initialise.Buffer] = double.NegativeInfinity;
        var elements = memory[initialise.Buffer];
        for (var i = 0; i < elements.Length; i++)
            elements[i] = identity;
        Count(stores, initialise.Buffer, elements.Length);
    }

    private void Combine(LoopNode.Combine combine)
    {
        var elements = memory[combine.Buffer];
        var place = Offset(combine.Buffer, combine.Index);
        var (before, operand) = (elements[place], Value(combine.Operand));
        if (combine.Monoid == Monoid.ArgMax)
        {
            var best = largest[combine.Buffer];
            var position = Value(combine.Position!.Value);
            var isEqual = operand == best || (double.IsNaN(operand) && double.IsNaN(best));
            if (isEqual ? position < before : !double.IsNaN(best) && !(operand < best))
                (largest[combine.Buffer], elements[place]) = (operand, position);
            return;
        }

        elements[place] = combine.Monoid switch
        {
            Monoid.Max => Math.Max(before, operand),
            Monoid.Min => Math.Min(before, operand),
            Monoid.Any => before != 0 || operand != 0 ? 1 : 0,
            Monoid.All => before != 0 && operand != 0 ? 1 : 0,
            _ => before + operand,
        };
    }

    private void Run(LoopNode.Contract contract)
    {
        var builder = new ProgramBuilder("contract");
        int Input(ContractOperand operand) => builder.Input(program.Buffers[operand.Buffer].Name, new TensorType(ElementKind.Real, program.Buffers[operand.Buffer].Extents), false);
        builder.Output(
            "product", builder.Contract(Input(contract.Left), Input(contract.Right), contract.Result.Axes.Count, contract.Left.Axes.ToArray(), contract.Right.Axes.ToArray()), OutputRole.Result);
        ProgramEvaluator.Run(builder.Build(), [memory[contract.Left.Buffer], memory[contract.Right.Buffer]], [], extents)[0].CopyTo(memory[contract.Result.Buffer], 0);
        Count(loads, contract.Left.Buffer, memory[contract.Left.Buffer].Length);
        Count(loads, contract.Right.Buffer, memory[contract.Right.Buffer].Length);
        Count(stores, contract.Result.Buffer, memory[contract.Result.Buffer].Length);
    }

    private void Run(LoopNode.Extern row)
    {
        var length = SizeOf(row.Length);
        var places = row.Operands.Select(o => Row(o, length)).ToArray();
        foreach (var operand in row.Operands)
            Count(operand.IsWritten ? stores : loads, operand.Buffer, length);
        var source = places[0].Select(p => memory[row.Operands[0].Buffer][p]).ToArray();
        var type = new TensorType(ElementKind.Real, [row.Length]);
        var primitive = row.Name switch { "sort" => Primitive.Sort, "cumsum" => Primitive.CumSum, _ => Primitive.LogCumSumExp };
        var parameters = row.Parameters switch
        {
            Parameters.Sort sort => sort with { Position = 0 },
            Parameters.Scan scan => scan with { Position = 0 },
            _ => row.Parameters,
        };
        var builder = new ProgramBuilder(row.Name);
        builder.Input("x", type, false);
        if (primitive == Primitive.Sort)
            builder.Sort(0, 0, ((Parameters.Sort)parameters).Descending);
        else
            builder.Emit(primitive, parameters, Atom.Variable(0));
        for (var r = 1; r < row.Operands.Count; r++)
            builder.Output("y" + r, r, OutputRole.Result);
        var results = ProgramEvaluator.Run(builder.Build(), [source], [], extents);
        for (var r = 1; r < row.Operands.Count; r++)
            for (var i = 0; i < places[r].Length; i++)
                memory[row.Operands[r].Buffer][places[r][i]] = results[r - 1][i];
    }

    /// <summary>The offsets of a row's elements.</summary>
    private long[] Row(ExternOperand operand, long length)
    {
        var stride = shapes[operand.Buffer].Skip(operand.Position + 1).Aggregate(1L, (a, b) => a * b);
        if (length == 0)
            return [];
        var start = Offset(operand.Buffer, operand.Start);
        var places = new long[length];
        for (long i = 0; i < length; i++)
            places[i] = start + (i * stride);
        return places;
    }
}
