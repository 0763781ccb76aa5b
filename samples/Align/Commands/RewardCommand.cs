using System.CommandLine;
using Align.Checkpoints;
using Align.Data;
using Align.Reporting;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary><c>align reward</c>: trains a reward model.</summary>
internal sealed class RewardCommand
{
    private const string Description = """
        Trains a reward model on preference pairs: a scalar head on the model, and the likelihood of Bradley and Terry.

        Says how many held-out pairs it puts in order, with a 95 % interval, beside a baseline that looks at nothing but which response is longer.
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("reward");
    private readonly Option<string> data = new("--data") { Description = "The file of preference pairs: JSON Lines, JSON or PandaLM's, plain or gzip.", HelpName = "file", Required = true };
    private readonly Option<string> template = Options.Template();
    private readonly Option<int?> maximumLength = Options.MaximumLength();
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out.", 0.2, orZero: true);
    private readonly Option<double> centering = Options.Positive("--center", "Ties the rewards' mean to 0 with this coefficient (TRL suggests 0.01).", 0, orZero: true);
    private readonly TrainingGroup training = new(learningRate: 1e-4, batchSize: 8);

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("reward", Description) { model, tokenizer, data, template, maximumLength, heldOut, centering, device, output };
        training.AddTo(command);
        command.SetAction((result, stop) => CommandLine.Guarded(() => Run(result, stop)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken stop)
    {
        var page = Page.Console;
        var options = training.Of(result);
        if (training.Precision(result) != ScalarType.Float32)
            throw new DataException("align reward computes in float32.");
        var file = new PreferenceFile(result.GetValue(data)!, ChatTemplate.Named(result.GetValue(template)!));
        var pairs = file.Pairs().ToList();
        var (train, test) = PromptSplit.Of(pairs, p => p.Prompt, result.GetValue(heldOut), options.Seed);
        page.Line($"{train.Count} pairs to learn from, {test.Count} held out with prompts of their own; {file.Ties} rows are left out, whose annotators agree on no winner.");

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
            Centering = result.GetValue(centering),
            Training = options,
        };
        var folder = new RunFolder(result.GetValue(output)!, run, training.Resumes(result));
        using var log = new RunLog(folder.Path);
        double? coefficient = result.GetValue(centering) is > 0 and var given ? given : null;
        EncodedPair[] encodedTest = [.. test.Select(encoder.Encode)];
        using var task = new RewardTask(head, its, [.. train.Select(encoder.Encode)], encodedTest, options.BatchSize, coefficient);
        var status = TrainingRun.Of(page, "reward", task, options, folder, training.Resumes(result), log, Plots.Reward, stop);
        if (status == 0 && test.Count > 0)
            new RewardReport(page).Write(head, encodedTest, train, test, options.BatchSize);
        return status;
    }
}
