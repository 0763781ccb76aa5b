using System.Globalization;
using Align.Reporting;
using Dpo.Autodiff.Align.Tests.Harness;

namespace Dpo.Autodiff.Align.Tests.Reporting;

public sealed class MetricsFileTests
{
    [Theory]
    [InlineData("en-US")]
    [InlineData("de-DE")]
    public void Columns_come_as_metrics_do(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
        try
        {
            using var folder = new TemporaryFolder();
            var file = new MetricsFile(folder.Path);
            file.ContinueFrom(0);
            file.Write(1, [("loss", 0.5)]);
            file.Write(2, [("loss", 0.25), ("eval_loss", 1e-7)]);
            file.Write(3, [("loss", double.NaN)]);
            Assert.Equal("step,loss,eval_loss\n1,0.5,\n2,0.25,1E-07\n3,NaN,\n", File.ReadAllText(Path.Combine(folder.Path, "metrics.csv")));

            var resumed = new MetricsFile(folder.Path);
            resumed.ContinueFrom(2);
            resumed.Write(3, [("loss", 0.125)]);
            Assert.Equal("step,loss,eval_loss\n1,0.5,\n2,0.25,1E-07\n3,0.125,\n", File.ReadAllText(Path.Combine(folder.Path, "metrics.csv")));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }
}
