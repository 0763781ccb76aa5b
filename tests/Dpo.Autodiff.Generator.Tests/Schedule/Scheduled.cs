using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>Schedules programs and holds the loops against what the program means.</summary>
internal static class Scheduled
{
    /// <summary>The passes between a forward or differentiated program and its schedule.</summary>
    public static LoopProgram Of(Program program) => Scheduler.Run(Clean(Lower.Run(Clean(program))), program.Name);

    public static LoopProgram Joint(Program forward) => Of(Differentiate.Joint(Clean(forward)));

    public static LoopProgram Backward(Program forward) => Of(Differentiate.Backward(Clean(forward)));

    public static Program Clean(Program program) => DeadCode.Run(Cse.Run(Simplify.Run(program)));

    /// <summary>Schedules a program, verifies the loops, runs them and the program on the same inputs, and compares results and counts.</summary>
    public static LoopProgram Check(
        Program lowered, IReadOnlyList<double[]> inputs, IReadOnlyDictionary<string, long> extents, IReadOnlyDictionary<string, double>? parameters = null)
    {
        var loops = Scheduler.Run(lowered, lowered.Name);
        Check(loops, inputs, extents, parameters);
        return loops;
    }

    public static void Check(
        LoopProgram loops, IReadOnlyList<double[]> inputs, IReadOnlyDictionary<string, long> extents, IReadOnlyDictionary<string, double>? parameters = null)
    {
        LoopVerifier.Verify(loops);
        var scalars = HostEvaluator.Run(loops.Source.Host, parameters ?? new Dictionary<string, double>(), extents);
        var expected = ProgramEvaluator.Run(loops.Source, inputs, scalars, extents);
        var run = LoopInterpreter.Run(loops, inputs, scalars, extents);
        Compare(loops, expected, run.Outputs);
        Compare(loops, expected, LoopInterpreter.Run(loops, inputs, scalars, extents, backwards: true).Outputs);

        var traffic = LoopTraffic.Of(loops);
        for (var b = 0; b < loops.Buffers.Count; b++)
        {
            Assert.Equal(run.Loads[b] + run.SkippedLoads[b], traffic.Loads[b].At(extents));
            Assert.Equal(run.Stores[b] + run.SkippedStores[b], traffic.Stores[b].At(extents));
        }
    }

    private static void Compare(LoopProgram loops, double[][] expected, double[][] actual)
    {
        for (var o = 0; o < expected.Length; o++)
            for (var i = 0; i < expected[o].Length; i++)
                Assert.True(
                    Same(expected[o][i], actual[o][i]),
                    $"{loops.Source.Outputs[o].Name}[{i}] is {actual[o][i]:R}, not {expected[o][i]:R}\n{ProgramPrinter.Print(loops.Source)}\n{LoopPrinter.Print(loops)}");
    }

    private static bool Same(double expected, double actual) =>
        expected.Equals(actual) || Math.Abs(expected - actual) <= 1e-12 * Math.Max(1, Math.Abs(expected));
}
