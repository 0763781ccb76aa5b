using Dpo.Autodiff.Generator.FrontEnd;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Dpo.Autodiff.Generator.Tests.Harness;

/// <summary>Runs the front end on a user's project in memory.</summary>
internal static class Reading
{
    /// <summary>The front end's answer for the method of this name (the first, where there are several).</summary>
    public static ReadResult Read(this InMemoryProject project, string method = "F")
    {
        var symbol = project.Method(method);
        return ObjectiveReader.Read(symbol, project.Compilation, CancellationToken.None);
    }

    public static IMethodSymbol Method(this InMemoryProject project, string name)
    {
        foreach (var tree in project.Compilation.SyntaxTrees)
            foreach (var syntax in tree.GetRoot().DescendantNodes().OfType<MethodDeclarationSyntax>())
                if (syntax.Identifier.ValueText == name)
                    return (IMethodSymbol)project.Compilation.GetSemanticModel(tree).GetDeclaredSymbol(syntax)!;
        throw new ArgumentException("No method " + name + ".", nameof(name));
    }

    /// <summary>The objective F of a class C with the given members; fails where C# or the front end has anything to say.</summary>
    public static ObjectiveModel Model(string members, string method = "F") => Model(Project(members), method);

    public static ObjectiveModel Model(InMemoryProject project, string method = "F")
    {
        var errors = project.Compilation.GetDiagnostics().Where(d => d.Severity == DiagnosticSeverity.Error).ToArray();
        Assert.True(errors.Length == 0, string.Join("\n", errors.Select(e => e.ToString())));
        var result = project.Read(method);
        Assert.True(result.Findings.IsEmpty, string.Join("\n", result.Findings.Select(f => f.Diagnosis.Id + " " + f.Diagnosis.Arguments + " at " + f.Location)));
        return Assert.IsType<ObjectiveModel>(result.Model);
    }

    public static InMemoryProject Project(string members) => new("#nullable enable\npublic enum Kind { Plain, Hinge, Square }\npublic static partial class C\n{\n" + members + "\n}\n");

    /// <summary>The text of the objective <c>F(x, y, m, i, n, beta, kind, flag, margin)</c> with this expression as its body.</summary>
    public static string Text(string expression) => FunctionText.Write(Model(Objective(expression)).Function);

    /// <summary>An objective over tensors x, y, z, mask m, index i, optional tensor o and hyper-parameters of every kind.</summary>
    public static string Objective(string expression, string result = "Tensor") => Declaration(result) + " => " + expression + ";";

    /// <summary>As <see cref="Objective"/>, with statements.</summary>
    public static string Statements(string statements, string result = "Tensor") => Declaration(result) + " { " + statements + " }";

    private static string Declaration(string result) =>
        "[Objective] public static " + result + """
         F(
            [Axes("pair item")] Tensor x, [Axes("pair item")] Tensor y, [Axes("pair item")] Tensor z, [Axes("pair item")] Tensor m, [Axes("pair item")] Tensor i,
            [Axes("pair item")] Tensor? o = null, double beta = 0.1, float f = 1f, int n = 1, long k = 2, bool flag = false, Kind kind = Kind.Plain,
            double? margin = null, Kind? choice = null, int? count = null)
        """;
}
