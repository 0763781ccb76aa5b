using Dpo.Autodiff.Testing;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>Every barrier of the catalogue's kernels is there for a reason: without it some comparison fails.</summary>
[Collection(CudaCatalogue.Collection)]
public sealed class BarrierTests(CudaCatalogue catalogue, ITestOutputHelper output)
{
    [SkippableFact]
    public void NoBarrierCanBeMissed()
    {
        Toolchain.Require(Toolchain.Gcc);

        // The same kernel in several configurations and dtypes is held once.
        var mutants = new Dictionary<(string Source, int Barrier), (CudaUse Use, KernelText Text)>();
        foreach (var (use, texts) in catalogue.Texts.Where(t => t.Key.DType == ScalarType.Float64))
            foreach (var text in texts)
                for (var barrier = 0; barrier < Barriers.Count(text.Source); barrier++)
                    mutants.TryAdd((text.Source, barrier), (use, text));
        Assert.NotEmpty(mutants);

        CompiledText.Prepare(mutants.Select(m => Mutant(m.Value.Text, m.Key.Barrier)), Machine.Usual);
        CompiledText.Prepare(mutants.SelectMany(m => catalogue.Texts[m.Value.Use]), Machine.Usual);
        var missed = mutants.Where(m => !IsCaught(m.Value.Use, m.Value.Text, m.Key.Barrier)).Select(m => $"{m.Value.Use}:\n{Context(m.Key.Source, m.Key.Barrier)}").ToArray();
        output.WriteLine($"{mutants.Count} barriers, {missed.Length} of them unnoticed.\n\n{string.Join("\n\n", missed)}");
        Assert.Empty(missed);
    }

    private static KernelText Mutant(KernelText text, int barrier) => text with { Source = Barriers.Without(text.Source, barrier) };

    private static bool IsCaught(CudaUse use, KernelText text, int barrier)
    {
        var mutant = Mutant(text, barrier);
        foreach (var size in new long[] { 64, 3, 7 })
        {
            using var scope = NewDisposeScope();
            var arguments = CudaCatalogue.Arguments(use, 6, size);
            var oracle = new CudaOracle(use, arguments);
            foreach (var threads in new[] { 256, 128, 64 })
                for (var seed = 1UL; seed <= 3; seed++)
                {
                    var device = new EmulatedDevice { Threads = threads, Seed = seed, Mutation = t => t == text ? mutant : t };
                    if (oracle.Difference(() => CudaCatalogue.Run(device, use, arguments)) is not null)
                        return true;
                }
        }

        return false;
    }

    // Where the barrier is.
    private static string Context(string source, int barrier)
    {
        var before = string.Join("dpo_barrier();", source.Split("dpo_barrier();")[..(barrier + 1)]).Split('\n');
        var after = string.Join("dpo_barrier();", source.Split("dpo_barrier();")[(barrier + 1)..]).Split('\n');
        var kernel = before.LastOrDefault(l => l.StartsWith("DPO_KERNEL", StringComparison.Ordinal)) ?? "";
        return $"{kernel[..Math.Min(kernel.Length, 60)]}\n{string.Join('\n', before.TakeLast(5))}<< here >>{string.Join('\n', after.Take(5))}";
    }
}
