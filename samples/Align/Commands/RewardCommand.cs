using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align reward</c>: trains a reward model.</summary>
internal sealed class RewardCommand
{
    private static readonly string Description = $"""
        Trains a reward model on preference pairs: a scalar head on the model, and the likelihood of Bradley and Terry or of others.

        Says how many held-out pairs it puts in order, with a 95 % interval, beside a baseline that looks at nothing but which response is longer.

        --data is as with align dpo. A row's "margin" says by how much the chosen response is better, and "tie": true that neither is; PandaLM's rows are ties
        where most annotators say so. Objectives that take no ties leave them out.

        Objectives:
        {string.Join('\n', RewardObjective.All.Select(o => $"  {o.Name,-20}{o.Summary}"))}
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("reward");
    private readonly Option<string> data = new("--data") { Description = "The file of preference pairs: JSON Lines, JSON or PandaLM's, plain or gzip.", HelpName = "file", Required = true };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int?> maximumLength = Options.MaximumLength();
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out.", 0.2, orZero: true);
    private readonly Option<string> objective = new("--objective") { Description = "The objective.", DefaultValueFactory = _ => RewardObjective.All[0].Name, HelpName = "name" };
    private readonly Option<double> centering = Options.Positive("--center", "Ties the rewards' mean to 0 with this coefficient (TRL suggests 0.01).", 0, orZero: true);
    private readonly TrainingGroup training = new(learningRate: 1e-4, batchSize: 8);

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("reward", Description) { model, tokenizer, data, objective, template, maximumLength, heldOut, centering, device, output };
        training.AddTo(command);
        command.SetAction((result, stop) => CommandLine.Guarded(() => Run(result, stop)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken stop)
    {
        var page = Page.Console;
        var options = training.Of(result);
        var chosen = RewardObjective.Named(result.GetValue(objective)!);
        var settings = new RewardSettings
        {
            Objective = chosen,
            BatchSize = options.BatchSize,
            Centering = result.GetValue(centering) is > 0 and var given ? given : null,
            Precision = training.Precision(result),
        };
        if (settings.Centering is not null && chosen != RewardObjective.All[0])
            throw new DataException($"--center is for the objective {RewardObjective.All[0].Name}.");
        var file = new PreferenceFile(result.GetValue(data)!, Options.TemplateOf(result.GetValue(template)!, result.GetValue(model)!));
        var pairs = file.Pairs(chosen.TakesTies).ToList();
        var (train, test) = PromptSplit.Of(pairs, p => p.Prompt, result.GetValue(heldOut), options.Seed);
        page.Line($"{train.Count} pairs to learn from, {test.Count} held out with prompts of their own{(chosen.TakesTies ? $"; {pairs.Count(p => p.IsTie)} of them are ties" : "")}; {file.Ties} rows are left out, which have no winner.");

        var (body, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: Options.DeviceOf(result.GetValue(device)!));
        using var _ = body;
        var length = Math.Min(body.Config.ContextLength, result.GetValue(maximumLength) ?? Math.Min(body.Config.ContextLength, 1024));
        var encoder = new PairEncoder(its, length);
        using var head = new ScalarHead(body, options.Seed);
        var run = new
        {
            Command = "reward",
            Model = Path.GetFullPath(result.GetValue(model)!),
            Data = result.GetValue(data),
            Template = result.GetValue(template),
            MaximumLength = length,
            HeldOut = result.GetValue(heldOut),
            Objective = chosen.Name,
            Reward = settings,
            Training = options,
        };
        var folder = new RunFolder(result.GetValue(output)!, run, training.Resumes(result));
        using var log = new RunLog(folder.Path);
        EncodedPair[] encodedTest = [.. test.Select(encoder.Encode)];
        using var task = new RewardTask(head, its, [.. train.Select(encoder.Encode)], encodedTest, settings);
        var status = TrainingRun.Of(page, chosen.Name, task, options, folder, training.Resumes(result), log, Plots.Reward, stop);
        if (status == 0 && test.Any(p => !p.IsTie))
            new RewardReport(page).Write(head, [.. encodedTest.Where(p => !p.IsTie)], Decided(train), Decided(test), options.BatchSize);
        return status;
    }

    private static IReadOnlyList<PreferencePair> Decided(IEnumerable<PreferencePair> pairs) => [.. pairs.Where(p => !p.IsTie)];
}
