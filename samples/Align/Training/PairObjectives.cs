using Align.Data;
using Dpo.Autodiff.Objectives;
using static Align.Training.ReferenceNeed;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>The objectives over pairs, by name: the sample's own, and those of the catalogue.</summary>
internal static class PairObjectives
{
    private delegate (Tensor Loss, Tensor ChosenReward, Tensor RejectedReward) WithReference(
        Tensor chosen, Tensor rejected, Tensor referenceChosen, Tensor referenceRejected, PairInputs inputs);

    /// <summary>Every objective.</summary>
    public static IReadOnlyList<PairObjective> All { get; } =
    [
        new("own", "the sample's own DPO, Objectives.cs", Sequences, 0.1, i => Of(Alignment.Fused.Dpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta))) { StartsAtLn2 = true },
        new("own-eager", "the same as plain TorchSharp, for comparison", Sequences, 0.1, i => Of(Alignment.Dpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta))) { StartsAtLn2 = true },
        .. FromLogits(),
        .. FromSequences(),
    ];

    /// <summary>What TRL calls the objectives that have another name here.</summary>
    private static readonly Dictionary<string, string> Others = new(StringComparer.Ordinal)
    {
        ["sigmoid"] = "dpo",
        ["exo-pair"] = "exo",
        ["nca-pair"] = "nca",
        ["sppo-hard"] = "sppo",
        ["aot-pair"] = "aot",
    };

    /// <summary>The objective of a name.</summary>
    public static PairObjective Named(string name) =>
        All.FirstOrDefault(o => o.Name == Usual(name))
        ?? throw new DataException($"No objective over pairs or single responses is called {name}: there are {string.Join(", ", All.Select(o => o.Name).Concat(JudgedObjectives.All.Select(o => o.Name)))}.");

    /// <summary>The name used here for one of TRL's.</summary>
    public static string Usual(string name)
    {
        var dashed = name.Replace('_', '-');
        return Others.GetValueOrDefault(dashed, dashed);
    }

    /// <summary>Objectives that read logits, so that log-probabilities, loss and gradient are one kernel.</summary>
    private static IEnumerable<PairObjective> FromLogits() =>
    [
        new("dpo", "Rafailov et al. 2023; with --label-smoothing cDPO", Sequences, 0.1, i =>
        {
            var r = PreferenceFromLogits.Fused.Dpo(i.Logits, i.Labels, i.IsCompletion, i.Reference, null, i.Beta, i.LabelSmoothing);
            return new PairResult(r.loss, r.chosenReward, r.rejectedReward, r.chosenLogProbability, r.rejectedLogProbability)
            {
                Metrics = [("logits/chosen", r.chosenLogit), ("logits/rejected", r.rejectedLogit), ("entropy", r.entropy), ("mean_token_accuracy", r.tokenAccuracy)],
            };
        })
        { StartsAtLn2 = true, TakesLabelSmoothing = true },
        new("ipo", "Azar et al. 2023, of log-ratios per token", Sequences, 0.1, i => Of(PreferenceFromLogits.Fused.Ipo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta))),
        new("ipo-sums", "Azar et al. 2023, of log-ratios of whole responses", Sequences, 0.1, i => Of(PreferenceFromLogits.Fused.Ipo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta, false))),
        new("sigmoid-norm", "DPO of log-ratios per token", Sequences, 0.1, i => Of(PreferenceFromLogits.Fused.SigmoidNorm(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta))) { StartsAtLn2 = true },
        new("rpo", "DPO and the chosen responses' likelihood, Pang et al. 2024", Sequences, 0.1, i => Of(PreferenceFromLogits.Fused.Rpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Normaliser, i.Beta))),
        new("mpo", "DPO, BCO and likelihood, Wang et al. 2024", Sequences, 0.1, i => Of(PreferenceFromLogits.Fused.Mpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Normaliser, i.Beta))),
        new("wpo", "DPO weighted by how likely the policy is to answer so, Zhou et al. 2024", Sequences, 0.1, i =>
        {
            var r = PreferenceFromLogits.Fused.Wpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta);
            return new PairResult(r.loss, r.chosenReward, r.rejectedReward, r.chosenLogProbability, r.rejectedLogProbability);
        }),
        new("ld-dpo", "DPO that discounts tokens beyond the shorter response, Liu et al. 2024", ReferenceNeed.Tokens, 0.1, i => Of(PreferenceFromLogits.Fused.LdDpo(i.Logits, i.Labels, i.IsCompletion, i.Reference!, i.Beta))) { StartsAtLn2 = true },
        new("simpo", "Meng et al. 2024", None, 2, i => Of(PreferenceFromLogits.Fused.SimPo(i.Logits, i.Labels, i.IsCompletion, i.Beta, labelSmoothing: i.LabelSmoothing))) { TakesLabelSmoothing = true },
        new("cpo", "Xu et al. 2024", None, 0.1, i => Of(PreferenceFromLogits.Fused.Cpo(i.Logits, i.Labels, i.IsCompletion, i.Normaliser, i.Beta, labelSmoothing: i.LabelSmoothing))) { TakesLabelSmoothing = true },
        new("orpo", "Hong et al. 2024", None, 0.1, i =>
        {
            var r = PreferenceFromLogits.Fused.Orpo(i.Logits, i.Labels, i.IsCompletion, null, i.Beta);
            return new PairResult(r.loss, r.chosenReward, r.rejectedReward)
            {
                Metrics = [("nll_loss", r.nll), ("log_odds_ratio", r.logOddsRatio.mean()), ("log_odds_chosen", r.logOdds.mean())],
            };
        })
        { IsSumOfPairs = false },
        new("tpo", "Saeidi et al. 2024, with a third response", None, 0.01, i => Of(PreferenceFromLogits.Fused.Tpo(
            i.Logits, i.Gold.Logits, i.Labels, i.Gold.Labels, i.IsCompletion, i.Gold.IsCompletion, i.Beta)))
        { NeedsGold = true, IsSumOfPairs = false },
        new("tpo-l", "TPO per token, with a margin", None, 2, i => Of(PreferenceFromLogits.Fused.Tpo(
            i.Logits, i.Gold.Logits, i.Labels, i.Gold.Labels, i.IsCompletion, i.Gold.IsCompletion, i.Beta, lengthNormalised: true)))
        { NeedsGold = true, IsSumOfPairs = false },
        new("slic", "Zhao et al. 2023, with a likelihood", None, 1, i => Of(PreferenceFromLogits.Fused.Slic(i.Logits, i.Labels, i.IsCompletion, i.Beta))) { IsSumOfPairs = false },
        new("sft", "the chosen responses' likelihood alone", None, 0, i =>
        {
            var r = Preference.Fused.Sft(Chosen(i.Logits), Chosen(i.Labels), Chosen(i.IsCompletion), i.Normaliser, i.LabelSmoothing);
            return new PairResult(r.loss, null, null) { Metrics = [("entropy", r.entropy), ("mean_token_accuracy", r.tokenAccuracy)] };
        })
        { TakesLabelSmoothing = true },
        new("focal", "the chosen responses' likelihood, of likely tokens less (Lin et al. 2017)", None, 0, i =>
        {
            var r = Preference.Fused.Focal(Chosen(i.Logits), Chosen(i.Labels), Chosen(i.IsCompletion), i.Normaliser);
            return new PairResult(r.loss, null, null) { Metrics = [("nll_loss", r.nll), ("entropy", r.entropy)] };
        }),
        new("label-hinge", "the chosen responses' tokens before all others by a margin (Crammer and Singer 2001)", None, 0, i =>
        {
            var r = Preference.Fused.LabelHinge(Chosen(i.Logits), Chosen(i.Labels), Chosen(i.IsCompletion));
            return new PairResult(r.loss, null, null) { Metrics = [("mean_token_accuracy", r.tokenAccuracy)] };
        })
        { IsSumOfPairs = false },
    ];

    /// <summary>Objectives that read log-probabilities of whole responses, which <c>Tokens.Score</c> computes from the logits.</summary>
    private static IEnumerable<PairObjective> FromSequences() =>
    [
        OfSequences("f-dpo-forward-kl", "f-DPO, Wang et al. 2023", 0.1, (c, r, rc, rr, i) => Preference.Fused.Dpo(c, r, rc, rr, i.Beta, i.LabelSmoothing, divergence: FDivergence.ForwardKl)) with { StartsAtLn2 = true, TakesLabelSmoothing = true },
        OfSequences("f-dpo-js", "f-DPO, Wang et al. 2023", 0.1, (c, r, rc, rr, i) => Preference.Fused.Dpo(c, r, rc, rr, i.Beta, i.LabelSmoothing, divergence: FDivergence.JensenShannon)) with { StartsAtLn2 = true, TakesLabelSmoothing = true },
        OfSequences("f-dpo-alpha", "f-DPO, Wang et al. 2023", 0.1, (c, r, rc, rr, i) => Preference.Fused.Dpo(c, r, rc, rr, i.Beta, i.LabelSmoothing, divergence: FDivergence.Alpha)) with { StartsAtLn2 = true, TakesLabelSmoothing = true },
        OfSequences("robust", "Chowdhury et al. 2024; flipped labels by --label-smoothing", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Robust(c, r, rc, rr, i.Beta, i.LabelSmoothing))) with { StartsAtLn2 = true, TakesLabelSmoothing = true },
        OfSequences("hinge", "SLiC's hinge on DPO's margin", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Hinge(c, r, rc, rr, i.Beta))),
        OfSequences("dpop", "DPO-positive, Pal et al. 2024", 0.3, (c, r, rc, rr, i) => Three(Preference.Fused.Positive(c, r, rc, rr, i.Beta))) with { StartsAtLn2 = true },
        OfSequences("sppo", "Wu et al. 2024, hard", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Sppo(c, r, rc, rr, i.Beta))),
        OfSequences("exo", "Ji et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Exo(c, r, rc, rr, i.Beta, i.LabelSmoothing > 0 ? i.LabelSmoothing : 1e-3))) with { TakesLabelSmoothing = true },
        OfSequences("nca", "Chen et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Nca(c, r, rc, rr, i.Beta))),
        OfSequences("bco-pair", "BCO for pairs, Jung et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.BcoPair(c, r, rc, rr, i.Beta))),
        OfSequences("discopop", "Lu et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.DiscoPop(c, r, rc, rr, i.Beta))),
        OfSequences("aot", "Melnyk et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.Aot(c, r, rc, rr, i.Beta, i.LabelSmoothing))) with { StartsAtLn2 = true, TakesLabelSmoothing = true, IsSumOfPairs = false },
        OfSequences("aot-unpaired", "Melnyk et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.AotUnpaired(c, r, rc, rr, i.Beta, i.LabelSmoothing))) with { StartsAtLn2 = true, TakesLabelSmoothing = true, IsSumOfPairs = false },
        OfSequences("apo-zero", "D'Oosterlinck et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.ApoZero(c, r, rc, rr, i.Beta))),
        OfSequences("dpo-davidson", "DPO with ties, Chen et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.DpoDavidson(c, r, rc, rr, i.IsTie!, i.Beta))) with { TakesTies = true },
        OfSequences("dpo-rao-kupper", "DPO with ties, Chen et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.DpoRaoKupper(c, r, rc, rr, i.IsTie!, i.Beta))) with { TakesTies = true },
        OfSequences("dpo-reference-free", "DPO's loss of the policy alone, rewards still against the reference", 0.1, (c, r, rc, rr, i) => Preference.Fused.Dpo(c, r, rc, rr, i.Beta, i.LabelSmoothing, referenceFree: true)) with { TakesLabelSmoothing = true },
        WithoutReference("simpo-hinge", "SimPO's hinge", 2, average: true, (c, r, i) => Three(Preference.Fused.SimPo(c, r, i.Beta, loss: PairLoss.Hinge))),
        WithoutReference("alphapo", "Gupta et al. 2025", 2.5, average: true, (c, r, i) => Three(Preference.Fused.AlphaPo(c, r, beta: i.Beta))),
        WithoutReference("cpo-hinge", "CPO's hinge, without the likelihood", 0.1, average: false, (c, r, i) => Three(Preference.Fused.Cpo(c, r, null, i.Beta, loss: PairLoss.Hinge))),
        WithoutReference("cpo-ipo", "CPO's square, without the likelihood", 0.1, average: true, (c, r, i) => Three(Preference.Fused.Cpo(c, r, null, i.Beta, loss: PairLoss.Square))),
        OfSequences("apo-down", "D'Oosterlinck et al. 2024", 0.1, (c, r, rc, rr, i) => Three(Preference.Fused.ApoDown(c, r, rc, rr, i.Beta))),
    ];

    private static PairObjective OfSequences(string name, string summary, double beta, WithReference objective) => new(name, summary, Sequences, beta, inputs =>
    {
        var (chosen, rejected) = Halves(Dpo.Autodiff.Objectives.Tokens.Fused.Score(inputs.Logits, inputs.Labels, inputs.IsCompletion));
        var (referenceChosen, referenceRejected) = Halves(inputs.Reference!);
        var (loss, chosenReward, rejectedReward) = objective(chosen, rejected, referenceChosen, referenceRejected, inputs);
        return new PairResult(loss, chosenReward, rejectedReward, chosen.detach(), rejected.detach());
    });

    private static PairObjective WithoutReference(
        string name,
        string summary,
        double beta,
        bool average,
        Func<Tensor, Tensor, PairInputs, (Tensor Loss, Tensor ChosenReward, Tensor RejectedReward)> objective) => new(name, summary, None, beta, inputs =>
    {
        var (chosen, rejected) = Halves(Dpo.Autodiff.Objectives.Tokens.Fused.Score(inputs.Logits, inputs.Labels, inputs.IsCompletion, average));
        var (loss, chosenReward, rejectedReward) = objective(chosen, rejected, inputs);
        return new PairResult(loss, chosenReward, rejectedReward, chosen.detach(), rejected.detach());
    });

    private static PairResult Of((Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor logProbability) result)
    {
        var (chosen, rejected) = Halves(result.logProbability);
        return new PairResult(result.loss, result.chosenReward, result.rejectedReward, chosen, rejected);
    }

    private static PairResult Of(
        (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy, Tensor chosenLogProbability, Tensor rejectedLogProbability) result) =>
        new(result.loss, result.chosenReward, result.rejectedReward, result.chosenLogProbability, result.rejectedLogProbability);

    private static (Tensor Loss, Tensor ChosenReward, Tensor RejectedReward) Three(
        (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) result) =>
        (result.loss, result.chosenReward, result.rejectedReward);

    private static (Tensor Chosen, Tensor Rejected) Halves(Tensor rows)
    {
        var halves = rows.chunk(2, 0);
        return (halves[0], halves[1]);
    }

    private static Tensor Chosen(Tensor rows) => rows.chunk(2, 0)[0];
}
