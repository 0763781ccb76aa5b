using System.Text;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Generator.Tests.RandomPrograms;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>Random objectives of the whole language: every pass keeps what their programs and their gradients compute.</summary>
public class RandomPassesTests
{
    private const int Count = 40;

    private static readonly Dictionary<string, long> Extents = new() { ["pair"] = 3, ["item"] = 4, ["token"] = 5 };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void PassesKeepValuesAndGradients(int block)
    {
        var objectives = Enumerable.Range(0, Count).Select(i => RandomObjectives.Draw((1000 * block) + i, "F" + i)).ToArray();
        var text = new StringBuilder();
        foreach (var objective in objectives)
            text.Append(objective.Print());
        var project = Reading.Project(text.ToString());
        foreach (var objective in objectives)
        {
            var elaborated = Elaborate.Run(Reading.Model(project, objective.Name));
            // What is refused is the business of other tests.
            if (elaborated.Decisions is null)
                continue;
            Dictionary<string, double> parameters = new() { ["beta"] = objective.Beta, ["gamma"] = objective.Gamma };
            foreach (var program in elaborated.Programs)
            {
                var stable = Stabilise.Run(program).Program;
                var forward = Simplify.Run(stable);
                AssertEqual(stable, [forward, Simplify.Run(Lower.Run(forward))], parameters, objective);
                if (!program.Outputs[0].Differentiable)
                    continue;
                var joint = Simplify.Run(Differentiate.Joint(forward));
                AssertEqual(Differentiate.Joint(stable), [joint, Simplify.Run(Lower.Run(joint))], parameters, objective);
                Assert.Equal(ProgramPrinter.Print(joint), ProgramPrinter.Print(Simplify.Run(joint)));
            }
        }
    }

    private static void AssertEqual(Program reference, Program[] variants, Dictionary<string, double> parameters, RandomObjective objective)
    {
        double[][] Run(Program program, double[][] inputs) =>
            ProgramEvaluator.Run(program, inputs, HostEvaluator.Run(program.Host, parameters, Extents), Extents);

        var inputs = Sample.Draw(reference, 5, extents: Extents);
        var expected = Run(reference, inputs);
        // The scale is the largest intermediate.
        var everything = reference with
        {
            Outputs = Enumerable.Range(0, reference.Types.Count).Select(v => new ProgramOutput("v", v, OutputRole.Result)).ToEquatableArray(),
        };
        var scale = Run(everything, inputs).SelectMany(v => v).Where(double.IsFinite).Max(Math.Abs);
        foreach (var variant in variants)
        {
            var actual = Run(variant, inputs);
            for (var k = 0; k < expected.Length; k++)
                for (var i = 0; i < expected[k].Length; i++)
                    Assert.True(
                        expected[k][i].Equals(actual[k][i]) || (double.IsFinite(expected[k][i]) && Math.Abs(expected[k][i] - actual[k][i]) <= 1e-10 * scale),
                        $"{reference.Outputs[k].Name}[{i}] is {actual[k][i]:R}, not {expected[k][i]:R}:\n{objective.Print()}{ProgramPrinter.Print(reference)}{ProgramPrinter.Print(variant)}");
        }
    }
}
