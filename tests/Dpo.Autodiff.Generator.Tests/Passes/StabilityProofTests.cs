using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>
/// The stable form, in doubles, against the paper's form and its own derivative in 16,000 digits: value and gradient, up to 1e4.
/// </summary>
public class StabilityProofTests
{
    private static readonly double[][] First = [[1e4, -1e4], [-1e4, -9999.5], [0.3, 40]];

    private static readonly double[][] Second = [[-3, 1e4], [-1e4, 9999], [-0.5, 41]];

    public static TheoryData<string> Spellings => new(PaperForm.Catalogue.Select(f => f.Spelling));

    [Theory]
    [MemberData(nameof(Spellings))]
    public void ValueAndGradientAreThoseOfTheFormula(string spelling)
    {
        var form = PaperForm.Catalogue.Single(f => f.Spelling == spelling);
        var paper = Differentiate.Joint(form.Program());
        var stable = Differentiate.Joint(Stabilise.Run(form.Program()).Program);
        var lowered = Simplify.Run(Lower.Run(Simplify.Run(stable)));
        for (var i = 0; i < First.Length; i++)
        {
            double[][] inputs = [.. new[] { First[i], Second[i] }.Select(x => form.IsNegative ? x.Select(e => -Math.Abs(e)).ToArray() : x), [1.0, 1.0]];
            var expected = BigEvaluator.Run(paper, inputs);
            var actual = Sample.Run(lowered, inputs);
            for (var k = 0; k < expected.Length; k++)
                AssertClose(expected[k], actual[k], form, $"{lowered.Outputs[k].Role} {k} at {string.Join(", ", inputs[0])}; {string.Join(", ", inputs[1])}");
        }
    }

    [Theory]
    [MemberData(nameof(Spellings))]
    public void AWrongRowIsNoticed(string spelling)
    {
        var form = PaperForm.Catalogue.Single(f => f.Spelling == spelling);
        var row = StabilityRules.Table.Single(r => r.Before == form.Row);
        Func<Term, Term>[] wrongs = [x => -x, x => x * 2, x => x + 1];
        double[][] inputs = [[-0.7, -1.1], [0.4, 0.9]];
        var right = Sample.Run(form.Program(), inputs)[0];
        foreach (var wrong in wrongs)
        {
            var table = StabilityRules.Table.Select(r => r == row ? r with { Apply = redex => row.Apply(redex) is { } x ? wrong(x) : null } : r);
            var result = Sample.Run(RewritingBuilder.Rewrite(form.Program(), table), inputs)[0];
            Assert.Contains(right.Zip(result), pair => !(Math.Abs(pair.First - pair.Second) < 1e-6));
        }
    }

    private static void AssertClose(double[] expected, double[] actual, PaperForm form, string what)
    {
        var scale = form.Row switch
        {
            // Sums in log space: the digits before the point of arguments up to 1e4 are lost.
            "log(cumsum(exp(x)))" => 1e4,
            "log(exp(x) / sum(exp(y)))" or "log(mean(exp(x)))" or "log(softmax(x))" or "log(sum(exp(x)))" or "exp(x) / sum(exp(x))" => expected.Max(Math.Abs),
            // The derivative y (1 - y) is exact beside y, not beside 1 - y.
            "exp(a) / (exp(a) + exp(b))" => 0.1,
            _ => 0,
        };
        for (var i = 0; i < expected.Length; i++)
        {
            // Below the normal numbers there are no digits.
            var tolerance = (1e-14 * Math.Max(Math.Abs(expected[i]), scale)) + 1e-300;
            Assert.True(Math.Abs(expected[i] - actual[i]) <= tolerance, $"{what}: element {i} is {actual[i]:R}, not {expected[i]:R}.");
        }
    }
}
