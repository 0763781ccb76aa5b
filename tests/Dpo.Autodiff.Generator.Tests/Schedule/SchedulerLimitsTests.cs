using System.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>Shapes that would be slow to schedule or to run if everything were evaluated where it is used.</summary>
public class SchedulerLimitsTests
{
    private static readonly IReadOnlyDictionary<string, long> Sizes = new Dictionary<string, long> { ["pair"] = 3, ["token"] = 4 };

    [Fact]
    public void AChainThatDoublesAtEachLinkIsCutByStoring()
    {
        var s = new Sample();
        var x = s.Input("x", Sample.Token);
        var index = s.Index("index", Sample.Token);
        for (var link = 0; link < 40; link++)
            x = (x + x.Of(Primitive.Gather, new Parameters.Gather(0, [-1]), index)).Of(Primitive.Tanh);
        var program = s.Result(x);
        var watch = Stopwatch.StartNew();
        var loops = Scheduled.Check(program, [[0.5, -0.25, 1, 2], [3, 0, 1, 1]], Sizes);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), watch.Elapsed.ToString());
        Assert.InRange(loops.Values.Count, 1, 4000);
    }

    [Fact]
    public void ConditionsOnTheWayToAGatherDoNotMultiply()
    {
        var s = new Sample();
        var x = s.Input("x", Sample.Token);
        var index = s.Index("index", Sample.Token);
        var y = x.Of(Primitive.Gather, new Parameters.Gather(0, [-1]), index);
        for (var link = 0; link < 40; link++)
            y = y.Of(Primitive.Greater, y.Number(link)).Select(y * 0.5, -y);
        var loops = Scheduled.Check(s.Result(y), [[0.5, -0.25, 1, 2], [3, 0, 1, 1]], Sizes);
        Assert.InRange(loops.Values.Count, 1, 4000);
    }

    [Fact]
    public void HundredsOfEquationsTakeMilliseconds()
    {
        var s = new Sample();
        var x = s.Input("x", Sample.Pair, Sample.Token);
        var total = x.Of(Primitive.Sum, new Parameters.Reduce([0, 1]));
        for (var i = 0; i < 40; i++)
        {
            var row = (x * (i + 1)).Of(Primitive.Softplus).Of(Primitive.Sum, new Parameters.Reduce([1]));
            x = x - s.Spread(row, [Sample.Pair, Sample.Token], 0, -1).Of(Primitive.Tanh);
            total = total + row.Of(Primitive.LogSigmoid).Of(Primitive.Sum, new Parameters.Reduce([0]));
        }

        var program = s.Result(total, x);
        Scheduler.Run(program, "warm");
        var watch = Stopwatch.StartNew();
        var loops = Scheduler.Run(program, "timed");
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), watch.Elapsed.ToString());
        Console.Error.WriteLine($"{program.Equations.Count} equations: {watch.ElapsedMilliseconds} ms, {loops.Stages.Count} stages");
        LoopVerifier.Verify(loops);
    }
}
