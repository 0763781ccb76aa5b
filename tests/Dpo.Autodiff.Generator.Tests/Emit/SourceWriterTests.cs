using System.Globalization;
using Dpo.Autodiff.Generator.Emit;

namespace Dpo.Autodiff.Generator.Tests.Emit;

public class SourceWriterTests
{
    [Fact]
    public void Blocks_indent_and_lines_end_with_a_line_feed()
    {
        var writer = new SourceWriter();
        using (writer.Block("class C"))
        {
            writer.Comment("two\nlines");
            using (writer.Block($"for (var i = 0; i < {3}; i++)"))
                writer.Line("a();\r\n\r\nb();");
        }

        Assert.Equal("class C\n{\n    // two\n    // lines\n    for (var i = 0; i < 3; i++)\n    {\n        a();\n\n        b();\n    }\n}\n", writer.ToString());
    }

    [Theory]
    [InlineData("de-DE")]
    [InlineData("fi-FI")]
    public void Numbers_do_not_know_the_culture(string culture)
    {
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
        try
        {
            Assert.Equal("-0.5 -7 1.0\n", new SourceWriter().Line($"{-0.5} {-7} {1.0}").ToString());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Fact]
    public void Keywords_and_quotes_are_escaped()
    {
        Assert.Equal("@event", SourceWriter.Identifier("event"));
        Assert.Equal("chosen", SourceWriter.Identifier("chosen"));
        Assert.Equal("\"a\\\"b\\\\\\n\\u0001\"", SourceWriter.Quoted("a\"b\\\n\u0001"));
    }
}
