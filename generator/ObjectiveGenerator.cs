using Dpo.Autodiff.Generator.Emit.Api;
using Dpo.Autodiff.Generator.FrontEnd;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator;

/// <summary>
/// The wiring, in three named steps: <c>Model</c> (from symbols to values, on every edit), <c>Compile</c> (a pure function of the
/// model, cached) and <c>Output</c> (text). Findings are the analyzer's to report.
/// </summary>
[Generator(LanguageNames.CSharp)]
public sealed class ObjectiveGenerator : IIncrementalGenerator
{
    /// <summary>The steps by name, for tests of the caching.</summary>
    public const string ModelStep = "Model";

    /// <inheritdoc cref="ModelStep"/>
    public const string CompileStep = "Compile";

    /// <inheritdoc cref="ModelStep"/>
    public const string OutputStep = "Output";

    public void Initialize(IncrementalGeneratorInitializationContext context)
    {
        var read = context.SyntaxProvider.ForAttributeWithMetadataName(
                ObjectiveReader.ObjectiveAttribute,
                static (_, _) => true,
                static (found, cancellation) => Read(ObjectiveReader.Read((IMethodSymbol)found.TargetSymbol, found.SemanticModel.Compilation, cancellation)))
            .WithTrackingName(ModelStep);
        var exported = context.SyntaxProvider.ForAttributeWithMetadataName(
                ObjectiveReader.ObjectiveFunctionAttribute,
                static (_, _) => true,
                static (found, cancellation) => Read(ObjectiveReader.ReadFunction((IMethodSymbol)found.TargetSymbol, found.SemanticModel.Compilation, cancellation)))
            .WithTrackingName("Export");

        var compiled = read.Where(static r => r.Model is not null)
            .Select(static (r, cancellation) => ObjectiveCompiler.Compile(r.Model!, cancellation).Objective)
            .WithTrackingName(CompileStep);
        var files = compiled.Where(static objective => objective is not null)
            .Select(static (objective, _) => ObjectiveFiles.Of(objective!))
            .WithTrackingName(OutputStep);
        context.RegisterSourceOutput(files, static (output, files) => Add(output, files));

        var containers = compiled.Where(static objective => objective is not null)
            .Select(static (objective, _) => (objective!.Model.Container, objective.Model.Accessibility))
            .Collect();
        context.RegisterSourceOutput(containers, static (output, containers) => Add(output, FusedClasses(containers)));

        var functions = read.Collect().Combine(exported.Collect())
            .Select(static (all, _) => all.Left.Concat(all.Right).SelectMany(r => r.Exports).GroupBy(f => f.Id).Select(g => g.First()).ToEquatableArray());
        context.RegisterSourceOutput(functions, static (output, functions) =>
        {
            if (functions.Count > 0)
                Add(output, [AssemblyFiles.Exports(functions)]);
        });

        var usesRuntime = context.CompilationProvider.Select(static (compilation, _) => compilation.GetTypeByMetadataName("Dpo.Autodiff.Native.NativeLibraries") is not null);
        context.RegisterSourceOutput(usesRuntime, static (output, uses) =>
        {
            if (uses)
                Add(output, [AssemblyFiles.NativeLibraries]);
        });
    }

    private static ReadValues Read(ReadResult result) => new(result.Model, result.Exports);

    private static EquatableArray<SourceFile> FusedClasses(IEnumerable<(ContainerModel Container, string Accessibility)> containers) =>
        containers.GroupBy(c => c.Container)
            .OrderBy(g => g.Key.MetadataName, StringComparer.Ordinal)
            .Select(g => AssemblyFiles.Fused(g.Key, MostAccessible(g.Select(c => c.Accessibility))))
            .ToEquatableArray();

    private static string MostAccessible(IEnumerable<string> accessibilities) => accessibilities.Contains("public") ? "public" : "internal";

    private static void Add(SourceProductionContext output, EquatableArray<SourceFile> files)
    {
        foreach (var file in files)
            output.AddSource(file.HintName, Microsoft.CodeAnalysis.Text.SourceText.From(file.Text, System.Text.Encoding.UTF8));
    }

    /// <summary>The part of a reading that is a value.</summary>
    private sealed record ReadValues(ObjectiveModel? Model, EquatableArray<Function> Exports);
}
