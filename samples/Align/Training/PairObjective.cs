using static TorchSharp.torch;

namespace Align.Training;

/// <summary>What an objective needs of the frozen reference.</summary>
internal enum ReferenceNeed
{
    /// <summary>Nothing: it is reference-free.</summary>
    None,

    /// <summary>The log-probability of each response, [2*pair].</summary>
    Sequences,

    /// <summary>The log-probability of each token of a response, [2*pair token].</summary>
    Tokens,
}

/// <summary>What objectives over pairs read. A batch has the chosen responses first, then the rejected ones.</summary>
/// <param name="Logits">The policy's, [2*pair token vocab].</param>
/// <param name="Labels">The token that each place predicts, [2*pair token].</param>
/// <param name="IsCompletion">Whether it is one of the response's.</param>
/// <param name="Reference">What the objective needs of the reference, or null.</param>
/// <param name="Beta">How strongly the policy is tied to the reference, or the scale of rewards.</param>
/// <param name="LabelSmoothing">The share of labels that are taken to be flipped.</param>
/// <param name="Normaliser">What a likelihood beside the preference is divided by, where a batch is learnt from in parts.</param>
internal sealed record PairInputs(Tensor Logits, Tensor Labels, Tensor IsCompletion, Tensor? Reference, double Beta, double LabelSmoothing, Tensor? Normaliser)
{
    /// <summary>Whether neither response of a pair is better, [pair]; for objectives that take ties.</summary>
    public Tensor? IsTie { get; init; }

    /// <summary>Logits, labels and places of third responses, [pair goldToken ...]; for objectives that need them.</summary>
    public (Tensor Logits, Tensor Labels, Tensor IsCompletion) Gold { get; init; }
}

/// <summary>What an objective over pairs returns: a loss in autograd's graph, and what trainers log.</summary>
/// <param name="Loss">A mean over pairs.</param>
/// <param name="ChosenReward">[pair], or null where the objective has no rewards.</param>
/// <param name="RejectedReward">[pair].</param>
/// <param name="ChosenLogProbability">[pair].</param>
/// <param name="RejectedLogProbability">[pair].</param>
internal sealed record PairResult(
    Tensor Loss,
    Tensor? ChosenReward,
    Tensor? RejectedReward,
    Tensor? ChosenLogProbability = null,
    Tensor? RejectedLogProbability = null)
{
    /// <summary>Further metrics by TRL's names, scalars.</summary>
    public (string Name, Tensor Value)[] Metrics { get; init; } = [];
}

/// <summary>An objective that <c>--objective</c> names.</summary>
/// <param name="Name">The name.</param>
/// <param name="Summary">What it is, in a line.</param>
/// <param name="Needs">What it needs of the reference.</param>
/// <param name="Beta">The paper's beta, or TRL's.</param>
/// <param name="Loss">The objective.</param>
internal sealed record PairObjective(string Name, string Summary, ReferenceNeed Needs, double Beta, Func<PairInputs, PairResult> Loss)
{
    /// <summary>Whether the loss is ln 2 where the policy is the reference.</summary>
    public bool StartsAtLn2 { get; init; }

    /// <summary>Whether parts of a batch make the whole: not where responses of different pairs are compared.</summary>
    public bool IsSumOfPairs { get; init; } = true;

    /// <summary>Whether it reads <see cref="PairInputs.LabelSmoothing"/>.</summary>
    public bool TakesLabelSmoothing { get; init; }

    /// <summary>Whether pairs may be ties.</summary>
    public bool TakesTies { get; init; }

    /// <summary>Whether each pair needs a third response.</summary>
    public bool NeedsGold { get; init; }
}
