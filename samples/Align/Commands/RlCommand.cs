using System.CommandLine;
using Align.Checkpoints;
using Align.Reinforcement;
using Align.Reporting;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align rl</c>: trains a policy on its own samples.</summary>
internal sealed class RlCommand
{
    private static readonly string Description = $"""
        Trains a model by reinforcement learning on its own samples, tied to itself as it was by a penalty on the divergence.

        The reward is the sentiment by a lexicon (--lexicon, VADER's format) or the score of a reward model (--reward-model, a folder of align reward's).

        Objectives:
          {PolicyObjective.Ppo,-20}Schulman et al. 2017, with a critic and generalised advantage estimation
        {string.Join('\n', PolicyObjective.All.Select(o => $"  {o.Name,-20}{o.Summary}"))}

        Objectives that compare two responses to a prompt (--group-size and --reuse do not count):
        {string.Join('\n', ComparisonObjective.All.Select(o => $"  {o.Name,-20}{o.Summary}"))}
        """;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("rl");
    private readonly Option<string?> rewardModel = new("--reward-model") { Description = "A reward model's folder.", HelpName = "folder" };
    private readonly Option<string> objective = new("--objective") { Description = "The objective.", DefaultValueFactory = _ => "grpo", HelpName = "name" };
    private readonly Option<double?> beta = new("--beta") { Description = "The weight of the divergence from the reference; the objective's usual value by default.", HelpName = "number" };
    private readonly Option<int> groupSize = Options.Count("--group-size", "Responses a prompt.", 8);
    private readonly Option<int> reuse = Options.Count("--reuse", "How often the same samples are learnt from.", 1);
    private readonly Option<double> lambda = Options.Positive("--lambda", "GAE's discount of errors, with ppo.", 0.95, orZero: true);
    private readonly Option<double> temperature = Options.Positive("--temperature", "The temperature of sampling.", 1);
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out for evaluation.", 0.1, orZero: true);
    private readonly TrainingGroup training = new(learningRate: 1e-5, batchSize: 8);
    private readonly OwnSamplesGroup own = new();

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("rl", Description) { model, tokenizer, rewardModel };
        own.AddTo(command);
        foreach (var option in (Option[])[objective, beta, groupSize, reuse, lambda, temperature, heldOut, device, output])
            command.Options.Add(option);
        training.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(beta) is < 0 or double.NaN)
                result.AddError("--beta must be 0 or more.");
            if ((result.GetValue(rewardModel) is null) == !own.IsGiven(result))
                result.AddError("Give either --lexicon or --reward-model: something must say what is good.");
            if (result.GetResult(groupSize) is { Implicit: false } && result.GetValue(groupSize) < 2)
                result.AddError("--group-size must be 2 or more.");
        });
        command.SetAction((result, stop) => CommandLine.Guarded(() => Run(result, stop)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken stop)
    {
        var page = Page.Console;
        var options = training.Of(result);
        var comparison = ComparisonObjective.Find(result.GetValue(objective)!);
        var group = comparison is null ? PolicyObjective.Named(result.GetValue(objective)!) : null;
        var settings = new PolicySettings
        {
            Objective = result.GetValue(objective)!,
            Beta = result.GetValue(beta) ?? (comparison is not null ? ComparisonObjective.UsualBeta : group?.Beta ?? PolicyObjective.UsualBeta),
            GroupSize = result.GetValue(groupSize),
            Reuse = result.GetValue(reuse),
            BatchSize = options.BatchSize * (comparison is null ? result.GetValue(groupSize) : 2),
            Lambda = result.GetValue(lambda),
            Precision = training.Precision(result),
            Sampling = own.Sampling(result) with { Temperature = result.GetValue(temperature) },
        };
        var where = Options.DeviceOf(result.GetValue(device)!);
        var (policy, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: where);
        using var _ = policy;
        var run = new
        {
            Command = "rl",
            Model = Path.GetFullPath(result.GetValue(model)!),
            Samples = own.Settings(result),
            RewardModel = result.GetValue(rewardModel),
            HeldOut = result.GetValue(heldOut),
            Policy = settings,
            Training = options,
        };
        var folder = new RunFolder(result.GetValue(output)!, run, training.Resumes(result));
        using var judge = result.GetValue(rewardModel) is { } path ? new ModelReward(path, where) : null;
        var (train, test) = own.Prompts(result, policy, its, result.GetValue(heldOut), options.Seed);
        page.Line($"{train.Count} prompts to learn from, {test.Count} held out; the reward is {(judge ?? own.Reward(result)).Name}.");
        using var log = new RunLog(folder.Path);
        using ITrainingTask task = comparison is null
            ? new PolicyTask(policy, its, train, test, judge ?? own.Reward(result), settings, options.Seed)
            : new ComparisonTask(policy, its, train, test, judge ?? own.Reward(result), comparison, settings, options.Seed);
        var status = TrainingRun.Of(page, settings.Objective, task, options, folder, training.Resumes(result), log, Plots.Reinforcement, stop);
        if (status == 0 && log.Of("eval_reward") is [var first, .., var last])
        {
            page.Table(
                ["held-out prompts", "before", "after"],
                [
                    ["reward", Format.Fixed(first.Value, 3), Format.Fixed(last.Value, 3)],
                    ["KL from the reference, nats a response", "0.00", Format.Fixed(log.Last("eval_kl") ?? 0, 2)],
                ]);
        }

        return status;
    }
}
