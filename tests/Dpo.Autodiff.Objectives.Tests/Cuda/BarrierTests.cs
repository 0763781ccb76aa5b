using Dpo.Autodiff.Testing;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>Every barrier of the catalogue's kernels is there for a reason: without it, in some order of warps, results are wrong.</summary>
[Collection(CudaCatalogue.Collection)]
public sealed class BarrierTests(CudaCatalogue catalogue, ITestOutputHelper output)
{
    // Rows of several warps and of one, more of them than blocks; and other numbers, since some results hang on a place that is read too
    // late in few cases only.
    private static readonly (long Row, int Threads, int Draw)[] Shapes = [(70, 64, 6), (45, 128, 6), (70, 32, 6), (70, 64, 7), (70, 64, 8), (70, 64, 9)];

    private static readonly ulong[] Orders = [EmulatedDevice.FirstAhead, EmulatedDevice.LastAhead, 1, 2, 3];

    // A largest number that is not finite is often taken for 0: a huge one shows where NaN does not.
    private static readonly double[] Unwritten = [double.NaN, 1e300];

    [SkippableFact]
    public void NoBarrierCanBeMissed()
    {
        Toolchain.Require(Toolchain.Gcc);
        using var scope = NewDisposeScope();

        // The same kernel in several texts is held once.
        var mutants = new Dictionary<(string Kernel, int Barrier), (CudaUse Use, KernelText Text, KernelText Mutant)>();
        foreach (var (use, texts) in catalogue.Texts.Where(t => t.Key.DType == ScalarType.Float64))
            foreach (var text in texts)
                for (var barrier = 0; barrier < Barriers.Count(text.Source); barrier++)
                    mutants.TryAdd(Barriers.KernelOf(text.Source, barrier), (use, text, text with { Source = Barriers.Without(text.Source, barrier) }));

        CompiledText.Prepare(mutants.Values.Select(m => m.Mutant), Machine.Usual);
        CompiledText.Prepare(mutants.Values.Select(m => m.Text), Machine.Usual);
        var runs = new Runs();
        var missed = mutants.Where(m => !runs.Differ(m.Value.Use, m.Value.Text, m.Value.Mutant)).Select(m => $"{m.Value.Use}: barrier {m.Key.Barrier + 1} of\n{m.Key.Kernel}").ToArray();
        output.WriteLine($"{mutants.Count} barriers, {runs.Count} runs, {missed.Length} barriers unnoticed.\n\n{string.Join("\n\n", missed)}");
        Assert.True(mutants.Count > 20);
        Assert.Empty(missed);
    }

    /// <summary>Runs of mutants, against what the kernels as they are make of the same arguments.</summary>
    private sealed class Runs
    {
        private readonly Dictionary<(CudaUse, long Row, int Draw), (Dictionary<string, object?> Arguments, CudaOracle Oracle)> known = [];

        internal int Count { get; private set; }

        internal bool Differ(CudaUse use, KernelText text, KernelText mutant)
        {
            foreach (var (row, threads, draw) in Shapes)
            {
                if (!known.TryGetValue((use, row, draw), out var example))
                {
                    var arguments = CudaCatalogue.Arguments(use, draw, 7, row);
                    known[(use, row, draw)] = example = (arguments, new CudaOracle(use, arguments));
                }

                foreach (var order in Orders)
                    foreach (var unwritten in Unwritten)
                    {
                        using var scope = NewDisposeScope();
                        var device = new EmulatedDevice { Threads = threads, Seed = order, Unwritten = unwritten, Mutation = t => t == text ? mutant : t };
                        Count++;
                        if (example.Oracle.Difference(() => CudaCatalogue.Run(device, use, example.Arguments)) is not null)
                            return true;
                    }
            }

            return false;
        }
    }
}
