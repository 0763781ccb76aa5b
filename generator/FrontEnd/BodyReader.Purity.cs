using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Which host expressions may be computed although C# would skip them: those that neither write, throw, nor need a kernel.</content>
internal sealed partial class BodyReader
{
    /// <summary>Members of Math that throw for some arguments.</summary>
    private static readonly HashSet<string> Throwing = new(StringComparer.Ordinal)
    {
        "Clamp", "Sign", "Round", "DivRem", "BigMul",
    };

    private static bool IsPure(IOperation operation)
    {
        System.Runtime.CompilerServices.RuntimeHelpers.EnsureSufficientExecutionStack();
        if (operation.ConstantValue.HasValue)
            return operation.ConstantValue.Value is not null && HostTypes.IsHost(operation.Type);
        return operation switch
        {
            ILocalReferenceOperation or IParameterReferenceOperation => HostTypes.IsHost(operation.Type),
            IConversionOperation { OperatorMethod: null, IsChecked: false } conversion =>
                HostTypes.IsHost(conversion.Type) && HostTypes.IsHost(conversion.Operand.Type) && IsPure(conversion.Operand),
            IUnaryOperation { OperatorMethod: null, IsChecked: false, IsLifted: false } unary => HostTypes.IsHost(unary.Type) && IsPure(unary.Operand),
            IBinaryOperation { OperatorMethod: null, IsLifted: false } binary => IsPureBinary(binary),
            IConditionalOperation { WhenFalse: { } whenFalse } conditional =>
                HostTypes.IsHost(conditional.Type) && IsPure(conditional.Condition) && IsPure(conditional.WhenTrue) && IsPure(whenFalse),
            ISwitchExpressionOperation choice => IsPure(choice.Value) && IsPureSwitch(choice),
            IIsPatternOperation test => IsReadable(test.Value) && IsPurePattern(test.Pattern, test.Value.Type),
            ICoalesceOperation coalesce => HostTypes.IsHost(coalesce.Type) && IsReadable(coalesce.Value) && IsPure(coalesce.WhenNull),
            IInvocationOperation { TargetMethod: { IsStatic: true } method } invocation when IsHostFunction(method) =>
                !Throwing.Contains(method.Name) && !(method.Name == "Abs" && method.ReturnType.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64)
                && invocation.Arguments.All(a => IsPure(a.Value)),
            IPropertyReferenceOperation { Property.Name: "HasValue", Instance: { } instance } => IsReadable(instance),
            IInvocationOperation { TargetMethod: { Name: "size", Parameters.Length: 1 }, Instance: { } tensor, Arguments: [{ Value.ConstantValue.HasValue: true }] } =>
                TorchTypes.IsTensor(tensor.Type) && IsReadable(tensor),
            IArrayElementReferenceOperation element => IsShape(element.ArrayReference) is { } tensor && IsReadable(tensor) && element.Indices is [{ ConstantValue.HasValue: true }],
            _ => false,
        };
    }

    /// <summary>A name, or a pure number, or a tuple of them.</summary>
    private static bool IsReadable(IOperation operation) => operation switch
    {
        ILocalReferenceOperation or IParameterReferenceOperation => true,
        ITupleOperation tuple => tuple.Elements.All(IsReadable),
        _ => IsPure(operation),
    };

    private static bool IsPureBinary(IBinaryOperation binary)
    {
        if (!HostTypes.IsHost(binary.Type))
            return false;
        if (NullTested(binary) is { } tested)
            return IsReadable(tested);
        if (!HostTypes.IsHost(binary.LeftOperand.Type) || !HostTypes.IsHost(binary.RightOperand.Type))
            return false;
        // Whole numbers: dividing by zero throws, and so does an overflow in checked code.
        var whole = binary.Type!.SpecialType is SpecialType.System_Int32 or SpecialType.System_Int64;
        if (whole && (binary.IsChecked || binary.OperatorKind is BinaryOperatorKind.Divide or BinaryOperatorKind.Remainder))
            return false;
        return IsPure(binary.LeftOperand) && IsPure(binary.RightOperand);
    }

    private static bool IsPureSwitch(ISwitchExpressionOperation choice) =>
        HostTypes.IsHost(choice.Type)
        && choice.Arms.Length > 0
        && choice.Arms[choice.Arms.Length - 1] is { Guard: null } last && AlwaysMatches(last.Pattern)
        && choice.Arms.All(arm => IsPurePattern(arm.Pattern, choice.Value.Type) && (arm.Guard is null || IsPure(arm.Guard)) && IsPure(arm.Value));

    /// <summary>A static function of numbers that generated code may call: of Math, MathF or a number type.</summary>
    private static bool IsHostFunction(IMethodSymbol method) =>
        method is { IsStatic: true, IsGenericMethod: false, MethodKind: MethodKind.Ordinary, DeclaredAccessibility: Accessibility.Public }
        && method.ContainingType is { ContainingNamespace: { Name: "System", ContainingNamespace.IsGlobalNamespace: true } } owner
        && (owner.Name is "Math" or "MathF" || owner.SpecialType is SpecialType.System_Double or SpecialType.System_Single or SpecialType.System_Int32 or SpecialType.System_Int64)
        && HostTypes.IsHost(method.ReturnType)
        && method.Parameters.All(p => p.RefKind == RefKind.None && HostTypes.IsHost(p.Type));
}
