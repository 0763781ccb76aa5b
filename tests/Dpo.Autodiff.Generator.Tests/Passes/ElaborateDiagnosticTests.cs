using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Harness;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>The findings of elaboration, each at its instruction, from the examples of their pages and beyond.</summary>
public sealed partial class ElaborateDiagnosticTests
{
    public static TheoryData<string> Ids => new(Enumerable.Range(30, 10).Select(n => $"DPO{n:0000}"));

    [Theory]
    [MemberData(nameof(Ids))]
    public void The_page_shows_the_mistake_and_its_correction(string id)
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "generator", "Diagnostics", id + ".md")).ReplaceLineEndings("\n");
        var blocks = CodeBlock().Matches(page).Select(m => m.Groups[1].Value).ToArray();

        var (project, findings) = Findings(blocks[0]);
        var finding = Assert.Single(findings);
        Assert.Equal(id, finding.Id);
        var line = blocks[0].Split('\n').TakeWhile(l => !l.Contains("// " + id, StringComparison.Ordinal)).Count() + InMemoryProject.Usings.Count(c => c == '\n');
        if (finding.Instruction >= 0)
            Assert.Equal(line, project.Read(Name(blocks[0])).Locations[finding.Function][finding.Instruction].GetLineSpan().StartLinePosition.Line);

        Assert.Empty(Findings(blocks[1]).Item2);
    }

    [Theory]
    [InlineData("x.sum(5)", "DPO0031", "dimension 5")]
    [InlineData("x.chunk(2, 0)[2]", "DPO0031", "element 2", "2*pair")]
    [InlineData("torch.matmul(x, x)", "DPO0030", "item")]
    [InlineData("x.bmm(x)", "DPO0032", "bmm")]
    [InlineData("x[x > 0]", "DPO0038", "indexing by a condition, whose result has no known size,")]
    [InlineData("x.flatten()", "DPO0034", "result 'Value' of [pair*item]")]
    [InlineData("x.view(-1).cumsum(0).sum()", "DPO0034", "`cumsum` along 'pair*item'")]
    [InlineData("x.view(3, -1)", "DPO0034", "`view` of [pair item]")]
    [InlineData("torch.einsum(\"ij,kj->ii\", x, x)", "DPO0032", "einsum")]
    [InlineData("x.split(2, 0)[0]", "DPO0034", "`split` of 'pair' into parts of '2'")]
    [InlineData("x.sin()", "DPO0032", "sin")]
    [InlineData("x & x.exp()", "DPO0038", "`bitwise_and` of numbers")]
    public void A_mistake_is_named(string expression, string id, string first, string axes = "pair item")
    {
        var (_, findings) = Findings($"public static partial class C {{ [Objective] public static Tensor F([Axes(\"{axes}\")] Tensor x) => {expression}; }}");
        var finding = Assert.Single(findings);
        Assert.Equal(id, finding.Id);
        Assert.Equal(first, finding.Arguments[0]);
    }

    [Fact]
    public void One_mistake_is_one_finding_and_several_are_all_found()
    {
        var (_, findings) = Findings("""
            public static partial class C
            {
                [Objective]
                public static Tensor F([Axes("pair")] Tensor x, [Axes("item")] Tensor y, bool flag = false)
                {
                    var a = x - y;
                    var b = flag ? a.exp() : a.tanh();
                    return b.mean() + x.sum(3);
                }
            }
            """);
        Assert.Equal(["DPO0030", "DPO0031"], findings.Select(f => f.Id));
    }

    [Fact]
    public void A_finding_in_a_helper_is_at_its_place_there()
    {
        var (_, findings) = Findings("""
            public static partial class C
            {
                [Objective]
                public static Tensor F([Axes("pair")] Tensor x, [Axes("item")] Tensor y) => Helper(x, y).mean();

                private static Tensor Helper(Tensor a, Tensor b) => a * b;
            }
            """);
        Assert.Equal("M:C.Helper(TorchSharp.torch.Tensor,TorchSharp.torch.Tensor)", Assert.Single(findings).Function);
    }

    private static (InMemoryProject, IReadOnlyList<Diagnosis>) Findings(string source)
    {
        var project = new InMemoryProject([InMemoryProject.Usings + source]);
        return (project, Elaborate.Run(Reading.Model(project, Name(source))).Diagnoses.ToArray());
    }

    private static string Name(string source) => Method().Match(source).Groups[1].Value;

    [GeneratedRegex("```csharp\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"\[Objective\]\s+public static \S+ (\w+)\(")]
    private static partial Regex Method();
}
