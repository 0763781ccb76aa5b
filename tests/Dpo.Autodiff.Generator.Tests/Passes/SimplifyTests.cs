using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Tests.Passes;

public class SimplifyTests
{
    /// <summary>The objective of the design, as elaboration gives it.</summary>
    private static Program Dpo()
    {
        var s = new Sample();
        var (chosen, rejected) = (s.Input("chosen", Sample.Pair), s.Input("rejected", Sample.Pair));
        var (referenceChosen, referenceRejected) = (s.Constant("referenceChosen", Sample.Pair), s.Constant("referenceRejected", Sample.Pair));
        var chosenReward = (chosen - referenceChosen) * s.Beta;
        var rejectedReward = (rejected - referenceRejected) * s.Beta;
        var sum = (chosenReward - rejectedReward).Of(Primitive.LogSigmoid).Of(Primitive.Sum, new Parameters.Reduce([0]));
        return s.Result(-(sum / s.Size(Sample.Pair)), chosenReward.Of(Primitive.StopGradient), rejectedReward.Of(Primitive.StopGradient));
    }

    [Fact]
    public void TheGradientOfDpoIsOneWeightAndOneSigmoid()
    {
        var joint = Simplify.Run(Differentiate.Joint(Simplify.Run(Dpo())));

        Assert.Equal(
            """
            program sample
              %0: real[pair] = input chosen
              %1: real[pair] = input rejected
              %2: real[pair] = input referenceChosen nograd
              %3: real[pair] = input referenceRejected nograd
              %4: real[] = input d_r0 nograd
              $0: double = beta
              $1: int64 = |pair|
              $2: double = (double)$1
              $3: double = $0 / $2
              %5: real[pair] = subtract %0 %2
              %6: real[pair] = multiply %5 $0
              %7: real[pair] = subtract %1 %3
              %8: real[pair] = multiply %7 $0
              %9: real[pair] = subtract %6 %8
              %10: real[pair] = log_sigmoid %9
              %11: real[] = sum{0} %10
              %12: real[] = divide %11 $1
              %13: real[] = negate %12
              %14: real[pair] = stop_gradient %6
              %15: real[pair] = stop_gradient %8
              %16: real[pair] = negate %9
              %17: real[pair] = sigmoid %16
              %18: real[] = multiply %4 $3
              %19: real[pair] = rearrange{new} %18
              %20: real[pair] = multiply %17 %19
              %21: real[pair] = negate %20
              result r0 = %13 differentiable
              result r1 = %14
              result r2 = %15
              gradient chosen = %21
              gradient rejected = %20

            """.ReplaceLineEndings("\n"),
            ProgramPrinter.Print(joint));
    }
}
