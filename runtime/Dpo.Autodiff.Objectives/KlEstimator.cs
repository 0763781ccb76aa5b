namespace Dpo.Autodiff.Objectives;

/// <summary>Estimators of the Kullback-Leibler divergence from samples of the policy (Schulman 2020); d = log policy - log reference.</summary>
/// <remarks>
/// As a penalty in the reward only the value matters, and k1 is unbiased. As a loss only the gradient matters, and it is the divergence's own, in
/// expectation over the policy, for k2 alone (Tang and Munos 2025): <c>E[d grad log policy]</c>. k1's is 0 in expectation, and k3's is that of the
/// reversed divergence, KL(reference, policy). Beyond the bounds (log-ratios of +-20, a k3 of 10) k3's gradient is 0.
/// </remarks>
public enum KlEstimator
{
    /// <summary><c>d</c>: unbiased, may be negative. Its gradient is <c>1</c> (times that of log policy).</summary>
    K1,

    /// <summary><c>|d|</c>. Its gradient is <c>sign(d)</c>.</summary>
    Absolute,

    /// <summary><c>d^2 / 2</c>: biased, never negative. Its gradient is <c>d</c>.</summary>
    K2,

    /// <summary><c>exp(-d) - 1 + d</c>: unbiased and never negative. Its gradient is <c>1 - exp(-d)</c>.</summary>
    K3,
}
