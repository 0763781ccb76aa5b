using System.Reflection;
using System.Runtime.CompilerServices;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Generator.Tests.Harness;
using Microsoft.CodeAnalysis.CSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>
/// Objectives as a user would write them, fused against eager: every result and gradient, in float64 and float32, by vector loops and
/// by TorchSharp calls, at several sizes.
/// </summary>
/// <remarks>
/// A parameter whose name is <c>i</c> and an axis (<c>iVocab</c>) is an index along it, one that begins with <c>mask</c> a condition, one
/// that ends with <c>T</c> is not contiguous.
/// </remarks>
internal static class Comparison
{
    /// <summary>The first differences of all objectives in a class body.</summary>
    /// <param name="body">The methods.</param>
    /// <param name="sizes">The sizes of their axes; not each axis is as large.</param>
    public static IReadOnlyList<string> Differences(string body, params long[] sizes) => Differences(LanguageVersion.CSharp12, body, sizes);

    /// <summary>The same of a class in a newer language.</summary>
    public static IReadOnlyList<string> Differences(LanguageVersion language, string body, params long[] sizes)
    {
        var project = new InMemoryProject([InMemoryProject.Usings + "public static partial class C\n{\n" + body + "\n}\n"], language: language);
        Assert.DoesNotContain(project.Analyze(new ObjectiveAnalyzer()), d => d.Id != "DPO0060");
        var type = project.Generate().Load().GetType("C")!;
        var before = BackendChoice.Current;
        try
        {
            return type.GetMethods().Where(m => m.GetCustomAttribute<ObjectiveAttribute>() is not null).SelectMany(m => Differences(type, m, sizes).Take(3)).ToArray();
        }
        finally
        {
            BackendChoice.Current = before;
        }
    }

    private static IEnumerable<string> Differences(Type type, MethodInfo method, long[] sizes)
    {
        foreach (var size in sizes)
            foreach (var backend in new[] { Backend.Simd, Backend.Torch })
                foreach (var isDouble in new[] { true, false })
                {
                    using var scope = NewDisposeScope();
                    BackendChoice.Current = backend;
                    var inputs = new Drawing(size).Inputs(method);
                    foreach (var difference in Differences(type, method, inputs, isDouble ? ScalarType.Float64 : ScalarType.Float32))
                        yield return $"{method.Name} at size {size} by {backend}: {difference}";
                }
    }

    private static List<string> Differences(Type type, MethodInfo method, object?[] inputs, ScalarType dtype)
    {
        var (exact, eager, fused) = (Run(method, inputs, ScalarType.Float64), Run(method, inputs, dtype), Run(type.GetNestedType("Fused")!.GetMethod(method.Name)!, inputs, dtype));
        var differences = new List<string>();
        for (var i = 0; i < exact.Length; i++)
        {
            var (wanted, own, got) = (exact[i].Value, eager[i].Value, fused[i].Value);
            if (wanted is null || got is null)
            {
                if ((wanted ?? got)?.count_nonzero().ToInt64() > 0)
                    differences.Add($"{exact[i].Name} is {(got is null ? "missing" : "there")}");
                continue;
            }

            if (!got.shape.SequenceEqual(wanted.shape) || got.dtype != own!.dtype)
                differences.Add($"{exact[i].Name} is {got.dtype}[{string.Join(", ", got.shape)}]");
            else if (Distance(got, wanted) is var error && error > Tolerance(wanted, own, dtype))
                differences.Add($"{exact[i].Name} is off by {error:g3} of {Largest(wanted):g3}");
        }

        return differences;
    }

    /// <summary>float64: 1e-10 of the scale; float32: no worse than eager itself, but for a few units in the last place.</summary>
    private static double Tolerance(Tensor wanted, Tensor own, ScalarType dtype) => dtype == ScalarType.Float64
        ? 1e-10 * Math.Max(1, Largest(wanted))
        : Math.Max(1.5 * Distance(own, wanted), 32 * 6e-8 * Math.Max(1, Largest(wanted)));

    private static double Largest(Tensor x) => x.numel() == 0 ? 0 : x.detach().to_type(ScalarType.Float64).nan_to_num(0, 0, 0).abs().max().ToDouble();

