using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>The prelude's scans and sorts of rows: right, and not without any of their barriers.</summary>
public class RowRoutineTests
{
    private const int Rows = 5;

    // Two scans back to back, and of several rows: what one leaves in shared memory meets the next.
    private const string Scans = """
        DPO_KERNEL(kernel)(const void *input, void *output, long long rows, long long columns)
        {
            for (long long row = dpo_block(); row < rows; row += dpo_blocks())
            {
                const real *x = (const real *)input + row * columns;
                real *y = (real *)output + row * 2 * columns;
                dpo_cumsum_row(x, 1, y, 1, columns, false);
                dpo_logcumsumexp_row(x, 1, y + columns, 1, columns, true);
            }
        }
        """;

    private const string Sorts = """
        DPO_KERNEL(kernel)(const void *input, void *output, void *places, long long rows, long long columns)
        {
            for (long long row = dpo_block(); row < rows; row += dpo_blocks())
                dpo_sort_row((const real *)input + row * columns, 1, (real *)output + row * columns, 1, (long long *)places + row * columns, 1, columns, true);
        }
        """;

    [SkippableTheory]
    [InlineData(1, 1)]
    [InlineData(1000, 32)]
    [InlineData(1000, 256)]
    [InlineData(70, 128)]
    public void ScansAreRight(int columns, int threads)
    {
        Toolchain.Require(Toolchain.Gcc);
        foreach (var order in new[] { EmulatedDevice.FirstAhead, EmulatedDevice.LastAhead, 1UL, 2UL })
            Assert.True(AreRight(new() { Threads = threads, Seed = order }, columns));
    }

    [SkippableTheory]
    [InlineData(1, 1)]
    [InlineData(70, 32)]
    [InlineData(300, 128)]
    public void SortsAreRight(int columns, int threads)
    {
        Toolchain.Require(Toolchain.Gcc);
        var rows = Numbers(columns);
        rows[0][columns / 2] = double.NaN;
        var output = new double[Rows * columns];
        var places = new long[Rows * columns];
        PreludeKernels.Run(new EmulatedDevice { Threads = threads }, Sorts, PreludeKernels.InDouble, 3, rows.SelectMany(r => r).ToArray(), output, places, (long)Rows, (long)columns);
        for (var row = 0; row < Rows; row++)
        {
            var order = Enumerable.Range(0, columns).OrderByDescending(i => double.IsNaN(rows[row][i])).ThenByDescending(i => rows[row][i]).ToArray();
            Assert.Equal(order.Select(i => (long)i), places[(row * columns)..((row + 1) * columns)]);
            Assert.Equal(order.Select(i => rows[row][i]), output[(row * columns)..((row + 1) * columns)]);
        }
    }

    [SkippableFact]
    public void NoBarrierOfAScanCanBeMissed()
    {
        Toolchain.Require(Toolchain.Gcc);
        var prelude = Dpo.Autodiff.Cuda.CudaPrelude.Text;
        var scans = prelude.IndexOf("dpo_scan_row", StringComparison.Ordinal);
        var barriers = Enumerable.Range(0, Barriers.Count(prelude)).Where(b => Barriers.PlaceOf(prelude, b) > scans).ToArray();
        Assert.Equal(2, barriers.Length);
        foreach (var barrier in barriers)
        {
            var orders = new[] { EmulatedDevice.FirstAhead, EmulatedDevice.LastAhead, 1UL, 2UL, 3UL };
            Assert.Contains(orders, order => !AreRight(new() { Threads = 128, Seed = order, Machine = Barriers.MachineWithout(barrier) }, 300));
        }
    }

    private static bool AreRight(EmulatedDevice device, int columns)
    {
        var rows = Numbers(columns);
        var output = new double[Rows * 2 * columns];
        PreludeKernels.Run(device, Scans, PreludeKernels.InDouble, 3, rows.SelectMany(r => r).ToArray(), output, (long)Rows, (long)columns);
        for (var row = 0; row < Rows; row++)
        {
            var (sum, exponentials) = (0.0, 0.0);
            for (var i = 0; i < columns; i++)
            {
                sum += rows[row][i];
                exponentials += Math.Exp(rows[row][columns - 1 - i]);
                if (!(Math.Abs(output[(row * 2 * columns) + i] - sum) <= 1e-11) || !(Math.Abs(output[(((row * 2) + 2) * columns) - 1 - i] - Math.Log(exponentials)) <= 1e-11))
                    return false;
            }
        }

        return true;
    }

    private static double[][] Numbers(int columns)
    {
        var random = new Random(columns);
        return Enumerable.Range(0, Rows).Select(_ => Enumerable.Range(0, columns).Select(_ => Math.Round(random.NextDouble() - 0.5, 2)).ToArray()).ToArray();
    }
}
