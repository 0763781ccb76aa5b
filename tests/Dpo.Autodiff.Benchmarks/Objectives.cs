using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>What is measured. The eager side calls these methods as they stand: they are the best eager that a user would write.</summary>
internal static partial class Measured
{
    /// <summary>DPO, Rafailov et al. 2023, eq. 7.</summary>
    [Objective]
    public static Tensor Dpo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1)
        => -logsigmoid(beta * ((chosen - referenceChosen) - (rejected - referenceRejected))).mean();

    /// <summary>The mean negative log-probability of tokens; eager has one operation for it.</summary>
    [Objective]
    public static Tensor TokenLoss([Axes("token vocab")] Tensor logits, [Axes("token")] Tensor labels)
        => cross_entropy(logits, labels);

    /// <summary>The same over logits whose memory may be overwritten.</summary>
    [Objective]
    public static Tensor DonatedTokenLoss([Axes("token vocab"), Donated] Tensor logits, [Axes("token")] Tensor labels)
        => cross_entropy(logits, labels);

    /// <summary>DPO from hidden states and a head.</summary>
    [Objective]
    public static Tensor ProjectedDpo(
        [Axes("pair token model")] Tensor chosen,
        [Axes("pair token model")] Tensor rejected,
        [Axes("vocab model")] Tensor head,
        [Axes("pair token")] Tensor chosenLabels,
        [Axes("pair token")] Tensor rejectedLabels,
        [Axes("pair"), NoGrad] Tensor referenceChosen,
        [Axes("pair"), NoGrad] Tensor referenceRejected,
        double beta = 0.1)
        => Dpo(Sequence(chosen, head, chosenLabels), Sequence(rejected, head, rejectedLabels), referenceChosen, referenceRejected, beta);

    private static Tensor Sequence(Tensor hidden, Tensor head, Tensor labels) =>
        log_softmax(linear(hidden, head), -1).gather(-1, labels.unsqueeze(-1)).squeeze(-1).sum(-1);

    /// <summary>The mean Kullback-Leibler divergence from a reference, over the whole vocabulary.</summary>
    [Objective]
    public static Tensor Divergence([Axes("token vocab")] Tensor logits, [Axes("token vocab"), NoGrad] Tensor reference)
    {
        var logProb = log_softmax(logits, -1);
        return (logProb.exp() * (logProb - log_softmax(reference, -1))).sum(-1).mean();
    }
}
