using System.CommandLine;
using System.Globalization;
using Align.Checkpoints;
using Align.Data;
using Align.Model;
using Align.Reinforcement;
using Align.Reporting;
using Align.Tokenizers;
using Align.Training;

namespace Align.Commands;

/// <summary><c>align frontier</c>: reward against divergence over several beta.</summary>
internal sealed class FrontierCommand
{
    private const string Description = """
        Draws the frontier of reward against divergence from the reference over several beta, in the manner of figure 2 of the DPO paper (Rafailov et al.
        2023): DPO on pairs of the model's own samples, beside reinforcement learning with the same reward. A point is an evaluation as training goes on, of
        four samples to each of 64 held-out prompts; higher is better, and further left is closer to the reference. A method's line is the best reward that any
        of its points has up to a divergence. The picture ends a quarter beyond DPO's furthest point; the table has all. Preferences and rewards come from a lexicon, so they are synthetic; and DPO sees nothing but which of two samples
        the lexicon prefers, while reinforcement learning is told rewards themselves.
        """;

    /// <summary>Samples a held-out prompt and point.</summary>
    private const int Samples = 4;

    private const int RlSequences = 32;
    private static readonly double[] PpoBetas = [0.01, 0.03, 0.1];
    private static readonly double[] OtherBetas = [0.1, 0.3, 1];
    private const int GroupSize = 8;

    private readonly Option<string> model = Options.Model();
    private readonly Option<string?> tokenizer = Options.Tokenizer();
    private readonly Option<string> device = Options.Device();
    private readonly Option<string> output = Options.Out("frontier");
    private readonly Option<double[]> dpoBetas = new("--dpo-beta") { Description = "DPO's values of beta.", DefaultValueFactory = _ => [0.05, 0.2, 1], AllowMultipleArgumentsPerToken = true, HelpName = "numbers" };
    private readonly Option<double[]> rlBetas = new("--rl-beta") { Description = "The other methods' values of beta: 0.01, 0.03 and 0.1 with ppo, 0.1, 0.3 and 1 with the others, whose penalty is a mean over tokens.", AllowMultipleArgumentsPerToken = true, HelpName = "numbers" };
    private readonly Option<string[]> beside = new("--beside") { Description = "What DPO is compared with: objectives of align rl's that learn from groups, and ppo.", DefaultValueFactory = _ => [PolicyObjective.Ppo, "grpo"], AllowMultipleArgumentsPerToken = true, HelpName = "names" };
    private readonly Option<double> heldOut = Options.Positive("--held-out", "The share of prompts that is held out for evaluation.", 0.2);
    private readonly Option<double> dpoRate = Options.Positive("--dpo-learning-rate", "DPO's learning rate.", 1e-4);
    private readonly Option<double> rlRate = Options.Positive("--rl-learning-rate", "The other method's.", 3e-4);
    private readonly Option<int> steps = Options.Count("--steps", "Steps of either method.", 60);
    private readonly Option<int> evaluate = Options.Count("--evaluate-every", "Steps between two points.", 10);
    private readonly Option<int> seed = Options.Seed();
    private readonly OwnSamplesGroup own = new();

