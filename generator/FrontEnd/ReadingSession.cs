using System.Collections.Immutable;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>One reading of an objective with all that it reaches: each function is read once.</summary>
internal sealed class ReadingSession(Compilation compilation, CancellationToken cancellation)
{
    private readonly Dictionary<string, Function?> functions = new(StringComparer.Ordinal);
    private readonly HashSet<string> open = new(StringComparer.Ordinal);
    private readonly HashSet<string> ours = new(StringComparer.Ordinal);
    private readonly ReferencedFunctions referenced = new(compilation);

    public CancellationToken Cancellation { get; } = cancellation;

    public Compilation Compilation { get; } = compilation;

    public List<Finding> Findings { get; } = [];

    /// <summary>The places of the instructions, by function.</summary>
    public Dictionary<string, ImmutableArray<Location>> Locations { get; } = new(StringComparer.Ordinal);

    /// <summary>The source has errors of C#'s own: nothing is generated.</summary>
    public bool DoesNotCompile { get; set; }

    /// <summary>Everything that was read but <paramref name="id"/> itself, in ordinal order.</summary>
    public EquatableArray<Function> AllBut(string id) =>
        functions.Where(f => f.Key != id && f.Value is not null).OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Value!).ToEquatableArray();

    /// <summary>The functions of this assembly that were read, in ordinal order.</summary>
    public EquatableArray<Function> Own() =>
        functions.Where(f => f.Value is not null && ours.Contains(f.Key)).OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => f.Value!).ToEquatableArray();

    public static string IdOf(IMethodSymbol method) => Implementation(method).OriginalDefinition.GetDocumentationCommentId() ?? method.Name;

    /// <summary>The static method that a member of an <c>extension</c> block is compiled to; other methods are themselves.</summary>
    private static IMethodSymbol Implementation(IMethodSymbol method) => method.AssociatedExtensionImplementation ?? method;

    /// <summary>The method as it is written: the member of an <c>extension</c> block of which <paramref name="method"/> is the implementation.</summary>
    private static IMethodSymbol Declaration(IMethodSymbol method) =>
        method.ContainingType.GetTypeMembers().Where(t => t.IsExtension).SelectMany(t => t.GetMembers(method.Name)).OfType<IMethodSymbol>()
            .FirstOrDefault(m => SymbolEqualityComparer.Default.Equals(m.AssociatedExtensionImplementation, method)) ?? method;

    public void Report(string diagnostic, Location location, string function, int instruction, params ReadOnlySpan<string> arguments) =>
        Findings.Add(new Finding(new Diagnosis(diagnostic, EquatableArray.Create(arguments), function, instruction), location));

    /// <summary>Reads a method that a call needs; false where it cannot be had, which is reported at the call.</summary>
    public bool Require(IMethodSymbol method, IOperation call, string caller, int instruction)
    {
        method = Implementation(method).OriginalDefinition;
        var id = IdOf(method);
        var place = call.Syntax.GetLocation();
        if (open.Contains(id))
        {
            Report("DPO0023", place, caller, instruction, method.Name);
            return false;
        }

        if (functions.TryGetValue(id, out var known))
            return known is not null;
        if (!SymbolEqualityComparer.Default.Equals(method.ContainingAssembly, Compilation.Assembly))
            return RequireReferenced(method, place, caller, instruction);
        if (Refusal(method) is { } refusal)
        {
            Report("DPO0014", place, caller, instruction, method.Name + refusal.Reason, refusal.Advice);
            functions[id] = null;
            return false;
        }

        return Read(method) is not null;
    }

    /// <summary>Reads a method of this compilation; null where it has findings or no body.</summary>
    public Function? Read(IMethodSymbol method)
    {
        method = Implementation(method);
        var id = IdOf(method);
        var before = Findings.Count;
        var written = Declaration(method);
        if (Body(written) is not { } body || !open.Add(id))
            return functions[id] = null;
        try
        {
            var (code, locals, places) = BodyReader.Read(this, written, body);
            Locations[id] = places;
            ours.Add(id);
            return functions[id] = Findings.Count > before || DoesNotCompile
                ? null
                : new Function(id, method.Name, FunctionSignature.Parameters(method), FunctionSignature.ResultNames(method), locals, code);
        }
        finally
        {
            open.Remove(id);
        }
    }

    private bool RequireReferenced(IMethodSymbol method, Location place, string caller, int instruction)
    {
        var (found, problem) = referenced.Find(method.ContainingAssembly, IdOf(method));
        if (problem is { } known)
            Report(known.Id, place, caller, instruction, known.Arguments);
        foreach (var function in found)
            functions[function.Id] = function;
        return problem is null;
    }

    /// <summary>Why a method of this compilation cannot be inlined, or null.</summary>
    private static (string Reason, string Advice)? Refusal(IMethodSymbol method)
    {
        if (method.IsGenericMethod || method.ContainingType.IsGenericType)
            return (" (a generic method)", "write it for Tensor");
        if (method.IsAsync)
            return (" (an async method)", "make it synchronous");
        if (method.ReturnsVoid)
            return (" (it returns nothing)", "return a tensor or a tuple of tensors");
        if (method.MethodKind != MethodKind.Ordinary || method.IsExtern || method.IsAbstract || method.IsVirtual)
            return ("", "write an ordinary static method");
        if (FunctionSignature.Unsupported(method) is { } parameter)
            return (" (its parameter '" + parameter.Name + "' is a " + parameter.Type.ToDisplayString() + ")", "take tensors, numbers, bools and enums");
        return null;
    }

    private IMethodBodyOperation? Body(IMethodSymbol method)
    {
        method = method.PartialImplementationPart ?? method;
        foreach (var reference in method.DeclaringSyntaxReferences)
            if (reference.GetSyntax(Cancellation) is MethodDeclarationSyntax { } syntax && (syntax.Body is not null || syntax.ExpressionBody is not null))
                return Compilation.GetSemanticModel(syntax.SyntaxTree).GetOperation(syntax, Cancellation) as IMethodBodyOperation;
        return null;
    }
}
