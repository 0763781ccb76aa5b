using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>One row of a rewriting table: an equation that is about to be appended, and what stands for it.</summary>
/// <param name="Before">What is found, as mathematics.</param>
/// <param name="After">What is computed instead.</param>
/// <param name="Roots">The primitives of the equations it looks at.</param>
/// <param name="Apply">The variable that replaces the result, of the same type; null where the row does not match.</param>
public sealed record RewriteRule(string Before, string After, EquatableArray<Primitive> Roots, Func<Redex, Term?> Apply);

/// <summary>An equation that is about to be appended: its operands are in their final form already.</summary>
/// <param name="Builder">Where replacements are appended; they are rewritten in turn.</param>
/// <param name="Primitive">The operation.</param>
/// <param name="Parameters">Its parameters.</param>
/// <param name="Operands">Its operands.</param>
/// <param name="Type">The type of its (first) result.</param>
public sealed record Redex(
    RewritingBuilder Builder, Primitive Primitive, Parameters Parameters, EquatableArray<Atom> Operands, TensorType Type)
{
    /// <summary>The first operand.</summary>
    public Term X => new(Builder, Operands[0]);

    /// <summary>The second operand.</summary>
    public Term Z => new(Builder, Operands[1]);

    /// <summary>The third operand.</summary>
    public Term Third => new(Builder, Operands[2]);

    /// <summary>The same equation over other operands.</summary>
    public Term With(params Term[] operands) => new(
        Builder,
        Atom.Variable(ShapeRules.IsDeclared(Primitive)
            ? Builder.EmitDeclared(Primitive, Parameters, Type, operands.Select(o => o.Atom).ToArray())
            : Builder.Emit(Primitive, Parameters, operands.Select(o => o.Atom).ToArray())));
}
