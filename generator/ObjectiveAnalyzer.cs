using System.Collections.Immutable;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.FrontEnd;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Dpo.Autodiff.Generator;

/// <summary>
/// Reports what the front end and the compiler find, at its place in the source (the generator only generates: a diagnostic of its
/// would have no real location, and would slip past <c>#pragma warning disable</c>).
/// </summary>
[DiagnosticAnalyzer(LanguageNames.CSharp)]
public sealed class ObjectiveAnalyzer : DiagnosticAnalyzer
{
    public override ImmutableArray<DiagnosticDescriptor> SupportedDiagnostics { get; } = [.. Descriptors.ById.Values.OrderBy(d => d.Id, StringComparer.Ordinal)];

    public override void Initialize(AnalysisContext context)
    {
        context.EnableConcurrentExecution();
        context.ConfigureGeneratedCodeAnalysis(GeneratedCodeAnalysisFlags.None);
        context.RegisterSymbolAction(Analyze, SymbolKind.Method);
    }

    private static void Analyze(SymbolAnalysisContext context)
    {
        var method = (IMethodSymbol)context.Symbol;
        ReadResult result;
        if (FunctionSignature.Attribute(method, "ObjectiveAttribute") is not null)
            result = ObjectiveReader.Read(method, context.Compilation, context.CancellationToken);
        else if (FunctionSignature.Attribute(method, "ObjectiveFunctionAttribute") is not null)
            result = ObjectiveReader.ReadFunction(method, context.Compilation, context.CancellationToken);
        else
            return;

        foreach (var finding in result.Findings)
            Report(context, finding.Diagnosis, finding.Location);
    }

    private static void Report(SymbolAnalysisContext context, Diagnosis diagnosis, Location place) =>
        context.ReportDiagnostic(Diagnostic.Create(Descriptors.ById[diagnosis.Id], place, [.. diagnosis.Arguments]));
}
