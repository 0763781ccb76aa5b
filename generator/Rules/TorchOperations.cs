using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// What each canonical torch operation is in primitives: one row an operation of <c>TorchSpellings</c>. A row is a primitive, or a
/// composite with its formula in a comment; rows of operations outside the language say what to write instead.
/// </summary>
internal static partial class TorchOperations
{
    private const ElementKind Real = ElementKind.Real;
    private const ElementKind Integer = ElementKind.Integer;
    private const ElementKind Boolean = ElementKind.Boolean;

    public static IReadOnlyDictionary<string, TorchOperation> Table { get; } = new Dictionary<string, TorchOperation>(StringComparer.Ordinal)
    {
        ["neg"] = c => c.Algebra.UnaryKeeping(Primitive.Negate, c.Self),
        ["abs"] = c => c.Algebra.UnaryKeeping(Primitive.Absolute, c.Self),
        ["sign"] = c => c.Algebra.UnaryKeeping(Primitive.Sign, c.Self),
        ["relu"] = c => c.Algebra.UnaryKeeping(Primitive.Relu, c.Self),
        ["square"] = c => c.Algebra.UnaryKeeping(Primitive.Square, c.Self),
        ["exp"] = c => c.Algebra.Unary(Primitive.Exp, c.Self),
        ["expm1"] = c => c.Algebra.Unary(Primitive.ExpM1, c.Self),
        ["log"] = c => c.Algebra.Unary(Primitive.Log, c.Self),
        ["log1p"] = c => c.Algebra.Unary(Primitive.Log1P, c.Self),
        ["log2"] = c => c.Algebra.Unary(Primitive.Log2, c.Self),
        ["sqrt"] = c => c.Algebra.Unary(Primitive.Sqrt, c.Self),
        ["rsqrt"] = c => c.Algebra.Unary(Primitive.Rsqrt, c.Self),
        ["reciprocal"] = c => c.Algebra.Unary(Primitive.Reciprocal, c.Self),
        ["sigmoid"] = c => c.Algebra.Unary(Primitive.Sigmoid, c.Self),
        ["logsigmoid"] = c => c.Algebra.Unary(Primitive.LogSigmoid, c.Self),
        ["tanh"] = c => c.Algebra.Unary(Primitive.Tanh, c.Self),
        ["erf"] = c => c.Algebra.Unary(Primitive.Erf, c.Self),
        // exp(x ln 2)
        ["exp2"] = c => c.Algebra.Unary(Primitive.Exp, c.Algebra.Multiply(c.Self, c.Algebra.Number(Math.Log(2)))),
        // log(x) / ln 10
        ["log10"] = c => c.Algebra.Divide(c.Algebra.Unary(Primitive.Log, c.Self), c.Algebra.Number(Math.Log(10))),
        // 1 - erf(x)
        ["erfc"] = c => c.Algebra.Subtract(c.Algebra.Whole(1), c.Algebra.Unary(Primitive.Erf, c.Self)),
        // x sigmoid(x)
        ["silu"] = c => c.Algebra.Multiply(c.Self, c.Algebra.Unary(Primitive.Sigmoid, c.Self)),
        ["gelu"] = Gelu,
        // x > 0: x, else slope x
        ["leaky_relu"] = c => c.Algebra.Where(c.Algebra.Compare(Primitive.Greater, c.Self, c.Algebra.Whole(0)), c.Self, c.Algebra.Multiply(c.Self, c.Tensor("negative_slope"))),
        ["softplus"] = Softplus,
        ["floor"] = c => Floor(c, c.Self),
        ["ceil"] = c => c.Algebra.Negate(Floor(c, c.Algebra.Negate(c.Self))),
        ["trunc"] = Trunc,
        ["round"] = Round,
        ["sin"] = c => throw c.Unsupported("it has no fused form: compute it before the call and pass it as a tensor"),
        ["cos"] = c => throw c.Unsupported("it has no fused form: compute it before the call and pass it as a tensor"),

        ["add"] = c => c.Algebra.Add(c.Self, c.Other),
        ["sub"] = c => c.Algebra.Subtract(c.Self, c.Other),
        ["mul"] = c => c.Algebra.Multiply(c.Self, c.Other),
        ["div"] = c => c.Algebra.Divide(c.Self, c.Other),
        ["pow"] = Power,
        ["remainder"] = Remainder,
        // x + w (y - x)
        ["lerp"] = c => c.Algebra.Add(c.Self, c.Algebra.Multiply(c.Tensor("weight"), c.Algebra.Subtract(c.Tensor("end"), c.Self))),
        // x log y, 0 where x = 0
        ["xlogy"] = c => c.Algebra.Where(c.Algebra.Compare(Primitive.Equal, c.Self, c.Algebra.Whole(0)), c.Algebra.Number(0), c.Algebra.Multiply(c.Self, c.Algebra.Unary(Primitive.Log, c.Other))),
        ["minimum"] = c => c.Algebra.Arithmetic(Primitive.Minimum, c.Self, c.Other),
        ["maximum"] = c => c.Algebra.Arithmetic(Primitive.Maximum, c.Self, c.Other),
        ["clamp"] = c => Clamp(c, c.MaybeTensor("min"), c.MaybeTensor("max")),
        ["clamp_min"] = c => Clamp(c, c.Tensor("min"), null),
        ["clamp_max"] = c => Clamp(c, null, c.Tensor("max")),

        ["eq"] = c => c.Algebra.Compare(Primitive.Equal, c.Self, c.Other),
        ["ne"] = c => c.Algebra.Compare(Primitive.NotEqual, c.Self, c.Other),
        ["lt"] = c => c.Algebra.Compare(Primitive.Less, c.Self, c.Other),
        ["le"] = c => c.Algebra.Compare(Primitive.LessOrEqual, c.Self, c.Other),
        ["gt"] = c => c.Algebra.Compare(Primitive.Greater, c.Self, c.Other),
        ["ge"] = c => c.Algebra.Compare(Primitive.GreaterOrEqual, c.Self, c.Other),
        ["logical_and"] = c => c.Algebra.Logical(Primitive.And, c.Algebra.NotZero(c.Self), c.Algebra.NotZero(c.Other)),
        ["logical_or"] = c => c.Algebra.Logical(Primitive.Or, c.Algebra.NotZero(c.Self), c.Algebra.NotZero(c.Other)),
        ["logical_xor"] = c => c.Algebra.Logical(Primitive.Xor, c.Algebra.NotZero(c.Self), c.Algebra.NotZero(c.Other)),
        ["logical_not"] = c => c.Algebra.Not(c.Algebra.NotZero(c.Self)),
        ["bitwise_and"] = c => Bitwise(c, Primitive.And),
        ["bitwise_or"] = c => Bitwise(c, Primitive.Or),
        ["bitwise_xor"] = c => Bitwise(c, Primitive.Xor),
        ["bitwise_not"] = c => c.Algebra.Not(Condition(c, c.Self)),
        ["isnan"] = c => c.Algebra.Test(Primitive.IsNaN, c.Self, whole: false),
        ["isinf"] = c => c.Algebra.Test(Primitive.IsInfinite, c.Self, whole: false),
        ["isfinite"] = c => c.Algebra.Test(Primitive.IsFinite, c.Self, whole: true),
        ["where"] = Where,
        ["masked_fill"] = MaskedFill,
        ["nan_to_num"] = NanToNum,

        ["cross_entropy"] = CrossEntropy,
        ["binary_cross_entropy_with_logits"] = BinaryCrossEntropyWithLogits,
        ["nll_loss"] = NllLoss,
        ["margin_ranking_loss"] = MarginRankingLoss,
        ["soft_margin_loss"] = SoftMarginLoss,
        ["mse_loss"] = MseLoss,
        ["l1_loss"] = L1Loss,
        ["smooth_l1_loss"] = SmoothL1Loss,
        ["huber_loss"] = HuberLoss,
        ["kl_div"] = KlDiv,

        ["from_number"] = FromNumber,
        ["zeros_like"] = c => FilledLike(c, c.Host.Whole(0)),
        ["ones_like"] = c => FilledLike(c, c.Host.Whole(1)),
        ["full_like"] = c => FilledLike(c, c.Number("fill_value")),
        ["zeros"] = c => Filled(c, c.Host.Whole(0)),
        ["ones"] = c => Filled(c, c.Host.Whole(1)),
        ["full"] = c => Filled(c, c.Number("fill_value")),
        ["arange"] = Arange,
        ["size"] = c => new ElaborateValue.Host(c.Host.Size(c.Self.Extents[c.Dim("dim", c.Self.Rank)])),
        ["shape"] = c => new ElaborateValue.Tuple(c.Self.Extents.Select(e => new ElaborateValue.Host(c.Host.Size(e))).ToArray()),
        ["numel"] = c => new ElaborateValue.Host(c.Algebra.Product(c.Self.Extents)),
        ["ndim"] = c => new ElaborateValue.Host(c.Host.Whole(c.Self.Rank)),
        ["dtype"] = c => new ElaborateValue.StorageType(c.Self.DType, c.Self.Kind),

        ["unsqueeze"] = c => c.Algebra.Insert(c.Self, c.Dim("dim", c.Self.Rank + 1)),
        ["squeeze"] = Squeeze,
        ["expand"] = Expand,
        ["expand_as"] = c => ExpandTo(c, c.Self, c.Other.Extents),
        ["reshape"] = c => Reshape(c, c.Self, c.Items("shape").Select(c.Size).ToArray()),
        ["view"] = c => Reshape(c, c.Self, c.Items("shape").Select(c.Size).ToArray()),
        ["flatten"] = Flatten,
        ["unflatten"] = Unflatten,
        ["transpose"] = c => Transpose(c, c.Self, c.Dim("dim0", c.Self.Rank), c.Dim("dim1", c.Self.Rank)),
        ["permute"] = Permute,
        ["movedim"] = MoveDim,
        ["t"] = c => c.Self.Rank < 2 ? c.Self : Transpose(c, c.Self, 0, 1),
        ["T"] = c => Permuted(c, c.Self, Enumerable.Range(0, c.Self.Rank).Reverse().ToArray()),
        ["mT"] = c => Transpose(c, c.Self, c.Position(-2, c.Self.Rank), c.Position(-1, c.Self.Rank)),
        ["tril"] = c => Triangle(c, Primitive.LessOrEqual),
        ["triu"] = c => Triangle(c, Primitive.GreaterOrEqual),
        ["outer"] = c => c.Algebra.Multiply(c.Algebra.Insert(c.Self, 1), c.Algebra.Insert(c.Tensor("vec2"), 0)),
        ["diagonal"] = Diagonal,
        ["chunk"] = Chunk,
        ["cat"] = c => Concatenate(c, c.Items("tensors").Select(c.AsTensor).ToArray()),
        ["stack"] = Stack,
        ["narrow"] = Narrow,
        ["select"] = c => Select(c, c.Self, c.Dim("dim", c.Self.Rank), c.Given("index")!),
        ["detach"] = c => c.Algebra.Stop(c.Self),
        ["to_type"] = ToType,
        ["type_as"] = c => c.Algebra.Convert(c.Self, c.Other.Kind ?? Real, null, c.Other.DType),

        ["sum"] = Sum,
        ["nansum"] = c => c.Algebra.Sum(WithoutNaN(c, c.Self), c.Dims("dim", c.Self)),
        ["mean"] = c => Mean(c, Typed(c, Numbers(c, c.Self)), c.Dims("dim", c.Self), c.Flag("keepdim")),
        ["nanmean"] = NanMean,
        ["amax"] = c => Extremum(c, Primitive.Max, c.Dims("dim", c.Self), c.Flag("keepdim")),
        ["amin"] = c => Extremum(c, Primitive.Min, c.Dims("dim", c.Self), c.Flag("keepdim")),
        ["max"] = c => ExtremumWithIndex(c, isMax: true),
        ["min"] = c => ExtremumWithIndex(c, isMax: false),
        ["count_nonzero"] = c => c.Algebra.Sum(c.Algebra.NotZero(c.Self), c.Dims("dim", c.Self)),
        ["argmax"] = c => ArgMax(c, c.Self),
        ["argmin"] = c => ArgMax(c, c.Algebra.Negate(c.Self)),
        ["logsumexp"] = LogSumExp,
        ["var"] = c => Variance(c),
        ["std"] = c => c.Algebra.Unary(Primitive.SqrtZero, Variance(c)),
        ["any"] = c => c.Algebra.Reduce(Primitive.Any, c.Algebra.NotZero(c.Self), c.Dims("dim", c.Self), c.Flag("keepdim"), Boolean, ElaborateTensors.FixedType("Bool", true)),
        ["all"] = c => c.Algebra.Reduce(Primitive.All, c.Algebra.NotZero(c.Self), c.Dims("dim", c.Self), c.Flag("keepdim"), Boolean, ElaborateTensors.FixedType("Bool", true)),
        ["softmax"] = c => Normaliser(c, Primitive.Softmax),
        ["log_softmax"] = c => Normaliser(c, Primitive.LogSoftmax),

        ["gather"] = Gather,
        ["take_along_dim"] = TakeAlongDim,
        ["index_select"] = c => IndexBy(c, c.Self, c.Dim("dim", c.Self.Rank), c.Tensor("index")),
        ["index"] = Index,
        ["index_add"] = IndexAdd,
        ["scatter_add"] = ScatterAdd,
        ["cumsum"] = CumSum,
        ["logcumsumexp"] = LogCumSumExp,
        ["flip"] = Flip,
        ["sort"] = Sort,
        ["topk"] = TopK,
        ["quantile"] = Quantile,

        ["matmul"] = c => throw c.Unsupported(NoProduct),
        ["mm"] = c => throw c.Unsupported(NoProduct),
        ["mv"] = c => throw c.Unsupported(NoProduct),
        ["bmm"] = c => throw c.Unsupported(NoProduct),
        ["linear"] = c => throw c.Unsupported(NoProduct),
        ["dot"] = Dot,
    };

    private const string NoProduct = "compute the product before the call and pass it as a tensor, or write a small one as `(a.unsqueeze(-1) * b).sum(...)`";
}
