namespace Align.Training;

/// <summary>How the learning rate falls after its largest value.</summary>
internal enum ScheduleKind
{
    /// <summary>It stays.</summary>
    Constant,

    /// <summary>To zero, by the same amount each step.</summary>
    Linear,

    /// <summary>To zero, as half a cosine (Loshchilov and Hutter 2016).</summary>
    Cosine,
}

/// <summary>The learning rate of each step: a rise from zero, then a fall. The numbers are those of the transformers library.</summary>
/// <param name="Kind">How it falls.</param>
/// <param name="Peak">The largest value.</param>
/// <param name="Warmup">The steps of the rise.</param>
/// <param name="Total">All steps.</param>
internal sealed record Schedule(ScheduleKind Kind, double Peak, int Warmup, int Total)
{
    /// <summary>The schedule of a run.</summary>
    public static Schedule Of(TrainingOptions options, int total) =>
        new(options.Schedule, options.LearningRate, (int)Math.Ceiling(options.WarmupShare * total), total);

    /// <summary>The learning rate of a step, counted from 0.</summary>
    public double At(int step)
    {
        if (step < Warmup)
            return Peak * step / Math.Max(1, Warmup);
        var progress = (double)(step - Warmup) / Math.Max(1, Total - Warmup);
        return Peak * Kind switch
        {
            ScheduleKind.Constant => 1,
            ScheduleKind.Linear => Math.Max(0, 1 - progress),
            ScheduleKind.Cosine => Math.Max(0, 0.5 * (1 + Math.Cos(Math.PI * progress))),
            _ => throw new ArgumentOutOfRangeException(nameof(step), Kind, null),
        };
    }
}
