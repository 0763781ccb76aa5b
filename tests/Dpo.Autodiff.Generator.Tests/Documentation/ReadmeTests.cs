using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.FrontEnd;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Documentation;

/// <summary>What the README says of the language is so.</summary>
public sealed partial class ReadmeTests
{
    private static readonly string Readme = File.ReadAllText(Path.Combine(Repository.Root, "README.md")).ReplaceLineEndings("\n");

    /// <summary>Operations that are written with operators, brackets, properties or other names, and those that are refused with advice.</summary>
    private static readonly string[] Apart =
    [
        "add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
        "from_number", "size", "shape", "ndim", "dtype", "index", "split_sizes",
        "sin", "cos",
    ];

    private static IEnumerable<string> Named =>
        OperationRow().Matches(Readme).SelectMany(row => Code().Matches(row.Groups[1].Value)).SelectMany(code => code.Groups[1].Value.Split(' '))
            .Where(word => Name().IsMatch(word)).Distinct(StringComparer.Ordinal);

    public static TheoryData<string> Operations => new(Named);

    [Theory]
    [MemberData(nameof(Operations))]
    public void Its_operations_are_read(string name) => Assert.Contains(TorchSpellings.Of(name), row => TorchOperations.Table.ContainsKey(row.Operation));

    [Fact]
    public void It_names_every_operation() => Assert.Empty(TorchOperations.Table.Keys.Except(Named).Except(Apart).Order(StringComparer.Ordinal));

    [Fact]
    public void Its_table_has_operations() => Assert.True(Operations.Count > 100);

    [Fact]
    public void Its_objective_compiles()
    {
        var project = new InMemoryProject([CSharp().Match(Readme).Groups[1].Value]).Generate();
        Assert.Empty(project.Analyze(new ObjectiveAnalyzer()));
        Assert.DoesNotContain(project.CompilerDiagnostics(), d => d.Id != "CS1591");
    }

    [GeneratedRegex("^\\| (?:pointwise|losses|numbers|axes|reductions|normalisers|indexing|scans|order|products) \\| (.*) \\|$", RegexOptions.Multiline)]
    private static partial Regex OperationRow();

    [GeneratedRegex("`([^`]*)`")]
    private static partial Regex Code();

    [GeneratedRegex("^[a-zA-Z][a-zA-Z0-9_]*$")]
    private static partial Regex Name();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CSharp();
}
