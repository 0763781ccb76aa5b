using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Generator.Tests.Harness;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Language;

/// <summary>An optional scalar that kernels read in either case, given and absent, of several dtypes, fused against eager.</summary>
public sealed class OptionalScalarTests
{
    private const string Objectives = """
        [Objective]
        public static (Tensor loss, Tensor rows) Pairs([Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null) => (n is null ? x.exp().mean() : x.exp().sum() / n, x.detach());

        [Objective]
        public static (Tensor loss, Tensor rows) Tokens([Axes("pair token")] Tensor x, [Axes("pair token")] Tensor mask, [Axes(""), NoGrad] Tensor? n = null) => (where(mask, x.exp(), 0).sum() / (n ?? mask.sum().clamp_min(1)), x.sum(1));

        [Objective]
        public static (Tensor loss, Tensor rows) Vocabulary([Axes("pair token")] Tensor x, [Axes(""), NoGrad] Tensor? n = null) => (n is null ? x.log_softmax(1).square().mean() : x.log_softmax(1).square().sum() / n, x.logsumexp(1));
        """;

    public static TheoryData<string, ScalarType, ScalarType?> Cases()
    {
        var data = new TheoryData<string, ScalarType, ScalarType?>();
        foreach (var name in new[] { "Pairs", "Tokens", "Vocabulary" })
            foreach (var dtype in new[] { ScalarType.Float64, ScalarType.Float32, ScalarType.BFloat16 })
                foreach (var given in new ScalarType?[] { null, ScalarType.Int64, ScalarType.Float32, ScalarType.Float64 })
                    data.Add(name, dtype, given);
        return data;
    }

    private static readonly Lazy<Type> Compiled = new(() => new InMemoryProject(InMemoryProject.Usings + "public static partial class C\n{\n" + Objectives + "\n}\n").Generate().Load().GetType("C")!);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Are_read_or_passed_over(string name, ScalarType dtype, ScalarType? given)
    {
        var before = BackendChoice.Current;
        try
        {
            foreach (var backend in new[] { Backend.Simd, Backend.Torch })
                foreach (var hasSeveral in new[] { false, true })
                {
                    using var scope = NewDisposeScope();
                    BackendChoice.Current = backend;
                    var (expected, actual) = (Run(Compiled.Value, name, dtype, given, hasSeveral), Run(Compiled.Value.GetNestedType("Fused")!, name, dtype, given, hasSeveral));
                    for (var i = 0; i < expected.Length; i++)
                    {
                        Assert.Equal(expected[i].dtype, actual[i].dtype);
                        var (wanted, got) = (expected[i].to_type(ScalarType.Float64), actual[i].to_type(ScalarType.Float64));
                        var scale = Math.Max(1, wanted.abs().max().ToDouble());
                        var precision = dtype switch { ScalarType.Float64 => 1e-10, ScalarType.Float32 => 1e-5, _ => 4e-2 };
                        Assert.True((wanted - got).abs().max().ToDouble() <= precision * scale, $"{name} by {backend}, output {i}: {wanted.ToString(TorchSharp.TensorStringStyle.Numpy)} and {got.ToString(TorchSharp.TensorStringStyle.Numpy)}");
                    }
                }
        }
        finally
        {
            BackendChoice.Current = before;
        }
    }

    // The results, and the gradient: of the loss alone, or of all results, from which a kernel of its own starts.
    private static Tensor[] Run(Type type, string name, ScalarType dtype, ScalarType? given, bool hasSeveral)
    {
        var method = type.GetMethod(name)!;
        var x = (arange(35, ScalarType.Float64).sin() * 2).to_type(dtype);
        x = (name == "Pairs" ? x : x.reshape(5, 7)).detach().requires_grad_(true);
        object?[] arguments = [x, .. name == "Tokens" ? [arange(35).reshape(5, 7).remainder(3) > 0] : Array.Empty<object>(), given is { } kind ? tensor(12.0).to_type(kind) : null];
        var answer = (ValueTuple<Tensor, Tensor>)method.Invoke(null, arguments)!;
        var start = hasSeveral && answer.Item2.requires_grad ? answer.Item1 + answer.Item2.square().sum() : answer.Item1;
        start.backward();
        return [answer.Item1.detach(), answer.Item2.detach(), x.grad!];
    }
}
