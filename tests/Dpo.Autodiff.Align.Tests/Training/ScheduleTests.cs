using Align.Training;

namespace Dpo.Autodiff.Align.Tests.Training;

public sealed class ScheduleTests
{
    [Fact]
    public void It_rises_and_falls_as_in_transformers()
    {
        var linear = new Schedule(ScheduleKind.Linear, 2, 4, 12);
        Assert.Equal([0, 0.5, 1, 1.5, 2, 1.75], Enumerable.Range(0, 6).Select(linear.At));
        Assert.Equal(0.25, linear.At(11), 12);
        var cosine = new Schedule(ScheduleKind.Cosine, 2, 0, 8);
        Assert.Equal([2, 1, 0], new[] { cosine.At(0), Math.Round(cosine.At(4), 12), Math.Round(cosine.At(8), 12) });
        Assert.Equal(2, new Schedule(ScheduleKind.Constant, 2, 0, 8).At(7));
        Assert.Equal(2, Schedule.Of(new TrainingOptions { WarmupShare = 0.101 }, 11).Warmup);
    }
}
