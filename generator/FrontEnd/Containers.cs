using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>The classes around an objective, as text to declare their other parts with.</summary>
internal static class Containers
{
    public static ContainerModel Of(IMethodSymbol method)
    {
        var types = new Stack<string>();
        var names = new Stack<string>();
        for (var type = method.ContainingType; type is not null; type = type.ContainingType)
        {
            types.Push(Declaration(type));
            names.Push(type.MetadataName);
        }

        var space = method.ContainingNamespace is { IsGlobalNamespace: false } named ? named : null;
        var metadataName = string.Join("+", names);
        return new ContainerModel(
            space?.ToDisplayString(SymbolDisplayFormat.FullyQualifiedFormat.WithGlobalNamespaceStyle(SymbolDisplayGlobalNamespaceStyle.Omitted)) ?? "",
            types.ToEquatableArray(),
            space is null ? metadataName : space.ToDisplayString() + "." + metadataName);
    }

    private static string Declaration(INamedTypeSymbol type)
    {
        var kind = type switch
        {
            { IsRecord: true, TypeKind: TypeKind.Struct } => "record struct ",
            { IsRecord: true } => "record ",
            { TypeKind: TypeKind.Struct } => "struct ",
            { TypeKind: TypeKind.Interface } => "interface ",
            _ => "class ",
        };
        return (type.IsStatic ? "static " : "") + kind + HostTypes.Escape(type.Name);
    }

    public static string Accessibility(Accessibility accessibility) => accessibility switch
    {
        Microsoft.CodeAnalysis.Accessibility.Public => "public",
        Microsoft.CodeAnalysis.Accessibility.Internal => "internal",
        Microsoft.CodeAnalysis.Accessibility.Protected => "protected",
        Microsoft.CodeAnalysis.Accessibility.ProtectedOrInternal => "protected internal",
        Microsoft.CodeAnalysis.Accessibility.ProtectedAndInternal => "private protected",
        _ => "private",
    };
}
