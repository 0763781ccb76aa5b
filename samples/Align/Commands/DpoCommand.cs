using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Reporting;
using Align.Tokenizers;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align dpo</c>: trains a policy on preference pairs.</summary>
internal sealed class DpoCommand
{
    private static readonly string Description = $"""
        Trains a model on preference pairs, by DPO or by another objective over pairs.

        --data names a file of pairs: JSON Lines or a JSON array, plain or gzip, with prompt, chosen and rejected as text or as chat messages, or PandaLM's
        file. In its place --lexicon names words with a valence (VADER's format): then pairs are made from the model's own samples, of which the more
        positive one is preferred. Such preferences are synthetic.

        Objectives:
        {string.Join('\n', PairObjectives.All.Select(o => $"  {o.Name,-18}{o.Summary}{(o.Needs == ReferenceNeed.None ? " (no reference)" : "")}"))}
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("dpo");
    private readonly Option<string?> data = new("--data") { Description = "The file of preference pairs.", HelpName = "file" };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int?> maximumLength = Options.MaximumLength();
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out for evaluation.", 0.1, orZero: true);
    private readonly Option<string> objective = new("--objective") { Description = "The objective.", DefaultValueFactory = _ => "dpo", HelpName = "name" };
    private readonly Option<double?> beta = new("--beta") { Description = "How strongly the policy is tied to the reference; the objective's usual value by default.", HelpName = "number" };
    private readonly Option<double> smoothing = Options.Positive("--label-smoothing", "The share of preferences that are taken to be flipped.", 0, orZero: true);
    private readonly TrainingGroup training = new(learningRate: 1e-5, batchSize: 8);
    private readonly OwnSamplesGroup own = new();

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("dpo", Description) { model, tokenizer, data };
        own.AddTo(command);
        foreach (var option in (Option[])[objective, beta, smoothing, template, maximumLength, heldOut, device, output])
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
        var chosen = PairObjectives.Named(result.GetValue(objective)!);
        var strength = result.GetValue(beta) ?? chosen.Beta;
        var options = training.Of(result);
        var resume = training.Resumes(result);
        var settings = new PreferenceSettings
        {
            Objective = chosen,
            Beta = strength,
            LabelSmoothing = result.GetValue(smoothing),
            BatchSize = options.BatchSize,
            Precision = training.Precision(result),
        };
        if (settings.LabelSmoothing > 0 && !chosen.TakesLabelSmoothing)
            throw new DataException($"The objective {chosen.Name} has no label smoothing.");
        if (options.Accumulation > 1 && !chosen.IsSumOfPairs)
            page.Line($"note: {chosen.Name} looks at all pairs of a forward pass together; --accumulate approximates the large batch.");

        var (policy, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: Options.DeviceOf(result.GetValue(device)!));
        using var _ = policy;
        var length = Math.Min(policy.Config.ContextLength, result.GetValue(maximumLength) ?? Math.Min(policy.Config.ContextLength, 1024));
        var run = new
        {
            Command = "dpo",
            Model = Path.GetFullPath(result.GetValue(model)!),
            Data = result.GetValue(data),
            Samples = own.Settings(result),
            Objective = chosen.Name,
            Template = result.GetValue(template),
            MaximumLength = length,
            HeldOut = result.GetValue(heldOut),
            Preference = settings,
            Training = options,
        };
        var folder = new RunFolder(result.GetValue(output)!, run, resume);
        var (train, test) = result.GetValue(data) is { } file
            ? FromFile(page, file, its, length, result, options.Seed)
            : own.Pairs(page, result, policy, its, result.GetValue(heldOut), options.Seed);
        using var reference = policy.Copy();
        using var log = new RunLog(folder.Path);
        using var task = new PreferenceTask(policy, its, train, test, settings) { Extra = own.Watch(result, its, test, reference, options.Seed) };
        var status = TrainingRun.Of(page, chosen.Name, task, options, folder, resume, log, Plots.Preference, stop);
        if (status == 0)
            Table(page, log);
        return status;
    }

    private (IReadOnlyList<EncodedPair> Train, IReadOnlyList<EncodedPair> HeldOut) FromFile(Page page, string path, ITokenizer its, int length, ParseResult result, int seed)
    {
        var file = new PreferenceFile(path, ChatTemplate.Named(result.GetValue(template)!));
        var pairs = file.Pairs().ToList();
        var (train, test) = PromptSplit.Of(pairs, p => p.Prompt, result.GetValue(heldOut), seed);
        var ties = file.Ties > 0 ? $"; {file.Ties} rows are left out, whose annotators agree on no winner" : "";
        page.Line($"{path}: {train.Count} pairs to learn from, {test.Count} held out with prompts of their own{ties}.");
        var encoder = new PairEncoder(its, length);
        return ([.. train.Select(encoder.Encode)], [.. test.Select(encoder.Encode)]);
    }

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
