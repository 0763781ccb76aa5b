using System.Globalization;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Generator.Tests.Snapshots;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.Tests.Incremental;

/// <summary>The same source gives the same bytes, and they compile silently in any project.</summary>
public class DeterminismTests
{
    private static readonly string[] Sources = SampleObjectives.All
        .Select(o => InMemoryProject.Usings + $"public static partial class {o.Key}Objectives\n{{\n{o.Value}\n}}\n").ToArray();

    private const string DeclaredNullable =
        """
        public static partial class DeclaredNullable
        {
            [Objective]
            public static (Tensor loss, Tensor? metric) Pair([Axes("n")] Tensor x) => (x.mean(), x.detach().amax());

            [Objective]
            public static Tensor? Single([Axes("n")] Tensor x) => x.exp().mean();
        }
        """;

    private static readonly Lazy<string> Expected = new(Generate);

    [Fact]
    public void Two_runs_give_the_same_text()
    {
        Assert.Equal(Expected.Value, Generate());
        Assert.DoesNotContain('\r', Expected.Value);
    }

    [Theory]
    [InlineData("de-DE")]
    [InlineData("fi-FI")]
    [InlineData("tr-TR")]
    public void The_culture_changes_nothing(string culture)
    {
        _ = Expected.Value;
        var before = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = CultureInfo.GetCultureInfo(culture);
        try
        {
            Assert.Equal(Expected.Value, Generate());
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [Theory]
    [InlineData(NullableContextOptions.Disable, true)]
    [InlineData(NullableContextOptions.Enable, false)]
    public void The_generated_code_compiles_without_a_warning(NullableContextOptions nullable, bool checkOverflow)
    {
        var all = Sources.Append(InMemoryProject.Usings + DeclaredNullable);
        var sources = nullable == NullableContextOptions.Disable ? all.Select(s => "#nullable enable annotations\n" + s) : all;
        var project = new InMemoryProject(sources, nullable: nullable, checkOverflow: checkOverflow).Generate();
        var generated = project.Compilation.SyntaxTrees.Where(t => !t.FilePath.StartsWith("Source", StringComparison.Ordinal)).ToHashSet();
        // CS1591, documentation that is missing, is among them: the project asks for documentation.
        var complaints = project.CompilerDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error || (d.Location.SourceTree is { } tree && generated.Contains(tree))).ToArray();
        Assert.NotEmpty(generated);
        Assert.True(complaints.Length == 0, string.Join("\n", complaints.Take(10).Select(c => c + "\n    " + c.Location.SourceTree?.GetText().Lines[c.Location.GetLineSpan().StartLinePosition.Line])));
    }

    private static string Generate() =>
        string.Join("\n", new InMemoryProject(Sources).Generate().Generated.OrderBy(g => g.HintName, StringComparer.Ordinal).Select(g => g.HintName + "\n" + g.SourceText));
}
