using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>What the declaration of an objective must be: each finding at the word that is wrong or missing.</summary>
internal sealed class DeclarationChecks(ReadingSession session, IMethodSymbol method)
{
    private readonly string id = ReadingSession.IdOf(method);
    private bool readable = true;

    /// <summary>Checks an objective; false where its body cannot be read.</summary>
    public bool Run()
    {
        Shape();
        Container();
        foreach (var parameter in method.Parameters)
            Parameter(parameter, isObjective: true);
        Result();
        new GeneratedNames(session, method, id).Check();
        return readable;
    }

    /// <summary>Checks an exported helper.</summary>
    public bool RunForHelper()
    {
        Shape();
        foreach (var parameter in method.Parameters)
            Parameter(parameter, isObjective: false);
        return readable;
    }

    private void Shape()
    {
        if (method.MethodKind != MethodKind.Ordinary)
            Unreadable("DPO0011", Place(method), method.Name, "a local function, an operator or an accessor");
        else if (!method.IsStatic)
            Unreadable("DPO0001", Place(method), method.Name);
        if (method.IsGenericMethod || Outer().Any(t => t.IsGenericType))
            Unreadable("DPO0002", Place(method), method.Name);
        if (method.IsExtern || method.IsAbstract || method.IsVirtual || (method.IsPartialDefinition && method.PartialImplementationPart is null))
            Unreadable("DPO0011", Place(method), method.Name, "a method without a body of its own");
        if (method.IsAsync)
            Unreadable("DPO0012", Place(method), "`async`", "make the objective synchronous");
    }

    private IEnumerable<INamedTypeSymbol> Outer()
    {
        for (var type = method.ContainingType; type is not null; type = type.ContainingType)
            yield return type;
    }

    private void Container()
    {
        foreach (var type in Outer())
        {
            if (type.IsFileLocal)
                Unreadable("DPO0011", Place(type), method.Name, "a file-local type");
            if (type.IsExtension)
                Unreadable("DPO0011", Place(method), method.Name, "an extension block");
            else if (Declarations(type).FirstOrDefault(d => !d.Modifiers.Any(SyntaxKind.PartialKeyword)) is { } declaration)
                Report("DPO0003", declaration.Identifier.GetLocation(), type.Name, method.Name);
        }
    }

    private IEnumerable<TypeDeclarationSyntax> Declarations(INamedTypeSymbol type) =>
        type.DeclaringSyntaxReferences.Select(r => r.GetSyntax(session.Cancellation)).OfType<TypeDeclarationSyntax>();

    private void Parameter(IParameterSymbol parameter, bool isObjective)
    {
        var axes = FunctionSignature.Attribute(parameter, "AxesAttribute");
        if (!FunctionSignature.IsSupported(parameter))
        {
            Unreadable("DPO0006", Place(parameter), parameter.Name, TypeText(parameter));
            return;
        }

        if (!TorchTypes.IsTensor(parameter.Type))
        {
            foreach (var name in new[] { "Axes", "NoGrad", "Donated" })
                if (FunctionSignature.Attribute(parameter, name + "Attribute") is { } attribute)
                    Report("DPO0010", Place(attribute, parameter), name, parameter.Name);
            return;
        }

        if (axes is null)
        {
            if (isObjective)
                Report("DPO0007", Place(parameter), parameter.Name);
        }
        else if (FunctionSignature.Axes(parameter) is not { } text || !AxesText.IsValid(text))
        {
            Report("DPO0008", Place(axes, parameter), FunctionSignature.Axes(parameter) ?? "null");
        }
    }

    private void Result()
    {
        var type = method.ReturnType;
        var supported = TorchTypes.IsTensor(type)
            || (type is INamedTypeSymbol { IsTupleType: true } tuple && tuple.TupleElements.All(e => TorchTypes.IsTensor(e.Type)));
        if (supported && method.RefKind == RefKind.None)
            return;
        var syntax = method.DeclaringSyntaxReferences.FirstOrDefault()?.GetSyntax(session.Cancellation) as MethodDeclarationSyntax;
        Unreadable("DPO0009", syntax?.ReturnType.GetLocation() ?? Place(method), method.Name, type.ToDisplayString());
    }

    private static string TypeText(IParameterSymbol parameter) =>
        parameter.RefKind switch
        {
            RefKind.None => "",
            RefKind.Ref => "ref ",
            RefKind.Out => "out ",
            _ => "in ",
        } + (parameter.IsParams ? "params " : "") + parameter.Type.ToDisplayString();

    private void Unreadable(string diagnostic, Location place, params ReadOnlySpan<string> arguments)
    {
        readable = false;
        Report(diagnostic, place, arguments);
    }

    private void Report(string diagnostic, Location place, params ReadOnlySpan<string> arguments) =>
        session.Report(diagnostic, place, id, -1, arguments);

    private static Location Place(ISymbol symbol) => symbol.Locations.FirstOrDefault() ?? Location.None;

    private Location Place(AttributeData attribute, ISymbol symbol) =>
        attribute.ApplicationSyntaxReference?.GetSyntax(session.Cancellation).GetLocation() ?? Place(symbol);
}
