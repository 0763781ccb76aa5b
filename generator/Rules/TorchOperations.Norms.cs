using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Norms and what is made of them.</content>
internal static partial class TorchOperations
{
    // (sum |x|^p)^(1/p); the derivative of the root at 0 is 0
    private static ElaborateTensor Norm(TorchOperationCall c, ElaborateTensor x, IReadOnlyList<int> dims, bool keepdim, double otherwise)
    {
        x = Numbers(c, x);
        var magnitude = c.Algebra.UnaryKeeping(Primitive.Absolute, x);
        switch (c.Literal("p", otherwise))
        {
            case 2:
                return c.Algebra.Unary(Primitive.SqrtZero, c.Algebra.Sum(c.Algebra.UnaryKeeping(Primitive.Square, x), dims, keepdim));
            case 1:
                return c.Algebra.Sum(magnitude, dims, keepdim);
            case double.PositiveInfinity:
                return c.Algebra.Reduce(Primitive.Max, magnitude, dims, keepdim, Real, x.DType);
            default:
                throw c.Unsupported("write a norm of another order as `x.abs().pow(p).sum().pow(1 / p)`");
        }
    }

    // x / max(|x|, e)
    private static ElaborateValue Normalize(TorchOperationCall c)
    {
        var x = c.Self;
        var norm = Norm(c, x, [c.Dim("dim", x.Rank, 1)], keepdim: true, 2);
        return c.Algebra.Divide(x, c.Algebra.Arithmetic(Primitive.ClampMin, norm, c.MaybeTensor("eps") ?? c.Algebra.Number(1e-12)));
    }

    // sum(x y) / (max(|x|, e) max(|y|, e)), each divided by its own
    private static ElaborateTensor CosineSimilarity(TorchOperationCall c, ElaborateTensor x, ElaborateTensor y)
    {
        var extents = c.Algebra.Broadcast(x, y);
        var dim = c.Dim("dim", extents.Count, 1);
        ElaborateTensor Unit(ElaborateTensor v)
        {
            v = c.Algebra.SpreadTo(v, extents);
            var norm = c.Algebra.Unary(Primitive.SqrtZero, c.Algebra.Sum(c.Algebra.UnaryKeeping(Primitive.Square, v), [dim], keepdim: true));
            return c.Algebra.Divide(v, c.Algebra.Arithmetic(Primitive.ClampMin, norm, c.MaybeTensor("eps") ?? c.Algebra.Number(1e-8)));
        }

        return c.Algebra.Sum(c.Algebra.Multiply(Unit(x), Unit(y)), [dim]);
    }

    // |x - y + e| along the last axis
    private static ElaborateTensor Distance(TorchOperationCall c, ElaborateTensor x, ElaborateTensor y, bool keepdim)
    {
        var difference = c.Algebra.Add(c.Algebra.Subtract(x, y), c.MaybeTensor("eps") ?? c.Algebra.Number(1e-6));
        return Norm(c, difference, [c.Position(-1, difference.Rank)], keepdim, 2);
    }
}
