using BradleyTerry.Data;

namespace Dpo.Autodiff.Objectives.Tests.Samples;

public sealed class GamesFileTests
{
    [Fact]
    public void ReadsEachLayout()
    {
        Assert.Equal([new Match(0, 1, 1, 0)], GamesFile.Parse("winner,loser\nA,B\n", "f").Matches);
        Assert.Equal([new Match(0, 1, 2.5, 0)], GamesFile.Parse("count,loser,winner\n2.5,B,A", "f").Matches);
        Assert.Equal([new Match(0, 1, 3, 4)], GamesFile.Parse("first,second,first_wins,second_wins\nA,B,3,4\n", "f").Matches);
        var atHome = GamesFile.Parse("\uFEFF\"home.team\",\"away.team\",\"home.wins\",\"away.wins\"\r\n\r\n\"A, Inc\",\"B \"\"2\"\"\",3,4\r\n", "f");
        Assert.True(atHome.FirstIsHome);
        Assert.Equal(["A, Inc", "B \"2\""], atHome.Players);
        Assert.Equal([new Match(0, 1, 3, 4)], atHome.Matches);
    }

    [Theory]
    [InlineData("", "f: the file is empty")]
    [InlineData("winner,loser\n", "f: there are no games")]
    [InlineData("winner,loser,count\nA,B,0\n", "f: there are no games")]
    [InlineData("who,whom\nA,B\n", "f:1: no column")]
    [InlineData("winner,loser,score\nA,B,1\n", "f:1: unknown column \"score\"")]
    [InlineData("winner,loser,loser\nA,B,B\n", "f:1: the column \"loser\" is there twice")]
    [InlineData("home,away,home_wins\nA,B,1\n", "f:1: the column \"away_wins\" is missing")]
    [InlineData("winner,loser\nA,B\n\nA\n", "f:4: 1 fields, but the header has 2")]
    [InlineData("winner,loser\nA,\n", "f:2: the loser has no name")]
    [InlineData("winner,loser\nA,A\n", "f:2: \"A\" plays against itself")]
    [InlineData("winner,loser,count\nA,B,two\n", "f:2: count is \"two\", not a count")]
    [InlineData("winner,loser,count\nA,B,-1\n", "f:2: count is \"-1\", not a count")]
    [InlineData("winner,loser,count\nA,B,NaN\n", "f:2: count is \"NaN\", not a count")]
    [InlineData("winner,loser\n\"A\nB\",C\nD\n", "f:4: 1 fields, but the header has 2")]
    [InlineData("winner,loser\n\"A,B\n", "f:2: a quoted field is not closed")]
    [InlineData("winner,loser\n\"A\"x,B\n", "f:2: a comma is missing after \"A\"")]
    public void SaysWhatIsWrongAndWhere(string text, string message) =>
        Assert.StartsWith(message, Assert.Throws<DataException>(() => GamesFile.Parse(text, "f")).Message);

    [Fact]
    public void NamesAFileThatIsMissing() => Assert.Contains("missing.csv", Assert.Throws<DataException>(() => GamesFile.Read("missing.csv")).Message);
}
