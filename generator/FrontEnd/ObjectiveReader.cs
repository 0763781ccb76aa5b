using System.Collections.Immutable;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>
/// From an annotated method to an <see cref="ObjectiveModel"/>: the only stage that sees Roslyn. It reads the method and every helper
/// that it reaches, in this compilation and in the attributes of referenced assemblies.
/// </summary>
/// <remarks>
/// In: a symbol of any shape, of code that may not compile. Out: a model without symbols, syntax or locations that depends on nothing
/// but the text of what it reaches; or findings at their places. It never throws but for cancellation.
/// </remarks>
internal static class ObjectiveReader
{
    public const string ObjectiveAttribute = "Dpo.Autodiff.ObjectiveAttribute";

    public const string ObjectiveFunctionAttribute = "Dpo.Autodiff.ObjectiveFunctionAttribute";

    /// <summary>Reads a method that carries [Objective].</summary>
    public static ReadResult Read(IMethodSymbol method, Compilation compilation, CancellationToken cancellation)
    {
        var session = new ReadingSession(compilation, cancellation);
        var readable = new DeclarationChecks(session, method).Run();
        var function = readable ? ReadBody(session, method) : null;
        ObjectiveModel? model = null;
        if (function is not null && session.Findings.All(f => f.Diagnosis.Id == "DPO0010") && !session.DoesNotCompile)
        {
            model = new ObjectiveModel(
                function,
                session.AllBut(function.Id),
                Containers.Of(method),
                Containers.Accessibility(method.DeclaredAccessibility),
                FunctionSignature.Returns(method));
        }

        return Result(session, model);
    }

    /// <summary>Reads a method that carries [ObjectiveFunction]: only for export.</summary>
    public static ReadResult ReadFunction(IMethodSymbol method, Compilation compilation, CancellationToken cancellation)
    {
        var session = new ReadingSession(compilation, cancellation);
        if (new DeclarationChecks(session, method).RunForHelper())
            ReadBody(session, method);
        return Result(session, null);
    }

    private static ReadResult Result(ReadingSession session, ObjectiveModel? model)
    {
        var complete = session.Findings.All(f => f.Diagnosis.Id == "DPO0010") && !session.DoesNotCompile;
        return new ReadResult(
            model,
            complete ? session.Own() : EquatableArray<Function>.Empty,
            session.Findings.ToImmutableArray(),
            session.Locations);
    }

    private static Function? ReadBody(ReadingSession session, IMethodSymbol method)
    {
        try
        {
            return session.Read(method);
        }
        catch (InsufficientExecutionStackException)
        {
            var place = method.Locations.FirstOrDefault() ?? Location.None;
            session.Report("DPO0026", place, ReadingSession.IdOf(method), -1, method.Name);
            return null;
        }
    }
}
