using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>What <see cref="PrimitivePrograms"/> are run on.</summary>
internal static class PrimitiveInputs
{
    /// <summary>Whether a gradient can be taken.</summary>
    public static bool IsDifferentiable(Program program) => program.Types[program.Outputs[0].Variable].Kind == ElementKind.Real && program.Inputs.Any(i => i.Differentiable);

    /// <summary>The size of an axis.</summary>
    public static double Size(Extent extent, IReadOnlyDictionary<string, long> sizes) => extent.Constant + extent.Terms.Sum(t => t.Coefficient * sizes[t.Name]);

    /// <summary>Numbers that float32 holds exactly, away from ties.</summary>
    public static double[] Draw(string name, TensorType type, IReadOnlyDictionary<string, long> sizes)
    {
        var random = new Random(name.Sum(c => c) * 7919);
        var length = (int)type.Extents.Aggregate(1.0, (n, e) => n * Size(e, sizes));
        return Enumerable.Range(0, length).Select(i => type.Kind switch
        {
            ElementKind.Boolean => random.Next(2),
            ElementKind.Integer => random.Next((int)(name == "player" ? sizes["player"] : Math.Min(sizes["pair"], sizes["item"]))),
            _ => (double)(float)(name switch
            {
                "positive" => 0.5 + random.NextDouble(),
                "negative" => -0.1 - random.NextDouble(),
                _ => (random.NextDouble() * 4) - 2,
            }),
        }).ToArray();
    }
}
