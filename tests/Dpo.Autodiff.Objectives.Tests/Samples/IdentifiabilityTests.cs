using BradleyTerry.Data;
using BradleyTerry.Fit;

namespace Dpo.Autodiff.Objectives.Tests.Samples;

public sealed class IdentifiabilityTests
{
    [Fact]
    public void AcceptsACycle() => Assert.Empty(Problems("winner,loser\nA,B\nB,C\nC,A\n"));

    [Fact]
    public void NamesPlayersWhoWinOrLoseEverything()
    {
        var problems = Problems("winner,loser\nA,B\nB,C\nC,B\nC,D\nB,D\n");
        Assert.Equal(3, problems.Count);
        Assert.StartsWith("A never loses", problems[0]);
        Assert.StartsWith("B, C lose only to", problems[1]);
        Assert.StartsWith("D never beats", problems[2]);
    }

    [Fact]
    public void NamesGroupsThatNeverMeet() =>
        Assert.EndsWith("A, B; C, D.", Assert.Single(Problems("winner,loser\nA,B\nB,A\nC,D\nD,C\n")));

    [Fact]
    public void NoGamesBetweenPlayersAreNoComparison() =>
        Assert.EndsWith("A, B; C.", Assert.Single(Problems("winner,loser,count\nA,B,1\nB,A,1\nA,C,0\n")));

    [Theory]
    [InlineData("A,B,1,0\nB,A,1,0\n", "The home effect is plus infinity")]
    [InlineData("A,B,0,1\nB,A,0,1\n", "The home effect is minus infinity")]
    [InlineData("A,B,1,1\n", "The home effect cannot be told")]
    public void AHomeEffectNeedsHomeAndAwayWinsThatStrengthsDoNotExplain(string rows, string message)
    {
        var text = "home,away,home_wins,away_wins\n" + rows;
        Assert.Empty(Problems(text));
        Assert.StartsWith(message, Assert.Single(Problems(text, withHome: true)));
    }

    [Fact]
    public void AHomeEffectIsFiniteWhereBothSidesWin() =>
        Assert.Empty(Problems("home,away,home_wins,away_wins\nA,B,2,1\nB,A,2,1\n", withHome: true));

    [Fact]
    public void AFitThatDoesNotExistIsRefusedByName()
    {
        var error = Assert.Throws<DataException>(() => MaximumLikelihood.Fit(GamesFile.Parse("winner,loser\nA,B\n", "f"), withHome: false));
        Assert.Equal("f: the estimates do not exist.\n  A never loses to any other player: the estimate is plus infinity.\n  B never beats any other player: the estimate is minus infinity.", error.Message);
    }

    [Fact]
    public void AHomeEffectNeedsGamesAtHome() =>
        Assert.Contains("home,away", Assert.Throws<DataException>(() => MaximumLikelihood.Fit(GamesFile.Parse("winner,loser\nA,B\nB,A\n", "f"), withHome: true)).Message);

    private static IReadOnlyList<string> Problems(string text, bool withHome = false) => Identifiability.Problems(GamesFile.Parse(text, "f"), withHome);
}
