using System.Globalization;
using System.IO.Compression;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Testing;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.RandomPrograms;

/// <summary>Random objectives for a machine that has a card and no .NET, as the catalogue is exported; each is tried on the card that the processor plays first.</summary>
internal static class RandomExport
{
    private const int BatchSize = 40;

    // Objectives that name float64 themselves are not computed in another dtype, by eager either.
    private const string OfDoubles = "mask value";

    public static int Main(string[] arguments)
    {
        if (arguments is not ["export", var file, .. var rest] || rest.Length > 1)
        {
            Console.Error.WriteLine("export FILE [COUNT]: writes random objectives' kernels, their launches, inputs and results for tests/Dpo.Autodiff.Gpu");
            return 2;
        }

        return Write(file, rest is [var count] ? int.Parse(count, CultureInfo.InvariantCulture) : 300);
    }

    private static int Write(string file, int count)
    {
        using var stream = new GZipStream(File.Create(file), CompressionLevel.Optimal);
        using var writer = new StreamWriter(stream);
        writer.WriteLine(CardCall.Prelude());
        var (written, wrong) = (0, 0);
        for (var start = 1; start <= count; start += BatchSize)
        {
            using var scope = NewDisposeScope();
            var objectives = Enumerable.Range(start, Math.Min(BatchSize, count + 1 - start)).Select(seed => RandomObjectives.Draw(seed, $"R{seed}")).ToArray();
            var container = RandomProgramTests.Compile(objectives);
            var calls = objectives
                .SelectMany((o, i) => DTypes(o).Select(dtype => RandomCall.Of(container, o, (start + i) % RandomProgramTests.SizeSets.Length, dtype)))
                .OfType<RandomCall>().ToArray();
            CompiledText.Prepare(calls.Select(c => c.Text), Machine.Usual);
            foreach (var call in calls)
            {
                if (call.Difference(new EmulatedDevice { Seed = (ulong)written }) is { } difference)
                {
                    wrong++;
                    Console.WriteLine($"{call.Name} {call.DType}: {difference}");
                }

                writer.WriteLine(call.Line());
                written++;
            }
        }

        Console.WriteLine($"{written} calls of {count} random objectives; {wrong} differ on the card that the processor plays.");
        return wrong == 0 ? 0 : 1;
    }

    private static ScalarType[] DTypes(RandomObjective objective) => objective.Results.SelectMany(r => r.Descendants()).Any(n => n.Operation == OfDoubles)
        ? [ScalarType.Float64]
        : [ScalarType.Float64, ScalarType.Float32, ScalarType.BFloat16];

    /// <summary>A random objective with inputs of a dtype, and what eager makes of them.</summary>
    private sealed record RandomCall(Type Container, RandomObjective Objective, Tensor[] Inputs, Tensor Upstream, ScalarType DType, long Size, Tensor[] Results, Tensor?[] Gradients, double Allowed)
    {
        private const double SingleUnit = 6e-8;

        public string Name => Objective.Name;

        public KernelText Text { get; private set; } = null!;

        private JsonObject Json { get; set; } = null!;

        /// <summary>Null where all inputs come too near a kink, or a call is not one launch plan.</summary>
        public static RandomCall? Of(Type container, RandomObjective objective, int sizes, ScalarType dtype)
        {
            var named = RandomProgramTests.Sizes(RandomProgramTests.SizeSets[sizes]);
            for (var attempt = 0; attempt < RandomProgramTests.MostDraws; attempt++)
            {
                var inputs = objective.Draw(attempt + (objective.Size * 31), named).Select(x => x.is_floating_point() ? x.detach().to(dtype) : x).ToArray();
                var doubles = Leaves(objective, inputs, ScalarType.Float64);
                var monitor = new KinkMonitor();
                var values = objective.Inputs.Zip(doubles).ToDictionary(p => p.First.Name, p => p.Second);
                foreach (var result in objective.Results.Select(r => RandomObjectives.Bind(r, values)))
                    result.Evaluate(monitor);
                if (monitor.Distance < RandomProgramTests.KinkDistance || !monitor.IsFinite)
                    continue;
                var (truth, gradients, upstream) = Eager(container, objective, doubles);
                if (truth.Concat(gradients.OfType<Tensor>()).Any(t => !t.isfinite().all().ToBoolean()))
                    continue;
                var call = new RandomCall(container, objective, inputs, upstream.to(dtype), dtype, named.Values.Max(), truth, gradients, Tolerance(container, objective, inputs, dtype, monitor.Scale, truth, gradients));
                return call.Record() ? call : null;
            }

            return null;
        }

        public string Line() => CardCall.Line(Json, Text, Name, DType, Size);

