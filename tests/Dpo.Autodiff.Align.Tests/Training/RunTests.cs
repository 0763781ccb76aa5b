using Align.Data;
using Align.Model;
using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Training;

/// <summary>Runs that are interrupted, resumed, or go wrong.</summary>
public sealed class RunTests : IDisposable
{
    private static readonly TrainingOptions Options = new() { Steps = 12, BatchSize = 6, LearningRate = 3e-3, WarmupShare = 0.2, SaveEvery = 4, EvaluateEvery = 5, Seed = 9 };
    private static readonly IReadOnlyList<EncodedPair> Pairs = Tiny.Pairs(29, 6);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_resumed_run_is_the_uninterrupted_one_bit_by_bit()
    {
        var whole = Run("whole", Options, stopAfter: null, resume: false);
        Assert.Equal(RunEnd.Finished, whole.End);

        Assert.Equal(RunEnd.Interrupted, Run("parts", Options, stopAfter: 3, resume: false).End);
        Assert.Equal(RunEnd.Interrupted, Run("parts", Options, stopAfter: 7, resume: true).End);
        var resumed = Run("parts", Options, stopAfter: null, resume: true);
        Assert.Equal(RunEnd.Finished, resumed.End);
        Assert.Equal(whole.Parameters, resumed.Parameters);
        Assert.Equal(Metrics("whole"), Metrics("parts"));
    }

    [Fact]
    public void Interrupting_saves_the_state_after_the_step_that_ran()
    {
        Assert.Equal(RunEnd.Interrupted, Run("run", Options, stopAfter: 6, resume: false).End);
        Assert.Equal(["checkpoint-4", "checkpoint-6"], Checkpoints("run"));
        Assert.Equal(["model.safetensors", "optimizer.bin", "trainer_state.json"], Directory.GetFiles(Path.Combine(folder.Path, "run", "checkpoint-6")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Old_checkpoints_go_and_a_half_written_one_is_not_looked_at()
    {
        Run("run", Options, stopAfter: null, resume: false);
        Assert.Equal(["checkpoint-12", "checkpoint-8"], Checkpoints("run"));
        Directory.CreateDirectory(Path.Combine(folder.Path, "run", "checkpoint-40.tmp"));
        Assert.Equal(RunEnd.Finished, Run("run", Options, stopAfter: null, resume: true).End);
    }

    [Fact]
    public void A_loss_that_is_no_number_stops_the_run_and_keeps_the_last_good_checkpoint()
    {
        var exception = Assert.Throws<DivergedException>(() => Run("run", Options, stopAfter: null, resume: false, spoilAt: 7));
        Assert.StartsWith("Step 7: ", exception.Message);
        Assert.Equal(["checkpoint-4"], Checkpoints("run"));
        Assert.Equal(RunEnd.Finished, Run("run", Options, stopAfter: null, resume: true).End);
    }

    [Fact]
    public void Other_settings_do_not_resume()
    {
        Run("run", Options, stopAfter: 5, resume: false);
        var exception = Assert.Throws<DataException>(() => Run("run", Options with { LearningRate = 1 }, stopAfter: null, resume: true));
        Assert.Contains("other settings", exception.Message);
    }

    [Fact]
    public void A_damaged_checkpoint_is_named()
    {
        Run("run", Options, stopAfter: 5, resume: false);
        File.WriteAllText(Path.Combine(folder.Path, "run", "checkpoint-5", "model.safetensors"), "cut");
        Assert.Contains("checkpoint-5", Assert.ThrowsAny<Exception>(() => Run("run", Options, stopAfter: null, resume: true)).Message);
    }

    private (RunEnd End, double[] Parameters) Run(string name, TrainingOptions options, int? stopAfter, bool resume, int? spoilAt = null)
    {
        using var policy = Tiny.Model(2);
        using var task = new PreferenceTask(policy, new Tiny.Digits(), [.. Pairs.Take(24)], [.. Pairs.Skip(24)], new PreferenceSettings { Objective = PairObjectives.Named("dpo"), BatchSize = 3 });
        using var log = new RunLog(Path.Combine(folder.Path, name));
        using var stop = new CancellationTokenSource();
        var progress = new Watcher(stop, stopAfter, spoilAt, policy);
        var checkpoints = new CheckpointFolder(Path.Combine(folder.Path, name), options.ToString(), 2);
        var end = new Trainer(options, log, checkpoints).Run(task, progress, resume, stop.Token);
        return (end, Tiny.Parameters(policy));
    }

    private string[] Checkpoints(string name) =>
        [.. Directory.GetDirectories(Path.Combine(folder.Path, name)).Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)];

    /// <summary>Rows of metrics without the speed, which is the machine's.</summary>
    private string[] Metrics(string name)
    {
        var rows = File.ReadAllLines(Path.Combine(folder.Path, name, "metrics.csv")).Select(l => l.Split(',')).ToArray();
        var speed = Array.IndexOf(rows[0], "tokens_per_second");
        return [.. rows.Select(r => string.Join(',', r.Where((_, column) => column != speed)))];
    }

    /// <summary>Asks to stop after a step, as Ctrl-C does, or spoils the model before one.</summary>
    private sealed class Watcher(CancellationTokenSource stop, int? stopAfter, int? spoilAt, Llama policy) : ITrainingProgress
    {
        public void Report(int step, int total, Averages metrics)
        {
            if (step == stopAfter)
                stop.Cancel();
            if (step + 1 == spoilAt)
            {
                using var none = TorchSharp.torch.no_grad();
                policy.parameters().First().fill_(double.NaN);
            }
        }

        public void Warn(string text)
        {
        }
    }
}
