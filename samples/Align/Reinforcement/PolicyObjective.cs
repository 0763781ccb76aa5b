using Align.Data;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Reinforcement;

/// <summary>What objectives over sampled responses read. Log-probabilities are those of tokens, [sequence token].</summary>
/// <param name="Policy">Under the policy, in autograd's graph.</param>
/// <param name="Old">Under the policy that sampled them.</param>
/// <param name="Reference">Under the frozen reference.</param>
/// <param name="Advantage">Of each sequence, [sequence].</param>
/// <param name="IsToken">Whether a token counts.</param>
/// <param name="Beta">The weight of the divergence from the reference, where the objective has it in its loss.</param>
/// <param name="Normaliser">The number of tokens of the whole batch, for objectives that take a mean over tokens.</param>
internal sealed record PolicyInputs(Tensor Policy, Tensor Old, Tensor Reference, Tensor Advantage, Tensor IsToken, double Beta, Tensor? Normaliser);

/// <summary>An objective over sampled responses that <c>--objective</c> names.</summary>
/// <param name="Name">The name.</param>
/// <param name="Summary">What it is, in a line.</param>
/// <param name="IsKlInLoss">Whether the loss holds the divergence from the reference; else it is taken from the rewards.</param>
/// <param name="IsTokenMean">Whether its mean is over the tokens of all sequences, so that parts of a batch need their number; else it is over sequences.</param>
/// <param name="Loss">The objective, and the share of tokens that are clipped if it clips.</param>
internal sealed record PolicyObjective(string Name, string Summary, bool IsKlInLoss, bool IsTokenMean, Func<PolicyInputs, (Tensor Loss, Tensor? Clipped)> Loss)
{
    /// <summary>The name of the one that has a critic.</summary>
    public const string Ppo = "ppo";

    /// <summary>Whether rewards are divided by their group's standard deviation.</summary>
    public bool ScalesRewards { get; init; } = true;

    /// <summary>The objectives without a critic.</summary>
    public static IReadOnlyList<PolicyObjective> All { get; } =
    [
        new("grpo", "Shao et al. 2024", true, false, i =>
        {
            var r = TokenPolicyGradient.Fused.Grpo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Reference, i.Beta);
            return (r.loss, r.clipRegion);
        }),
        new("dapo", "Yu et al. 2025", true, true, i =>
        {
            var r = TokenPolicyGradient.Fused.Dapo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Reference, i.Normaliser, i.Beta);
            return (r.loss, r.clipRegion);
        }),
        new("dr-grpo", "Liu et al. 2025", true, false, i =>
        {
            var r = TokenPolicyGradient.Fused.DrGrpo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Reference, i.Beta, maximalLength: i.Policy.shape[1]);
            return (r.loss, r.clipRegion);
        })
        { ScalesRewards = false },
        new("gspo", "Zheng et al. 2025", true, false, i =>
        {
            var r = TokenPolicyGradient.Fused.Gspo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Reference, i.Beta);
            return (r.loss, r.clipRegion);
        }),
        new("gmpo", "Zhao et al. 2025", false, false, i =>
        {
            var r = TokenPolicyGradient.Fused.Gmpo(i.Policy, i.Old, i.Advantage, i.IsToken);
            return (r.loss, r.clipShare);
        }),
        new("cispo", "MiniMax 2025", false, true, i =>
        {
            var r = TokenPolicyGradient.Fused.Cispo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Normaliser);
            return (r.loss, r.clipHigh);
        }),
        new("reinforce", "Williams 1992, with the divergence in the loss", true, true, i =>
        {
            var r = TokenPolicyGradient.Fused.Reinforce(i.Policy, i.Advantage, i.IsToken, i.Reference, i.Normaliser, i.Beta);
            return (r.loss, null);
        })
        { ScalesRewards = false },
    ];

    /// <summary>The objective of a name; null for the one with a critic.</summary>
    public static PolicyObjective? Named(string name) => name == Ppo ? null
        : All.FirstOrDefault(o => o.Name == name)
        ?? throw new DataException($"No objective over sampled responses is called {name}: there are {Ppo}, {string.Join(", ", All.Select(o => o.Name))}.");
}
