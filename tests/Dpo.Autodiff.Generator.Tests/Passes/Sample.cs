using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>Builds small programs the way a person would write them, and runs them on random inputs.</summary>
internal sealed class Sample
{
    public static readonly IReadOnlyDictionary<string, long> Extents = new Dictionary<string, long> { ["pair"] = 5, ["token"] = 4, ["vocab"] = 3 };

    public static readonly IReadOnlyDictionary<string, double> Parameters = new Dictionary<string, double> { ["beta"] = 0.3, ["gamma"] = 1.7 };

    public static readonly Extent Pair = Extent.Named("pair");
    public static readonly Extent Token = Extent.Named("token");
    public static readonly Extent Vocab = Extent.Named("vocab");

    public ProgramBuilder Builder { get; } = new("sample");

    public Term Beta => new(Builder, Atom.Host(Builder.HostParameter("beta", HostKind.Double)));

    public Term Size(Extent extent) => new(Builder, Atom.Host(Builder.HostSize(extent)));

    public Term Input(string name, params Extent[] extents) => Input(name, ElementKind.Real, true, extents);

    public Term Constant(string name, params Extent[] extents) => Input(name, ElementKind.Real, false, extents);

    public Term Index(string name, params Extent[] extents) => Input(name, ElementKind.Integer, false, extents);

    public Term Mask(string name, params Extent[] extents) => Input(name, ElementKind.Boolean, false, extents);

    private Term Input(string name, ElementKind kind, bool differentiable, Extent[] extents) =>
        new(Builder, Atom.Variable(Builder.Input(name, new TensorType(kind, extents.ToEquatableArray()), differentiable)));

    public Term Spread(Term x, Extent[] extents, params int[] source) => x with { Atom = Atom.Variable(Builder.Rearrange(x.Variable, source, extents)) };

    public Program Result(params Term[] results)
    {
        for (var i = 0; i < results.Length; i++)
            Builder.Output("r" + i, results[i].Variable, OutputRole.Result);
        var program = Builder.Build();
        var reached = Differentiate.Reached(program);
        return program with { Outputs = program.Outputs.Select(o => o with { Reached = reached[o.Variable] }).ToEquatableArray() };
    }

    /// <summary>Standard normal reals, whole numbers below 3, coins.</summary>
    public static double[][] Draw(Program program, int seed, Func<Random, double>? real = null, IReadOnlyDictionary<string, long>? extents = null)
    {
        var random = new Random(seed);
        real ??= Normal;
        return program.Inputs.Select(input =>
        {
            var type = program.Types[input.Variable];
            var count = type.Extents.Aggregate(1L, (n, e) => n * ProgramEvaluator.Size(e, extents ?? Extents));
            return Enumerable.Range(0, (int)count).Select(_ => type.Kind switch
            {
                ElementKind.Real => real(random),
                ElementKind.Integer => random.Next(3),
                _ => random.Next(2),
            }).ToArray();
        }).ToArray();
    }

    public static double[][] Run(Program program, double[][] inputs) =>
        ProgramEvaluator.Run(program, inputs, HostEvaluator.Run(program.Host, Parameters, Extents), Extents);

    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
