using System.Collections.Immutable;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.FrontEnd;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
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
        if (result.Model is { } model)
            Compile(context, method, result, model);
    }

    private static void Compile(SymbolAnalysisContext context, IMethodSymbol method, ReadResult result, ObjectiveModel model)
    {
        var compiled = ObjectiveCompiler.Compile(model, context.CancellationToken);
        foreach (var diagnosis in compiled.Diagnoses)
            Report(context, diagnosis, Place(method, result, diagnosis));
        foreach (var note in compiled.Objective?.Notes ?? EquatableArray<string>.Empty)
            Report(context, new Diagnosis("DPO0060", [note], model.Function.Id, -1), Place(method, result, null));
    }

    /// <summary>The place of an instruction; for one of another assembly's function, the method that reaches it.</summary>
    private static Location Place(IMethodSymbol method, ReadResult result, Diagnosis? diagnosis)
    {
        if (diagnosis is { Instruction: >= 0 } && result.Locations.TryGetValue(diagnosis.Function, out var places) && diagnosis.Instruction < places.Length)
            return places[diagnosis.Instruction];
        return method.Locations.FirstOrDefault() ?? Location.None;
    }

    private static void Report(SymbolAnalysisContext context, Diagnosis diagnosis, Location place) =>
        context.ReportDiagnostic(Diagnostic.Create(Descriptors.ById[diagnosis.Id], place, [.. diagnosis.Arguments]));
}
