using System.Diagnostics;
using Align.Corpus;
using Align.Data;
using Align.Model;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary>Takes the time of the same training step with the fused and with the eager objective, in turns.</summary>
internal static class StepSpeed
{
    /// <summary>Tokens a second of both, medians over rounds.</summary>
    public static (double Fused, double Eager) Measure(StoryExperiment experiment, Llama model, IReadOnlyList<EncodedPair> pairs, int rounds, int steps)
    {
        using var fusedPolicy = StoryExperiment.Policy(model);
        using var eagerPolicy = StoryExperiment.Policy(model);
        using var fused = experiment.Task(fusedPolicy, pairs, [], "own");
        using var eager = experiment.Task(eagerPolicy, pairs, [], "own-eager");
        using var fusedOptimisation = new Optimisation(fused.Module, fused.Working, experiment.Options);
        using var eagerOptimisation = new Optimisation(eager.Module, eager.Working, experiment.Options);
        var order = new BatchOrder(fused.Lengths, experiment.Options.ExamplesPerStep, experiment.Options.Seed);
        var speeds = new List<(double Fused, double Eager)>();
        for (var round = 0; round <= rounds; round++)
        {
            var fusedSpeed = Round(fused, fusedOptimisation, order, round * steps, steps);
            var eagerSpeed = Round(eager, eagerOptimisation, order, round * steps, steps);
            if (round > 0)
                speeds.Add((fusedSpeed, eagerSpeed));
        }

        return (Median(speeds.Select(s => s.Fused)), Median(speeds.Select(s => s.Eager)));
    }

    /// <summary>Tokens a second of the objective and its gradient alone, on the logits of the first batch.</summary>
    public static (double Fused, double Eager) MeasureObjective(Llama model, IReadOnlyList<EncodedPair> pairs, int rounds, int calls)
    {
        using var scope = NewDisposeScope();
        using var batch = PairBatch.Of([.. pairs.Take(64)]);
        Tensor logits;
        using (no_grad())
            logits = model.forward(batch.Tokens);
        var reference = zeros(batch.Tokens.shape[0]);
        logits = logits.detach().requires_grad_();
        var speeds = Enumerable.Range(0, rounds + 1).Select(_ => (
            Fused: Calls(() => Alignment.Fused.Dpo(logits, batch.Labels, batch.IsCompletion, reference).loss),
            Eager: Calls(() => Alignment.Dpo(logits, batch.Labels, batch.IsCompletion, reference).loss))).Skip(1).ToList();
        return (Median(speeds.Select(s => s.Fused)), Median(speeds.Select(s => s.Eager)));

        double Calls(Func<Tensor> loss)
        {
            var clock = Stopwatch.StartNew();
            for (var call = 0; call < calls; call++)
            {
                using var inner = NewDisposeScope();
                loss().backward();
                logits.grad = null;
            }

            return batch.TokenCount * calls / clock.Elapsed.TotalSeconds;
        }
    }

    private static double Round(PreferenceTask task, Optimisation optimisation, BatchOrder order, int first, int steps)
    {
        var tokens = 0.0;
        var clock = Stopwatch.StartNew();
        for (var step = first; step < first + steps; step++)
        {
            using var scope = NewDisposeScope();
            var metrics = new Averages();
            task.Step(order.At(step), optimisation, metrics);
            tokens += metrics["num_tokens"]!.Value;
        }

        return tokens / clock.Elapsed.TotalSeconds;
    }

    private static double Median(IEnumerable<double> values) => values.Order().ElementAt(values.Count() / 2);
}
