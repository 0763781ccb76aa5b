namespace Align.Training;

/// <summary>How to train; what is saved with a run. Defaults are TRL's where it has them.</summary>
internal sealed record TrainingOptions
{
    /// <summary>Passes over the examples, where <see cref="Steps"/> is not given.</summary>
    public double Epochs { get; init; } = 1;

    /// <summary>The number of steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Examples a forward pass.</summary>
    public int BatchSize { get; init; } = 8;

    /// <summary>Forward passes a step: the gradient is that of all their examples at once.</summary>
    public int Accumulation { get; init; } = 1;

    /// <summary>The largest learning rate.</summary>
    public double LearningRate { get; init; } = 1e-6;

    /// <summary>How the learning rate falls from there.</summary>
    public ScheduleKind Schedule { get; init; } = ScheduleKind.Linear;

    /// <summary>The share of steps in which the learning rate rises from zero.</summary>
    public double WarmupShare { get; init; }

    /// <summary>AdamW's decay of weights, times the learning rate.</summary>
    public double WeightDecay { get; init; }

    /// <summary>The largest norm of the gradient; a larger gradient is shortened. 0 for none.</summary>
    public double MaximumGradientNorm { get; init; } = 1;

    /// <summary>AdamW's decay of the mean gradient.</summary>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>AdamW's decay of the mean squared gradient.</summary>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Steps between two rows of metrics.</summary>
    public int LogEvery { get; init; } = 1;

    /// <summary>Steps between two evaluations on held-out examples; there is one before the first step and one after the last, too.</summary>
    public int EvaluateEvery { get; init; } = 50;

    /// <summary>Steps between two checkpoints; there is one at the end, too.</summary>
    public int SaveEvery { get; init; } = 100;

    /// <summary>How many checkpoints are kept.</summary>
    public int KeepCheckpoints { get; init; } = 2;

    /// <summary>Where all random numbers come from.</summary>
    public int Seed { get; init; }

    /// <summary>The examples of a step.</summary>
    public int ExamplesPerStep => BatchSize * Accumulation;
}
