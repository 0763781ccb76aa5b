using TorchSharp;

namespace Align.Training;

/// <summary>What the <see cref="Trainer"/> trains: a model, its examples, and how one step of the optimiser comes about.</summary>
internal interface ITrainingTask : IDisposable
{
    /// <summary>The parameters that are trained and saved.</summary>
    torch.nn.Module Module { get; }

    /// <summary>The parameters that gradients are computed of: <see cref="Module"/>'s, or a copy of lower precision.</summary>
    torch.nn.Module Working { get; }

    /// <summary>The length of each example to learn from.</summary>
    IReadOnlyList<int> Lengths { get; }

    /// <summary>Where the task takes its random numbers from, if it needs any.</summary>
    torch.Generator? Random { get; }

    /// <summary>Other numbers that a step leaves to the next; saved with checkpoints.</summary>
    IReadOnlyList<double> Memory
    {
        get => [];
        set { }
    }

    /// <summary>Whether the loss is ln 2 as long as the policy is the reference.</summary>
    bool StartsAtLn2 { get; }

    /// <summary>Learns from some examples: forward and backward passes, and <see cref="Optimisation.Update"/> once or more.</summary>
    void Step(IReadOnlyList<int> examples, Optimisation optimisation, Averages metrics);

    /// <summary>Reports on the held-out examples; nothing where there are none.</summary>
    void Evaluate(Averages metrics);

    /// <summary>Saves the model in a folder, in a form that others read.</summary>
    void Save(string folder);
}
