using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>Looks through variables at the equations that define them, so that rewriting rules read as patterns.</summary>
public static class TermPatterns
{
    public static Equation? Definition(this Term term) => (term.Builder as RewritingBuilder)?.DefinitionOf(term.Atom);

    /// <summary>Whether only the equation at hand reads it.</summary>
    public static bool IsOnlyHere(this Term term) => !((RewritingBuilder)term.Builder).IsShared(term.Atom);

    /// <summary>term = primitive(x).</summary>
    public static bool Is(this Term term, Primitive primitive, out Term x)
    {
        x = term;
        if (term.Definition() is not { } equation || equation.Primitive != primitive)
            return false;
        x = term with { Atom = equation.Operands[0] };
        return true;
    }

    /// <summary>term = primitive(x, z).</summary>
    public static bool Is(this Term term, Primitive primitive, out Term x, out Term z)
    {
        z = term;
        if (!term.Is(primitive, out x))
            return false;
        z = term with { Atom = term.Definition()!.Operands[1] };
        return true;
    }

    /// <summary>A literal, or a tensor filled with one.</summary>
    public static bool IsNumber(this Term term, double number) => term.Scalar() is { IsLiteral: true } scalar && scalar.Number == number;

    /// <summary>The literal or host scalar that every element equals, where that is known.</summary>
    public static Atom? Scalar(this Term term) => !term.Atom.IsVariable ? term.Atom : term.Definition() switch
    {
        { Primitive: Primitive.Fill } fill when !fill.Operands[0].IsVariable => fill.Operands[0],
        { Primitive: Primitive.Rearrange } rearrange => (term with { Atom = rearrange.Operands[0] }).Scalar(),
        _ => null,
    };
}
