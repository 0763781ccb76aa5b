using Align.Data;
using Dpo.Autodiff.Objectives;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>What objectives over scores read, [pair] each.</summary>
/// <param name="Chosen">The score of the preferred response.</param>
/// <param name="Rejected">The score of the other one.</param>
/// <param name="Preference">1, or 0 where neither is better.</param>
/// <param name="Margin">By how much the preferred one is better; null where the data do not say.</param>
/// <param name="Centering">How strongly the mean of scores is tied to 0; null for not at all.</param>
internal sealed record RewardInputs(Tensor Chosen, Tensor Rejected, Tensor Preference, Tensor? Margin, double? Centering);

/// <summary>An objective over scores that <c>--objective</c> names.</summary>
/// <param name="Name">The name.</param>
/// <param name="Summary">What it is, in a line.</param>
/// <param name="TakesTies">Whether pairs may be ties.</param>
/// <param name="Loss">The objective, a mean over pairs.</param>
internal sealed record RewardObjective(string Name, string Summary, bool TakesTies, Func<RewardInputs, Tensor> Loss)
{
    /// <summary>The objectives; the first is the usual one.</summary>
    public static IReadOnlyList<RewardObjective> All { get; } =
    [
        new("bradley-terry", "Bradley and Terry 1952; with margins where the data have them, and --center", false, i => RewardModel.Fused.BradleyTerry(i.Chosen, i.Rejected, i.Margin, i.Centering).loss),
        new("davidson", "with ties, Davidson 1970", true, i => RewardModel.Fused.Davidson(i.Chosen, i.Rejected, i.Preference).loss),
        new("rao-kupper", "with ties, Rao and Kupper 1967", true, i => RewardModel.Fused.RaoKupper(i.Chosen, i.Rejected, i.Preference).loss),
        new("thurstone", "probit in place of logit, Thurstone 1927", false, i => Thurstone.Fused.Pairwise(i.Chosen, i.Rejected).loss),
    ];

    /// <summary>The objective of a name.</summary>
    public static RewardObjective Named(string name) =>
        All.FirstOrDefault(o => o.Name == name.Replace('_', '-'))
        ?? throw new DataException($"No objective over scores is called {name}: there are {string.Join(", ", All.Select(o => o.Name))}.");
}
