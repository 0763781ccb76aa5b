using BradleyTerry.Data;
using BradleyTerry.Fit;
using BradleyTerry.Output;

namespace Dpo.Autodiff.Objectives.Tests.Samples;

public sealed class FitTests
{
    private const double Tolerance = 1e-6;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void AgreesWithThePublishedAnalysis(int index)
    {
        var published = Published.All[index];
        var estimates = MaximumLikelihood.Fit(published.Comparisons, published.WithHome, published.Reference);
        Assert.True(Report.Difference(estimates, published) <= Tolerance);
        Assert.True(estimates.GradientNorm <= 1e-8);
    }

    [Fact]
    public void WorkedExampleHasItsClosedForm()
    {
        var estimates = MaximumLikelihood.Fit(Published.All[0].Comparisons, withHome: false);
        Assert.Equal([1, 1.0 / 2, 5.0 / 3], estimates.Strengths.Select(s => Math.Exp(s.Value)), (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.Equal(3.0 / 13, estimates.WinProbability(1, 2), 9);
    }

    [ReferenceTablesFact]
    public void CitationsAgreeWithTheReference()
    {
        var games = new ComparisonsBuilder();
        foreach (var row in ReferenceTables.Rows("citations_binomial.csv"))
            games.Add(row[0], row[1], double.Parse(row[2]), double.Parse(row[3]));
        var comparisons = games.Build("citations", firstIsHome: false);
        Assert.Equal(Published.All[1].Comparisons.Matches, comparisons.Matches);
        AssertAgree(MaximumLikelihood.Fit(comparisons, withHome: false, "Biometrika"), "ref_citations_abilities.csv");
    }

    [ReferenceTablesFact]
    public void BaseballAgreesWithTheReference()
    {
        var comparisons = GamesFile.Read(Path.Combine(ReferenceTables.Folder!, "baseball.csv"));
        Assert.Equal(Published.All[2].Comparisons.Players, comparisons.Players);
        Assert.Equal(Published.All[2].Comparisons.Matches, comparisons.Matches);
        AssertAgree(MaximumLikelihood.Fit(comparisons, withHome: false, "Baltimore"), "ref_baseball_coef.csv");
        AssertAgree(MaximumLikelihood.Fit(comparisons, withHome: true, "Baltimore"), "ref_baseball_home_coef.csv");
    }

    [Fact]
    public void StandardErrorsDoNotDependOnTheRowsTheGamesStandIn()
    {
        const string Summed = "first,second,first_wins,second_wins\nA,B,2,1\nB,C,3,2\n";
        const string Single = "winner,loser\nA,B\nB,A\nA,B\nB,C\nC,B\nB,C\nC,B\nB,C\n";
        var summed = MaximumLikelihood.Fit(GamesFile.Parse(Summed, "summed"), withHome: false);
        var single = MaximumLikelihood.Fit(GamesFile.Parse(Single, "single"), withHome: false);
        Assert.Equal(summed.Strengths.Select(s => s.Value), single.Strengths.Select(s => s.Value), (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.Equal(summed.Strengths.Select(s => s.StandardError), single.Strengths.Select(s => s.StandardError), (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Fact]
    public void LopsidedGamesConverge()
    {
        var estimates = MaximumLikelihood.Fit(GamesFile.Parse("first,second,first_wins,second_wins\nA,B,5000000,1\nB,C,1,90000\n", "lopsided"), withHome: false);
        Assert.Equal(-Math.Log(5e6), estimates.Strengths[1].Value, 6);
        Assert.Equal(Math.Log(9e4) - Math.Log(5e6), estimates.Strengths[2].Value, 6);
    }

    private static void AssertAgree(Estimates estimates, string reference)
    {
        foreach (var (name, (value, error)) in ReferenceTables.Estimates(reference))
        {
            var own = estimates.Find(name == "at.home" ? PublishedEstimate.HomeEffect : name);
            Assert.NotNull(own);
            Assert.True(Math.Abs(own.Value.Value - value) <= Tolerance, $"{name}: {own.Value.Value} instead of {value}");
            Assert.True(Math.Abs(own.Value.StandardError - error) <= Tolerance, $"{name}: standard error {own.Value.StandardError} instead of {error}");
        }
    }
}
