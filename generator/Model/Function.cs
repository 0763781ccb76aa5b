using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Model;

/// <summary>
/// The body of a method as the front end read it: untyped, flat, with jumps; the hand-over from C# to the compiler and, as text, from
/// assembly to assembly.
/// </summary>
/// <remarks>
/// It must stay a record of values (no symbol, syntax or location): the incremental generator caches it by equality, and an edit
/// elsewhere in the file must leave it unchanged. Places in the source travel beside it, by instruction index.
/// Registers are numbered by the instruction that writes them; locals are numbered apart and may be written many times.
/// </remarks>
/// <param name="Id">The documentation id of the method.</param>
/// <param name="Name">Its name.</param>
/// <param name="Parameters">Its parameters, in order.</param>
/// <param name="ResultNames">The names of the results: of the tuple's elements (Item1... where unnamed), or Value alone.</param>
/// <param name="Locals">The number of locals.</param>
/// <param name="Instructions">The body.</param>
public sealed record Function(
    string Id,
    string Name,
    EquatableArray<FunctionParameter> Parameters,
    EquatableArray<string> ResultNames,
    int Locals,
    EquatableArray<Instruction> Instructions);

/// <summary>What a parameter of a function is.</summary>
public enum ParameterKind
{
    Tensor,
    Bool,
    Int32,
    Int64,
    Single,
    Double,
    Enum,
}

/// <summary>A parameter of a function.</summary>
/// <param name="Name">Its name in the source.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Nullable"><c>Tensor?</c> (annotated, or with a null default) or a nullable hyper-parameter.</param>
/// <param name="EnumType">The enum's full name with <c>global::</c>.</param>
/// <param name="Default">The default as invariant C#, or null where there is none.</param>
/// <param name="Axes">The text of [Axes], or null where there is none (helpers).</param>
/// <param name="NoGrad">Marked [NoGrad].</param>
/// <param name="Donated">Marked [Donated].</param>
public sealed record FunctionParameter(
    string Name,
    ParameterKind Kind,
    bool Nullable = false,
    string? EnumType = null,
    string? Default = null,
    string? Axes = null,
    bool NoGrad = false,
    bool Donated = false);

/// <summary>What an instruction does. Arguments are registers (indices of earlier instructions).</summary>
public enum Opcode
{
    /// <summary>Text: the parameter's name.</summary>
    Parameter,

    /// <summary>A host literal: Text is invariant C#, Kind its type.</summary>
    Literal,

    /// <summary>null.</summary>
    Null,

    /// <summary>A torch operation: Text is its canonical name (Tensor method name in torch's spelling: <c>sum</c>, <c>logsigmoid</c>, <c>add</c>, <c>index</c>, <c>from_number</c>), Names the name of each argument (<c>self</c>, <c>dim</c>, ...).</summary>
    Torch,

    /// <summary>Arithmetic, comparison or conversion of host values: Host says which, Kind the result's type, Text as in <see cref="HostEquation"/>.</summary>
    Host,

    /// <summary>A helper call: Text is its documentation id; arguments in parameter order (defaults filled in).</summary>
    Invoke,

    /// <summary>A tuple or array of the arguments.</summary>
    Tuple,

    /// <summary>An element of a tuple or array: Text is its index.</summary>
    Item,

    /// <summary>A range or an index in brackets: Text is <c>..</c>, <c>...</c>, <c>^</c>, <c>:</c> with the bounds as arguments.</summary>
    Range,

    /// <summary>Whether the argument (optional tensor, nullable number) is null.</summary>
    IsNull,

    /// <summary>Reads local Text.</summary>
    Load,

    /// <summary>Writes local Text: one argument.</summary>
    Store,

    /// <summary>Goes to Target where the argument (a host condition) is false.</summary>
    BranchFalse,

    /// <summary>Goes to Target.</summary>
    Jump,

    /// <summary>Returns the argument.</summary>
    Return,

    /// <summary>Throws: Text is the exception's full name, arguments a message literal where constant.</summary>
    Throw,
}

/// <summary>One step of a function.</summary>
public sealed record Instruction(
    Opcode Opcode,
    EquatableArray<int> Arguments,
    string Text = "",
    EquatableArray<string> Names = default,
    HostOperation Host = default,
    HostKind Kind = default,
    string? EnumType = null,
    int Target = -1);
