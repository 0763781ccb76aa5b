using System.Diagnostics;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>Measures a row: in each round one batch of each side, the order changing from round to round, and the ratio of their times.</summary>
/// <param name="rounds">How many rounds.</param>
/// <param name="batch">How long a batch takes at least, in seconds.</param>
internal sealed class Rounds(int rounds, double batch)
{
    // Long enough for the runtime's second, optimising compilation.
    private const double WarmUp = 0.6;

    /// <summary>Measures one row.</summary>
    public Measurement Measure(Row row)
    {
        using var work = row.Setup();

        // First of all, so that memory that is kept for the next call counts.
        var (eagerMemory, fusedMemory) = (ResidentPeak.Of(work.Eager, work.MemoryUnit), ResidentPeak.Of(work.Fused, work.MemoryUnit));
        var (difference, isEqual) = Compare(work);
        using var copy = work.Bytes > 0 ? new StreamingCopy(work.Bytes / 2) : null;
        var eager = new Batches(work.Eager, batch);
        var fused = new Batches(work.Fused, batch);
        var eagerTimes = new double[rounds];
        var fusedTimes = new double[rounds];
        var copyTimes = new double[rounds];
        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0)
                eagerTimes[round] = eager.Time();
            fusedTimes[round] = fused.Time();
            if (round % 2 != 0)
                eagerTimes[round] = eager.Time();
            copyTimes[round] = copy?.Time(batch) ?? 0;
        }

        var ratios = eagerTimes.Zip(fusedTimes, (e, f) => e / f).ToArray();
        return new Measurement(
            row.Name,
            Median(eagerTimes),
            Median(fusedTimes),
            Median(ratios),
            ratios.Min(),
            ratios.Max(),
            copy is null ? null : Median([.. copyTimes.Zip(fusedTimes, (c, f) => c / f)]),
            eager.ManagedBytes,
            fused.ManagedBytes,
            eagerMemory,
            fusedMemory,
            difference,
            isEqual);
    }

    private static double Median(double[] values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static (double Difference, bool IsEqual) Compare(Work work)
    {
        using var scope = NewDisposeScope();
        List<Tensor> eager = [], fused = [];
        work.Eager(eager);
        work.Fused(fused);
        if (eager.Count != fused.Count)
            return (double.PositiveInfinity, false);
        var difference = 0.0;
        for (var i = 0; i < eager.Count; i++)
        {
            var scale = eager[i].abs().max().to(float64).item<double>();
            var distance = (eager[i].to(float64) - fused[i].to(float64)).abs().max().item<double>();
            difference = Math.Max(difference, distance / Math.Max(scale, double.Epsilon));
            eager[i].Dispose();
            fused[i].Dispose();
        }

        return (difference, difference <= work.Tolerance);
    }

    /// <summary>Batches of calls of one side.</summary>
    private sealed class Batches
    {
        private readonly Side side;
        private readonly int calls;

        public Batches(Side side, double seconds)
        {
            this.side = side;
            var start = Stopwatch.GetTimestamp();
            var warm = 0;
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < WarmUp)
            {
                Run(1);
                warm++;
            }

            calls = Math.Max(1, (int)Math.Ceiling(seconds / (Stopwatch.GetElapsedTime(start).TotalSeconds / warm)));
            var before = GC.GetAllocatedBytesForCurrentThread();
            Run(calls);
            ManagedBytes = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)calls;
        }

        public double ManagedBytes { get; }

        /// <summary>The time of one call. The garbage of earlier batches is collected before, that of this one is not: it is shared by both sides' rounds alike.</summary>
        public double Time()
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            while (true)
            {
                try
                {
                    var start = Stopwatch.GetTimestamp();
                    Run(calls);
                    return Stopwatch.GetElapsedTime(start).TotalSeconds / calls;
                }
                catch (ExternalException)
                {
                    // TorchSharp 0.107 can collect the number in `beta * x` while native code reads it: about once in ten thousand calls.
                }
            }
        }

        private void Run(int times)
        {
            for (var call = 0; call < times; call++)
                side(null);
        }
    }
}