    /// <summary>The command.</summary>
    public Command Command()
    {
        var command = new Command("frontier", Description) { model, tokenizer };
        own.AddTo(command);
        foreach (var option in (Option[])[dpoBetas, rlBetas, beside, dpoRate, rlRate, steps, evaluate, heldOut, seed, device, output])
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            if (!own.IsGiven(result))
                result.AddError("--lexicon is needed: something must say what is good.");
        });
        command.SetAction((result, stop) => CommandLine.Guarded(() => Run(result, stop)));
        return command;
    }

    private int Run(ParseResult result, CancellationToken stop)
    {
        var page = Page.Console;
        var names = result.GetValue(beside)!.Distinct().ToArray();
        foreach (var name in names)
            PolicyObjective.Named(name);
        var folder = result.GetValue(output)!;
        var chance = result.GetValue(seed);
        var (start, its) = Checkpoint.Load(result.GetValue(model)!, result.GetValue(tokenizer), device: Options.DeviceOf(result.GetValue(device)!));
        using var owned = start;
        var (train, test) = own.Pairs(page, result, start, its, result.GetValue(heldOut), chance);
        Directory.CreateDirectory(folder);
        var curves = new List<FrontierCurve>();
        foreach (var beta in result.GetValue(dpoBetas)!)
            Add("DPO", beta, policy => Dpo(result, policy, its, train, test, start, beta));
        foreach (var name in names)
        {
            foreach (var beta in result.GetValue(rlBetas) is { Length: > 0 } given ? given : name == PolicyObjective.Ppo ? PpoBetas : OtherBetas)
                Add(name.ToUpperInvariant(), beta, policy => Rl(result, policy, its, train, test, name, beta));
        }

        if (stop.IsCancellationRequested)
            return CommandLine.Interrupted;

        FrontierCurve.Write(curves, Path.Combine(folder, "frontier.csv"));
        FrontierCurve.Draw(curves, Path.Combine(folder, "frontier.png"));
        page.Table(
            ["method", "beta", "KL", "reward"],
            [.. curves.Select(c => (IReadOnlyList<string>)[c.Method, Format.Exact(c.Beta), Format.Fixed(c.Points[^1].Kl, 2), Format.Fixed(c.Points[^1].Reward, 3)])]);
        page.Line($"Held-out prompts, after the last step of each run. The lexicon has judged {Format.Count(own.Judged(result))} samples for DPO's pairs, and {Format.Count(result.GetValue(steps) * RlSequences)} in each other run.");
        page.Line($"All points: {Path.Combine(folder, "frontier.csv")}, {Path.Combine(folder, "frontier.png")}.");
        return 0;

        void Add(string method, double beta, Func<Llama, ITrainingTask> make)
        {
            if (stop.IsCancellationRequested)
                return;
            using var policy = start.Copy();
            foreach (var parameter in policy.parameters())
                parameter.requires_grad = true;
            using var log = new RunLog();
            using var task = make(policy);
            var title = string.Create(CultureInfo.InvariantCulture, $"{method} beta {beta}");
            page.Training(title, progress => new Trainer(TrainingOf(result, method), log).Run(task, progress, resume: false, stop));
            curves.Add(FrontierCurve.Of(method, beta, log));
        }
    }

    private TrainingOptions TrainingOf(ParseResult result, string method) => new()
    {
        Steps = result.GetValue(steps),
        BatchSize = method == "DPO" ? 16 : RlSequences / GroupSize,
        LearningRate = result.GetValue(method == "DPO" ? dpoRate : rlRate),
        Schedule = ScheduleKind.Constant,
        WarmupShare = 0.1,
        EvaluateEvery = result.GetValue(evaluate),
        Seed = result.GetValue(seed),
    };

    private ITrainingTask Dpo(ParseResult result, Llama policy, ITokenizer its, IReadOnlyList<EncodedPair> train, IReadOnlyList<EncodedPair> test, Llama reference, double beta) =>
        new PreferenceTask(policy, its, train, test, new PreferenceSettings { Beta = beta, BatchSize = 16 })
        {
            Extra = own.Watch(result, its, [.. test.Select(p => p.Prompt)], reference, result.GetValue(seed), Samples),
        };

    private ITrainingTask Rl(ParseResult result, Llama policy, ITokenizer its, IReadOnlyList<EncodedPair> train, IReadOnlyList<EncodedPair> test, string objective, double beta)
    {
        var settings = new PolicySettings { Objective = objective, Beta = beta, BatchSize = RlSequences, GroupSize = GroupSize, Sampling = own.Sampling(result) };
        return new PolicyTask(policy, its, [.. train.Select(p => p.Prompt)], OwnSamplesGroup.Watched([.. test.Select(p => p.Prompt)], Samples), own.Reward(result), settings, result.GetValue(seed));
    }
}
