using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Rules;

public class AlgebraTests
{
    /// <summary>What the exact rows must keep: NaN, infinities, zeros, and products that overflow.</summary>
    private static readonly double[] Special = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, 0, -0.0, 1, -1, 2.5, 1e200, -1e200, 1e-320];

    public static TheoryData<string> Forms => new(AlgebraForm.Catalogue.Select(f => f.ToString()));

    private static IEnumerable<RewriteRule> Rows => AlgebraRules.Table.Concat(AlgebraRules.Settling).DistinctBy(r => r.Before);

    [Fact]
    public void EveryRowHasAForm() =>
        Assert.Equal(
            Rows.Select(r => r.Before).OrderBy(b => b, StringComparer.Ordinal),
            AlgebraForm.Catalogue.Select(f => f.Row).Distinct().OrderBy(b => b, StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Forms))]
    public void TheRowIsAppliedAndKeepsTheValue(string name)
    {
        var (form, row) = Find(name);
        var rewritten = RewritingBuilder.Rewrite(form.Program, [row], out var applied);

        Assert.Contains(row, applied);
        Assert.Null(Difference(form, rewritten));
    }

    /// <summary>A wrong row must not pass the test above.</summary>
    [Theory]
    [MemberData(nameof(Forms))]
    public void AWrongRowIsNoticed(string name)
    {
        var (form, row) = Find(name);
        foreach (var wrong in Wrong(row))
            Assert.NotNull(Difference(form, RewritingBuilder.Rewrite(form.Program, [wrong])));
    }

    private static (AlgebraForm Form, RewriteRule Row) Find(string name)
    {
        var form = AlgebraForm.Catalogue.Single(f => f.ToString() == name);
        return (form, Rows.Single(r => r.Before == form.Row));
    }

    private static string? Difference(AlgebraForm form, Program rewritten)
    {
        for (var seed = 0; seed < 20; seed++)
        {
            var inputs = Sample.Draw(form.Program, seed, form.Finite ? null : r => Special[r.Next(Special.Length)]);
            var (expected, actual) = (Sample.Run(form.Program, inputs)[0], Sample.Run(rewritten, inputs)[0]);
            // Exact rows are exact element by element; rows that reassociate are as exact as the largest element allows.
            var scale = form.Finite ? expected.Max(Math.Abs) : 0;
            for (var i = 0; i < expected.Length; i++)
                if (!expected[i].Equals(actual[i]) && !(double.IsFinite(expected[i]) && Math.Abs(expected[i] - actual[i]) <= 1e-14 * Math.Max(scale, Math.Abs(expected[i]))))
                    return $"Element {i} is {actual[i]:R}, not {expected[i]:R}.";
        }

        return null;
    }

    private static IEnumerable<RewriteRule> Wrong(RewriteRule row)
    {
        var isDone = false;
        Term? Change(Redex r, Func<Term, Term> change)
        {
            // What the change appends is not to be rewritten again.
            if (isDone || row.Apply(r) is not { } result)
                return null;
            isDone = true;
            return change(result);
        }

        yield return row with { Apply = r => Change(r, x => x.Type.Kind == ElementKind.Boolean ? x.Of(Primitive.Xor, x) : x.Of(Primitive.Add, x.Number(1))) };
        isDone = false;
        yield return row with { Apply = r => Change(r, x => x.Type.Kind == ElementKind.Boolean ? x.Of(Primitive.Not) : x.Of(Primitive.Multiply, x.Number(-1))) };
    }
}
