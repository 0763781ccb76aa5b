using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Schedule;
using Dpo.Autodiff.Testing;
using static Dpo.Autodiff.Generator.Tests.Emit.PrimitiveInputs;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Emitted CUDA kernels, on a card that the processor plays, against what the program means.</summary>
public class CudaEmitterTests
{
    // Blocks of one warp and of several, grids smaller than the work, other orders of warps.
    internal static readonly CudaMachine[] Machines =
    [
        new(32, 2, 1), new(128, 3, 7), new(256, 1, 99), new(64, 2, EmulatedDevice.FirstAhead), new(128, 1, EmulatedDevice.LastAhead),
    ];

    private static readonly Dictionary<string, long>[] Sizes =
    [
        new() { ["pair"] = 70, ["item"] = 37, ["player"] = 5 },
        new() { ["pair"] = 1, ["item"] = 1, ["player"] = 1 },
    ];

    [SkippableFact]
    public void Every_primitive_computes_what_the_program_means()
    {
        Toolchain.Require(Toolchain.Gcc);
        Check(Enum.GetValues<Primitive>().SelectMany(PrimitivePrograms.Of).ToArray());
    }

    [SkippableFact]
    public void Every_primitive_has_the_gradients_that_the_program_means()
    {
        Toolchain.Require(Toolchain.Gcc);
        Check(Enum.GetValues<Primitive>().SelectMany(PrimitivePrograms.Of).Where(IsDifferentiable).Select(p => Differentiate.Backward(Scheduled.Clean(p))).ToArray());
    }

    [SkippableFact]
    public void A_gradient_that_is_not_wanted_is_not_touched()
    {
        Toolchain.Require(Toolchain.Gcc);
        var loops = Scheduled.Of(Differentiate.Backward(Scheduled.Clean(PrimitivePrograms.Of(Primitive.Multiply)[0])));
        var code = new CudaCode([loops], PrimitivePrograms.Axes);
        var inputs = loops.Source.Inputs.Select(x => Draw(x.Name, loops.Source.Types[x.Variable], Sizes[0])).ToArray();
        var expected = ProgramEvaluator.Run(loops.Source, inputs, [], Sizes[0]);
        var (outputs, _) = code.Run(0, Machines[1], inputs, Sizes[0], [], needs: 2);
        Assert.Null(outputs[0]);
        Assert.Equal(expected[1], outputs[1]);
    }

    [SkippableTheory]
    [InlineData(5)]
    [InlineData(-1)]
    [InlineData(1L << 40)]
    public void An_index_out_of_range_is_a_fault_and_makes_its_element_NaN(long index)
    {
        Toolchain.Require(Toolchain.Gcc);
        var loops = Scheduled.Of(PrimitivePrograms.Of(Primitive.Gather)[0]);
        var code = new CudaCode([loops], PrimitivePrograms.Axes);
        var inputs = loops.Source.Inputs.Select(x => Draw(x.Name, loops.Source.Types[x.Variable], Sizes[0])).ToArray();
        var player = loops.Buffers.Single(b => b.Name == "player");
        var good = code.Run(0, Machines[0], inputs, Sizes[0], []).Outputs[0]!;
        inputs[player.Argument][100] = index;
        var (outputs, fault) = code.Run(0, Machines[0], inputs, Sizes[0], []);
        Assert.Equal(player.Id, code.Plans[0].Faults[(int)fault - 1].Buffer);
        Assert.Equal(1, outputs[0]!.Count(double.IsNaN));
        for (var i = 0; i < good.Length; i++)
            Assert.True(double.IsNaN(outputs[0]![i]) || outputs[0]![i].Equals(good[i]));
    }

    [SkippableFact]
    public void Rows_of_infinities_and_NaN_are_what_the_program_means()
    {
        Toolchain.Require(Toolchain.Gcc);
        Primitive[] primitives = [Primitive.LogSumExp, Primitive.Softmax, Primitive.LogSoftmax, Primitive.Max];
        var loops = primitives.SelectMany(PrimitivePrograms.Of).Select(Scheduled.Of).ToArray();
        var code = new CudaCode(loops, PrimitivePrograms.Axes);
        for (var i = 0; i < loops.Length; i++)
        {
            var source = loops[i].Source;
            var inputs = source.Inputs.Select(x => Draw(x.Name, source.Types[x.Variable], Sizes[0])).ToArray();
            var items = (int)Sizes[0]["item"];
            foreach (var x in inputs.Where((x, n) => x.Length == 70 * items && source.Types[source.Inputs[n].Variable].Kind == ElementKind.Real))
            {
                Array.Fill(x, double.NegativeInfinity, 0, items);
                x[items + 3] = double.NegativeInfinity;
                x[(2 * items) + 3] = double.PositiveInfinity;
                x[(3 * items) + 3] = double.NaN;
                x[(4 * items) + 3] = double.NegativeInfinity;
                x[(4 * items) + 4] = double.PositiveInfinity;
            }

            var scalars = source.Host.Select(h => h.Operation == HostOperation.Size ? Size(h.Extent!, Sizes[0]) : 0.3).ToArray();
            var expected = ProgramEvaluator.Run(source, inputs, scalars, Sizes[0]);
            foreach (var machine in Machines)
                Compare(expected[0], code.Run(i, machine, inputs, Sizes[0], scalars).Outputs[0]!, $"{machine}\n{LoopPrinter.Print(loops[i])}\n{code.Plans[i].Source}");
        }
    }

    private static void Check(IReadOnlyList<Program> programs)
    {
        var loops = programs.Select(Scheduled.Of).ToArray();
        var code = new CudaCode(loops, PrimitivePrograms.Axes);
        for (var i = 0; i < loops.Length; i++)
        {
            foreach (var sizes in Sizes)
            {
                var source = loops[i].Source;
                var inputs = source.Inputs.Select(x => Draw(x.Name, source.Types[x.Variable], sizes)).ToArray();
                var scalars = source.Host.Select(h => h.Operation == HostOperation.Size ? Size(h.Extent!, sizes) : 0.3).ToArray();
                var expected = ProgramEvaluator.Run(source, inputs, scalars, sizes);
                foreach (var machine in Machines)
                {
                    var (outputs, fault) = code.Run(i, machine, inputs, sizes, scalars);
                    Assert.Equal(0, fault);
                    for (var o = 0; o < expected.Length; o++)
                        Compare(expected[o], outputs[o]!, $"{source.Outputs[o].Name} of {machine}\n{LoopPrinter.Print(loops[i])}\n{code.Plans[i].Source}");
                }
            }
        }
    }

    private static void Compare(double[] expected, double[] actual, string where)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = Math.Max(1, expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max());
        for (var i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(actual[i]) || Math.Abs(expected[i] - actual[i]) <= scale * 1e-12, $"{actual[i]:R}, not {expected[i]:R}, at {i} in {where}");
    }
}
