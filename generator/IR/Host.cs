namespace Dpo.Autodiff.Generator.IR;

/// <summary>The C# type of a host scalar.</summary>
public enum HostKind
{
    Bool,
    Int32,
    Int64,
    Single,
    Double,
    Enum,
}

/// <summary>How a host scalar is made.</summary>
public enum HostOperation
{
    /// <summary>A hyper-parameter: Text is its name. Where nullable, its value (HasValue is a separate scalar).</summary>
    Parameter,

    /// <summary>A literal: Text is invariant C# (<c>0.1</c>, <c>true</c>, <c>2L</c>, <c>global::N.Kind.Hinge</c>, <c>double.NaN</c>).</summary>
    Literal,

    /// <summary>The size of an extent, as Int64: Extent holds it.</summary>
    Size,

    /// <summary>Whether a nullable hyper-parameter or an optional tensor is present: Text is the parameter's name.</summary>
    IsPresent,

    /// <summary>Whether some of the results that Text names, one after the other with <c>|</c> between, have an upstream gradient: a forward holds it true.</summary>
    HasUpstream,

    /// <summary>A C# unary operator: Text is <c>-</c>, <c>!</c> or <c>~</c>.</summary>
    Unary,

    /// <summary>A C# binary operator: Text is the operator, operands already of one type (C# semantics: whole-number division, short circuit).</summary>
    Binary,

    /// <summary>A static call: Text is the full name (<c>global::System.Math.Log</c>).</summary>
    Call,

    /// <summary>A C# numeric conversion to Kind.</summary>
    Convert,

    /// <summary>condition ? a : b.</summary>
    Select,
}

/// <summary>One scalar computed by the host before a kernel runs. Never folded: arithmetic over hyper-parameters is emitted as C#.</summary>
/// <param name="Operation">How it is made.</param>
/// <param name="Kind">Its C# type.</param>
/// <param name="Operands">Earlier host scalars.</param>
/// <param name="Text">See <see cref="HostOperation"/>.</param>
/// <param name="Extent">For <see cref="HostOperation.Size"/>.</param>
/// <param name="EnumType">For <see cref="HostKind.Enum"/>: the full name with <c>global::</c>.</param>
public sealed record HostEquation(
    HostOperation Operation,
    HostKind Kind,
    EquatableArray<int> Operands,
    string Text = "",
    Extent? Extent = null,
    string? EnumType = null);
