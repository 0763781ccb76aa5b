using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Advantages that no objective computes: a recursion over time is not one of its operations.</summary>
/// <remarks>
/// Those of groups are <see cref="PolicyGradient.GroupNormalised"/>, <see cref="PolicyGradient.LeaveOneOut"/>, <see cref="PolicyGradient.LengthWeighted"/>,
/// <see cref="PolicyGradient.BestOfGroup"/>, of tokens <see cref="TokenPolicyGradient.OptimalTokenAdvantage"/>, and for groups of any size
/// <see cref="TokenPolicyGradient.GroupNormalised"/>.
/// </remarks>
public static class Advantages
{
    /// <summary>
    /// Generalised advantage estimation, Schulman et al. 2015, eq. 16: <c>A_t = delta_t + gamma lambda A_(t+1)</c>,
    /// <c>delta_t = r_t + gamma V_(t+1) - V_t</c>. Tokens that do not count are passed over, and no gradient is recorded.
    /// </summary>
    /// <param name="reward">The reward of each token, [sequence token].</param>
    /// <param name="value">The critic's values, [sequence token].</param>
    /// <param name="isToken">Whether a token counts, [sequence token], Boolean.</param>
    /// <param name="gamma">The discount of rewards.</param>
    /// <param name="lambda">The discount of errors.</param>
    /// <returns>The advantages, and the returns, which are advantages plus values; 0 where a token does not count. [sequence token].</returns>
    public static (Tensor advantage, Tensor returns) Gae(Tensor reward, Tensor value, Tensor isToken, double gamma = 1.0, double lambda = 0.95)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var length = reward.shape[1];
        var advantages = new Tensor[length];
        var next = zeros_like(reward.select(1, 0));
        var last = zeros_like(next);
        for (var t = length - 1; t >= 0; t--)
        {
            var counts = isToken.select(1, t);
            var current = value.select(1, t);
            last = where(counts, reward.select(1, t) + gamma * next - current + gamma * lambda * last, last);
            next = where(counts, current, next);
            advantages[t] = where(counts, last, 0.0);
        }

        var advantage = stack(advantages, 1);
        return (advantage.MoveToOuterDisposeScope(), (advantage + where(isToken, value, 0.0)).MoveToOuterDisposeScope());
    }
}
