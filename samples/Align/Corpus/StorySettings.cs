using Align.Model;

namespace Align.Corpus;

/// <summary>The sizes of the experiment on the grammar's stories.</summary>
internal sealed record StorySettings
{
    /// <summary>Where all random numbers come from.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>The share of cheerful sentences among those with a mood, in the corpus.</summary>
    public double Cheer { get; init; } = 0.4;

    /// <summary>Steps of the base model's training, on fresh stories throughout.</summary>
    public int BaseSteps { get; init; } = 600;

    /// <summary>Stories a step.</summary>
    public int BaseBatch { get; init; } = 64;

    /// <summary>Prompts that pairs are sampled for.</summary>
    public int PairPrompts { get; init; } = 1500;

    /// <summary>Stories sampled for each of them, of which the most and the least cheerful make a pair.</summary>
    public int Responses { get; init; } = 4;

    /// <summary>The share of them that is held out.</summary>
    public double HeldOutShare { get; init; } = 0.2;

    /// <summary>Prompts, of neither kind, that responses are sampled for to see what the model does.</summary>
    public int SamplePrompts { get; init; } = 300;

    /// <summary>DPO's steps.</summary>
    public int Steps { get; init; } = 80;

    /// <summary>Pairs a step.</summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>DPO's largest learning rate.</summary>
    public double LearningRate { get; init; } = 5e-4;

    /// <summary>DPO's beta.</summary>
    public double Beta { get; init; } = 0.3;

    /// <summary>Whether preferences are drawn by lot: then there is nothing to learn.</summary>
    public bool IsShuffled { get; init; }

    /// <summary>The model's sizes, but for its vocabulary.</summary>
    public LlamaConfig Model { get; init; } = new()
    {
        Vocabulary = 1,
        Width = 64,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        HiddenWidth = 160,
        ContextLength = 64,
        TiedHead = true,
        Beginning = 0,
        End = 1,
    };
}
