using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Arithmetic over hyper-parameters, conversions, and operators of tensors.</content>
internal sealed partial class BodyReader
{
    private int Conversion(IConversionOperation conversion)
    {
        var operand = conversion.Operand;
        if (conversion.OperatorMethod is { } method)
            return UserConversion(conversion, method);
        if (operand is IThrowOperation thrown)
            return Throw(thrown);
        if (operand.ConstantValue is { HasValue: true, Value: null })
            return Emit(Opcode.Null, conversion);

        var source = HostTypes.UnderNullable(operand.Type) ?? operand.Type;
        var target = HostTypes.UnderNullable(conversion.Type) ?? conversion.Type;
        if (target is { TypeKind: TypeKind.Dynamic } or { SpecialType: SpecialType.System_Object })
            return Beyond(conversion);
        if (IsNumber(source) && IsNumber(target))
            return NumberConversion(conversion, source!, target!);
        if (operand.Type is { IsTupleType: true } && operand is not ITupleOperation && !conversion.Conversion.IsIdentity
            && !SameElements(operand.Type, conversion.Type))
        {
            return Report("DPO0013", conversion, "a conversion of a whole tuple", "take the tuple apart and convert its elements");
        }

        return Expression(operand);
    }

    private static bool IsNumber(ITypeSymbol? type) =>
        HostTypes.IsHost(type) || type?.SpecialType is >= SpecialType.System_Char and <= SpecialType.System_Double;

    private static bool SameElements(ITypeSymbol source, ITypeSymbol? target) =>
        source is INamedTypeSymbol from && target is INamedTypeSymbol { IsTupleType: true } to && from.TupleElements.Length == to.TupleElements.Length
        && from.TupleElements.Zip(to.TupleElements, (a, b) => SymbolEqualityComparer.Default.Equals(a.Type, b.Type)).All(same => same);

    private int NumberConversion(IConversionOperation conversion, ITypeSymbol source, ITypeSymbol target)
    {
        if (HostTypes.KindOf(source) is null)
            return Report("DPO0018", conversion.Operand, source.ToDisplayString());
        if (HostTypes.KindOf(target) is not { } kind)
            return Report("DPO0018", conversion, target.ToDisplayString());

        var value = Expression(conversion.Operand);
        var fromNullable = HostTypes.UnderNullable(conversion.Operand.Type) is not null;
        var toNullable = HostTypes.UnderNullable(conversion.Type) is not null;
        if (fromNullable && !toNullable)
            return Convert(PresentValue(value, source, conversion), source, target, conversion);
        if (SymbolEqualityComparer.Default.Equals(source, target))
            return value;
        if (!fromNullable)
            return Convert(value, source, target, conversion);
        return Lifted(conversion, [(value, source)], values => Convert(values[0], source, target, conversion));
    }

    private int Convert(int value, ITypeSymbol source, ITypeSymbol target, IOperation at)
    {
        if (value == Poison || SymbolEqualityComparer.Default.Equals(source, target))
            return value;
        var kind = HostTypes.KindOf(target)!.Value;
        return kind == HostKind.Int64 && HostTypes.KindOf(source) == HostKind.Int32
            ? ToWhole(value, at)
            : Emit(Opcode.Host, at, arguments: [value], host: HostOperation.Convert, kind: kind, enumType: HostTypes.EnumName(target));
    }

    /// <summary>A whole number as Int64; a literal stays a literal, so that every spelling of an axis is the same.</summary>
    private int ToWhole(int value, IOperation at)
    {
        if (value == Poison || KindOf(value) == HostKind.Int64)
            return value;
        return code[value] is { Opcode: Opcode.Literal, Kind: HostKind.Int32, Text: var text }
            ? Emit(Opcode.Literal, at, text + "L", kind: HostKind.Int64)
            : Host(HostOperation.Convert, HostKind.Int64, "", at, value);
    }

    private HostKind? KindOf(int register) =>
        code[register] is { Opcode: Opcode.Literal or Opcode.Host, Kind: var kind } ? kind : null;

