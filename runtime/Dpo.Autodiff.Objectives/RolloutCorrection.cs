namespace Dpo.Autodiff.Objectives;

/// <summary>How losses are corrected for samples of another engine than the trainer.</summary>
public enum RolloutCorrection
{
    /// <summary>Ratios held between bounds (truncated importance sampling).</summary>
    Truncated,

    /// <summary>Ratios, and 0 beyond the bounds (IcePop).</summary>
    IcePop,

    /// <summary>Ratios, and 0 for sequences whose geometric mean is beyond the bounds.</summary>
    SequenceMask,
}
