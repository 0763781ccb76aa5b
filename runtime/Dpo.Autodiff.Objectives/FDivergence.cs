namespace Dpo.Autodiff.Objectives;

/// <summary>The f-divergence that ties the policy to its reference in f-DPO (Wang et al. 2023, table 1).</summary>
public enum FDivergence
{
    /// <summary>Reverse Kullback-Leibler, DPO's own: the score is the log-ratio itself.</summary>
    ReverseKl,

    /// <summary>Forward Kullback-Leibler: <c>-exp(-r)</c> of the log-ratio r.</summary>
    ForwardKl,

    /// <summary>Jensen-Shannon: <c>log sigmoid(r)</c>.</summary>
    JensenShannon,

    /// <summary>The alpha divergence: <c>exp((alpha - 1) r) / (alpha - 1)</c>, and r itself where alpha is 1.</summary>
    Alpha,
}
