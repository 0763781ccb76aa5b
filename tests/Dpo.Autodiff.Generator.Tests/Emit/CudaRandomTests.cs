using Dpo.Autodiff.Generator.Emit.Cuda;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Generator.Tests.Schedule;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Random programs as CUDA kernels, on a card that the processor plays, against what they mean.</summary>
public class CudaRandomTests
{
    private const int Batch = 40;

    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("DPO_AUTODIFF_SEEDS"), out var seeds) ? seeds : 2 * Batch;

    [SkippableFact]
    public void Kernels_compute_what_the_program_means()
    {
        Toolchain.Require(Toolchain.Gcc);
        var failures = new List<string>();
        for (var first = 0; first < Seeds; first += Batch)
        {
            var loops = Enumerable.Range(first, Batch).Select(Loops).ToArray();
            var code = new CudaCode(loops, "pair", "item", "token");
            for (var i = 0; i < loops.Length; i++)
                foreach (var extents in new[] { RandomLoweredProgram.Extents(first + i), new Dictionary<string, long> { ["pair"] = 21, ["item"] = 3, ["token"] = 70 } })
                    if (Difference(code, i, loops[i], first + i, extents) is { } failure)
                        failures.Add(failure);
        }

        Assert.True(failures.Count == 0, $"{failures.Count} of {Seeds}:\n{string.Join("\n\n", failures.Take(3))}");
    }

    [Fact]
    public void Rows_inside_rows_become_items_without_a_change_of_meaning()
    {
        var divided = 0;
        for (var seed = 0; seed < 400; seed++)
        {
            var loops = Loops(seed);
            var fission = CudaFission.Run(loops);
            if (ReferenceEquals(fission, loops))
                continue;
            divided++;
            LoopVerifier.Verify(fission);
            var extents = RandomLoweredProgram.Extents(seed);
            var inputs = RandomLoweredProgram.Draw(loops.Source, seed, extents);
            var scalars = HostEvaluator.Run(loops.Source.Host, RandomLoweredProgram.Parameters, extents);
            var expected = LoopInterpreter.Run(loops, inputs, scalars, extents).Outputs;
            var actual = LoopInterpreter.Run(fission, inputs, scalars, extents, backwards: true).Outputs;
            for (var o = 0; o < expected.Length; o++)
                Assert.True(IsSame(expected[o], actual[o]) is null, $"Seed {seed}, {loops.Source.Outputs[o].Name}: {IsSame(expected[o], actual[o])}\n{LoopPrinter.Print(loops)}\n{LoopPrinter.Print(fission)}");
        }

        Assert.True(divided > 20, $"only {divided} programs have rows inside rows");
    }

    [Fact]
    public void A_row_that_costs_little_is_computed_again_where_it_is_read()
    {
        const string LogProbability = """
            [Objective]
            public static Tensor LogProbability([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor labels, [Axes("pair token")] Tensor mask)
                => -where(mask, logits.log_softmax(2).gather(2, labels.unsqueeze(2)).squeeze(2), 0).sum(1).mean();
            """;
        var loops = ObjectiveCompiler.Compile(Reading.Model(LogProbability, nameof(LogProbability)), CancellationToken.None).Objective!.Variants[0].ValueAndGradient;
        var rows = loops.Buffers.Where(b => b.Scope == BufferScope.Row).Select(b => b.Name).ToArray();
        Assert.NotEmpty(rows);
        var inlined = CudaRows.Run(loops);
        LoopVerifier.Verify(inlined);
        var statements = LoopPrinter.Print(inlined).Split('\n').Where(line => !line.Contains("//", StringComparison.Ordinal)).ToArray();
        foreach (var row in rows)
            Assert.DoesNotContain(statements, line => line.Contains(row + "[", StringComparison.Ordinal));
        var extents = new Dictionary<string, long> { ["pair"] = 3, ["token"] = 4, ["vocab"] = 5 };
        var inputs = RandomLoweredProgram.Draw(loops.Source, 1, extents);
        var scalars = HostEvaluator.Run(loops.Source.Host, RandomLoweredProgram.Parameters, extents);
        var expected = LoopInterpreter.Run(loops, inputs, scalars, extents).Outputs;
        var actual = LoopInterpreter.Run(inlined, inputs, scalars, extents).Outputs;
        for (var o = 0; o < expected.Length; o++)
            Assert.Equal(expected[o], actual[o]);
    }

    private static LoopProgram Loops(int seed)
    {
        var program = RandomLoweredProgram.Of(seed, 3 + (seed % 25), isMasked: seed % 2 == 1);
        return Scheduler.Run(program, program.Name);
    }

    private static string? Difference(CudaCode code, int kernel, LoopProgram loops, int seed, IReadOnlyDictionary<string, long> extents)
    {
        var source = loops.Source;
        var inputs = RandomLoweredProgram.Draw(source, seed, extents);
        var scalars = HostEvaluator.Run(source.Host, RandomLoweredProgram.Parameters, extents);
        var expected = ProgramEvaluator.Run(source, inputs, scalars, extents);
        foreach (var machine in CudaEmitterTests.Machines)
        {
            var (outputs, fault) = code.Run(kernel, machine, inputs, extents, scalars);
            if (fault != 0)
                return $"Seed {seed}: fault {fault}";
            for (var o = 0; o < expected.Length; o++)
                if (IsSame(expected[o], outputs[o]!) is { } difference)
                    return $"Seed {seed}, {machine}, {source.Outputs[o].Name}: {difference}\n{ProgramPrinter.Print(source)}\n{LoopPrinter.Print(loops)}\n{code.Plans[kernel].Source}";
        }

        return null;
    }

    private static string? IsSame(double[] expected, double[] actual)
    {
        var scale = expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (var i = 0; i < expected.Length; i++)
            if (!expected[i].Equals(actual[i]) && !(Math.Abs(expected[i] - actual[i]) <= 1e-9 * Math.Max(1, scale)))
                return $"[{i}] is {actual[i]:R}, not {expected[i]:R}";
        return null;
    }
}
