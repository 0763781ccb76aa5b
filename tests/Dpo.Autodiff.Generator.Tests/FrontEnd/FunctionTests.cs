using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.FrontEnd;

public class FunctionTests
{
    public const string Dpo = """
        [Objective]
        public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward) Dpo(
            [Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected,
            [Axes("pair"), NoGrad] Tensor referenceChosen, [Axes("pair"), NoGrad] Tensor referenceRejected,
            double beta = 0.1)
        {
            var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
            var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
            return (-logsigmoid(chosenReward - rejectedReward).mean(), chosenReward.detach(), rejectedReward.detach());
        }

        static Tensor ImplicitReward(Tensor policy, Tensor reference, double beta) => beta * (policy - reference);
        """;

    [Fact]
    public void TheObjectiveOfTheDesignReads()
    {
        var model = Reading.Model(Dpo, "Dpo");

        Assert.Equal(
            """
            function "M:C.Dpo(TorchSharp.torch.Tensor,TorchSharp.torch.Tensor,TorchSharp.torch.Tensor,TorchSharp.torch.Tensor,System.Double)" Dpo locals 0
            parameter Tensor chosen axes "pair"
            parameter Tensor rejected axes "pair"
            parameter Tensor referenceChosen axes "pair" nograd
            parameter Tensor referenceRejected axes "pair" nograd
            parameter Double beta default "0.1"
            results "loss" "chosenReward" "rejectedReward"
            %0 = Parameter "chosen"
            %1 = Parameter "referenceChosen"
            %2 = Parameter "beta"
            %3 = Invoke "M:C.ImplicitReward(TorchSharp.torch.Tensor,TorchSharp.torch.Tensor,System.Double)" %0 %1 %2
            %4 = Parameter "rejected"
            %5 = Parameter "referenceRejected"
            %6 = Parameter "beta"
            %7 = Invoke "M:C.ImplicitReward(TorchSharp.torch.Tensor,TorchSharp.torch.Tensor,System.Double)" %4 %5 %6
            %8 = Torch "sub" self:%3 other:%7
            %9 = Torch "logsigmoid" self:%8
            %10 = Torch "mean" self:%9
            %11 = Torch "neg" self:%10
            %12 = Torch "detach" self:%3
            %13 = Torch "detach" self:%7
            %14 = Tuple %11 %12 %13
            %15 = Return %14

            """.ReplaceLineEndings("\n"),
            FunctionText.Write(model.Function));
        var helper = Assert.Single(model.Callees);
        Assert.Equal("ImplicitReward", helper.Name);
        Assert.Equal("public", model.Accessibility);
        Assert.Equal("C", model.Container.MetadataName);
        Assert.Equal(["static class C"], model.Container.Types);
        Assert.Equal(["loss", "chosenReward", "rejectedReward"], model.Returns.ElementNames);
    }
}