    /// <summary>The value of a nullable number; C# throws where there is none.</summary>
    private int PresentValue(int value, ITypeSymbol type, IOperation at)
    {
        var present = NewLabel();
        BranchFalse(IsNull(value, at), present, at);
        var message = Emit(Opcode.Literal, at, HostTypes.Quote("Nullable object must have a value."));
        Emit(Opcode.Throw, at, "global::System.InvalidOperationException", [message]);
        Mark(present);
        return Unwrap(value, type, at);
    }

    /// <summary>The value of a nullable number that is known to be there.</summary>
    private int Unwrap(int value, ITypeSymbol type, IOperation at) =>
        HostTypes.KindOf(type) is { } kind
            ? Emit(Opcode.Host, at, arguments: [value], host: HostOperation.Convert, kind: kind, enumType: HostTypes.EnumName(type))
            : Report("DPO0018", at, type.ToDisplayString());

    private int IsNull(int value, IOperation at) => Emit(Opcode.IsNull, at, arguments: [value], kind: HostKind.Bool);

    private int Not(int condition, IOperation at) => Host(HostOperation.Unary, HostKind.Bool, "!", at, condition);

    /// <summary>C#'s lifting: null where an operand is null.</summary>
    private int Lifted(IOperation at, (int Value, ITypeSymbol? Nullable)[] operands, Func<int[], int> compute)
    {
        var result = NewLocal();
        var missing = NewLabel();
        var end = NewLabel();
        var values = new int[operands.Length];
        foreach (var operand in operands.Where(o => o.Nullable is not null))
            BranchFalse(Not(IsNull(operand.Value, at), at), missing, at);
        for (var i = 0; i < operands.Length; i++)
            values[i] = operands[i].Nullable is { } type ? Unwrap(operands[i].Value, type, at) : operands[i].Value;
        Store(result, compute(values), at);
        Jump(end, at);
        Mark(missing);
        Store(result, Emit(Opcode.Null, at), at);
        Mark(end);
        return Load(result, at);
    }

    private int UserConversion(IConversionOperation conversion, IMethodSymbol method)
    {
        var owner = method.ContainingType;
        var target = method.ReturnType;
        if (TorchTypes.IsScalar(owner) || TorchTypes.IsTensorIndex(owner) || TorchTypes.IsSize(owner))
        {
            if (TorchTypes.IsTensorIndex(owner) && !TorchTypes.IsTensorIndex(target))
                return Beyond(conversion);
            if (TorchTypes.IsScalar(owner) && !HostTypes.IsHost(method.Parameters[0].Type))
                return Report("DPO0018", conversion.Operand, conversion.Operand.Type?.ToDisplayString() ?? "this type");
            if (TorchTypes.IsTensorIndex(owner) && conversion.Operand is ITupleOperation { Elements: [var start, var stop] } bounds)
                return Slice(bounds, ("start", start), ("stop", stop));
            return Expression(conversion.Operand);
        }

        if (TorchTypes.IsTensor(owner))
        {
            if (!TorchTypes.IsTensor(target))
                return Report("DPO0016", conversion, "the conversion to " + target.ToDisplayString());
            var source = method.Parameters[0].Type;
            if (TorchTypes.IsScalar(source) || HostTypes.IsHost(source))
            {
                var number = Expression(conversion.Operand);
                return number == Poison ? Poison : Torch("from_number", conversion, ("value", number));
            }

            return Report("DPO0013", conversion, "a tensor made from " + source.ToDisplayString(), "pass it as a tensor parameter");
        }

        // Arrays as spans.
        return owner is { Name: "ReadOnlySpan" or "Span" or "Index" } ? Expression(conversion.Operand) : Report("DPO0014", conversion, method.ToDisplayString(), "convert at the call of the objective");
    }

