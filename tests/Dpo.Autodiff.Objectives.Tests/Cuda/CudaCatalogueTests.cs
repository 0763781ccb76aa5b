using Dpo.Autodiff.Objectives.Tests.Harness;
using Dpo.Autodiff.Testing;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>
/// The CUDA kernels of every objective of the catalogue, on a card that the processor plays: through the same plan and launches as on a
/// card, against the method as written.
/// </summary>
[Collection(CudaCatalogue.Collection)]
public sealed class CudaCatalogueTests(CudaCatalogue catalogue, ITestOutputHelper output)
{
    private static readonly int[] Blocks = [32, 128, 256];

    // The largest is more than a warp, and not a multiple of one.
    private static readonly long[] Sizes = [1, 7, 40];

    public static TheoryData<string> Objectives => new(ObjectiveUnderTest.AllOf(typeof(Preference).Assembly).Select(o => o.Name));

    [SkippableFact]
    public void EveryKernelCompilesForACard()
    {
        Toolchain.Require(Toolchain.Clang);
        var texts = catalogue.Texts.Values.SelectMany(t => t).Distinct().ToArray();

        // Each text as it is, and with 2-byte storage where it is ever asked for.
        var wanted = texts.Select(t => t with { Defines = "" }).Concat(texts.Where(t => t.Defines.Contains("dpo_bfloat16", StringComparison.Ordinal))).Distinct().ToArray();
        var entries = 0;
        Parallel.ForEach(
            wanted.GroupBy(t => t.Common).SelectMany(g => g.Chunk(24)),
            new ParallelOptions { MaxDegreeOfParallelism = 2 },
            batch => Interlocked.Add(ref entries, Ptx.Compile(batch).Split(".visible .entry ").Length - 1));
        output.WriteLine($"{entries} kernels of {wanted.Length} texts.");
        Assert.Equal(wanted.Sum(t => t.Names.Length), entries);
    }

    [SkippableTheory]
    [MemberData(nameof(Objectives))]
    public void KernelsAgreeWithEager(string name)
    {
        Toolchain.Require(Toolchain.Gcc);
        var uses = catalogue.Texts.Keys.Where(u => u.Objective == name).ToArray();
        CompiledText.Prepare(catalogue.Texts.Values.SelectMany(t => t), Machine.Usual);
        var device = new EmulatedDevice();
        var turn = 0UL;
        GC.Collect();
        GC.WaitForPendingFinalizers();
        foreach (var use in uses)
            foreach (var size in Sizes)
            {
                using var scope = NewDisposeScope();
                var arguments = CudaCatalogue.Arguments(use, 6, size);
                var oracle = new CudaOracle(use, arguments);
                foreach (var threads in use.DType == ScalarType.Float64 && size == Sizes[^1] ? Blocks : [Blocks[turn++ % 3]])
                {
                    device.Threads = threads;
                    device.Seed = 1 + (turn++ % 3);
                    var difference = oracle.Difference(() => CudaCatalogue.Run(device, use, arguments));
                    Assert.True(difference is null, $"{use}, size {size}, {threads} threads: {difference}");
                }
            }

        Assert.True(uses.Length == 0 || device.Launches > 0);
    }

    [SkippableTheory]
    [MemberData(nameof(Objectives))]
    public void TheOrderOfWarpsLeavesNoTrace(string name)
    {
        Toolchain.Require(Toolchain.Gcc);
        var uses = catalogue.Texts.Keys.Where(u => u.Objective == name && u.DType == ScalarType.Float32 && u.IsPrecomputed).ToArray();
        CompiledText.Prepare(catalogue.Texts.Values.SelectMany(t => t), Machine.Usual);
        foreach (var use in uses)
        {
            using var scope = NewDisposeScope();
            var device = new EmulatedDevice { Threads = 128 };
            var arguments = CudaCatalogue.Arguments(use, 7, Sizes[^1]);
            Outcome? first = null;
            for (device.Seed = 1; device.Seed <= 3; device.Seed++)
            {
                var outcome = CudaCatalogue.Run(device, use, arguments);
                first ??= outcome;
                foreach (var (result, value) in first.Results)
                    Assert.Equal(Closeness.Doubles(value), Closeness.Doubles(outcome.Results[result]));
                foreach (var (parameter, value) in first.Gradients)
                    Assert.Equal(value is null ? [] : Closeness.Doubles(value), outcome.Gradients[parameter] is { } other ? Closeness.Doubles(other) : []);
            }
        }
    }
}
