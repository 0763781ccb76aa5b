using Align.Data;
using Align.Model;
using Align.Reinforcement;
using Align.Reporting;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Corpus;

/// <summary>
/// The whole way in small: a base model of the grammar's stories, pairs of its own stories of which the more cheerful one is preferred, and DPO. Prompts of pairs to
/// learn from, of held-out pairs and of samples are different ones.
/// </summary>
internal sealed class StoryExperiment
{
    private readonly StorySettings settings;
    private readonly string[] prompts;

    /// <summary>An experiment.</summary>
    public StoryExperiment(StorySettings settings)
    {
        this.settings = settings;
        var random = new Random(settings.Seed);
        var all = new HashSet<string>(StringComparer.Ordinal);
        while (all.Count < settings.PairPrompts + settings.SamplePrompts)
            all.Add(Grammar.Prompt(random));
        prompts = [.. all];
    }

    /// <summary>The tokenizer of the grammar's words.</summary>
    public WordTokenizer Tokenizer { get; } = new(Grammar.Words);

    /// <summary>What is preferred.</summary>
    public static IReward Reward { get; } = new TextReward("cheerful sentences less gloomy ones", text => Grammar.Cheer(text));

    /// <summary>How responses are drawn.</summary>
    public SamplingOptions Sampling => new() { MaximumTokens = settings.Model.ContextLength - 12 };

    /// <summary>The prompts that samples are looked at for.</summary>
    public IReadOnlyList<int[]> SamplePrompts => [.. prompts[settings.PairPrompts..].Select(Encode)];

    /// <summary>Trains the base model on the corpus.</summary>
    public Llama TrainBase(ITrainingProgress progress, RunLog log, CancellationToken stop)
    {
        using var generator = new Generator((ulong)settings.Seed);
        var model = new Llama(settings.Model with { Vocabulary = Tokenizer.Vocabulary }, generator);
        var random = new Random(settings.Seed + 1);
        var texts = Enumerable.Range(0, settings.BaseSteps * settings.BaseBatch)
            .Select(_ => (int[])[.. Encode(Grammar.Prompt(random)), .. Tokenizer.Encode(Grammar.Continuation(random, settings.Cheer)), Tokenizer.End!.Value])
            .ToArray();
        var options = new TrainingOptions
        {
            Steps = settings.BaseSteps,
            BatchSize = settings.BaseBatch,
            LearningRate = 6e-3,
            Beta2 = 0.95,
            Schedule = ScheduleKind.Cosine,
            WarmupShare = 0.05,
            Seed = settings.Seed,
        };
        using var task = new LanguageModelTask(model, Tokenizer, texts, settings.BaseBatch);
        new Trainer(options, log).Run(task, progress, resume: false, stop);
        return model;
    }

    /// <summary>Pairs of the model's own stories, those to learn from and those held out.</summary>
    public (IReadOnlyList<EncodedPair> Train, IReadOnlyList<EncodedPair> HeldOut) Pairs(Llama model)
    {
        using var generator = new Generator((ulong)settings.Seed + 2);
        var pairs = SampledPairs.Of(model, Tokenizer, [.. prompts[..settings.PairPrompts].Select(Encode)], Reward, settings.Responses, Sampling, generator);
        var (train, heldOut) = PromptSplit.Of(pairs, p => Tokenizer.Decode(p.Prompt), settings.HeldOutShare, settings.Seed);
        if (!settings.IsShuffled)
            return (train, heldOut);
        var random = new Random(settings.Seed + 3);
        return ([.. train.Select(p => random.Next(2) == 0 ? p : new EncodedPair(p.Prompt, p.Rejected, p.Chosen))], heldOut);
    }

    /// <summary>How DPO is run.</summary>
    public TrainingOptions Options => new()
    {
        Steps = settings.Steps,
        BatchSize = settings.BatchSize,
        LearningRate = settings.LearningRate,
        Schedule = ScheduleKind.Cosine,
        WarmupShare = 0.1,
        EvaluateEvery = Math.Max(1, settings.Steps / 6),
        Seed = settings.Seed,
    };

    /// <summary>DPO of a copy of the model, by an objective over pairs.</summary>
    public PreferenceTask Task(Llama policy, IReadOnlyList<EncodedPair> train, IReadOnlyList<EncodedPair> heldOut, string objective, Action<Llama, Averages>? extra = null) =>
        new(policy, Tokenizer, train, heldOut, new PreferenceSettings { Objective = PairObjectives.Named(objective), Beta = settings.Beta, BatchSize = settings.BatchSize })
        {
            Extra = extra,
        };

    /// <summary>A model that can learn, with the same parameters.</summary>
    public static Llama Policy(Llama model)
    {
        var policy = model.Copy();
        foreach (var parameter in policy.parameters())
            parameter.requires_grad = true;
        return policy;
    }

    /// <summary>Looks at what a model writes: the same prompts and the same chance each time.</summary>
    public StorySamples Look(Llama model, Llama reference, int count)
    {
        using var generator = new Generator((ulong)settings.Seed + 4);
        var responses = Rollout.Of(model, Tokenizer, [.. SamplePrompts.Take(count)], Sampling, generator);
        var (kl, error) = Rollout.Kl(model, reference, responses, 64);
        return new StorySamples(
            responses,
            responses.Average(r => Grammar.Cheer(r.Text) > 0 ? 1.0 : 0),
            responses.Average(r => (double)Grammar.Cheer(r.Text)),
            responses.Average(r => Grammar.IsGrammatical(r.Text) ? 1.0 : 0),
            responses.Average(r => (double)r.Tokens.Length),
            kl,
            error);
    }

    private int[] Encode(string prompt) => [Tokenizer.Beginning!.Value, .. Tokenizer.Encode(prompt)];
}

/// <summary>What a model writes.</summary>
/// <param name="Responses">Its responses.</param>
/// <param name="CheerfulShare">The share with more cheerful sentences than gloomy ones.</param>
/// <param name="MeanReward">Cheerful sentences less gloomy ones, on average.</param>
/// <param name="GrammaticalShare">The share that the grammar could have written.</param>
/// <param name="MeanLength">Tokens, on average.</param>
/// <param name="Kl">The divergence from the reference, nats a response.</param>
/// <param name="KlError">Its standard error.</param>
internal sealed record StorySamples(
    IReadOnlyList<Response> Responses,
    double CheerfulShare,
    double MeanReward,
    double GrammaticalShare,
    double MeanLength,
    double Kl,
    double KlError);
