using Dpo.Autodiff.Objectives;

namespace Align.Training;

/// <summary>The objectives over judged responses, by name.</summary>
internal static class JudgedObjectives
{
    /// <summary>Every objective.</summary>
    public static IReadOnlyList<JudgedObjective> All { get; } =
    [
        new("kto", "Ethayarajh et al. 2024", RewardShift.Divergence, i => PreferenceFromLogits.Fused.Kto(
            i.Logits, i.Labels, i.IsCompletion, i.Reference, i.IsDesirable, i.Shift, i.Settings.Beta, i.Settings.DesirableWeight, i.Settings.UndesirableWeight)),
        new("apo-zero-unpaired", "D'Oosterlinck et al. 2024", RewardShift.None, i =>
        {
            var policy = Tokens.Fused.Score(i.Logits, i.Labels, i.IsCompletion);
            var (loss, reward) = Preference.Fused.ApoZeroUnpaired(policy, i.Reference, i.IsDesirable, i.Settings.Beta);
            return (loss, reward, policy.detach());
        }),
        new("bco", "Jung et al. 2024", RewardShift.RunningMean, i =>
        {
            var (loss, reward, _, logProbability) = PreferenceFromLogits.Fused.Bco(i.Logits, i.Labels, i.IsCompletion, i.Reference, i.IsDesirable, i.Shift, i.Settings.Beta);
            return (loss, reward, logProbability);
        })
        { StartsAtLn2 = true },
    ];

    /// <summary>The objective of a name; null where there is none.</summary>
    public static JudgedObjective? Find(string name) => All.FirstOrDefault(o => o.Name == PairObjectives.Usual(name));
}
