using Align.Data;
using Align.Model;
using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Training;

/// <summary>Objectives over responses that are good or bad each for itself.</summary>
public sealed class JudgedTests
{
    public static TheoryData<string, ScalarType> Objectives
    {
        get
        {
            var data = new TheoryData<string, ScalarType> { { "kto", ScalarType.BFloat16 } };
            foreach (var objective in JudgedObjectives.All)
                data.Add(objective.Name, ScalarType.Float32);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Good_responses_become_likelier_than_bad_ones(string objective, ScalarType precision)
    {
        using var policy = Tiny.Model(5);
        var settings = new JudgedSettings { Objective = JudgedObjectives.Find(objective)!, BatchSize = 32, Precision = precision };
        var responses = EncodedResponse.Of(Tiny.Pairs(16, 4), 32);
        using var task = new JudgedTask(policy, new Tiny.Digits(), responses, responses, settings);
        using var log = new RunLog();
        new Trainer(new TrainingOptions { Steps = 40, BatchSize = 32, LearningRate = 3e-3, Schedule = ScheduleKind.Constant, EvaluateEvery = int.MaxValue }, log).Run(task, new Unwatched(), resume: false, default);
        var losses = log.Of("eval_loss");
        // Where the policy is the reference: 1 - sigmoid(0), or -log sigmoid(0). In bfloat16 a row's bits depend a little on its neighbours.
        Assert.Equal(settings.Objective.StartsAtLn2 ? Math.Log(2) : 0.5, losses[0].Value, precision == ScalarType.Float32 ? 1e-5 : 0.01);
        Assert.True(losses[^1].Value < losses[0].Value - 0.05, $"{losses[0].Value} to {losses[^1].Value}");
        Assert.True(log.Last("eval_rewards/margins") > 0.3, $"{log.Last("eval_rewards/margins")}");
    }

    [Theory]
    [InlineData("kto")]
    [InlineData("apo-zero-unpaired")]
    [InlineData("bco")]
    public void Parts_of_a_batch_make_the_whole(string objective)
    {
        double[] After(int batchSize)
        {
            using var policy = Tiny.Model(3, ScalarType.Float64);
            var settings = new JudgedSettings { Objective = JudgedObjectives.Find(objective)!, BatchSize = batchSize, UndesirableWeight = 0.5, Precision = ScalarType.Float64 };
            using var task = new JudgedTask(policy, new Tiny.Digits(), EncodedResponse.Of(Tiny.Pairs(10, 2), 32), [], settings);
            using var optimisation = new Optimisation(task.Module, task.Working, new TrainingOptions { LearningRate = 3e-3 });
            var metrics = new Averages();
            for (var step = 0; step < 4; step++)
            {
                metrics = new Averages();
                task.Step([.. Enumerable.Range(0, 20)], optimisation, metrics);
            }

            return [metrics["loss"]!.Value, metrics["grad_norm"]!.Value, .. task.Memory, .. Tiny.Parameters(policy)];
        }

        Assert.All(After(20).Zip(After(7)), p => Assert.Equal(p.First, p.Second, 1e-7));
    }

    [Fact]
    public void Kto_is_its_formula()
    {
        using var policy = Tiny.Model(3, ScalarType.Float64);
        using var reference = policy.Copy();
        EncodedResponse[] responses = [.. EncodedResponse.Of([([0, 2], [3, 4, 1], true), ([0, 5], [6, 1], false), ([0, 7], [8, 9, 1], true)], 32)];
        Assert.Equal([[6, 1], [8, 9, 1], [3, 4, 1]], responses.Select(r => r.Other));
        var settings = new JudgedSettings { Beta = 0.3, DesirableWeight = 2, UndesirableWeight = 0.5, BatchSize = 8, Precision = ScalarType.Float64 };
        using var task = new JudgedTask(policy, new Tiny.Digits(), [], responses, settings);
        using (no_grad())
        {
            foreach (var parameter in policy.parameters())
                parameter.mul_(tensor(1.5));
        }

        double Ratio(int[] prompt, int[] response) => Log(policy, prompt, response) - Log(reference, prompt, response);
        var z = Math.Max(0, responses.Average(r => Ratio(r.Prompt, r.Other)));
        var expected = responses.Average(r =>
        {
            var lead = 0.3 * (Ratio(r.Prompt, r.Response) - z);
            return r.IsDesirable ? 2 * (1 - Sigmoid(lead)) : 0.5 * (1 - Sigmoid(-lead));
        });
        var metrics = new Averages();
        task.Evaluate(metrics);
        Assert.Equal(expected, metrics["loss"]!.Value, 1e-6);
        Assert.Equal(0.3 * Ratio(responses[1].Prompt, responses[1].Response), metrics["rewards/rejected"]!.Value, 1e-9);

        static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));
    }

    [Fact]
    public void A_running_mean_is_part_of_what_is_resumed()
    {
        using var folder = new TemporaryFolder();
        double[] Run(string name, int? stopAfter, bool resume)
        {
            using var policy = Tiny.Model(2);
            using var task = new JudgedTask(policy, new Tiny.Digits(), EncodedResponse.Of(Tiny.Pairs(12, 6), 32), [], new JudgedSettings { Objective = JudgedObjectives.Find("bco")! });
            using var log = new RunLog();
            using var stop = new CancellationTokenSource();
            var options = new TrainingOptions { Steps = 9, BatchSize = 6, LearningRate = 3e-3 };
            new Trainer(options, log, new CheckpointFolder(Path.Combine(folder.Path, name), "", 2)).Run(task, new Stopping(stop, stopAfter), resume, stop.Token);
            return [.. task.Memory, .. Tiny.Parameters(policy)];
        }

        var whole = Run("whole", null, resume: false);
        Run("parts", 4, resume: false);
        Assert.Equal(whole, Run("parts", null, resume: true));
        Assert.NotEqual(0, whole[1]);
    }

    private static double Log(Llama model, int[] prompt, int[] response)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        long[] ids = [.. prompt.Concat(response).Select(i => (long)i)];
        var logs = model.forward(tensor(ids, [1, ids.Length])).log_softmax(-1);
        return response.Select((id, i) => logs[0, prompt.Length - 1 + i, id].item<double>()).Sum();
    }
}
