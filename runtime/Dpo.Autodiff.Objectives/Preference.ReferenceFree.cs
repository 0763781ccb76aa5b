using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <content>Objectives without a reference model. Their rewards are beta times the policy's log-probability.</content>
public static partial class Preference
{
    /// <summary>
    /// SimPO, Meng et al. 2024, eq. 6: <c>-log sigmoid(beta (chosen - rejected) - gamma)</c> of log-probabilities per token, with the label
    /// smoothing and the hinge of the authors' code, whose margin is given as gamma / beta.
    /// </summary>
    /// <param name="chosen">Log-probabilities of the chosen responses under the policy, averaged over their tokens, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="gammaBetaRatio">The margin aimed at, divided by beta.</param>
    /// <param name="labelSmoothing">The share of labels that are taken to be flipped, below a half.</param>
    /// <param name="loss">The loss of the difference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) SimPo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        double beta = 2.0,
        double gammaBetaRatio = 0.25,
        double labelSmoothing = 0.0,
        PairLoss loss = PairLoss.Sigmoid,
        [Axes(""), NoGrad] Tensor? normaliser = null) =>
        WithMetrics(Loss(chosen - rejected - gammaBetaRatio, beta, labelSmoothing, loss), beta * chosen, beta * rejected, normaliser);

    /// <summary>
    /// AlphaPO, Gupta et al. 2025: <see cref="SimPo"/> of rewards <c>(1 - p^-alpha) / alpha</c> of the probability per token, in the place of its logarithm.
    /// </summary>
    /// <param name="chosen">Log-probabilities of the chosen responses under the policy, averaged over their tokens, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="alpha">The shape of the reward; the logarithm at 0.</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="gammaBetaRatio">The margin aimed at, divided by beta.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) AlphaPo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        double alpha = 0.25,
        double beta = 2.5,
        double gammaBetaRatio = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var chosenReward = beta * AlphaReward(chosen, alpha);
        var rejectedReward = beta * AlphaReward(rejected, alpha);
        return WithMetrics(-logsigmoid(chosenReward - rejectedReward - beta * gammaBetaRatio), chosenReward, rejectedReward, normaliser);
    }

    /// <summary>
    /// CPO, Xu et al. 2024: DPO with a uniform reference, and the likelihood of the chosen responses beside it.
    /// </summary>
    /// <param name="chosen">Sequence log-probabilities of the chosen responses under the policy, [pair]; per token for the squared loss.</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="nll">The negative log-likelihood per token of the chosen responses, a scalar tensor; left out where null.</param>
    /// <param name="beta">The scale of the reward.</param>
    /// <param name="alpha">The weight of the negative log-likelihood.</param>
    /// <param name="labelSmoothing">The share of labels that are taken to be flipped, below a half.</param>
    /// <param name="loss">The loss of the difference.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <inheritdoc cref="Ipo" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor margin, Tensor accuracy) Cpo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("")] Tensor? nll = null,
        double beta = 0.1,
        double alpha = 1.0,
        double labelSmoothing = 0.0,
        PairLoss loss = PairLoss.Sigmoid,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var losses = Loss(chosen - rejected, beta, labelSmoothing, loss);
        var (preference, chosenReward, rejectedReward, margin, accuracy) = WithMetrics(losses, beta * chosen, beta * rejected, normaliser);
        return (nll is null ? preference : preference + alpha * nll, chosenReward, rejectedReward, margin, accuracy);
    }

    /// <summary>
    /// ORPO, Hong et al. 2024, eqs. 6 and 7: <c>-beta log sigmoid(log odds(chosen) - log odds(rejected))</c> beside the likelihood of the chosen
    /// responses; odds(y) = p / (1 - p) of the geometric mean p of the tokens' probabilities.
    /// </summary>
    /// <param name="chosen">Log-probabilities of the chosen responses under the policy, averaged over their tokens, [pair].</param>
    /// <param name="rejected">... of the rejected ones.</param>
    /// <param name="nll">The negative log-likelihood per token of prompt and chosen response, a scalar tensor; left out where null.</param>
    /// <param name="beta">lambda of the paper: the weight of the odds ratio.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the rewards beta times chosen and rejected [pair], the accuracy, the mean log odds ratio and its mean log sigmoid.</returns>
    [Objective]
    public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward, Tensor accuracy, Tensor logOdds, Tensor logOddsRatio) Orpo(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        [Axes("")] Tensor? nll = null,
        double beta = 0.1,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var logOdds = chosen - rejected - (Log1MExp(chosen) - Log1MExp(rejected));
        var logRatio = logsigmoid(logOdds);
        var loss = -beta * Mean(logRatio, normaliser);
        if (nll is not null)
            loss += nll;
        var (_, accuracy) = Comparison(chosen, rejected);
        return (loss, (beta * chosen).detach(), (beta * rejected).detach(), accuracy, logOdds.mean().detach(), logRatio.mean().detach());
    }

    /// <summary>
    /// The reward of AlphaPO, Gupta et al. 2025: <c>(1 - p^-alpha) / alpha</c> of the probability per token, which takes the place of its logarithm in
    /// <see cref="SimPo"/>; the logarithm itself at 0.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor AlphaReward(Tensor logProbability, double alpha) =>
        alpha == 0 ? logProbability : -expm1(-alpha * logProbability) / alpha;

    /// <summary>
    /// <c>log(1 - exp(x))</c> of x below 0, exact at both ends (Maechler 2012). Each branch is kept in its own range, so that the one not taken
    /// has a finite derivative.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor Log1MExp(Tensor x)
    {
        var half = -Math.Log(2);
        return where(x > half, log(-expm1(x.clamp_min(half))), log1p(-exp(x.clamp_max(half))));
    }
}
