using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>Every primitive has its row in every table, and the row is executed.</summary>
public class TableTests
{
    public static TheoryData<Primitive> Primitives => new(Enum.GetValues<Primitive>());

    public static TheoryData<string> Samples => new(PrimitiveSamples.All.Select(s => s.Name));

    [Theory]
    [MemberData(nameof(Primitives))]
    public void EveryPrimitiveIsTyped_Evaluated_Differentiated(Primitive primitive)
    {
        // The builder and the verifier ran the shape rule when the sample was made.
        var sample = PrimitiveSamples.All.First(s => s.Primitive == primitive);
        Assert.Contains(sample.Program.Equations, e => e.Primitive == primitive);

        Sample.Run(sample.Program, Sample.Draw(sample.Program, 1, sample.Draw));
        Assert.Contains(primitive, VjpRules.Table.Keys);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void PassesKeepTheValue(string name)
    {
        var sample = PrimitiveSamples.Named(name);
        var (stable, notes) = Stabilise.Run(sample.Program);
        Assert.Empty(notes);
        Func<Program, Program>[] passes = [p => stable, Simplify.Run, Cse.Run, DeadCode.Run, Lower.Run, p => Simplify.Run(Lower.Run(p))];
        for (var seed = 0; seed < 3; seed++)
        {
            var inputs = Sample.Draw(sample.Program, seed, sample.Draw);
            var expected = Sample.Run(sample.Program, inputs)[0];
            foreach (var pass in passes)
                AssertClose(expected, Sample.Run(pass(sample.Program), inputs)[0], 1e-14);
        }
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void SimplifyingAgainChangesNothing(string name)
    {
        var joint = Simplify.Run(Differentiate.Joint(PrimitiveSamples.Named(name).Program));

        Assert.Equal(ProgramPrinter.Print(joint), ProgramPrinter.Print(Simplify.Run(joint)));
    }

    internal static void AssertClose(double[] expected, double[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (var i = 0; i < expected.Length; i++)
            Assert.True(
                expected[i].Equals(actual[i]) || double.IsFinite(expected[i]) && Math.Abs(expected[i] - actual[i]) <= tolerance * scale,
                $"Element {i} is {actual[i]:R}, not {expected[i]:R}.");
    }
}
