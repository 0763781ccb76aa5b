using System.Globalization;
using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Catalogue;

/// <summary>
/// Tensors of half precision, and masks, labels and references of other dtypes beside them: as eager in float32 on the upcast inputs,
/// rounded once.
/// </summary>
public class DTypeTests
{
    private static readonly ScalarType[] Halves = [ScalarType.BFloat16, ScalarType.Float16];

    private static readonly ScalarType[] Weights =
    [
        ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64,
        ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32,
    ];

    [Fact]
    public void LogitsAndTheirGradientsAreRoundedOnce()
    {
        foreach (var dtype in Halves)
            foreach (var vocab in new long[] { 1, 3, 15, 16, 17, 31, 33, 300 })
                foreach (var label in new[] { ScalarType.Int64, ScalarType.Byte })
                    Check(nameof(Mixtures.TokenLoss), new()
                    {
                        ["logits"] = randn(5, vocab).mul(3).to(dtype),
                        ["labels"] = (arange(5) * 7 % vocab).to(label),
                    });
    }

    [Fact]
    public void WeightsMayBeOfAnyDType()
    {
        foreach (var dtype in Halves.Append(ScalarType.Float32))
            foreach (var weight in Weights)
                Check(nameof(Mixtures.Weighted), new()
                {
                    ["logits"] = randn(3, 19, 37).to(dtype),
                    ["labels"] = randint(0, 37, [3, 19]).to(ScalarType.Int32),
                    ["weight"] = (randint(0, 3, [3, 19]).to(ScalarType.Float32) * (weight is ScalarType.Int8 or ScalarType.Float16 ? -1 : 1)).to(weight),
                });
    }

    [Fact]
    public void ReferencesMayBeOfAnotherDType()
    {
        foreach (var dtype in Halves)
            foreach (var other in Halves.Append(ScalarType.Float32))
            {
                Check(nameof(Mixtures.Divergence), new() { ["logits"] = randn(4, 77).to(dtype), ["reference"] = randn(4, 77).to(other) });
                Check(nameof(Mixtures.Divergence), new() { ["logits"] = randn(4, 77).to(other), ["reference"] = randn(4, 77).to(dtype) });
            }
    }

    [Fact]
    public void PartsOfRowsAreReadAndWritten()
    {
        foreach (var dtype in Halves)
        {
            Check(nameof(Mixtures.Shifted), new() { ["logits"] = randn(6, 5, 21).to(dtype), ["target"] = randn(3, 5, 21).to(ScalarType.BFloat16) });
            Check(nameof(Mixtures.Columns), new() { ["logits"] = randn(50, 21).to(dtype), ["bias"] = randn(21).to(dtype) });
        }
    }

    [Fact]
    public void WhatIsNoNumberStays()
    {
        using var scope = NewDisposeScope();
        foreach (var dtype in Halves)
        {
            var logits = randn(4, 40).to(dtype);
            logits[0, 3] = double.NaN;
            logits[1, 5] = double.PositiveInfinity;
            logits[2, 7] = double.NegativeInfinity;
            Check(nameof(Mixtures.TokenLoss), new() { ["logits"] = logits, ["labels"] = tensor(new long[] { 1, 2, 3, 4 }) });
        }
    }

    [Fact]
    public void AGradientTooLargeForFloat16IsInfinite()
    {
        using var scope = NewDisposeScope();
        var logits = zeros(1, 2, ScalarType.Float16).requires_grad_();
        var (loss, _) = Mixtures.Fused.TokenLoss(logits, zeros(1, ScalarType.Int64));
        (loss * 1e6).backward();
        Assert.Equal([double.NegativeInfinity, double.PositiveInfinity], Closeness.Doubles(logits.grad!));
    }

    [SkippableFact]
    public void NothingAsLargeAsALogitInFloat32IsMade()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "The peak of resident memory is Linux's.");
        using var scope = NewDisposeScope();
        foreach (var dtype in Halves)
        {
            Step(zeros(8, 512, dtype));
            var logits = zeros(512, 32000, dtype);
            var bytes = logits.numel() * 2;
            GC.Collect();
            File.WriteAllText("/proc/self/clear_refs", "5");
            var before = Resident("VmRSS:");
            Step(logits);

            // The gradient itself, and what else a process does; a copy in float32 would be twice the logits, and that of the gradient again.
            Assert.InRange(Resident("VmHWM:") - before, 0, 2 * bytes);
        }

        static void Step(Tensor logits)
        {
            using var result = Mixtures.Fused.DivergenceWithGrad(logits, logits);
            Assert.Equal(logits.dtype, result.GradLogits!.dtype);
        }

        static double Resident(string name)
        {
            var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith(name, StringComparison.Ordinal));
            return 1024 * double.Parse(line[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
        }
    }

    private static void Check(string name, Dictionary<string, object?> arguments)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var scope = NewDisposeScope();
        var objective = ObjectiveUnderTest.Of(typeof(Mixtures), name);
        var differentiated = objective.Differentiable.Where(p => ((Tensor)arguments[p]!).is_floating_point()).ToArray();
        var wide = arguments.ToDictionary(a => a.Key, a => (object?)Widened((Tensor)a.Value!));
        var expected = objective.Run(Backend.Eager, wide, differentiated);
        foreach (var backend in new[] { Backend.Fused, Backend.WithGrad })
        {
            var actual = objective.Run(backend, arguments, differentiated);
            var what = $"{name} ({backend}) of {string.Join(", ", arguments.Select(a => $"{a.Key}: {((Tensor)a.Value!).dtype}"))}";
            foreach (var (result, value) in expected.Results)
                RoundedOnce($"{what}: {result}", value, actual.Results[result]);
            foreach (var (parameter, gradient) in expected.Gradients)
            {
                Assert.Equal(((Tensor)arguments[parameter]!).dtype, actual.Gradients[parameter]!.dtype);
                RoundedOnce($"{what}: gradient of {parameter}", gradient!, actual.Gradients[parameter]!);
            }
        }
    }

    private static Tensor Widened(Tensor tensor) => tensor.to(tensor.is_floating_point() ? ScalarType.Float32 : tensor.dtype == ScalarType.Bool ? tensor.dtype : ScalarType.Int64);

    private static void RoundedOnce(string what, Tensor expected, Tensor actual)
    {
        var (exact, found) = (Closeness.Doubles(expected), Closeness.Doubles(actual));
        var unit = actual.dtype switch { ScalarType.BFloat16 => Math.Pow(2, -8), ScalarType.Float16 => Math.Pow(2, -11), _ => 0 };
        var scale = exact.Where(double.IsFinite).Select(Math.Abs).DefaultIfEmpty(0).Max();
        for (var i = 0; i < exact.Length; i++)
        {
            if (!double.IsFinite(exact[i]))
                Assert.True(exact[i].Equals(found[i]), $"{what}[{i}] is {found[i]:R}, not {exact[i]:R}.");
            else
                Assert.True(Math.Abs(found[i] - exact[i]) <= (unit * Math.Abs(exact[i])) + (2e-6 * scale) + (unit > 0 ? Math.Pow(2, -25) : 0), $"{what}[{i}] is {found[i]:R}, not {exact[i]:R}.");
        }
    }
}