        /// <summary>Runs on a device: null, or what differs.</summary>
        public string? Difference(ICudaDevice device)
        {
            var (results, gradients) = WithGrad(device);
            for (var i = 0; i < results.Length; i++)
                if (Error(results[i], Results[i]) is var error && !(error <= Permitted(Results[i])))
                    return $"result {i} is off by {error:g3} of {Permitted(Results[i]):g3}";
            for (var i = 0; i < gradients.Length; i++)
                if (gradients[i] is { } got && Gradients[i] is { } wanted && Error(got, wanted) is var error && !(error <= Permitted(wanted)))
                    return $"gradient {i} is off by {error:g3} of {Permitted(wanted):g3}";
            return null;
        }

        private static double Error(Tensor got, Tensor wanted) => wanted.numel() == 0 ? 0 : (got.to(ScalarType.Float64) - wanted).abs().max().ToDouble();

        // What is stored in two bytes is rounded once more.
        private double Permitted(Tensor wanted) => Allowed + (DType == ScalarType.BFloat16 && wanted.numel() > 0 ? Math.Pow(2, -8) * wanted.abs().max().ToDouble() : 0);

        // As near as a few operations in the compute type come, or as near as eager does.
        private static double Tolerance(Type container, RandomObjective objective, Tensor[] inputs, ScalarType dtype, double scale, Tensor[] results, Tensor?[] gradients)
        {
            var largest = gradients.OfType<Tensor>().Where(g => g.numel() > 0).Select(g => g.abs().max().ToDouble()).Append(scale).Max();
            if (dtype == ScalarType.Float64)
                return 1e-10 * largest;
            var (single, singles, _) = Eager(container, objective, Leaves(objective, inputs, ScalarType.Float32));
            var errors = single.Zip(results).Concat(singles.Zip(gradients).Where(p => p.First is not null && p.Second is not null).Select(p => (p.First!, p.Second!)));
            return Math.Max(64 * SingleUnit * largest, 4 * errors.Select(e => Error(e.Item1, e.Item2)).Append(0).Max());
        }

        private static Tensor[] Leaves(RandomObjective objective, Tensor[] inputs, ScalarType dtype) => inputs.Select((x, i) => x.is_floating_point()
            ? x.to(dtype).detach().clone().requires_grad_(objective.Inputs[i].Kind == RandomInputKind.Differentiable)
            : x).ToArray();

        private static (Tensor[] Results, Tensor?[] Gradients, Tensor Upstream) Eager(Type container, RandomObjective objective, Tensor[] inputs)
        {
            var results = RandomProgramTests.Unpack(container.GetMethod(objective.Name)!.Invoke(null, [.. inputs, objective.Beta, objective.Gamma])!);

            // Numbers that every dtype has.
            var upstream = results[0].numel() == 1
                ? ones_like(results[0])
                : 1 + (0.25 * (arange(results[0].numel(), results[0].dtype) % 8).reshape(results[0].shape));
            return (results.Select(r => r.detach()).ToArray(), RandomProgramTests.Gradients(results[0], upstream, objective, inputs), upstream.detach());
        }

        private bool Record()
        {
            var recorder = new RecordingDevice();
            var calls = new List<JsonObject>();
            CudaCall.Observer = (CudaProgram program, in KernelCall call) => calls.Add(CardCall.Of(program, call, i => Doubles(Results[i]), name => Gradients[Array.FindIndex(Objective.Inputs, x => x.Name == name)] is { } gradient ? Doubles(gradient) : null));
            try
            {
                WithGrad(recorder);
            }
            finally
            {
                CudaCall.Observer = null;
            }

            if (calls.Count != 1 || recorder.Texts.Count != 1)
                return false;
            (Text, Json) = (recorder.Texts.Single(), calls[0]);
            foreach (var buffer in Json["buffers"]!.AsArray().Where(b => b!["expected"] is not null))
            {
                var expected = MemoryMarshal.Cast<byte, double>(Convert.FromBase64String(buffer!["expected"]!.GetValue<string>())).ToArray();
                buffer["allowed"] = Permitted(tensor(expected));
            }

            return true;
        }

        private (Tensor[] Results, Tensor?[] Gradients) WithGrad(ICudaDevice device)
        {
            CudaDevices.Emulated = device;
            try
            {
                var inputs = Leaves(Objective, Inputs, DType);
                var result = Container.GetNestedType("Fused")!.GetMethod(Objective.Name + "WithGrad", BindingFlags.Public | BindingFlags.Static)!
                    .Invoke(null, [.. inputs, Objective.Beta, Objective.Gamma, Upstream])!;
                Tensor? Property(string name) => (Tensor?)result.GetType().GetProperty(name)!.GetValue(result);
                return (
                    Objective.Results.Select((_, i) => Property(Objective.Results.Length == 1 ? "Value" : $"R{i}")!).ToArray(),
                    Objective.Inputs.Select(x => x.Kind == RandomInputKind.Differentiable ? Property("Grad" + char.ToUpperInvariant(x.Name[0]) + x.Name[1..]) : null).ToArray());
            }
            finally
            {
                CudaDevices.Emulated = null;
            }
        }

        private static double[] Doubles(Tensor x) => x.to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }
}
