using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Tests.Passes;

public class StabiliseTests
{
    public static TheoryData<string> Spellings => new(PaperForm.Catalogue.Select(f => f.Spelling));

    [Theory]
    [MemberData(nameof(Spellings))]
    public void EverySpellingIsFound(string spelling)
    {
        var form = PaperForm.Catalogue.Single(f => f.Spelling == spelling);

        var (_, notes) = Stabilise.Run(form.Program());

        Assert.Contains(notes, note => note.StartsWith(form.Row + " is computed as ", StringComparison.Ordinal));
    }

    [Fact]
    public void EveryRowHasASpelling() =>
        Assert.Equal(
            StabilityRules.Table.Select(r => r.Before).OrderBy(b => b, StringComparer.Ordinal),
            PaperForm.Catalogue.Select(f => f.Row).Distinct().OrderBy(b => b, StringComparer.Ordinal));

    [Fact]
    public void AStableProgramStaysAsItIs()
    {
        var sample = new Sample();
        var x = sample.Input("x", Sample.Pair);
        var program = sample.Result(x.Of(IR.Primitive.LogSigmoid), x / (x + 1));

        var (stable, notes) = Stabilise.Run(program);

        Assert.Equal(program, stable);
        Assert.Empty(notes);
    }
}