    private static double Distance(Tensor x, Tensor y)
    {
        var (a, b) = (x.detach().to_type(ScalarType.Float64), y.detach().to_type(ScalarType.Float64));
        if (a.numel() == 0)
            return 0;
        var areEqual = (a.isnan() & b.isnan()) | (a == b);
        return where(areEqual, 0, a - b).nan_to_num(double.PositiveInfinity, double.PositiveInfinity, double.PositiveInfinity).abs().max().ToDouble();
    }

    /// <summary>The results, and the gradients of the first one for an uneven upstream.</summary>
    private static (string Name, Tensor? Value)[] Run(MethodInfo method, object?[] inputs, ScalarType dtype)
    {
        var arguments = inputs.Select(i => i is Tensor t && t.is_floating_point() ? t.detach().to_type(dtype).requires_grad_(t.requires_grad) : i).ToArray();
        var answer = method.Invoke(null, arguments)!;
        var results = answer is Tensor one ? [one] : Enumerable.Range(0, ((ITuple)answer).Length).Select(i => (Tensor)((ITuple)answer)[i]!).ToArray();
        if (results[0].requires_grad)
            results[0].backward([1 + (0.25 * arange(results[0].numel(), results[0].dtype).reshape(results[0].shape).sin())]);
        var gradients = method.GetParameters().Zip(arguments).Where(p => p.Second is Tensor { requires_grad: true })
            .Select(p => ("gradient of " + p.First.Name, ((Tensor)p.Second!).grad));
        return [.. results.Select((r, i) => ($"result {i}", (Tensor?)r)), .. gradients];
    }

    private sealed class Drawing(long size)
    {
        private readonly Dictionary<string, long> axes = [];
        private readonly Random random = new(17);

        public object?[] Inputs(MethodInfo method) => method.GetParameters().Select(Input).ToArray();

        private long SizeOf(string axis)
        {
            if (!axes.TryGetValue(axis, out var known))
                axes[axis] = known = axis switch
                {
                    // What is summed over or chosen from is not empty, and small.
                    "d" or "model" => Math.Min(size, 9) + 3,
                    "vocab" or "bigvocab" or "item" or "player" or "sequence" => size + 1 + axes.Count,
                    "token" => Math.Max(size, 1),
                    _ => size,
                };
            return known;
        }

        private object? Input(ParameterInfo parameter)
        {
            if (parameter.ParameterType != typeof(Tensor))
                return parameter.DefaultValue;
            var (name, isIndex) = (parameter.Name!, parameter.Name!.Length > 1 && parameter.Name[0] == 'i' && char.IsUpper(parameter.Name[1]));
            var shape = parameter.GetCustomAttribute<AxesAttribute>()!.Axes.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(a => a.Split('*').Aggregate(1L, (n, factor) => n * (long.TryParse(factor, out var number) ? number : SizeOf(factor)))).ToArray();
            var count = (int)shape.Aggregate(1L, (a, b) => a * b);
            if (name.StartsWith("mask", StringComparison.Ordinal))
                return tensor(Enumerable.Range(0, count).Select(_ => random.Next(3) > 0).ToArray()).reshape(shape);
            if (isIndex)
            {
                var places = SizeOf(char.ToLowerInvariant(name[1]) + name[2..].TrimEnd('2', '3'));
                return tensor(Enumerable.Range(0, count).Select(_ => random.NextInt64(Math.Max(places, 1))).ToArray()).reshape(shape);
            }

            // Exact in float32, so that both dtypes see the same numbers.
            var elements = tensor(Enumerable.Range(0, count).Select(_ => (double)(float)Normal()).ToArray());
            var drawn = name.EndsWith('T') && shape.Length > 1
                ? elements.reshape(shape.Reverse().ToArray()).permute(Enumerable.Range(0, shape.Length).Reverse().Select(i => (long)i).ToArray())
                : elements.reshape(shape);
            return (name.StartsWith("positive", StringComparison.Ordinal) ? drawn.abs() + 0.125 : drawn).requires_grad_(parameter.GetCustomAttribute<NoGradAttribute>() is null);
        }

        private double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
    }
}
