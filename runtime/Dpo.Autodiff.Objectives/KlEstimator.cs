namespace Dpo.Autodiff.Objectives;

/// <summary>Estimators of the Kullback-Leibler divergence from samples of the policy (Schulman 2020); d = log policy - log reference.</summary>
public enum KlEstimator
{
    /// <summary><c>d</c>: unbiased, may be negative.</summary>
    K1,

    /// <summary><c>|d|</c>.</summary>
    Absolute,

    /// <summary><c>d^2 / 2</c>.</summary>
    K2,

    /// <summary><c>exp(-d) - 1 + d</c>: unbiased and never negative.</summary>
    K3,
}
