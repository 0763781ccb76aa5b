using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Testing;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>
/// What the test of memory accesses starts as a program of its own: kernels that AddressSanitizer watches, one thread a block, in a process whose
/// memory it watches too.
/// </summary>
internal static class SanitisedRun
{
    internal const string Catalogue = "catalogue";
    internal const string Planted = "planted";
    internal const string Done = "Every access was within its tensor.";

    internal static void Run(string what)
    {
        if (what == Planted)
            ReadBeyond();
        else
            RunAll();
        Console.WriteLine(Done);
    }

    // Each source once, in float32 and in bfloat16 by turns: vectors of 4 and of 8.
    private static void RunAll()
    {
        var catalogue = new CudaCatalogue();
        var seen = new HashSet<string>();
        var uses = new List<CudaUse>();
        foreach (var group in catalogue.Texts.Keys.Where(u => u.DType != ScalarType.Float64).GroupBy(u => (u.Objective, CudaCatalogue.Name(u), u.Backend, u.IsPrecomputed)))
        {
            var use = group.First(u => u.DType == (uses.Count % 2 == 0 ? ScalarType.Float32 : ScalarType.BFloat16));
            if (catalogue.Texts[use].Count(t => seen.Add(t.Source)) > 0)
                uses.Add(use);
        }

        CompiledText.Prepare(uses.SelectMany(u => catalogue.Texts[u]), Machine.Sanitised);
        var device = new EmulatedDevice { Threads = 1, Machine = Machine.Sanitised };
        foreach (var use in uses)
            foreach (var size in new long[] { 1, 7, 3 })
            {
                using var scope = NewDisposeScope();
                CudaCatalogue.Run(device, use, CudaCatalogue.Arguments(use, 8, size));
            }

        Console.WriteLine($"{device.Launches} launches, {seen.Count} sources.");
    }

    private static void ReadBeyond()
    {
        const string Source = """
            DPO_KERNEL(beyond)(const real *x, real *y, long long count)
            {
                for (long long i = 0; i <= count; i++)
                    y[0] = y[0] + x[i];
            }
            """;
        using var x = ones(100, ScalarType.Float32);
        using var y = zeros(1, ScalarType.Float32);
        ICudaDevice device = new EmulatedDevice { Threads = 1, Machine = Machine.Sanitised };
        var module = device.Load("planted", Source, "", ["beyond"]);
        module.Launch(module.Function("beyond"), 1, 1, 0, [(ulong)Native.TensorHandle.Data(x.Handle), (ulong)Native.TensorHandle.Data(y.Handle), 100]);
    }
}
