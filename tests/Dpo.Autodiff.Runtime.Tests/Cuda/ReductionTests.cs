using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>The prelude's reductions over warps and blocks: right, the same in every thread, and not without any of their barriers.</summary>
public class ReductionTests
{
    private const int Rows = 7;
    private const int Columns = 1000;

    // Two reductions of each kind back to back, so that the second one's writes meet the first one's reads.
    private const string Sums = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long rows, long long columns)
        {
            for (long long row = dpo_block(); row < rows; row += dpo_blocks())
            {
                dpo_sum sum, squares;
                for (long long i = dpo_thread(); i < columns; i += dpo_threads())
                {
                    real x = dpo_load((const real *)input, row * columns + i);
                    sum.add(x);
                    squares.add(x * x);
                }

                real first = dpo_block_sum(sum);
                real second = dpo_block_sum(squares);
                long long place = (row * dpo_threads() + dpo_thread()) * 2;
                dpo_store((real *)output, place, first);
                dpo_store((real *)output, place + 1, second);
            }
        }
        """;

    private const string LogSumExps = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long rows, long long columns)
        {
            for (long long row = dpo_block(); row < rows; row += dpo_blocks())
            {
                dpo_logsumexp sum, several;
                for (long long i = dpo_thread(); i < columns; i += dpo_threads())
                    sum.add(dpo_load((const real *)input, row * columns + i));
                for (long long i = 4 * dpo_thread(); i < columns; i += 4 * dpo_threads())
                {
                    real x[4];
                    for (int k = 0; k < 4; k++)
                        x[k] = i + k < columns ? dpo_load((const real *)input, row * columns + i + k) : -dpo_infinity(real(0));
                    several.add(x);
                }

                real first = dpo_block_logsumexp(sum).value();
                real second = dpo_block_logsumexp(several).value();
                long long place = (row * dpo_threads() + dpo_thread()) * 2;
                dpo_store((real *)output, place, first);
                dpo_store((real *)output, place + 1, second);
            }
        }
        """;

    private const string Extremes = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long rows, long long columns)
        {
            for (long long row = dpo_block(); row < rows; row += dpo_blocks())
            {
                dpo_largest<real> largest;
                dpo_smallest<real> smallest;
                dpo_argmax<real> best;
                long long negative = 0, last = dpo_lowest(0LL), first = dpo_highest(0LL);
                bool any = false, all = true;
                for (long long i = dpo_thread(); i < columns; i += dpo_threads())
                {
                    real x = dpo_load((const real *)input, row * columns + i);
                    largest.add(x);
                    smallest.add(x);
                    best.add(x, i);
                    negative += x < real(0) ? 1 : 0;
                    last = x < real(0) ? dpo_maximum(last, i) : last;
                    first = x < real(0) ? dpo_minimum(first, i) : first;
                    any = any || x > real(3);
                    all = all && x < real(3);
                }

                long long place = (row * dpo_threads() + dpo_thread()) * 9;
                dpo_store((real *)output, place, dpo_block_max(largest.value));
                dpo_store((real *)output, place + 8, dpo_block_max(-smallest.value));
                dpo_store((real *)output, place + 1, dpo_block_min(smallest.value));
                dpo_store((real *)output, place + 2, (real)dpo_block_argmax(best).position);
                dpo_store((real *)output, place + 3, (real)dpo_block_sum(negative));
                dpo_store((real *)output, place + 4, (real)dpo_block_max(last));
                dpo_store((real *)output, place + 5, (real)dpo_block_min(first));
                dpo_store((real *)output, place + 6, dpo_block_any(any) ? real(1) : real(0));
                dpo_store((real *)output, place + 7, dpo_block_all(all) ? real(1) : real(0));
            }
        }
        """;

    private const string Warps = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long rows, long long columns)
        {
            for (long long row = dpo_block() * dpo_warps() + dpo_warp(); row < rows; row += dpo_blocks() * dpo_warps())
            {
                dpo_sum sum;
                dpo_logsumexp lse;
                dpo_argmax<real> best;
                for (long long i = dpo_lane(); i < columns; i += DPO_WARP)
                {
                    real x = dpo_load((const real *)input, row * columns + i);
                    sum.add(x);
                    lse.add(x);
                    best.add(x, i);
                }

                long long place = (row * DPO_WARP + dpo_lane()) * 7;
                dpo_store((real *)output, place, dpo_warp_sum(sum));
                dpo_store((real *)output, place + 1, dpo_warp_logsumexp(lse).value());
                dpo_store((real *)output, place + 2, (real)dpo_warp_argmax(best).position);
                dpo_store((real *)output, place + 3, dpo_warp_max(best.value));
                dpo_store((real *)output, place + 4, dpo_warp_min(-best.value));
                dpo_store((real *)output, place + 5, (real)dpo_warp_sum((long long)dpo_lane()));
                dpo_store((real *)output, place + 6, dpo_warp_any(best.value > real(3)) && !dpo_warp_all(best.value > real(1e9)) ? real(1) : real(0));
            }
        }
        """;

    public static TheoryData<int, ulong> Launches => Of(1, 32, 128, 256, 1024);

    public static TheoryData<int, ulong> LaunchesOfWarps => Of(32, 128, 256, 1024);

    private static TheoryData<int, ulong> Of(params int[] blocks)
    {
        var data = new TheoryData<int, ulong>();
        foreach (var threads in blocks)
            for (var seed = 1UL; seed <= 3; seed++)
                data.Add(threads, seed);
        return data;
    }

    [SkippableTheory]
    [MemberData(nameof(Launches))]
    public void SumsAreRight(int threads, ulong seed) => Check(new() { Threads = threads, Seed = seed }, Sums, 2, (row, k) => k == 0 ? row.Sum() : row.Sum(x => x * x));

    [SkippableTheory]
    [MemberData(nameof(Launches))]
    public void LogSumExpsAreRight(int threads, ulong seed) => Check(new() { Threads = threads, Seed = seed }, LogSumExps, 2, (row, _) => LogSumExp(row));

    [SkippableTheory]
    [MemberData(nameof(Launches))]
    public void ExtremesAreRight(int threads, ulong seed) => Check(new() { Threads = threads, Seed = seed }, Extremes, 9, Extreme);

    [SkippableTheory]
    [MemberData(nameof(LaunchesOfWarps))]
    public void WarpsAreRight(int threads, ulong seed)
    {
        Toolchain.Require(Toolchain.Gcc);
        var rows = Numbers(11);
        var output = new double[rows.Length * 32 * 7];
        PreludeKernels.Run(new EmulatedDevice { Threads = threads, Seed = seed }, Warps, PreludeKernels.InDouble, 2, rows.SelectMany(r => r).ToArray(), output, (long)rows.Length, (long)Columns);
        for (var i = 0; i < output.Length; i++)
        {
            var row = rows[i / 7 / 32];
            var expected = (i % 7) switch
            {
                0 => row.Sum(),
                1 => LogSumExp(row),
                2 => Array.IndexOf(row, row.Max()),
                3 => row.Max(),
                4 => -row.Max(),
                5 => 31 * 16,
                _ => row.Max() > 3 ? 1 : 0,
            };
            Assert.Equal(expected, output[i], 1e-12 * Math.Max(1, Math.Abs(expected)));
        }
    }

    [SkippableFact]
    public void NoBarrierCanBeMissed()
    {
        Toolchain.Require(Toolchain.Gcc);
        // Those of Reductions.cu, the first part of the prelude that has any.
        const int barriers = 2;
        Assert.True(Barriers.Count(Dpo.Autodiff.Cuda.CudaPrelude.Text) >= barriers);
        for (var barrier = 0; barrier < barriers; barrier++)
        {
            var removed = barrier;
            foreach (var (source, outputs, value) in new (string, int, Func<double[], int, double>)[]
            {
                (Sums, 2, (row, k) => k == 0 ? row.Sum() : row.Sum(x => x * x)),
                (LogSumExps, 2, (row, _) => LogSumExp(row)),
                (Extremes, 9, Extreme),
            })
            {
                var isCaught = false;
                for (var seed = 1UL; seed <= 3 && !isCaught; seed++)
                {
                    var device = new EmulatedDevice { Threads = 256, Seed = seed, Machine = Barriers.MachineWithout(removed) };
                    isCaught = !Agrees(device, source, outputs, value, out _);
                }

                Assert.True(isCaught, $"Barrier {barrier} of the prelude can be left out of\n{source}");
            }
        }
    }

    [SkippableFact]
    public void ABarrierThatNotAllThreadsMeetIsFound()
    {
        Toolchain.Require(Toolchain.Gcc);
        const string Source = """
            DPO_KERNEL(kernel)(const void *input, void *output)
            {
                if (dpo_thread() != 5)
                    dpo_barrier();
                dpo_store((real *)output, dpo_thread(), dpo_load((const real *)input, dpo_thread()));
            }
            """;
        var error = Assert.Throws<InvalidOperationException>(() => PreludeKernels.Run(new EmulatedDevice { Threads = 64 }, Source, PreludeKernels.InDouble, 1, new double[64], new double[64]));
        Assert.Contains("not all threads meet", error.Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void LongSumsKeepTheirDigits()
    {
        Toolchain.Require(Toolchain.Gcc);
        var random = new Random(9);
        var x = Enumerable.Range(0, 300_000).Select(_ => (float)(1 + random.NextDouble())).ToArray();
        foreach (var threads in new[] { 32, 256 })
        {
            var output = new float[threads * 2];
            PreludeKernels.Run(new EmulatedDevice { Threads = threads }, Sums, PreludeKernels.InSingle, 1, x, output, 1L, (long)x.Length);
            var sum = x.Sum(v => (double)v);
            Assert.True(Math.Abs(output[0] - sum) <= Math.Pow(2, -23) * sum, $"{output[0] - sum}");
            PreludeKernels.Run(new EmulatedDevice { Threads = threads }, LogSumExps, PreludeKernels.InSingle, 1, x, output, 1L, (long)x.Length);
            var logSumExp = LogSumExp(x.Select(v => (double)v).ToArray());
            Assert.True(Math.Abs(output[0] - logSumExp) <= Math.Pow(2, -22) * logSumExp, $"{output[0] - logSumExp}");
            Assert.True(Math.Abs(output[1] - logSumExp) <= Math.Pow(2, -22) * logSumExp, $"{output[1] - logSumExp}");
        }
    }

    [SkippableFact]
    public void InfinitiesAndWhatIsNoNumberStay()
    {
        Toolchain.Require(Toolchain.Gcc);
        const double Infinity = double.PositiveInfinity;
        double[][] rows =
        [
            [-Infinity, -Infinity, -Infinity], [-Infinity, 1, -Infinity], [Infinity, 1, 2], [1, 2, Infinity], [double.NaN, 1, 2], [1, 2, double.NaN],
            [-3.4e38, -3.4e38, -3.4e38], [3.4e38, -3.4e38, 3.4e38], [1e4, -1e4, 1e4], [-1e4, -1e4, -1e4],
        ];
        double[] expected =
        [
            -Infinity, 1, Infinity, Infinity, double.NaN, double.NaN, -3.4e38, 3.4e38, 1e4 + Math.Log(2), -1e4 + Math.Log(3),
        ];
        foreach (var threads in new[] { 1, 32, 128 })
        {
            var output = new float[rows.Length * threads * 2];
            PreludeKernels.Run(
                new EmulatedDevice { Threads = threads }, LogSumExps, PreludeKernels.InSingle, 3, rows.SelectMany(r => r).Select(v => (float)v).ToArray(), output, (long)rows.Length, 3L);
            for (var i = 0; i < output.Length; i++)
            {
                var (e, a) = (expected[i / 2 / threads], output[i]);
                Assert.True(double.IsFinite(e) ? Math.Abs(a - e) <= 2e-7 * Math.Abs(e) : ((double)a).Equals(e), $"{threads} threads, row {i / 2 / threads}: {a}, not {e}.");
            }
        }
    }

    private static void Check(EmulatedDevice device, string source, int outputs, Func<double[], int, double> value)
    {
        Toolchain.Require(Toolchain.Gcc);
        Assert.True(Agrees(device, source, outputs, value, out var difference), difference);
    }

    private static bool Agrees(EmulatedDevice device, string source, int outputs, Func<double[], int, double> value, out string? difference)
    {
        var rows = Numbers(Rows);
        var output = new double[Rows * device.Threads * outputs];
        PreludeKernels.Run(device, source, PreludeKernels.InDouble, device.Multiprocessors, rows.SelectMany(r => r).ToArray(), output, (long)Rows, (long)Columns);
        for (var row = 0; row < Rows; row++)
        {
            for (var k = 0; k < outputs; k++)
            {
                var expected = value(rows[row], k);
                for (var thread = 0; thread < device.Threads; thread++)
                {
                    var actual = output[((((row * device.Threads) + thread) * outputs) + k)];
                    var isFirst = output[(row * device.Threads * outputs) + k].Equals(actual);
                    if (!(Math.Abs(actual - expected) <= 1e-12 * Math.Max(1, Math.Abs(expected))) || !isFirst)
                    {
                        difference = $"Row {row}, output {k}, thread {thread}: {actual}, not {expected}.";
                        return false;
                    }
                }
            }
        }

        difference = null;
        return true;
    }

    private static double Extreme(double[] row, int output) => output switch
    {
        0 => row.Max(),
        1 => row.Min(),
        2 => Array.IndexOf(row, row.Max()),
        3 => row.Count(x => x < 0),
        4 => Array.FindLastIndex(row, x => x < 0),
        5 => Array.FindIndex(row, x => x < 0),
        6 => row.Any(x => x > 3) ? 1 : 0,
        8 => -row.Min(),
        _ => row.All(x => x < 3) ? 1 : 0,
    };

    private static double LogSumExp(double[] row)
    {
        var largest = row.Max();
        return largest + Math.Log(row.Sum(x => Math.Exp(x - largest)));
    }

    // The same value twice in each row, so that the first of equals shows.
    private static double[][] Numbers(int rows)
    {
        var random = new Random(rows);
        return Enumerable.Range(0, rows).Select(_ => Enumerable.Range(0, Columns).Select(_ => Math.Round((random.NextDouble() - 0.5) * (random.Next(2) == 0 ? 5.8 : 6.8), 2)).ToArray()).ToArray();
    }
}
