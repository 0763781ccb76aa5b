using Dpo.Autodiff.Generator.IR;

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
}
