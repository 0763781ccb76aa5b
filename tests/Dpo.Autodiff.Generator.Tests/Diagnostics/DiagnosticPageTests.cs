using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.Tests.Harness;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.Tests.Diagnostics;

/// <summary>
/// Every diagnostic has its page, and the page is right: its first example gives the diagnostic at the lines that it marks and
/// nothing else of ours, its second example compiles without any.
/// </summary>
public sealed partial class DiagnosticPageTests
{
    private static readonly string Pages = Path.Combine(Repository.Root, "generator", "Diagnostics");

    /// <summary>Pages whose example cannot be compiled as it stands, each with a test of its own.</summary>
    private static readonly HashSet<string> Apart = ["DPO0024", "DPO0025", "DPO0026", "DPO0059"];

    public static TheoryData<string> Ids => new(Descriptors.ById.Keys.Order(StringComparer.Ordinal));

    public static TheoryData<string> Examples => new(Descriptors.ById.Keys.Where(id => !Apart.Contains(id)).Order(StringComparer.Ordinal));

    [Theory]
    [MemberData(nameof(Ids))]
    public void Has_its_page_and_its_row_in_the_ledger(string id)
    {
        Assert.StartsWith($"# {id}: {Descriptors.ById[id].Title}\n", Page(id), StringComparison.Ordinal);
        Assert.EndsWith($"{id}.md", Descriptors.ById[id].HelpLinkUri, StringComparison.Ordinal);
        Assert.Contains($"{id} | Dpo.Autodiff | {Descriptors.ById[id].DefaultSeverity} | {Descriptors.ById[id].Title}", File.ReadAllText(Path.Combine(Pages, "AnalyzerReleases.Unshipped.md")), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Its_failing_example_fails_at_the_marked_lines(string id)
    {
        var example = Blocks(id)[0];
        var marked = example.Split('\n').SelectMany((line, i) => Mark().Matches(line).Select(m => (Line: i, Id: m.Groups[1].Value))).ToHashSet();
        Assert.Contains(marked, m => m.Id == id);
        Assert.Equal(marked.OrderBy(m => m), Reported(example).OrderBy(m => m));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public void Its_corrected_example_compiles(string id)
    {
        foreach (var example in Blocks(id).Skip(1))
        {
            var project = new InMemoryProject([InMemoryProject.Usings + example]).Generate();
            Assert.Empty(project.Analyze(new ObjectiveAnalyzer()));
            Assert.DoesNotContain(project.CompilerDiagnostics(), d => d.Id != "CS1591");
        }
    }

    [Fact]
    public void DPO0024_a_method_of_another_assembly_that_is_not_exported()
    {
        var library = new InMemoryProject("public static class Library { public static Tensor Twice(Tensor t) => 2 * t; }");
        Assert.Contains(Reported(Blocks("DPO0024")[0], library.ToReference()), r => r.Id == "DPO0024");
    }

    [Fact]
    public void DPO0025_an_unknown_version()
    {
        var library = new InMemoryProject("""
            [assembly: ObjectiveProgram("M:Library.Twice(TorchSharp.torch.Tensor)", 999, "from the future")]
            public static class Library { public static Tensor Twice(Tensor t) => 2 * t; }
            """);
        Assert.Contains(Reported(Blocks("DPO0025")[0], library.ToReference()), r => r.Id == "DPO0025");
    }

    [Fact]
    public void DPO0026_thousands_of_nested_operators()
    {
        // C# itself reads a sum from the left without recursion; who reads the tree does not.
        var text = "public static partial class Mine { [Objective] public static Tensor Deep([Axes(\"pair\")] Tensor x) => x" + string.Concat(Enumerable.Repeat(" + x", 8_000)) + "; }";
        Assert.Contains(Reported(text), r => r.Id == "DPO0026");
    }

    private static HashSet<(int Line, string Id)> Reported(string example, params MetadataReference[] references)
    {
        var lines = InMemoryProject.Usings.Count(c => c == '\n');
        var project = new InMemoryProject([InMemoryProject.Usings + example], references);
        return project.Analyze(new ObjectiveAnalyzer()).Select(d => (d.Location.GetLineSpan().StartLinePosition.Line - lines, d.Id)).ToHashSet();
    }

    private static string Page(string id) => File.ReadAllText(Path.Combine(Pages, id + ".md")).ReplaceLineEndings("\n");

    private static string[] Blocks(string id) => CodeBlock().Matches(Page(id)).Select(m => m.Groups[1].Value).ToArray();

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex("// (DPO[0-9]{4})")]
    private static partial Regex Mark();
}
