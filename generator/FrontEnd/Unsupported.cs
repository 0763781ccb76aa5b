using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>What a construct outside the language is called, and what to write instead.</summary>
internal static class Unsupported
{
    private const string OverAnAxis = "write it as an operation over an axis (`sum`, `mean`, `cumsum`, `gather`) or spell the few steps out";

    public static (string Construct, string Advice) Statement(IOperation operation) => operation switch
    {
        ILoopOperation { LoopKind: LoopKind.ForEach } => ("a `foreach` loop", OverAnAxis),
        ILoopOperation { LoopKind: LoopKind.While } => ("a `while` loop", OverAnAxis),
        ILoopOperation => ("a `for` loop", OverAnAxis),
        ITryOperation => ("`try`", "let the exception pass to the caller of the objective"),
        IUsingOperation or IUsingDeclarationOperation => ("`using`", "remove it: the fused objective makes no temporaries, and a scope belongs to the caller"),
        ILockOperation => ("`lock`", "remove it: an objective has no state to guard"),
        ILabeledOperation => ("a label", "use `if`/`else`"),
        IBranchOperation { BranchKind: BranchKind.GoTo } => ("`goto`", "use `if`/`else` or a switch expression"),
        IBranchOperation => ("this jump", "use `if`/`else` and early `return`"),
        IReturnOperation => ("`yield`", "return a tuple of tensors"),
        _ => ("this statement", "use locals, `if`/`else`, `switch` and `return`"),
    };

    public static (string Construct, string Advice) Expression(IOperation operation) => operation switch
    {
        IAnonymousFunctionOperation or IDelegateCreationOperation => ("a lambda or delegate", "write a static helper method and call it"),
        IAwaitOperation => ("`await`", "make the objective synchronous"),
        IInstanceReferenceOperation => ("the instance (`this`)", "pass what is needed as a parameter: an objective is static"),
        IInterpolatedStringOperation => ("a string", "strings are only for the messages of exceptions"),
        IObjectCreationOperation or ITypeParameterObjectCreationOperation => ("the creation of an object", "use tensors, numbers, tuples and arrays"),
        IAnonymousObjectCreationOperation => ("an anonymous object", "use a tuple"),
        IAddressOfOperation => ("a pointer", "use tensors and numbers"),
        ITypeOfOperation => ("`typeof`", "branch on an enum parameter"),
        IDynamicInvocationOperation or IDynamicMemberReferenceOperation or IDynamicIndexerAccessOperation or IDynamicObjectCreationOperation =>
            ("`dynamic`", "declare the value as Tensor"),
        IEventReferenceOperation => ("an event", "use parameters"),
        IWithOperation => ("`with`", "use a tuple"),
        _ => ("this expression", "use tensor operations, arithmetic over hyper-parameters and calls of static helpers"),
    };
}
