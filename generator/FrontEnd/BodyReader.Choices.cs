using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>
/// Choices by hyper-parameters. A number chosen between numbers that can be computed without harm is a Select, which needs no kernel of
/// its own; everything else jumps, and the compiler specialises.
/// </content>
internal sealed partial class BodyReader
{
    private void BranchIfFalse(IOperation condition, Label otherwise)
    {
        Enter();
        switch (condition)
        {
            case { ConstantValue: { HasValue: true, Value: bool known } }:
                if (!known)
                    Jump(otherwise, condition);
                break;
            case var pure when IsPure(pure):
                BranchFalse(Expression(pure), otherwise, condition);
                break;
            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalAnd, OperatorMethod: null } both:
                BranchIfFalse(both.LeftOperand, otherwise);
                BranchIfFalse(both.RightOperand, otherwise);
                break;
            case IBinaryOperation { OperatorKind: BinaryOperatorKind.ConditionalOr, OperatorMethod: null } either:
                var right = NewLabel();
                var end = NewLabel();
                BranchIfFalse(either.LeftOperand, right);
                Jump(end, condition);
                Mark(right);
                BranchIfFalse(either.RightOperand, otherwise);
                Mark(end);
                break;
            case IUnaryOperation { OperatorKind: UnaryOperatorKind.Not, OperatorMethod: null } not:
                var holds = NewLabel();
                BranchIfFalse(not.Operand, holds);
                Jump(otherwise, condition);
                Mark(holds);
                break;
            case IIsPatternOperation test:
                TestPattern(Expression(test.Value), test.Value.Type, test.Pattern, otherwise);
                break;
            default:
                BranchFalse(Expression(condition), otherwise, condition);
                break;
        }
    }

    /// <summary>A condition as a register.</summary>
    private int Condition(IOperation condition)
    {
        switch (condition)
        {
            case IBinaryOperation { OperatorMethod: null } binary when IsPure(binary):
                return Host(HostOperation.Binary, HostKind.Bool, binary.OperatorKind == BinaryOperatorKind.ConditionalAnd ? "&&" : "||", binary, Expression(binary.LeftOperand), Expression(binary.RightOperand));
            case IIsPatternOperation test when IsPurePattern(test.Pattern, test.Value.Type):
                return PurePattern(Expression(test.Value), test.Value.Type, test.Pattern);
            case IIsTypeOperation { TypeOperand: var type } test when TorchTypes.IsTensor(type) && TorchTypes.IsTensor(test.ValueOperand.Type):
                var present = Not(IsNull(Expression(test.ValueOperand), test), test);
                return test.IsNegated ? Not(present, test) : present;
            case IIsTypeOperation:
                return Beyond(condition);
        }

        if (condition is IBinaryOperation { OperatorMethod: not null } or IBinaryOperation { Type.SpecialType: not SpecialType.System_Boolean })
            return Beyond(condition);
        var result = NewLocal();
        var otherwise = NewLabel();
        var end = NewLabel();
        BranchIfFalse(condition, otherwise);
        Store(result, Truth(true, condition), condition);
        Jump(end, condition);
        Mark(otherwise);
        Store(result, Truth(false, condition), condition);
        Mark(end);
        return Load(result, condition);
    }

    private int Conditional(IConditionalOperation conditional)
    {
        if (IsPure(conditional))
        {
            var condition = Expression(conditional.Condition);
            return Select(conditional, condition, Expression(conditional.WhenTrue), Expression(conditional.WhenFalse!), conditional.Type);
        }

        var result = NewLocal();
        var otherwise = NewLabel();
        var end = NewLabel();
        BranchIfFalse(conditional.Condition, otherwise);
        Arm(result, conditional.WhenTrue, end);
        Mark(otherwise);
        Arm(result, conditional.WhenFalse!, null);
        Mark(end);
        return Load(result, conditional);
    }

    private void Arm(int result, IOperation value, Label? end)
    {
        var register = Expression(value);
        if (value is IThrowOperation or IConversionOperation { Operand: IThrowOperation })
            return;
        Store(result, register, value);
        if (end is not null)
            Jump(end, value);
    }

    private int Select(IOperation at, int condition, int whenTrue, int whenFalse, ITypeSymbol? type) =>
        Emit(
            Opcode.Host,
            at,
            arguments: [condition, whenTrue, whenFalse],
            host: HostOperation.Select,
            kind: HostTypes.KindOf(type) ?? default,
            enumType: HostTypes.EnumName(type));

    private int SwitchExpression(ISwitchExpressionOperation choice)
    {
        var value = Expression(choice.Value);
        var type = choice.Value.Type;
        if (IsPureSwitch(choice))
        {
            var arms = choice.Arms.Select(arm => (Arm: arm, Test: Test(arm), Value: Expression(arm.Value))).ToArray();
            var chosen = arms[arms.Length - 1].Value;
            for (var i = arms.Length - 2; i >= 0; i--)
                chosen = Select(arms[i].Arm, arms[i].Test, arms[i].Value, chosen, choice.Type);
            return chosen;
        }

        var result = NewLocal();
        var end = NewLabel();
        var open = true;
        foreach (var arm in choice.Arms)
        {
            var next = NewLabel();
            TestPattern(value, type, arm.Pattern, next);
            if (arm.Guard is { } guard)
                BranchIfFalse(guard, next);
            Arm(result, arm.Value, end);
            Mark(next);
            open &= !(arm.Guard is null && AlwaysMatches(arm.Pattern));
        }

        if (open)
            Emit(Opcode.Throw, choice, "global::System.Runtime.CompilerServices.SwitchExpressionException");
        Mark(end);
        return Load(result, choice);

        int Test(ISwitchExpressionArmOperation arm)
        {
            if (arm.Guard is null && AlwaysMatches(arm.Pattern))
                return Poison;
            var matches = AlwaysMatches(arm.Pattern) ? Poison : PurePattern(value, type, arm.Pattern);
            if (arm.Guard is not { } guard)
                return matches;
            var holds = Expression(guard);
            return matches == Poison ? holds : Host(HostOperation.Binary, HostKind.Bool, "&&", arm, matches, holds);
        }
    }

    private int Coalesce(ICoalesceOperation coalesce)
    {
        var value = Expression(coalesce.Value);
        var underlying = HostTypes.UnderNullable(coalesce.Value.Type);
        var unwraps = underlying is not null && HostTypes.UnderNullable(coalesce.Type) is null;
        if (unwraps && HostTypes.IsHost(underlying) && IsPure(coalesce.WhenNull))
        {
            var present = Not(IsNull(value, coalesce), coalesce);
            var there = Convert(Unwrap(value, underlying!, coalesce), underlying!, coalesce.Type!, coalesce);
            return Select(coalesce, present, there, Expression(coalesce.WhenNull), coalesce.Type);
        }

        var result = NewLocal();
        var notNull = NewLabel();
        var end = NewLabel();
        BranchFalse(IsNull(value, coalesce), notNull, coalesce);
        Arm(result, coalesce.WhenNull, end);
        Mark(notNull);
        Store(result, unwraps ? Convert(Unwrap(value, underlying!, coalesce), underlying!, coalesce.Type!, coalesce) : value, coalesce);
        Mark(end);
        return Load(result, coalesce);
    }

    private int ConditionalAccess(IConditionalAccessOperation access)
    {
        var value = Expression(access.Operation);
        var result = NewLocal();
        var missing = NewLabel();
        var end = NewLabel();
        BranchFalse(Not(IsNull(value, access), access), missing, access);
        conditionals.Push(HostTypes.UnderNullable(access.Operation.Type) is { } type ? Unwrap(value, type, access) : value);
        Store(result, Expression(access.WhenNotNull), access);
        conditionals.Pop();
        Jump(end, access);
        Mark(missing);
        Store(result, Emit(Opcode.Null, access), access);
        Mark(end);
        return Load(result, access);
    }

    private static bool AlwaysMatches(IPatternOperation pattern) =>
        pattern is IDiscardPatternOperation or IDeclarationPatternOperation { MatchesNull: true, DeclaredSymbol: null };
}
