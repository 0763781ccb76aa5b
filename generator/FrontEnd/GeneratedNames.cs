using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>The members that the generator adds for an objective, and whatever already has one of their names.</summary>
internal sealed class GeneratedNames(ReadingSession session, IMethodSymbol method, string id)
{
    /// <summary>Names that every record struct has.</summary>
    private static readonly HashSet<string> OfRecords = new(StringComparer.Ordinal)
    {
        "Dispose", "Equals", "GetHashCode", "ToString", "Deconstruct", "GetType", "MemberwiseClone", "ReferenceEquals",
    };

    public void Check()
    {
        if (method.ContainingType is not { } type)
            return;
        Overloads(type);
        foreach (var outer in new[] { "Fused", method.Name + "Result", method.Name + "Loss" })
        {
            if (type.Name == outer)
                Report("DPO0005", Place(type), "The class '" + type.Name + "'", outer);
            foreach (var member in type.GetMembers(outer).Where(m => !IsGenerated(m)))
                if (!IsPartOfFused(member))
                    Report("DPO0005", Place(member), "'" + outer + "'", outer);
        }

        foreach (var fused in type.GetTypeMembers("Fused"))
            foreach (var name in new[] { method.Name, method.Name + "WithGrad", method.Name + "Info" })
                foreach (var member in fused.GetMembers(name).Where(m => !IsGenerated(m)))
                    Report("DPO0005", Place(member), "'Fused." + name + "'", "Fused." + name);
        Siblings(type);
        foreach (var parameter in method.Parameters.Where(p => p.Name == "upstream"))
            Report("DPO0005", Place(parameter), "The parameter 'upstream'", "the parameter 'upstream' of Fused." + method.Name + "WithGrad");
        ResultNames();
    }

    private void Overloads(INamedTypeSymbol type)
    {
        if (type.GetMembers(method.Name).OfType<IMethodSymbol>().Count(IsObjective) > 1)
            Report("DPO0004", Place(method), method.Name);
    }

    /// <summary>Another objective whose generated names meet ours: <c>Dpo</c> and <c>DpoWithGrad</c>.</summary>
    private void Siblings(INamedTypeSymbol type)
    {
        foreach (var suffix in new[] { "WithGrad", "Info" })
            if (type.GetMembers(method.Name + suffix).OfType<IMethodSymbol>().Any(IsObjective))
                Report("DPO0005", Place(method), "The objective '" + method.Name + suffix + "'", "Fused." + method.Name + suffix);
    }

    private void ResultNames()
    {
        var names = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in FunctionSignature.ResultNames(method))
            Add(Pascal(name), "The result '" + name + "'");
        foreach (var parameter in method.Parameters)
            if (TorchTypes.IsTensor(parameter.Type) && FunctionSignature.Attribute(parameter, "NoGradAttribute") is null)
                Add("Grad" + Pascal(parameter.Name), "The gradient of '" + parameter.Name + "'");

        void Add(string property, string what)
        {
            if (names.TryGetValue(property, out var other))
                Report("DPO0005", Place(method), what, method.Name + "Result." + property + " (of " + char.ToLowerInvariant(other[0]) + other.Substring(1) + ")");
            else if (OfRecords.Contains(property) || property == method.Name + "Result")
                Report("DPO0005", Place(method), what, method.Name + "Result." + property);
            else
                names.Add(property, what);
        }
    }

    public static string Pascal(string name) => name.Length == 0 ? name : char.ToUpperInvariant(name[0]) + name.Substring(1);

    private static bool IsObjective(IMethodSymbol symbol) => FunctionSignature.Attribute(symbol, "ObjectiveAttribute") is not null;

    /// <summary>A user may add members to the generated class by a part of their own.</summary>
    private static bool IsPartOfFused(ISymbol member) =>
        member is INamedTypeSymbol { Name: "Fused", IsStatic: true, TypeKind: TypeKind.Class, IsGenericType: false } type
        && type.DeclaringSyntaxReferences.Select(r => r.GetSyntax()).OfType<Microsoft.CodeAnalysis.CSharp.Syntax.ClassDeclarationSyntax>()
            .All(d => d.Modifiers.Any(m => m.Text == "partial"));

    /// <summary>The analyzer also sees what the generator added.</summary>
    private static bool IsGenerated(ISymbol member) => member.GetAttributes().Any(a =>
        a.AttributeClass?.Name == "GeneratedCodeAttribute" && a.ConstructorArguments is [{ Value: string tool }, ..] && tool.StartsWith("Dpo.Autodiff", StringComparison.Ordinal));

    private void Report(string diagnostic, Location place, params ReadOnlySpan<string> arguments) =>
        session.Report(diagnostic, place, id, -1, arguments);

    private static Location Place(ISymbol symbol) => symbol.Locations.FirstOrDefault() ?? Location.None;
}
