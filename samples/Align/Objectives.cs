using Dpo.Autodiff;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Align;

/// <summary>The sample's own objective. Change it, and the next build trains what you wrote.</summary>
internal static partial class Alignment
{
    /// <summary>DPO, Rafailov et al. 2023, eq. 7, from the policy's logits: chosen responses first, then the rejected ones.</summary>
    /// <param name="logits">[2*pair token vocab].</param>
    /// <param name="labels">The token that the logits at the same place predict.</param>
    /// <param name="isCompletion">Whether it is one of the response's; nothing else is looked at.</param>
    /// <param name="reference">Log-probabilities of the responses under the frozen reference.</param>
    /// <param name="beta">How strongly the policy is tied to the reference.</param>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor logProbability) Dpo(
        [Axes("2*pair token vocab")] Tensor logits,
        [Axes("2*pair token")] Tensor labels,
        [Axes("2*pair token")] Tensor isCompletion,
        [Axes("2*pair"), NoGrad] Tensor reference,
        double beta = 0.1)
    {
        var known = where(isCompletion, labels, 0L).unsqueeze(-1);
        var tokens = where(isCompletion, logits.log_softmax(-1).gather(-1, known).squeeze(-1), 0.0);
        var policy = tokens.sum([-1]);
        var rewards = (beta * (policy - reference)).chunk(2, 0);
        return (-logsigmoid(rewards[0] - rewards[1]).mean(), rewards[0].detach(), rewards[1].detach(), policy.detach());
    }
}
