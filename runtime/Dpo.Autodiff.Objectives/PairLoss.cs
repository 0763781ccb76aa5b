namespace Dpo.Autodiff.Objectives;

/// <summary>How a difference of log-probabilities becomes a loss, where an objective offers the choice.</summary>
public enum PairLoss
{
    /// <summary><c>-log sigmoid(beta h)</c>, with label smoothing.</summary>
    Sigmoid,

    /// <summary><c>max(0, 1 - beta h)</c>.</summary>
    Hinge,

    /// <summary><c>(h - 1 / (2 beta))^2</c>: IPO's.</summary>
    Square,
}
