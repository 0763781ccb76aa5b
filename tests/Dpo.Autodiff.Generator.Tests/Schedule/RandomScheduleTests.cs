using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>Random programs: the loops compute what the program means, and their counts are the plan's.</summary>
public class RandomScheduleTests
{
    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("DPO_AUTODIFF_SEEDS"), out var seeds) ? seeds : 300;

    [Fact]
    public void LoopsComputeWhatTheProgramMeans()
    {
        var seen = new HashSet<Primitive>();
        for (var seed = 0; seed < Seeds; seed++)
        {
            var program = RandomLoweredProgram.Of(seed, 3 + (seed % 25));
            seen.UnionWith(program.Equations.Select(e => e.Primitive));
            var extents = RandomLoweredProgram.Extents(seed);
            try
            {
                Scheduled.Check(program, RandomLoweredProgram.Draw(program, seed, extents), extents, RandomLoweredProgram.Parameters);
            }
            catch (Exception failure) when (failure is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}\n{ProgramPrinter.Print(program)}", failure);
            }
        }

        Assert.Empty(Enum.GetValues<Primitive>().Except([.. seen, Primitive.LogSumExp, Primitive.Softmax, Primitive.LogSoftmax]));
    }

    [Fact]
    public void RowsThatConditionsDiscardAreSkippedWithoutAChangeOfMeaning()
    {
        var (skipping, replacing) = (0, 0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var program = RandomLoweredProgram.Of(seed, 6 + (seed % 20), isMasked: true);
            var extents = RandomLoweredProgram.Extents(seed);
            try
            {
                var inputs = RandomLoweredProgram.Draw(program, seed, extents);
                var loops = Scheduled.Check(program, inputs, extents, RandomLoweredProgram.Parameters);
                var conditions = loops.Stages.SelectMany(s => Loops(s.Body)).Select(l => l.When).OfType<LoopCondition>().ToArray();
                skipping += conditions.Any(c => !c.IsNegated) ? 1 : 0;
                replacing += conditions.Any(c => c.IsNegated) ? 1 : 0;
            }
            catch (Exception failure) when (failure is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}\n{ProgramPrinter.Print(program)}", failure);
            }
        }

        Assert.True(skipping > Seeds / 10 && replacing > Seeds / 20, $"{skipping} of {Seeds} programs skip rows, {replacing} do something else instead");
    }

    private static IEnumerable<LoopNode.Loop> Loops(LoopNode node) => node switch
    {
        LoopNode.Sequence sequence => sequence.Children.SelectMany(Loops),
        LoopNode.Loop loop => Loops(loop.Body).Prepend(loop),
        _ => [],
    };
}
