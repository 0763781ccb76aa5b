using Align.Data;
using Align.Model;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Align.Tests.Training;

public sealed class StepTests
{
    /// <summary>Names of all objectives over pairs.</summary>
    public static TheoryData<string> Objectives => [.. PairObjectives.All.Select(o => o.Name)];

    [Fact]
    public void The_fused_loop_is_the_eager_loop_step_by_step()
    {
        var pairs = Tiny.Pairs(40, 2);
        using var fused = Tiny.Model(3, ScalarType.Float64);
        using var eager = Tiny.Model(3, ScalarType.Float64);
        using var fusedSteps = new Steps(fused, pairs, "own", 5, 8);
        using var eagerSteps = new Steps(eager, pairs, "own-eager", 5, 8);
        for (var step = 0; step < 12; step++)
        {
            GC.Collect();
            var fusedMetrics = fusedSteps.Next();
            GC.Collect();
            var eagerMetrics = eagerSteps.Next();
            // Of margins that are 0 but for rounding, the sign says nothing.
            foreach (var (name, value) in eagerMetrics.Means().Where(m => step > 0 || m.Name != "rewards/accuracies"))
                Assert.Equal(value, fusedMetrics[name]!.Value, 1e-12 * Math.Max(1, Math.Abs(value)));
            Assert.All(Tiny.Parameters(fused).Zip(Tiny.Parameters(eager)), p => Assert.Equal(p.Second, p.First, 1e-10));
        }

        Assert.NotEqual(Math.Log(2), fusedSteps.Next()["loss"]!.Value, 1e-3);
    }

    [Theory]
    [InlineData("own")]
    [InlineData("dpo")]
    [InlineData("rpo")]
    [InlineData("mpo")]
    [InlineData("cpo")]
    [InlineData("ld-dpo")]
    [InlineData("sppo")]
    [InlineData("sft")]
    public void Accumulated_gradients_are_those_of_the_large_batch(string objective)
    {
        // 20 pairs a step in parts of 8, 8 and 4, whose responses differ in length.
        var pairs = Tiny.Pairs(40, 2);
        using var whole = Tiny.Model(3, ScalarType.Float64);
        using var parts = Tiny.Model(3, ScalarType.Float64);
        using var wholeSteps = new Steps(whole, pairs, objective, 20, 20);
        using var partSteps = new Steps(parts, pairs, objective, 20, 8);
        for (var step = 0; step < 4; step++)
        {
            var expected = wholeSteps.Next();
            var metrics = partSteps.Next();
            Assert.Equal(expected["grad_norm"]!.Value, metrics["grad_norm"]!.Value, 1e-10);
            // Adam divides by the gradient's size, which magnifies the last bits of small ones.
            Assert.All(Tiny.Parameters(whole).Zip(Tiny.Parameters(parts)), p => Assert.Equal(p.First, p.Second, 1e-8));
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Every_objective_learns_its_pairs(string objective)
    {
        var pairs = Tiny.Pairs(16, 4);
        using var policy = Tiny.Model(5);
        using var steps = new Steps(policy, pairs, objective, 16, 16);
        var first = steps.Next();
        Assert.True(first["grad_norm"] > 0);
        if (PairObjectives.Named(objective).StartsAtLn2)
            Assert.Equal(Math.Log(2), first["loss"]!.Value, 1e-5);
        for (var step = 0; step < 25; step++)
            steps.Next();
        Assert.True(steps.Next()["loss"] < first["loss"], "The loss has not fallen.");
    }

    [Fact]
    public void In_bfloat16_the_models_own_parameters_stay_float32_and_learn()
    {
        var pairs = Tiny.Pairs(16, 4);
        using var policy = Tiny.Model(5);
        var before = Tiny.Parameters(policy);
        using var steps = new Steps(policy, pairs, "dpo", 16, 16, ScalarType.BFloat16);
        var first = steps.Next()["loss"];
        for (var step = 0; step < 25; step++)
            steps.Next();
        // The reference computes in bfloat16 too, so that nothing but a row's neighbours tells the two apart.
        Assert.Equal(Math.Log(2), first!.Value, 5e-3);
        Assert.True(steps.Next()["loss"] < 0.6);
        Assert.All(policy.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
        Assert.NotEqual(before, Tiny.Parameters(policy));
    }

    private sealed class Steps : IDisposable
    {
        private readonly PreferenceTask task;
        private readonly Optimisation optimisation;
        private readonly BatchOrder order;
        private int step;

        public Steps(Llama policy, IReadOnlyList<EncodedPair> pairs, string objective, int perStep, int batchSize, ScalarType? precision = null)
        {
            var chosen = PairObjectives.Named(objective);
            var settings = new PreferenceSettings { Objective = chosen, Beta = chosen.Beta, BatchSize = batchSize, Precision = precision ?? policy.DType };
            task = new PreferenceTask(policy, new Tiny.Digits(), pairs, [], settings);
            optimisation = new Optimisation(task.Module, task.Working, new TrainingOptions { LearningRate = 3e-3 });
            order = new BatchOrder(task.Lengths, perStep, 1);
        }

        public Averages Next()
        {
            var metrics = new Averages();
            task.Step(order.At(step++), optimisation, metrics);
            return metrics;
        }

        public void Dispose()
        {
            optimisation.Dispose();
            task.Dispose();
        }
    }
}