    private int Binary(IBinaryOperation binary)
    {
        if (NullTested(binary) is { } tested)
        {
            if (binary.OperatorMethod is not null)
                return Report("DPO0020", binary, tested.Syntax.ToString());
            var isNull = IsNull(Expression(tested), binary);
            return binary.OperatorKind == BinaryOperatorKind.Equals ? isNull : Not(isNull, binary);
        }

        if (binary.OperatorMethod is { } method)
            return TorchTypes.IsTensor(method.ContainingType) ? TorchOperator(method, binary, Expression(binary.LeftOperand), Expression(binary.RightOperand)) : Beyond(binary);
        if (binary.OperatorKind is BinaryOperatorKind.ConditionalAnd or BinaryOperatorKind.ConditionalOr)
            return Condition(binary);
        if (OperatorText(binary.OperatorKind) is not { } text)
            return Beyond(binary);
        var left = HostTypes.UnderNullable(binary.LeftOperand.Type);
        var right = HostTypes.UnderNullable(binary.RightOperand.Type);
        var type = HostTypes.UnderNullable(binary.Type) ?? binary.Type;
        if (HostTypes.KindOf(type) is not { } kind)
            return Report("DPO0018", binary, type?.ToDisplayString() ?? "this type");
        foreach (var operand in new[] { binary.LeftOperand, binary.RightOperand })
            if (!HostTypes.IsHost(HostTypes.UnderNullable(operand.Type) ?? operand.Type) && operand is not IInvalidOperation)
                return TorchTypes.IsTensor(operand.Type) ? Beyond(binary) : Report("DPO0018", operand, operand.Type?.ToDisplayString() ?? "this type");

        int Compute(int[] values) => Emit(Opcode.Host, binary, text, values.ToEquatableArray(), host: HostOperation.Binary, kind: kind, enumType: HostTypes.EnumName(type));
        var operands = new[] { (Expression(binary.LeftOperand), left), (Expression(binary.RightOperand), right) };
        if (left is null && right is null)
            return Compute([operands[0].Item1, operands[1].Item1]);
        return kind == HostKind.Bool ? LiftedComparison(binary, operands, Compute) : Lifted(binary, operands, Compute);
    }

    /// <summary>A comparison of nullable numbers: equality holds for two nulls, everything else fails for one.</summary>
    private int LiftedComparison(IBinaryOperation binary, (int Value, ITypeSymbol? Nullable)[] operands, Func<int[], int> compute)
    {
        if (binary.OperatorKind is not (BinaryOperatorKind.Equals or BinaryOperatorKind.NotEquals or BinaryOperatorKind.LessThan or BinaryOperatorKind.LessThanOrEqual
            or BinaryOperatorKind.GreaterThan or BinaryOperatorKind.GreaterThanOrEqual))
        {
            return Report("DPO0013", binary, "three-valued logic over `bool?`", "test `is null` first");
        }

        var result = NewLocal();
        var missing = NewLabel();
        var end = NewLabel();
        var lifted = operands.Where(o => o.Nullable is not null).ToArray();
        foreach (var operand in lifted)
            BranchFalse(Not(IsNull(operand.Value, binary), binary), missing, binary);
        Store(result, compute(operands.Select(o => o.Nullable is { } type ? Unwrap(o.Value, type, binary) : o.Value).ToArray()), binary);
        Jump(end, binary);
        Mark(missing);
        var both = lifted.Length == 2
            ? Host(HostOperation.Binary, HostKind.Bool, "&&", binary, IsNull(lifted[0].Value, binary), IsNull(lifted[1].Value, binary))
            : Truth(false, binary);
        Store(
            result,
            binary.OperatorKind switch
            {
                BinaryOperatorKind.Equals => both,
                BinaryOperatorKind.NotEquals => Not(both, binary),
                _ => Truth(false, binary),
            },
            binary);
        Mark(end);
        return Load(result, binary);
    }

    /// <summary>The operand that is compared with the constant null, or null.</summary>
    private static IOperation? NullTested(IBinaryOperation binary)
    {
        if (binary.OperatorKind is not (BinaryOperatorKind.Equals or BinaryOperatorKind.NotEquals))
            return null;
        var (left, right) = (Bare(binary.LeftOperand), Bare(binary.RightOperand));
        return IsNullConstant(right) ? left : IsNullConstant(left) ? right : null;

        static bool IsNullConstant(IOperation operation) =>
            operation.ConstantValue is { HasValue: true, Value: null } || (operation is IDefaultValueOperation && TorchTypes.IsTensor(operation.Type));

        static IOperation Bare(IOperation operation)
        {
            while (operation is IConversionOperation { ConstantValue.HasValue: false } conversion && !HostTypes.IsHost(conversion.Operand.Type))
                operation = conversion.Operand;
            return operation;
        }
    }

