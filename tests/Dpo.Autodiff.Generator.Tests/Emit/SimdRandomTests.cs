using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Schedule;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Random programs as vector kernels against what they mean, in double on every width.</summary>
public class SimdRandomTests
{
    private const int Batch = 40;

    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("DPO_AUTODIFF_SEEDS"), out var seeds) ? seeds : 2 * Batch;

    [Fact]
    public void Kernels_compute_what_the_program_means()
    {
        var failures = new List<string>();
        for (var first = 0; first < Seeds; first += Batch)
        {
            var programs = Enumerable.Range(first, Batch).Select(seed => RandomLoweredProgram.Of(seed, 3 + (seed % 25), isMasked: seed % 2 == 1)).ToArray();
            var loops = programs.Select(p => Scheduler.Run(p, p.Name)).ToArray();
            var code = new SimdCode(loops, "pair", "item", "token");
            for (var i = 0; i < programs.Length; i++)
                foreach (var extents in new[] { RandomLoweredProgram.Extents(first + i), new Dictionary<string, long> { ["pair"] = 21, ["item"] = 3, ["token"] = 18 } })
                    if (Difference(code, i, loops[i], first + i, extents) is { } failure)
                        failures.Add(failure);
        }

        Assert.True(failures.Count == 0, $"{failures.Count} of {Seeds}:\n{string.Join("\n\n", failures.Take(3))}");
    }

    [Fact]
    public void Tensors_of_any_dtype_give_the_same()
    {
        var programs = Enumerable.Range(1000, Batch).Select(seed => RandomLoweredProgram.Of(seed, 3 + (seed % 25), isMasked: seed % 2 == 1)).ToArray();
        var loops = programs.Select(p => Scheduler.Run(p, p.Name)).ToArray();
        var code = new SimdCode(loops, "pair", "item", "token");
        for (var i = 0; i < programs.Length; i++)
        {
            var extents = RandomLoweredProgram.Extents(1000 + i);
            var source = loops[i].Source;

            // Numbers that both types have.
            var inputs = RandomLoweredProgram.Draw(source, 1000 + i, extents).Select(x => x.Select(v => (double)(float)v).ToArray()).ToArray();
            var scalars = HostEvaluator.Run(source.Host, RandomLoweredProgram.Parameters, extents);
            foreach (var machine in SimdCode.Machines)
            {
                var own = code.Run(i, machine, inputs, extents, scalars).Outputs;
                var other = code.Run(i, machine, inputs, extents, scalars, isForeign: true).Outputs;
                for (var o = 0; o < own.Length; o++)
                    for (var e = 0; e < own[o]!.Length; e++)
                        Assert.True(
                            other[o]![e].Equals(own[o]![e]) || other[o]![e].Equals((double)(float)own[o]![e]),
                            $"Seed {1000 + i}, {machine}: {source.Outputs[o].Name}[{e}] is {other[o]![e]:R}, not {own[o]![e]:R}\n{code.Texts[i]}");
            }
        }
    }

    private static string? Difference(SimdCode code, int kernel, LoopProgram loops, int seed, IReadOnlyDictionary<string, long> extents)
    {
        var source = loops.Source;
        var inputs = RandomLoweredProgram.Draw(source, seed, extents);
        var scalars = HostEvaluator.Run(source.Host, RandomLoweredProgram.Parameters, extents);
        var expected = ProgramEvaluator.Run(source, inputs, scalars, extents);
        foreach (var machine in SimdCode.Machines.Where(m => m.IsDouble))
        {
            var (outputs, fault) = code.Run(kernel, machine, inputs, extents, scalars);
            if (fault.IsFault)
                return $"Seed {seed}: {fault.Index} out of {fault.Extent}";
            for (var o = 0; o < expected.Length; o++)
            {
                var scale = expected[o].Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
                for (var e = 0; e < expected[o].Length; e++)
                    if (!expected[o][e].Equals(outputs[o]![e]) && !(Math.Abs(expected[o][e] - outputs[o]![e]) <= 1e-9 * Math.Max(1, scale)))
                        return $"Seed {seed}, {machine}: {source.Outputs[o].Name}[{e}] is {outputs[o]![e]:R}, not {expected[o][e]:R}\n{ProgramPrinter.Print(source)}\n{LoopPrinter.Print(loops)}\n{code.Texts[kernel]}";
            }
        }

        return null;
    }
}
