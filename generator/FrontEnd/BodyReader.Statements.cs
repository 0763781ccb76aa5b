using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <content>Statements.</content>
internal sealed partial class BodyReader
{
    private void Block(IBlockOperation? block)
    {
        if (block is null)
            return;
        foreach (var operation in block.Operations)
            Statement(operation);
    }

    private void Statement(IOperation operation)
    {
        Enter();
        switch (operation)
        {
            case IBlockOperation block:
                Block(block);
                break;
            case IVariableDeclarationGroupOperation group:
                foreach (var declaration in group.Declarations)
                    Declaration(declaration);
                break;
            case IExpressionStatementOperation expression:
                ExpressionStatement(expression.Operation);
                break;
            case IReturnOperation { Kind: OperationKind.Return, ReturnedValue: { } value }:
                Return(value);
                break;
            case IReturnOperation { Kind: OperationKind.Return }:
                Report("DPO0012", operation, "return without a value", "return a tensor or a tuple of tensors");
                break;
            case IThrowOperation thrown:
                Throw(thrown);
                break;
            case IConditionalOperation conditional:
                If(conditional);
                break;
            case ISwitchOperation choice:
                SwitchStatement(choice);
                break;
            case IBranchOperation { BranchKind: BranchKind.Break } jump when breaks.Count > 0:
                Jump(breaks.Peek(), jump);
                break;
            case IEmptyOperation or ILocalFunctionOperation:
                // A local function is reported where it is called.
                break;
            case IInvalidOperation:
                Invalid();
                break;
            default:
                var (construct, advice) = Unsupported.Statement(operation);
                Report("DPO0012", operation, construct, advice);
                break;
        }
    }

    private void Declaration(IVariableDeclarationOperation declaration)
    {
        foreach (var declarator in declaration.Declarators)
        {
            if (declarator.Symbol.IsRef)
                Report("DPO0012", declarator, "a `ref` local", "use an ordinary local");
            else if (declarator.GetVariableInitializer() is { } initializer)
                StoreTo(declarator.Symbol, Expression(initializer.Value), declarator);
        }
    }

    private void ExpressionStatement(IOperation operation)
    {
        // The value of a statement is not used: a call without effect on locals has no effect at all.
        Expression(operation);
    }

    private void Return(IOperation value)
    {
        if (value is IThrowOperation or IConversionOperation { Operand: IThrowOperation })
            Expression(value);
        else
            Emit(Opcode.Return, value, arguments: [Expression(value)]);
    }

    private void If(IConditionalOperation conditional)
    {
        var otherwise = NewLabel();
        BranchIfFalse(conditional.Condition, otherwise);
        Statement(conditional.WhenTrue);
        if (conditional.WhenFalse is { } whenFalse)
        {
            var end = NewLabel();
            Jump(end, conditional);
            Mark(otherwise);
            Statement(whenFalse);
            Mark(end);
        }
        else
        {
            Mark(otherwise);
        }
    }

    private void SwitchStatement(ISwitchOperation choice)
    {
        var value = Expression(choice.Value);
        var end = NewLabel();
        breaks.Push(end);
        Label? standard = null;
        var bodies = choice.Cases.Select(section => (Section: section, Label: NewLabel())).ToArray();
        foreach (var (section, body) in bodies)
        {
            foreach (var clause in section.Clauses)
            {
                var next = NewLabel();
                switch (clause)
                {
                    case IDefaultCaseClauseOperation:
                        standard = body;
                        continue;
                    case ISingleValueCaseClauseOperation single:
                        TestConstant(value, choice.Value.Type, single.Value, next, clause);
                        break;
                    case IPatternCaseClauseOperation pattern:
                        TestPattern(value, choice.Value.Type, pattern.Pattern, next);
                        if (pattern.Guard is { } guard)
                            BranchIfFalse(guard, next);
                        break;
                    default:
                        Report("DPO0012", clause, "this `case`", "use constants and patterns");
                        continue;
                }

                Jump(body, clause);
                Mark(next);
            }
        }

        Jump(standard ?? end, choice);
        foreach (var (section, body) in bodies)
        {
            Mark(body);
            foreach (var statement in section.Body)
                Statement(statement);
        }

        breaks.Pop();
        Mark(end);
    }

    private int Throw(IThrowOperation thrown)
    {
        var exception = thrown.Exception;
        while (exception is IConversionOperation { IsImplicit: true } conversion)
            exception = conversion.Operand;
        if (exception is not IObjectCreationOperation { Type: { } type } creation)
            return Report("DPO0012", thrown, "`throw` of a value that is not created here", "write `throw new SomeException(\"message\")`");

        // What an exception says about a call is in its constant texts; a value beside them would tie the message to a helper's names.
        var texts = creation.Arguments
            .OrderBy(a => a.Parameter?.Ordinal ?? 0)
            .Select(a => MessageText(a.Value))
            .Where(t => t is not null)
            .Select(t => HostTypes.Quote(t!))
            .ToArray();
        int[] arguments = texts.Length == 0 ? [] : [Emit(Opcode.Literal, thrown, string.Join(", ", texts))];
        return Emit(Opcode.Throw, thrown, HostTypes.FullName(type), arguments.ToEquatableArray());
    }

    private static string? MessageText(IOperation operation) => operation switch
    {
        { ConstantValue: { HasValue: true, Value: string text } } => text,
        IConversionOperation conversion => MessageText(conversion.Operand),
        IInterpolatedStringOperation interpolated => string.Concat(interpolated.Parts.Select(part => part switch
        {
            IInterpolatedStringTextOperation { Text.ConstantValue: { HasValue: true, Value: string text } } => text,
            _ => part.Syntax.ToString(),
        })),
        _ => null,
    };
}
