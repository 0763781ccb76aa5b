using System.Text;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.RandomPrograms;

/// <summary>A tensor parameter of a random objective.</summary>
internal sealed record RandomInput(string Name, string[] Axes, RandomInputKind Kind, string IndexedAxis = "");

internal enum RandomInputKind
{
    Differentiable,
    NoGrad,
    Mask,
    Index,
}

/// <summary>A random well-typed objective: its inputs, its results, and its text as an annotated method.</summary>
internal sealed record RandomObjective(string Name, RandomInput[] Inputs, RandomNode[] Results, double Beta, double Gamma)
{
    public int Size => Results.Sum(r => r.Size);

    /// <summary>The method, as a user would write it.</summary>
    public string Print()
    {
        var text = new StringBuilder();
        var tuple = Results.Length == 1 ? "Tensor" : "(" + string.Join(", ", Results.Select((_, i) => $"Tensor r{i}")) + ")";
        text.Append("    [Objective]\n    public static ").Append(tuple).Append(' ').Append(Name).Append("(\n");
        foreach (var input in Inputs)
            text.Append("        [Axes(\"").Append(string.Join(" ", input.Axes)).Append("\")")
                .Append(input.Kind == RandomInputKind.NoGrad ? ", NoGrad] " : "] ").Append("Tensor ").Append(input.Name).Append(",\n");
        text.Append("        double beta = 0.1, double gamma = 1.5)\n    {\n");
        var results = Results.Select(r => r.Print()).ToArray();
        text.Append("        return ").Append(results.Length == 1 ? results[0] : "(" + string.Join(",\n            ", results) + ")").Append(";\n    }\n");
        return text.ToString();
    }

    /// <summary>Fresh inputs in float64; the same seed gives the same inputs.</summary>
    public Tensor[] Draw(int seed, IReadOnlyDictionary<string, long> sizes)
    {
        var random = new Random(seed);
        return Inputs.Select(input =>
        {
            var shape = input.Axes.Select(a => a == "1" ? 1 : sizes[a]).ToArray();
            var count = (int)shape.Aggregate(1L, (a, b) => a * b);
            return input.Kind switch
            {
                RandomInputKind.Mask => tensor(Enumerable.Range(0, count).Select(_ => random.Next(3) > 0).ToArray()).reshape(shape),
                RandomInputKind.Index => tensor(Enumerable.Range(0, count).Select(_ => random.NextInt64(sizes[input.IndexedAxis])).ToArray()).reshape(shape),
                _ => tensor(Enumerable.Range(0, count).Select(_ => Normal(random)).ToArray()).reshape(shape)
                    .requires_grad_(input.Kind == RandomInputKind.Differentiable),
            };
        }).ToArray();
    }

    private static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
