using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>What a statement's operands are taken for: numbers that the host knows have no kind of their own.</summary>
internal static class OperandKinds
{
    /// <summary>The kind of the operands of a pointwise statement.</summary>
    public static ElementKind Of(LoopProgram program, LoopNode.Compute compute)
    {
        var result = program.Values[compute.Value];
        if (compute.Primitive is Primitive.Where or Primitive.Fill)
            return result;
        foreach (var operand in compute.Operands)
            if (operand.Kind is LoopAtomKind.Value or LoopAtomKind.Coordinate or LoopAtomKind.Size)
                return Of(program, operand, result);
        return result == ElementKind.Boolean && compute.Primitive is not (Primitive.And or Primitive.Or or Primitive.Xor or Primitive.Not) ? ElementKind.Real : result;
    }

    /// <summary>The kind of an operand, or the other where it has none.</summary>
    public static ElementKind Of(LoopProgram program, LoopAtom atom, ElementKind otherwise) => atom.Kind switch
    {
        LoopAtomKind.Value => program.Values[atom.Id],
        LoopAtomKind.Coordinate or LoopAtomKind.Size => ElementKind.Integer,
        _ => otherwise,
    };
}
