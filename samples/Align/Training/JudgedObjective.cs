using static TorchSharp.torch;

namespace Align.Training;

/// <summary>What objectives over judged responses read.</summary>
/// <param name="Logits">The policy's, [example token vocab].</param>
/// <param name="Labels">The token that each place predicts, [example token].</param>
/// <param name="IsCompletion">Whether it is one of the response's.</param>
/// <param name="Reference">The log-probability of each response under the reference, [example].</param>
/// <param name="IsDesirable">Whether each response is good, [example].</param>
/// <param name="Shift">What rewards are compared with, a scalar: KTO's z, the mean reward with BCO.</param>
/// <param name="Settings">Beta and the weights of the classes.</param>
internal sealed record JudgedInputs(Tensor Logits, Tensor Labels, Tensor IsCompletion, Tensor Reference, Tensor IsDesirable, Tensor Shift, JudgedSettings Settings);

/// <summary>What rewards of judged responses are compared with.</summary>
internal enum RewardShift
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>The divergence from the reference, estimated at responses to other prompts.</summary>
    Divergence,

    /// <summary>The mean of all rewards seen before.</summary>
    RunningMean,
}

/// <summary>An objective over judged responses that <c>--objective</c> names.</summary>
/// <param name="Name">The name.</param>
/// <param name="Summary">What it is, in a line.</param>
/// <param name="Shift">What rewards are compared with.</param>
/// <param name="Loss">The objective: a mean over examples in autograd's graph, and the implicit rewards and log-probabilities of the responses.</param>
internal sealed record JudgedObjective(string Name, string Summary, RewardShift Shift, Func<JudgedInputs, (Tensor Loss, Tensor Reward, Tensor LogProbability)> Loss)
{
    /// <summary>The papers' beta, and TRL's.</summary>
    public const double UsualBeta = 0.1;

    /// <summary>Whether the loss is ln 2 where the policy is the reference.</summary>
    public bool StartsAtLn2 { get; init; }
}
