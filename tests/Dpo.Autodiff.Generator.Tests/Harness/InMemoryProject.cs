using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.Loader;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace Dpo.Autodiff.Generator.Tests.Harness;

/// <summary>A user's project in memory: C# text compiled against TorchSharp and the runtime, with the generator and the analyzer.</summary>
internal sealed class InMemoryProject
{
    /// <summary>The usings that the documentation tells users to write.</summary>
    public const string Usings = """
        using System;
        using Dpo.Autodiff;
        using TorchSharp;
        using static TorchSharp.torch;
        using static TorchSharp.torch.nn.functional;

        """;

    private static readonly ImmutableArray<MetadataReference> References = LoadReferences();

    private static int count;

    public InMemoryProject(
        IEnumerable<string> sources,
        IEnumerable<MetadataReference>? extraReferences = null,
        LanguageVersion language = LanguageVersion.CSharp12,
        NullableContextOptions nullable = NullableContextOptions.Enable,
        bool checkOverflow = false)
    {
        ParseOptions = new CSharpParseOptions(language, DocumentationMode.Diagnose);
        var trees = sources.Select((text, i) => CSharpSyntaxTree.ParseText(text, ParseOptions, path: $"Source{i}.cs", encoding: System.Text.Encoding.UTF8));
        Compilation = CSharpCompilation.Create(
            $"InMemory{Interlocked.Increment(ref count)}",
            trees,
            References.AddRange(extraReferences ?? []),
            new CSharpCompilationOptions(
                OutputKind.DynamicallyLinkedLibrary,
                optimizationLevel: OptimizationLevel.Release,
                nullableContextOptions: nullable,
                checkOverflow: checkOverflow));
    }

    public InMemoryProject(string body)
        : this([Usings + body])
    {
    }

    public CSharpParseOptions ParseOptions { get; }

    public CSharpCompilation Compilation { get; private set; }

    /// <summary>The generated files by hint name, after <see cref="Generate"/>.</summary>
    public ImmutableArray<GeneratedSourceResult> Generated { get; private set; } = [];

    /// <summary>Runs the generator; its files become part of the compilation.</summary>
    public InMemoryProject Generate()
    {
        var driver = CSharpGeneratorDriver.Create([new ObjectiveGenerator().AsSourceGenerator()], parseOptions: ParseOptions);
        var result = driver.RunGeneratorsAndUpdateCompilation(Compilation, out var updated, out _).GetRunResult().Results.Single();
        if (result.Exception is { } exception)
            throw new InvalidOperationException("The generator threw.", exception);
        Generated = result.GeneratedSources;
        Compilation = (CSharpCompilation)updated;
        return this;
    }

    /// <summary>What the compiler itself says, warnings and errors.</summary>
    public Diagnostic[] CompilerDiagnostics() =>
        Compilation.GetDiagnostics().Where(d => d.Severity >= DiagnosticSeverity.Warning).ToArray();

    /// <summary>What the given analyzers say.</summary>
    public Diagnostic[] Analyze(params DiagnosticAnalyzer[] analyzers) =>
        Compilation.WithAnalyzers([.. analyzers]).GetAnalyzerDiagnosticsAsync().GetAwaiter().GetResult()
            .OrderBy(d => d.Location.SourceSpan.Start).ToArray();

    /// <summary>Compiles and loads; a compile error fails the test with the errors and the generated text around them.</summary>
    public Assembly Load()
    {
        using var stream = new MemoryStream();
        var emitted = Compilation.Emit(stream);
        Assert.True(emitted.Success, string.Join("\n", emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(10).Select(Describe)));
        stream.Position = 0;
        return new AssemblyLoadContext(Compilation.AssemblyName, isCollectible: true).LoadFromStream(stream);
    }

    /// <summary>The compilation as a reference for another project.</summary>
    public MetadataReference ToReference()
    {
        using var stream = new MemoryStream();
        var emitted = Compilation.Emit(stream);
        Assert.True(emitted.Success, string.Join("\n", emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error).Take(10).Select(Describe)));
        return MetadataReference.CreateFromImage(stream.ToArray());
    }

    private static string Describe(Diagnostic diagnostic)
    {
        var text = diagnostic.Location.SourceTree?.GetText();
        var line = diagnostic.Location.GetLineSpan().StartLinePosition.Line;
        return diagnostic + (text is null ? "" : "\n    " + text.Lines[line].ToString().Trim());
    }

    private static ImmutableArray<MetadataReference> LoadReferences() =>
        ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator)
            .Where(path => Path.GetFileName(path) is var file
                && (file.StartsWith("System.", StringComparison.Ordinal) || file is "mscorlib.dll" or "netstandard.dll" or "TorchSharp.dll" or "Dpo.Autodiff.dll"))
            .Select(path => (MetadataReference)MetadataReference.CreateFromFile(path))
            .ToImmutableArray();
}
