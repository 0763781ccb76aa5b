using Align.Reporting;
using Align.Training;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Training;

public sealed class StuckLossTests
{
    [Fact]
    public void Masked_labels_are_found()
    {
        var pairs = Tiny.Pairs(8, 1).Select(p => p with { Chosen = [], Rejected = [] }).ToArray();
        Assert.Contains("no token of a response counts", Warning(pairs, new TrainingOptions { LearningRate = 1e-3 }));
    }

    [Fact]
    public void A_reference_that_the_policy_does_not_leave_is_found() =>
        Assert.Contains("the policy still equals the reference", Warning(Tiny.Pairs(8, 1), new TrainingOptions { LearningRate = 1e-12 }));

    [Fact]
    public void Responses_that_are_the_same_are_found()
    {
        var pairs = Tiny.Pairs(8, 1).Select(p => p with { Rejected = p.Chosen }).ToArray();
        Assert.Contains("the gradient is zero", Warning(pairs, new TrainingOptions { LearningRate = 1e-3 }));
    }

    [Fact]
    public void A_loss_that_moves_is_not_warned_of() => Assert.Equal("", Warning(Tiny.Pairs(8, 1), new TrainingOptions { LearningRate = 1e-3 }));

    private static string Warning(IReadOnlyList<global::Align.Data.EncodedPair> pairs, TrainingOptions options)
    {
        using var policy = Tiny.Model(1);
        using var task = new PreferenceTask(policy, new Tiny.Digits(), pairs, [], new PreferenceSettings { Objective = PairObjectives.Named("dpo") });
        using var log = new RunLog();
        var progress = new Unwatched();
        new Trainer(options with { Steps = StuckLoss.Patience + 5, Schedule = ScheduleKind.Constant }, log).Run(task, progress, resume: false, default);
        return string.Concat(progress.Warnings);
    }
}
