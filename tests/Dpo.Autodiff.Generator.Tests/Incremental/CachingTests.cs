using System.Collections;
using System.Reflection;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Generator.Tests.Snapshots;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Dpo.Autodiff.Generator.Tests.Incremental;

/// <summary>The generator runs on every keystroke: what did not change must not be made again, and nothing of Roslyn may be kept.</summary>
public class CachingTests
{
    private static readonly string Source = InMemoryProject.Usings + "public static partial class C\n{\n" + SampleObjectives.Dpo + "\n" + SampleObjectives.BradleyTerry + "\n}\n";

    [Fact]
    public void An_edit_elsewhere_leaves_the_model_unchanged_and_the_rest_cached()
    {
        var project = new InMemoryProject([Source, "class Other { }"]);
        var driver = Driver(project).RunGenerators(project.Compilation);

        var other = project.Compilation.SyntaxTrees.Single(t => t.FilePath == "Source1.cs");
        var edited = project.Compilation.ReplaceSyntaxTree(
            other, CSharpSyntaxTree.ParseText("class Other { int x; }", project.ParseOptions, path: "Source1.cs", encoding: System.Text.Encoding.UTF8));
        AssertCached(driver.RunGenerators(edited));
    }

    [Fact]
    public void A_comment_beside_the_objective_leaves_the_model_unchanged()
    {
        var project = new InMemoryProject([Source]);
        var driver = Driver(project).RunGenerators(project.Compilation);

        var tree = project.Compilation.SyntaxTrees.Single();
        var edited = project.Compilation.ReplaceSyntaxTree(
            tree, CSharpSyntaxTree.ParseText("// A comment moves everything.\n" + Source, project.ParseOptions, path: tree.FilePath, encoding: System.Text.Encoding.UTF8));
        AssertCached(driver.RunGenerators(edited));
    }

    [Fact]
    public void An_edit_of_one_objective_does_not_compile_the_other_again()
    {
        var project = new InMemoryProject([Source]);
        var driver = Driver(project).RunGenerators(project.Compilation);

        var tree = project.Compilation.SyntaxTrees.Single();
        var edited = project.Compilation.ReplaceSyntaxTree(
            tree,
            CSharpSyntaxTree.ParseText(Source.Replace("ridge * strength", "2 * ridge * strength"), project.ParseOptions, path: tree.FilePath, encoding: System.Text.Encoding.UTF8));
        var reasons = Reasons(driver.RunGenerators(edited), ObjectiveGenerator.CompileStep);
        Assert.Equal([IncrementalStepRunReason.Cached, IncrementalStepRunReason.Modified], reasons.ToHashSet().OrderBy(r => r.ToString(), StringComparer.Ordinal));
    }

    [Fact]
    public void The_cached_values_hold_no_object_of_Roslyn()
    {
        var project = new InMemoryProject([Source]);
        var result = Driver(project).RunGenerators(project.Compilation).GetRunResult().Results.Single();
        foreach (var name in new[] { ObjectiveGenerator.ModelStep, ObjectiveGenerator.CompileStep, ObjectiveGenerator.OutputStep })
        {
            var outputs = result.TrackedSteps[name].SelectMany(s => s.Outputs).Select(o => o.Value).ToArray();
            Assert.NotEmpty(outputs);
            var seen = new HashSet<object>(ReferenceEqualityComparer.Instance);
            foreach (var output in outputs)
                Walk(output, name, seen);
        }
    }

    private static void AssertCached(GeneratorDriver driver)
    {
        Assert.All(Reasons(driver, ObjectiveGenerator.ModelStep), r => Assert.True(r is IncrementalStepRunReason.Unchanged or IncrementalStepRunReason.Cached, r.ToString()));
        Assert.All(Reasons(driver, ObjectiveGenerator.CompileStep), r => Assert.Equal(IncrementalStepRunReason.Cached, r));
        Assert.All(Reasons(driver, ObjectiveGenerator.OutputStep), r => Assert.Equal(IncrementalStepRunReason.Cached, r));
    }

    private static IncrementalStepRunReason[] Reasons(GeneratorDriver driver, string step)
    {
        var reasons = driver.GetRunResult().Results.Single().TrackedSteps[step].SelectMany(s => s.Outputs).Select(o => o.Reason).ToArray();
        Assert.Equal(2, reasons.Length);
        return reasons;
    }

    private static CSharpGeneratorDriver Driver(InMemoryProject project) => CSharpGeneratorDriver.Create(
        [new ObjectiveGenerator().AsSourceGenerator()],
        parseOptions: project.ParseOptions,
        driverOptions: new GeneratorDriverOptions(IncrementalGeneratorOutputKind.None, trackIncrementalGeneratorSteps: true));

    private static void Walk(object? value, string path, HashSet<object> seen)
    {
        if (value is null)
            return;
        var type = value.GetType();
        Assert.False(type.Assembly.GetName().Name!.StartsWith("Microsoft.CodeAnalysis", StringComparison.Ordinal), $"{path} is a {type}");
        if (type.IsPrimitive || type.IsEnum || value is string || (!type.IsValueType && !seen.Add(value)))
            return;
        if (value is IEnumerable items)
        {
            var i = 0;
            foreach (var item in items)
                Walk(item, $"{path}[{i++}]", seen);
            return;
        }

        for (var t = type; t is not null && t != typeof(object); t = t.BaseType)
            foreach (var field in t.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                Walk(field.GetValue(value), path + "." + field.Name, seen);
    }
}
