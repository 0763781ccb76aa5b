using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.Emit;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Schedule;
using static Dpo.Autodiff.Generator.Tests.Emit.PrimitiveInputs;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Emitted vector kernels against what the program means, in both types on every width.</summary>
public class SimdEmitterTests
{
    // Whole vectors and remainders on every width; extents below one vector; one element.
    private static readonly Dictionary<string, long>[] Sizes =
    [
        new() { ["pair"] = 70, ["item"] = 37, ["player"] = 5 },
        new() { ["pair"] = 3, ["item"] = 19, ["player"] = 6 },
        new() { ["pair"] = 1, ["item"] = 1, ["player"] = 1 },
    ];

    public static TheoryData<Primitive> Primitives => new(Enum.GetValues<Primitive>());

    [Theory]
    [MemberData(nameof(Primitives))]
    public void Every_primitive_computes_what_the_program_means(Primitive primitive) => Check(PrimitivePrograms.Of(primitive));

    [Theory]
    [MemberData(nameof(Primitives))]
    public void Every_primitive_has_the_gradients_that_the_program_means(Primitive primitive) =>
        Check(PrimitivePrograms.Of(primitive).Where(IsDifferentiable).Select(p => Differentiate.Backward(Scheduled.Clean(p))).ToArray());

    [Fact]
    public void A_gradient_that_is_not_wanted_is_not_touched()
    {
        var program = Differentiate.Backward(Scheduled.Clean(PrimitivePrograms.Of(Primitive.Multiply)[0]));
        var loops = Scheduled.Of(program);
        var code = new SimdCode([loops], PrimitivePrograms.Axes);
        var inputs = loops.Source.Inputs.Select(x => Draw(x.Name, loops.Source.Types[x.Variable], Sizes[0])).ToArray();
        var expected = ProgramEvaluator.Run(loops.Source, inputs, [], Sizes[0]);
        foreach (var machine in SimdCode.Machines)
        {
            var (outputs, _) = code.Run(0, machine, inputs, Sizes[0], [], needs: 2);
            Assert.Null(outputs[0]);
            Compare(expected[1], outputs[1]!, machine, code.Texts[0]);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(-1)]
    [InlineData(1L << 40)]
    public void An_index_out_of_range_is_a_fault(long index)
    {
        var loops = Scheduled.Of(PrimitivePrograms.Of(Primitive.Gather)[0]);
        var code = new SimdCode([loops], PrimitivePrograms.Axes);
        var inputs = loops.Source.Inputs.Select(x => Draw(x.Name, loops.Source.Types[x.Variable], Sizes[0])).ToArray();
        var player = loops.Buffers.Single(b => b.Name == "player");
        inputs[player.Argument][100] = index;
        foreach (var machine in SimdCode.Machines)
        {
            var (_, fault) = code.Run(0, machine, inputs, Sizes[0], []);
            Assert.True(fault.IsFault);
            Assert.Equal((player.Id, (long)inputs[player.Argument][100], 5L), (fault.Buffer, fault.Index, fault.Extent));
        }
    }

    [Fact]
    public void An_empty_axis_that_is_indexed_is_a_fault_and_nothing_worse()
    {
        var loops = Scheduled.Of(PrimitivePrograms.Of(Primitive.Gather)[0]);
        var code = new SimdCode([loops], PrimitivePrograms.Axes);
        var sizes = new Dictionary<string, long> { ["pair"] = 2, ["item"] = 3, ["player"] = 0 };
        foreach (var machine in SimdCode.Machines)
        {
            var (_, fault) = code.Run(0, machine, loops.Source.Inputs.Select(x => new double[x.Name == "strength" ? 0 : 6]).ToArray(), sizes, []);
            Assert.True(fault.IsFault);
        }
    }

    [Theory]
    [InlineData(Primitive.LogSigmoid, Primitive.Sigmoid)]
    [InlineData(Primitive.Softplus, Primitive.Sigmoid)]
    [InlineData(Primitive.LogSigmoid, Primitive.LogSigmoid)]
    [InlineData(Primitive.Softplus, Primitive.LogSigmoid)]
    [InlineData(Primitive.Sigmoid, Primitive.Sigmoid)]
    public void Logistic_functions_of_an_argument_and_of_its_negative_share_an_exponential(Primitive first, Primitive second)
    {
        Program[] programs =
        [
            Mirrored(d => d.Of(Primitive.Subtract, d.X, d.Z), d => d.Of(Primitive.Subtract, d.Z, d.X)),
            Mirrored(d => d.Of(Primitive.Multiply, d.X, d.Beta), d => d.Of(Primitive.Negate, Atom.Variable(d.Of(Primitive.Multiply, d.X, d.Beta)))),
            Mirrored(d => d.Of(Primitive.Multiply, d.X, d.Half), d => d.Of(Primitive.Multiply, d.X, d.Literal(-0.5))),
        ];
        Check(programs);
        foreach (var program in programs)
            Assert.Single(Regex.Matches(SimdEmitter.Emit(Scheduled.Of(program), "Kernel", PrimitivePrograms.Axes.ToEquatableArray()), "Logistic<T, V>"));

        Program Mirrored(Func<PrimitivePrograms.Draft, int> argument, Func<PrimitivePrograms.Draft, int> negative)
        {
            var draft = new PrimitivePrograms.Draft("Mirrored");
            _ = draft.X;
            var left = draft.Of(first, Atom.Variable(argument(draft)));
            var right = draft.Of(second, Atom.Variable(negative(draft)));
            draft.Builder.Output("y", draft.Of(Primitive.Multiply, Atom.Variable(left), Atom.Variable(right)), OutputRole.Result, ["x"]);
            return draft.Builder.Build();
        }
    }

    private static void Check(IReadOnlyList<Program> programs)
    {
        if (programs.Count == 0)
            return;
        var loops = programs.Select(Scheduled.Of).ToArray();
        var code = new SimdCode(loops, PrimitivePrograms.Axes);
        for (var i = 0; i < loops.Length; i++)
        {
            foreach (var sizes in Sizes)
            {
                var source = loops[i].Source;
                var inputs = source.Inputs.Select(x => Draw(x.Name, source.Types[x.Variable], sizes)).ToArray();
                var scalars = source.Host.Select(h => h.Operation == HostOperation.Size ? Size(h.Extent!, sizes) : 0.3).ToArray();
                var expected = ProgramEvaluator.Run(source, inputs, scalars, sizes);
                foreach (var machine in SimdCode.Machines)
                {
                    var (outputs, fault) = code.Run(i, machine, inputs, sizes, scalars);
                    Assert.False(fault.IsFault);
                    for (var o = 0; o < expected.Length; o++)
                        Compare(expected[o], outputs[o]!, machine, $"{source.Outputs[o].Name} of {machine}\n{LoopPrinter.Print(loops[i])}\n{code.Texts[i]}");
                }
            }
        }
    }

    private static void Compare(double[] expected, double[] actual, SimdMachine machine, string where)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(1, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());
        for (var i = 0; i < expected.Length; i++)
        {
            var same = expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= scale * (machine.IsDouble ? 1e-12 : 2e-5);
            Assert.True(same, $"{actual[i]:R}, not {expected[i]:R}, at {i} in {where}");
        }
    }
}
