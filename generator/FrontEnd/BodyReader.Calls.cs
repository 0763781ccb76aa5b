using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Calls: of torch operations, of functions of numbers, of helpers.</content>
internal sealed partial class BodyReader
{
    private int Invocation(IInvocationOperation invocation)
    {
        var method = invocation.TargetMethod;
        var owner = method.ContainingType;
        if (TorchTypes.IsTensorIndex(owner))
            return TensorIndexCall(invocation);
        if (TorchTypes.IsTensor(owner) && method.Name == "index" && invocation.Instance is { } indexed)
            return Index(indexed, invocation.Arguments, invocation);
        if (TorchTypes.DeclaresOperations(owner))
            return TorchMember(method, invocation.Instance, invocation.Arguments, invocation);
        if (TorchTypes.InTorchSharp(owner))
            return Report(HostReads.Contains(method.Name) ? "DPO0016" : "DPO0015", invocation, HostReads.Contains(method.Name) ? "`" + method.Name + "`" : method.Name);
        if (HostTypes.UnderNullable(owner) is { } type && method.Name == "GetValueOrDefault" && invocation.Instance is { } nullable)
            return ValueOrDefault(invocation, nullable, type);
        if (IsHostFunction(method))
            return HostCall(invocation);
        return method.MethodKind switch
        {
            MethodKind.LocalFunction => Report("DPO0014", invocation, method.Name + " (a local function)", "declare it as a static method of the class"),
            MethodKind.DelegateInvoke => Report("DPO0014", invocation, "a delegate", "call a static method by its name"),
            _ when !method.IsStatic && !owner.IsExtension => Report("DPO0014", invocation, method.Name + " (an instance method)", "call a static method, and pass what it needs as parameters"),
            _ => Helper(invocation),
        };
    }

    private int ValueOrDefault(IInvocationOperation invocation, IOperation nullable, ITypeSymbol type)
    {
        if (HostTypes.KindOf(type) is not { } kind)
            return Report("DPO0018", invocation, type.ToDisplayString());
        var value = Expression(nullable);
        var present = Not(IsNull(value, invocation), invocation);
        var there = Unwrap(value, type, invocation);
        int standard;
        if (invocation.Arguments is [var given])
            standard = Expression(given.Value);
        else if (kind == HostKind.Enum)
            standard = Emit(Opcode.Literal, invocation, "default(" + HostTypes.FullName(type) + ")", kind: kind, enumType: HostTypes.FullName(type));
        else
            standard = Emit(Opcode.Literal, invocation, kind switch { HostKind.Bool => "false", HostKind.Int32 => "0", HostKind.Int64 => "0L", HostKind.Single => "0.0f", _ => "0.0" }, kind: kind);
        return Select(invocation, present, there, standard, type);
    }

    private int HostCall(IInvocationOperation invocation)
    {
        var method = invocation.TargetMethod;
        var arguments = InOrder(invocation);
        var name = "global::System." + method.ContainingType.MetadataName + "." + method.Name;
        return Emit(Opcode.Host, invocation, name, arguments, host: HostOperation.Call, kind: HostTypes.KindOf(method.ReturnType)!.Value);
    }

    private int Helper(IInvocationOperation invocation)
    {
        var method = invocation.TargetMethod;
        var receiver = method is { IsStatic: false, ContainingType.IsExtension: true } && invocation.Instance is { } instance ? Expression(instance) : (int?)null;
        var arguments = InOrder(invocation);
        if (receiver is { } extended)
            arguments = EquatableArray.Create([extended, .. arguments]);
        return session.Require(method, invocation, id, code.Count)
            ? Emit(Opcode.Invoke, invocation, ReadingSession.IdOf(method), arguments)
            : Poison;
    }

    /// <summary>The arguments evaluated as written, in the order of the parameters.</summary>
    private EquatableArray<int> InOrder(IInvocationOperation invocation)
    {
        var registers = new int[invocation.TargetMethod.Parameters.Length];
        for (var i = 0; i < registers.Length; i++)
            registers[i] = Poison;
        foreach (var argument in invocation.Arguments)
            if (argument.Parameter is { } parameter && parameter.Ordinal < registers.Length)
                registers[parameter.Ordinal] = Expression(argument.Value);
        return registers.ToEquatableArray();
    }
}
