using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>An optional scalar that is only chosen has no kernel of its own.</summary>
public sealed class ElaborateJoinTests
{
    private const string Mean = "static Tensor Mean(Tensor x, Tensor? n) => n is null ? x.mean() : x.sum() / n;";

    [Fact]
    public void A_mean_by_a_given_number_or_its_own_is_one_program()
    {
        var result = Elaborate.Run(Reading.Model("""[Objective] public static Tensor F([Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null) => Mean(x.exp(), n);""" + Mean, "F"));
        Assert.Equal(
            """
            program F
              %0: real[pair] = input x
              %1: real[] = input n nograd
              $0: int64 = |pair|
              $1: bool = present(n)
              %2: real[pair] = exp %0
              %3: real[] = sum{0} %2
              %4: bool[] = fill $1
              %5: real[] = where %4 %1 $0
              %6: real[] = divide %3 %5
              result Value = %6 differentiable

            """.ReplaceLineEndings("\n"),
            ProgramPrinter.Print(Assert.Single(result.Programs)));
        Assert.Equal(new Decision.Leaf(0), result.Decisions);
    }

    [Theory]
    [InlineData("""[Axes("pair token")] Tensor x, [Axes("pair token")] Tensor m, [Axes(""), NoGrad] Tensor? n = null""", "where(m, x, 0.0).sum() / (n ?? m.sum().clamp_min(1))")]
    [InlineData("""[Axes("pair token")] Tensor x, [Axes(""), NoGrad] Tensor? n = null""", "Mean(x, n)")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null, [Axes(""), NoGrad] Tensor? k = null""", "Mean(x, n) + Mean(x.exp(), k)")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null""", "x / (n ?? tensor(2.0))")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null, double beta = 1""", "x.exp().sum() / (n is null ? x.size(0) : n.clamp_min(beta))")]
    public void Scalars_are_chosen(string parameters, string body) => Assert.Single(Programs(parameters, body));

    [Theory]
    [InlineData("""[Axes("pair")] Tensor x, [Axes("")] Tensor? n = null""", "Mean(x, n)")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes("pair"), NoGrad] Tensor? n = null""", "n is null ? x.mean() : x.sum() / n.sum()")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null""", "n is null ? x.mean() : x.exp().mean()")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes("other"), NoGrad] Tensor y, [Axes(""), NoGrad] Tensor? n = null""", "x * (n ?? y.mean())")]
    [InlineData("""[Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null""", "n is null ? x.mean() : x.mean() * n")]
    public void What_has_gradients_or_is_no_scalar_keeps_its_kernels(string parameters, string body) => Assert.Equal(2, Programs(parameters, body).Count);

    [Fact]
    public void Choices_of_hyper_parameters_stay()
    {
        var result = Elaborate.Run(Reading.Model("""[Objective] public static Tensor F([Axes("pair")] Tensor x, [Axes(""), NoGrad] Tensor? n = null, bool flag = true) => Mean(flag ? x : x.exp(), n);""" + Mean, "F"));
        Assert.Equal(2, result.Programs.Count);
        Assert.IsType<Decision.Branch>(result.Decisions);
    }

    [Fact]
    public void What_counts_only_without_the_scalar_has_no_say_in_the_dtype_with_it()
    {
        var program = Assert.Single(Programs("""[Axes("pair")] Tensor x, [Axes("pair")] Tensor m, [Axes(""), NoGrad] Tensor? n = null""", "where(m, x, 0.0).sum() / (n ?? m.sum())"));
        Assert.Equal(["x", "n", "m without n"], program.Outputs[0].DType.Select(t => t.Source + (t.WithoutParameter is { } without ? " without " + without : "")));
    }

    private static EquatableArray<Program> Programs(string parameters, string body)
    {
        var result = Elaborate.Run(Reading.Model($"[Objective] public static Tensor F({parameters}) => {body};\n{Mean}", "F"));
        Assert.Empty(result.Diagnoses);
        return result.Programs;
    }
}
