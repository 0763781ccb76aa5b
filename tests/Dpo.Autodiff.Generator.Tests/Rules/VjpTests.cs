using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Rules;

public class VjpTests
{
    private const double Tolerance = 1e-8;

    private static IEnumerable<PrimitiveSample> Differentiable => PrimitiveSamples.All.Where(s => s.Program.Outputs[0].Differentiable);

    public static TheoryData<string> Samples => new(Differentiable.Select(s => s.Name));

    public static TheoryData<string> SharpSamples => new(Differentiable.Where(s => s.IsSharp).Select(s => s.Name));

    [Theory]
    [MemberData(nameof(Samples))]
    public void TheGradientIsTheDifferenceQuotient(string name)
    {
        var sample = PrimitiveSamples.Named(name);
        for (var seed = 0; seed < 3; seed++)
            Assert.InRange(Derivatives.Error(sample.Program, seed, sample.Draw), 0, Tolerance);
    }

    [Theory]
    [MemberData(nameof(Samples))]
    public void AlsoAfterAlgebraAndLowering(string name)
    {
        var sample = PrimitiveSamples.Named(name);
        var forward = Simplify.Run(sample.Program);
        var backward = Simplify.Run(Lower.Run(Simplify.Run(Differentiate.Backward(forward))));
        for (var seed = 0; seed < 3; seed++)
            Assert.InRange(Derivatives.Error(sample.Program, backward, seed, sample.Draw), 0, Tolerance);
    }

    /// <summary>A wrong derivative must not pass the test above: every equation of every gradient is made wrong, one at a time.</summary>
    [Theory]
    [MemberData(nameof(SharpSamples))]
    public void AWrongRowIsNoticed(string name)
    {
        var sample = PrimitiveSamples.Named(name);
        var backward = DeadCode.Run(Differentiate.Backward(sample.Program));
        var unnoticed = Mutants.Of(backward)
            .Where(m => Enumerable.Range(0, 3).All(seed => Derivatives.Error(sample.Program, m.Program, seed, sample.Draw) <= Tolerance))
            .Select(m => m.What);

        Assert.Empty(unnoticed);
    }

    [Fact]
    public void EveryRowIsCheckedOrStops()
    {
        var stops = VjpRules.Table[Primitive.Sign];
        var isChecked = Differentiable.Where(s => s.IsSharp).Select(s => s.Primitive).ToHashSet();
        Assert.Empty(VjpRules.Table.Where(row => row.Value != stops && !isChecked.Contains(row.Key)).Select(row => row.Key));
    }
}
