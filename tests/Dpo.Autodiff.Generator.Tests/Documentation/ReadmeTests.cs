using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.FrontEnd;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Documentation;

/// <summary>What the README says of the language is so.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md")).ReplaceLineEndings("\n");

    public static TheoryData<string> Operations => new(
        OperationRow().Matches(Readme).SelectMany(row => Code().Matches(row.Groups[1].Value)).SelectMany(code => code.Groups[1].Value.Split(' '))
            .Where(word => Name().IsMatch(word)).Distinct(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Operations))]
    public void Its_operations_are_read(string name) => Assert.NotEmpty(TorchSpellings.Of(name));

    [Fact]
    public void Its_table_has_operations() => Assert.True(Operations.Count > 100);

    [Fact]
    public void Its_objective_compiles()
    {
        var project = new InMemoryProject([CSharp().Match(Readme).Groups[1].Value]).Generate();
        Assert.Empty(project.Analyze(new ObjectiveAnalyzer()));
        Assert.DoesNotContain(project.CompilerDiagnostics(), d => d.Id != "CS1591");
    }

    [GeneratedRegex("^\\| (?:pointwise|losses|numbers|axes|reductions|normalisers|indexing|scans|order) \\| (.*) \\|$", RegexOptions.Multiline)]
    private static partial Regex OperationRow();

    [GeneratedRegex("`([^`]*)`")]
    private static partial Regex Code();

    [GeneratedRegex("^[a-zA-Z][a-zA-Z0-9_]*$")]
    private static partial Regex Name();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();
}