    private int Unary(IUnaryOperation unary)
    {
        if (unary.OperatorKind == UnaryOperatorKind.Hat)
            return Emit(Opcode.Range, unary, "^", [ToWhole(Expression(unary.Operand), unary)]);
        if (unary.OperatorMethod is { } method)
            return TorchTypes.IsTensor(method.ContainingType) ? TorchOperator(method, unary, Expression(unary.Operand)) : Beyond(unary);
        var text = unary.OperatorKind switch
        {
            UnaryOperatorKind.Minus => "-",
            UnaryOperatorKind.Not => "!",
            UnaryOperatorKind.BitwiseNegation => "~",
            UnaryOperatorKind.Plus => "+",
            _ => null,
        };
        var operandType = HostTypes.UnderNullable(unary.Operand.Type);
        var type = HostTypes.UnderNullable(unary.Type) ?? unary.Type;
        if (text is null)
            return Beyond(unary);
        if (HostTypes.KindOf(type) is not { } kind)
            return Report("DPO0018", unary, type?.ToDisplayString() ?? "this type");
        var value = Expression(unary.Operand);
        if (text == "+")
            return value;
        int Compute(int[] values) => Emit(Opcode.Host, unary, text, values.ToEquatableArray(), host: HostOperation.Unary, kind: kind, enumType: HostTypes.EnumName(type));
        return operandType is null ? Compute([value]) : Lifted(unary, [(value, operandType)], Compute);
    }

    private int TorchOperator(IMethodSymbol method, IOperation at, int left, int right = Poison)
    {
        var operation = method.Name switch
        {
            "op_Addition" => "add",
            "op_Subtraction" => "sub",
            "op_Multiply" => "mul",
            "op_Division" => "div",
            "op_Modulus" => "remainder",
            "op_Equality" => "eq",
            "op_Inequality" => "ne",
            "op_LessThan" => "lt",
            "op_LessThanOrEqual" => "le",
            "op_GreaterThan" => "gt",
            "op_GreaterThanOrEqual" => "ge",
            "op_BitwiseAnd" => "bitwise_and",
            "op_BitwiseOr" => "bitwise_or",
            "op_ExclusiveOr" => "bitwise_xor",
            "op_OnesComplement" => "bitwise_not",
            "op_UnaryNegation" => "neg",
            _ => null,
        };
        if (operation is null)
            return Report("DPO0015", at, method.Name);
        return method.Parameters.Length == 1
            ? Torch(operation, at, ("self", left))
            : Torch(operation, at, ("self", left), ("other", right));
    }

    private static string? OperatorText(BinaryOperatorKind kind) => kind switch
    {
        BinaryOperatorKind.Add => "+",
        BinaryOperatorKind.Subtract => "-",
        BinaryOperatorKind.Multiply => "*",
        BinaryOperatorKind.Divide => "/",
        BinaryOperatorKind.Remainder => "%",
        BinaryOperatorKind.And => "&",
        BinaryOperatorKind.Or => "|",
        BinaryOperatorKind.ExclusiveOr => "^",
        BinaryOperatorKind.LeftShift => "<<",
        BinaryOperatorKind.RightShift => ">>",
        BinaryOperatorKind.UnsignedRightShift => ">>>",
        BinaryOperatorKind.Equals => "==",
        BinaryOperatorKind.NotEquals => "!=",
        BinaryOperatorKind.LessThan => "<",
        BinaryOperatorKind.LessThanOrEqual => "<=",
        BinaryOperatorKind.GreaterThan => ">",
        BinaryOperatorKind.GreaterThanOrEqual => ">=",
        _ => null,
    };
}
