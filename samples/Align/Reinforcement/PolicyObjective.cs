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
internal sealed record PolicyInputs(Tensor Policy, Tensor Old, Tensor Reference, Tensor Advantage, Tensor IsToken, double Beta, Tensor? Normaliser)
{
    /// <summary>The reward of each sequence, less the divergence where the loss does not hold it, [sequence].</summary>
    public required Tensor Reward { get; init; }

    /// <summary>The optimal value of each sequence's prompt, [sequence]; for objectives that need it.</summary>
    public Tensor? Value { get; init; }

    /// <summary>Sequences a prompt.</summary>
    public required int GroupSize { get; init; }

    /// <summary>The log-probabilities of whole sequences, [group sample].</summary>
    public Tensor Sequences(Tensor tokens) => Groups(where(IsToken, tokens, zeros_like(tokens)).sum(-1));

    /// <summary>Values of sequences, [sequence ...], by group, [group sample ...].</summary>
    public Tensor Groups(Tensor values) => values.unflatten(0, -1, GroupSize);

    /// <summary>The advantage of each sequence at each of its tokens.</summary>
    public Tensor AdvantageOfTokens => Advantage.unsqueeze(-1).expand_as(Policy);
}

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

    /// <summary>The weight of the divergence where none is asked for.</summary>
    public double Beta { get; init; } = UsualBeta;

    /// <summary>Whether it needs <see cref="PolicyInputs.Value"/>.</summary>
    public bool NeedsValue { get; init; }

    /// <summary>The usual weight of the divergence.</summary>
    public const double UsualBeta = 0.04;

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
        new("gspo-token", "Zheng et al. 2025, with gradients of tokens", false, false, i =>
        {
            var r = TokenPolicyGradient.Fused.GspoToken(i.Policy, i.Old, i.AdvantageOfTokens, i.IsToken);
            return (r.loss, r.clipHigh);
        }),
        new("luspo", "GSPO by length, as TRL has it", false, false, i =>
        {
            var r = TokenPolicyGradient.Fused.Luspo(i.Policy, i.Old, i.Advantage, i.IsToken);
            return (r.loss, r.clipHigh);
        }),
        new("sapo", "soft gates in the place of clipping, as TRL has it", false, false, i => (TokenPolicyGradient.Fused.Sapo(i.Policy, i.Old, i.Advantage, i.IsToken), null)),
        new("vespo", "weights of whole sequences, as TRL has it", false, true, i => (TokenPolicyGradient.Fused.Vespo(i.Policy, i.Old, i.Advantage, i.IsToken, i.Normaliser).loss, null)),
        new("ppo-group", "PPO's surrogate at tokens, a group in the place of the critic", false, true, i =>
        {
            var r = TokenPolicyGradient.Fused.Ppo(i.Policy, i.Old, i.AdvantageOfTokens, i.IsToken, null, i.Normaliser);
            return (r.loss, r.clipShare);
        }),
        new("ppo-sequence", "PPO's surrogate of whole sequences, without a critic", false, false, i =>
        {
            var r = PolicyGradient.Fused.Ppo(i.Sequences(i.Policy).flatten(), i.Sequences(i.Old).flatten(), i.Advantage);
            return (r.loss, r.clipShare);
        }),
        new("grpo-sequence", "GRPO of whole sequences", true, false, i =>
        {
            var r = PolicyGradient.Fused.Grpo(i.Sequences(i.Policy), i.Sequences(i.Old), i.Groups(i.Reward), i.Sequences(i.Reference), i.Beta);
            return (r.loss, r.clipShare);
        }),
        new("gspo-sequence", "GSPO of whole sequences", false, false, i =>
        {
            var r = PolicyGradient.Fused.Gspo(i.Sequences(i.Policy), i.Sequences(i.Old), i.Groups(i.IsToken.sum(-1)), i.Groups(i.Reward));
            return (r.loss, r.clipShare);
        }),
        new("rloo", "Ahmadian et al. 2024, clipped as TRL has it", true, false, i =>
            (PolicyGradient.Fused.Rloo(i.Sequences(i.Policy), i.Groups(i.Reward), i.Sequences(i.Reference), i.Sequences(i.Old), i.Beta).loss, null))
        { Beta = 0.05 },
        new("rloo-unclipped", "Ahmadian et al. 2024", true, false, i =>
            (TokenPolicyGradient.Fused.Rloo(i.Groups(i.Policy), i.Groups(i.Reference), i.Groups(i.Reward), i.Groups(i.IsToken), i.Beta).loss, null))
        { Beta = 0.05 },
        new("opo", "Hao et al. 2025, the optimal baseline of a group", false, false, i =>
            (PolicyGradient.Fused.Opo(i.Sequences(i.Policy), i.Groups(i.IsToken.sum(-1)), i.Groups(i.Reward)).loss, null)),
        new("a2po", "A*-PO, Brantley et al. 2025, the optimal value by samples of the reference", true, false, i =>
            (PolicyGradient.Fused.AStarPo(i.Sequences(i.Policy).flatten(), i.Sequences(i.Reference).flatten(), i.Reward, i.Value!, i.Beta).loss, null))
        { Beta = 1e-3, NeedsValue = true },
        new("reinforce-sequence", "Williams 1992, of whole sequences", false, false, i => (PolicyGradient.Fused.Reinforce(i.Sequences(i.Policy).flatten(), i.Advantage).loss, null)) { ScalesRewards = false },
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
        ?? throw new DataException($"No objective over sampled responses is called {name}: there are {Ppo}, {string.Join(", ", All.Select(o => o.Name).Concat(ComparisonObjective.All.Select(o => o.Name)))}.");
}
