using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Reporting;
using Align.Tokenizers;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align dpo</c>: trains a policy on preference pairs.</summary>
internal sealed class DpoCommand
{
    private static readonly string Description = $"""
        Trains a model on preferences, by DPO or by another objective over pairs of responses or over single ones.

        --data names a file: JSON Lines or a JSON array, plain or gzip, with prompt, chosen and rejected as text or as chat messages, or PandaLM's file.
        Objectives over single responses read prompt, completion and label (true or false) as well, or take both responses of a pair. In its place --lexicon names words with a valence (VADER's format): then pairs are made from the model's own samples, of which the more
        positive one is preferred. Such preferences are synthetic.

        Objectives over pairs (TRL's names for them are understood too):
        {string.Join('\n', PairObjectives.All.Select(o => $"  {o.Name,-20}{o.Summary}{(o.Needs == ReferenceNeed.None ? " (no reference)" : "")}{Data(o)}"))}

        Objectives over single responses:
        {string.Join('\n', JudgedObjectives.All.Select(o => $"  {o.Name,-20}{o.Summary}"))}
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("dpo");
    private readonly Option<string?> data = new("--data") { Description = "The file of preferences.", HelpName = "file" };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int?> maximumLength = Options.MaximumLength();
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out for evaluation.", 0.1, orZero: true);
    private readonly Option<string> objective = new("--objective") { Description = "The objective.", DefaultValueFactory = _ => "dpo", HelpName = "name" };
    private readonly Option<double?> beta = new("--beta") { Description = "How strongly the policy is tied to the reference; the objective's usual value by default.", HelpName = "number" };
    private readonly Option<double> smoothing = Options.Positive("--label-smoothing", "The share of preferences that are taken to be flipped.", 0, orZero: true);
    private readonly Option<double> desirable = Options.Positive("--desirable-weight", "KTO's weight of good responses.", 1);
    private readonly Option<double> undesirable = Options.Positive("--undesirable-weight", "KTO's weight of bad ones.", 1);
    private readonly TrainingGroup training = new(learningRate: 1e-5, batchSize: 8);
    private readonly OwnSamplesGroup own = new();

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("dpo", Description) { model, tokenizer, data };
        own.AddTo(command);
        foreach (var option in (Option[])[objective, beta, smoothing, desirable, undesirable, template, maximumLength, heldOut, device, output])
            command.Options.Add(option);
        training.AddTo(command);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(data) is null) == !own.IsGiven(result))
                result.AddError("Give either --data, a file of pairs, or --lexicon, to make pairs from the model's own samples.");
            if (result.GetValue(smoothing) >= 0.5)
                result.AddError("--label-smoothing must be below 0.5: with more, the preferences say the opposite.");
        });
        command.SetAction((result, stop) => CommandLine.Guarded(() => Run(result, stop)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken stop)
    {
        var page = Page.Console;
        var judged = JudgedObjectives.Find(result.GetValue(objective)!);
        var chosen = judged is null ? PairObjectives.Named(result.GetValue(objective)!) : null;
        var name = judged?.Name ?? chosen!.Name;
        var options = training.Of(result);
        var resume = training.Resumes(result);
        var pairSettings = chosen is null ? null : PairSettings(result, chosen, options);
        var judgedSettings = judged is null ? null : SingleSettings(result, judged, options);
        if (options.Accumulation > 1 && chosen is { IsSumOfPairs: false })
            page.Line($"note: {name} looks at all pairs of a forward pass together; --accumulate approximates the large batch.");

        var (policy, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: Options.DeviceOf(result.GetValue(device)!));
        using var _ = policy;
        var length = Math.Min(policy.Config.ContextLength, result.GetValue(maximumLength) ?? Math.Min(policy.Config.ContextLength, 1024));
        var run = new
        {
            Command = "dpo",
            Model = Path.GetFullPath(result.GetValue(model)!),
            Data = result.GetValue(data),
            Samples = own.Settings(result),
            Objective = name,
            Template = result.GetValue(template),
            MaximumLength = length,
            HeldOut = result.GetValue(heldOut),
            Preference = (object?)pairSettings ?? judgedSettings,
            Training = options,
        };
        var folder = new RunFolder(result.GetValue(output)!, run, resume);
        using var reference = policy.Copy();
        using var log = new RunLog(folder.Path);
        using ITrainingTask task = judgedSettings is null
            ? OfPairs(page, result, policy, its, length, reference, pairSettings!, options.Seed)
            : OfResponses(page, result, policy, its, length, reference, judgedSettings, options.Seed);
        var status = TrainingRun.Of(page, name, task, options, folder, resume, log, Plots.Preference, stop);
        if (status == 0)
            Table(page, log);
        return status;
    }

    private PreferenceSettings PairSettings(ParseResult result, PairObjective chosen, TrainingOptions options)
    {
        if (result.GetValue(smoothing) > 0 && !chosen.TakesLabelSmoothing)
            throw new DataException($"The objective {chosen.Name} has no label smoothing.");
        return new PreferenceSettings
        {
            Objective = chosen,
            Beta = result.GetValue(beta) ?? chosen.Beta,
            LabelSmoothing = result.GetValue(smoothing),
            BatchSize = options.BatchSize,
            Precision = training.Precision(result),
        };
    }

    private JudgedSettings SingleSettings(ParseResult result, JudgedObjective judged, TrainingOptions options)
    {
        if (result.GetValue(smoothing) > 0)
            throw new DataException($"The objective {judged.Name} has no label smoothing.");
        return new JudgedSettings
        {
            Objective = judged,
            Beta = result.GetValue(beta) ?? JudgedObjective.UsualBeta,
            DesirableWeight = result.GetValue(desirable),
            UndesirableWeight = result.GetValue(undesirable),
            BatchSize = options.BatchSize,
            Precision = training.Precision(result),
        };
    }

    private PreferenceTask OfPairs(Page page, ParseResult result, Llama policy, ITokenizer its, int length, Llama reference, PreferenceSettings settings, int seed)
    {
        var (train, test) = result.GetValue(data) is { } path
            ? FromFile(page, result, path, its, length, settings.Objective.TakesTies, seed)
            : own.Pairs(page, result, policy, its, result.GetValue(heldOut), seed);
        return new PreferenceTask(policy, its, train, test, settings) { Extra = own.Watch(result, its, [.. test.Select(p => p.Prompt)], reference, seed) };
    }

    private JudgedTask OfResponses(Page page, ParseResult result, Llama policy, ITokenizer its, int length, Llama reference, JudgedSettings settings, int seed)
    {
        IReadOnlyList<EncodedResponse> train, test;
        if (result.GetValue(data) is { } path)
        {
            var file = new PreferenceFile(path, Options.TemplateOf(result.GetValue(template)!, result.GetValue(model)!));
            var (learnt, held) = PromptSplit.Of(file.Responses().ToList(), r => r.Prompt, result.GetValue(heldOut), seed);
            page.Line($"{path}: {learnt.Count} responses to learn from, {learnt.Count(r => r.IsDesirable)} of them good; {held.Count} held out with prompts of their own{LeftOut(file)}.");
            var encoder = new PairEncoder(its, length);
            (train, test) = (encoder.Encode(learnt), encoder.Encode(held));
        }
        else
        {
            var (learnt, held) = own.Pairs(page, result, policy, its, result.GetValue(heldOut), seed);
            (train, test) = (EncodedResponse.Of(learnt, policy.Config.ContextLength), EncodedResponse.Of(held, policy.Config.ContextLength));
        }

        return new JudgedTask(policy, its, train, test, settings) { Extra = own.Watch(result, its, [.. test.Select(r => r.Prompt).DistinctBy(p => string.Join(' ', p))], reference, seed) };
    }

    private (IReadOnlyList<EncodedPair> Train, IReadOnlyList<EncodedPair> HeldOut) FromFile(Page page, ParseResult result, string path, ITokenizer its, int length, bool withTies, int seed)
    {
        var file = new PreferenceFile(path, Options.TemplateOf(result.GetValue(template)!, result.GetValue(model)!));
        var pairs = file.Pairs(withTies).ToList();
        var (train, test) = PromptSplit.Of(pairs, p => p.Prompt, result.GetValue(heldOut), seed);
        page.Line($"{path}: {train.Count} pairs to learn from, {test.Count} held out with prompts of their own{(withTies ? $"; {pairs.Count(p => p.IsTie)} of them are ties" : "")}{LeftOut(file)}.");
        var encoder = new PairEncoder(its, length);
        return ([.. train.Select(encoder.Encode)], [.. test.Select(encoder.Encode)]);
    }

    private static string LeftOut(PreferenceFile file) => file.Ties > 0 ? $"; {file.Ties} rows are left out, which have no winner" : "";

    private static string Data(PairObjective objective) =>
        objective.NeedsGold ? " (rows with \"reference\")" : objective.TakesTies ? " (rows with \"tie\")" : "";

    private static void Table(Page page, RunLog log)
    {
        (string Name, string Label, int Decimals)[] metrics =
        [
            ("eval_loss", "loss", 4), ("eval_rewards/margins", "reward margin", 3), ("eval_rewards/accuracies", "reward accuracy", 3),
            ("eval_sentiment", "sentiment of samples", 3), ("eval_kl", "KL from the reference, nats a response", 2),
        ];
        var rows = metrics.Where(m => log.Of(m.Name).Count > 0)
            .Select(m => (IReadOnlyList<string>)[m.Label, Format.Fixed(log.Of(m.Name)[0].Value, m.Decimals), Format.Fixed(log.Of(m.Name)[^1].Value, m.Decimals)])
            .ToArray();
        if (rows.Length > 0)
            page.Table(["held out", "before", "after"], rows);
    }
}
