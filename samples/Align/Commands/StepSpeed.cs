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

    /// <summary>Tokens a second of the objective and its gradient alone, on random logits.</summary>
    public static (double Fused, double Eager) MeasureObjective(int responses, int tokens, int vocabulary, int rounds, int calls)
    {
        using var scope = NewDisposeScope();
        var logits = randn(responses, tokens, vocabulary).requires_grad_();
        var labels = randint(0, vocabulary, [responses, tokens], dtype: ScalarType.Int64);
        var isCompletion = rand(responses, tokens) > tensor(0.5f);
        var reference = zeros(responses);
        var speeds = Enumerable.Range(0, rounds + 1).Select(_ => (
            Fused: Calls(() => Alignment.Fused.Dpo(logits, labels, isCompletion, reference).loss),
            Eager: Calls(() => Alignment.Dpo(logits, labels, isCompletion, reference).loss))).Skip(1).ToList();
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

            return (double)responses * tokens * calls / clock.Elapsed.TotalSeconds;
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
