using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>Who writes the response that the policy's own is compared with.</summary>
internal enum Opponent
{
    /// <summary>The policy, once more.</summary>
    Policy,

    /// <summary>The frozen reference.</summary>
    Reference,

    /// <summary>The geometric mixture of both.</summary>
    Mixture,
}

/// <summary>Which rows an objective reads.</summary>
internal enum ComparisonRows
{
    /// <summary>The better responses, then the others.</summary>
    BetterFirst,

    /// <summary>The policy's own responses, then the opponent's.</summary>
    OwnFirst,

    /// <summary>The policy's own responses.</summary>
    Own,
}

/// <summary>What objectives over compared responses read.</summary>
/// <param name="Logits">The policy's, [row token vocab].</param>
/// <param name="Labels">The token that each place predicts, [row token].</param>
/// <param name="IsCompletion">Whether it is one of the response's.</param>
/// <param name="ReferenceTokens">Log-probabilities of the tokens under the frozen reference, [row token].</param>
/// <param name="IsOwnBetter">Whether the policy's own response is the better one, [pair].</param>
/// <param name="Preference">The chance that it is preferred, [pair].</param>
/// <param name="Beta">How strongly the policy is tied to the reference.</param>
internal sealed record ComparisonInputs(Tensor Logits, Tensor Labels, Tensor IsCompletion, Tensor ReferenceTokens, Tensor IsOwnBetter, Tensor Preference, double Beta)
{
    /// <summary>Log-probabilities of the responses under the reference, [row].</summary>
    public Tensor Reference => ReferenceTokens.sum(-1);
}

/// <summary>An objective over pairs of sampled responses that a reward compares: preference learning online.</summary>
/// <param name="Name">The name.</param>
/// <param name="Summary">What it is, in a line.</param>
/// <param name="Opponent">Who writes the other response.</param>
/// <param name="Rows">Which rows it reads.</param>
/// <param name="Loss">The objective, and the implicit rewards of the better and of the other responses, if it has them.</param>
internal sealed record ComparisonObjective(
    string Name,
    string Summary,
    Opponent Opponent,
    ComparisonRows Rows,
    Func<ComparisonInputs, (Tensor Loss, Tensor? ChosenReward, Tensor? RejectedReward)> Loss)
{
    /// <summary>TRL's beta of all of them.</summary>
    public const double UsualBeta = 0.1;

    /// <summary>The objectives.</summary>
    public static IReadOnlyList<ComparisonObjective> All { get; } =
    [
        new("online-dpo", "Guo et al. 2024: DPO of two responses of the policy's", Opponent.Policy, ComparisonRows.BetterFirst, i =>
        {
            var r = PreferenceFromLogits.Fused.Dpo(i.Logits, i.Labels, i.IsCompletion, i.Reference, null, i.Beta);
            return (r.loss, r.chosenReward, r.rejectedReward);
        }),
        new("online-ipo", "IPO of two responses of the policy's", Opponent.Policy, ComparisonRows.BetterFirst, i =>
        {
            var r = PreferenceFromLogits.Fused.Ipo(i.Logits, i.Labels, i.IsCompletion, i.Reference, i.Beta, lengthNormalised: false);
            return (r.loss, r.chosenReward, r.rejectedReward);
        }),
        new("xpo", "Xie et al. 2024: against the reference's responses, with a bonus for what is new", Opponent.Reference, ComparisonRows.OwnFirst, i =>
        {
            var r = PreferenceFromLogits.Fused.Xpo(i.Logits, i.Labels, i.IsCompletion, i.Reference, i.IsOwnBetter, i.Beta);
            return (r.loss, r.chosenReward, r.rejectedReward);
        }),
        new("nash-md", "Munos et al. 2023: against a mixture of policy and reference", Opponent.Mixture, ComparisonRows.Own, i =>
            (PreferenceFromLogits.Fused.NashMd(i.Logits, i.Labels, i.IsCompletion, i.ReferenceTokens, i.Preference, i.Beta).loss, null, null)),
    ];

    /// <summary>The objective of a name; null where there is none.</summary>
    public static ComparisonObjective? Find(string name) => All.FirstOrDefault(o => o.Name == name);
}
