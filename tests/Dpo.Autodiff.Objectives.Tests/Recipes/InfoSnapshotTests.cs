using Dpo.Autodiff.Tests;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives.Tests.Recipes;

/// <summary>The README's recipe: a user holds an objective of their own, and its gradients, with a snapshot.</summary>
public sealed partial class InfoSnapshotTests
{
    /// <summary>An objective as a user might invent it: a margin that grows with the rank of the pair's reward.</summary>
    [Objective]
    public static (Tensor loss, Tensor lead) RankedMargin(
        [Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected, [Axes("pair"), NoGrad] Tensor rank, double beta = 0.1, double scale = 0.5)
    {
        var lead = beta * (chosen - rejected);
        return ((softplus((scale * rank) - lead) * rank).sum() / rank.sum(), lead.detach());
    }

    [Fact]
    public Task An_objective_of_ones_own_is_what_it_was() => Snapshot.Match(Fused.RankedMarginInfo.ToString());
}
