using Dpo.Autodiff.Execution;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>Promotion against torch's own.</summary>
public class DTypePromotionTests
{
    private static readonly ScalarType[] DTypes =
    [
        ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64,
        ScalarType.Float16, ScalarType.BFloat16, ScalarType.Float32, ScalarType.Float64,
    ];

    [Fact]
    public void EveryPairIsPromotedAsTorchDoes()
    {
        using var scope = NewDisposeScope();
        foreach (var left in DTypes)
        {
            foreach (var right in DTypes)
            {
                foreach (var (leftRank, rightRank) in new[] { (1, 1), (0, 1), (1, 0), (0, 0) })
                {
                    var expected = Ones(leftRank, left).add(Ones(rightRank, right)).dtype;
                    DTypeTerm[] terms = [new(0, default, leftRank > 0, DTypeLift.None), new(-1, right, rightRank > 0, DTypeLift.None)];
                    Assert.Equal(expected, DTypePromotion.Of(terms, [(sbyte)left], ScalarType.Float32));
                }
            }
        }
    }

    [Fact]
    public void OperationsLiftAsTorchDoes()
    {
        using var scope = NewDisposeScope();
        foreach (var dtype in DTypes)
        {
            Assert.Equal(Ones(1, dtype).sum().dtype, DTypePromotion.Of([new(0, default, true, DTypeLift.Sum)], [(sbyte)dtype], default));
            Assert.Equal(Ones(1, dtype).exp().dtype, DTypePromotion.Of([new(0, default, true, DTypeLift.Float)], [(sbyte)dtype], default));
        }
    }

    [Fact]
    public void AbsentParametersDoNotCount()
    {
        DTypeTerm[] terms = [new(0, default, true, DTypeLift.None), new(1, default, true, DTypeLift.None)];
        Assert.Equal(ScalarType.Float16, DTypePromotion.Of(terms, [-1, (sbyte)ScalarType.Float16], ScalarType.Float32));
        Assert.Equal(ScalarType.Float32, DTypePromotion.Of(terms, [-1, -1], ScalarType.Float32));
    }

    private static Tensor Ones(int rank, ScalarType dtype) => rank == 0 ? ones([], dtype) : ones(2, dtype);
}
