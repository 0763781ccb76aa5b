using System.Globalization;
using BradleyTerry.Data;
using BradleyTerry.Fit;
using BradleyTerry.Output;

namespace Dpo.Autodiff.Objectives.Tests.Samples;

public sealed class OutputTests
{
    [Theory]
    [InlineData("en-US")]
    [InlineData("de-DE")]
    [InlineData("fi-FI")]
    public void PlainReportIsTheSameUnderEveryCulture(string culture)
    {
        var own = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
        try
        {
            var published = Published.All[1];
            var text = new StringWriter();
            Assert.True(new Report(Page.Plain(text)).Write(MaximumLikelihood.Fit(published.Comparisons, false, published.Reference), published));
            var lines = text.ToString().ReplaceLineEndings("\n").Split('\n');
            Assert.Contains("Comm Statist   -2.9491  0.1025  0.0524    -2.9491  0.1025", lines);
            Assert.Contains("JRSS-B             0.567         0.962  0.679", lines);
        }
        finally
        {
            CultureInfo.CurrentCulture = own;
        }
    }

    [Fact]
    public void DrawsAPlot()
    {
        var path = Path.Combine(Path.GetTempPath(), $"strengths-{Guid.NewGuid():N}.png");
        try
        {
            StrengthPlot.Save([MaximumLikelihood.Fit(Published.All[0].Comparisons, withHome: false)], path);
            Assert.Equal([0x89, (byte)'P', (byte)'N', (byte)'G'], File.ReadAllBytes(path)[..4]);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void MinusZeroIsZero() => Assert.Equal("0.00", Numbers.Fixed(-0.001, 2));
}
