using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Torch's losses.</content>
internal static partial class TorchOperations
{
    private static ElaborateTensor Reduced(TorchOperationCall c, ElaborateTensor loss)
    {
        var all = Enumerable.Range(0, loss.Rank).ToArray();
        return c.Member("reduction", "Mean") switch
        {
            "None" => loss,
            "Sum" => c.Algebra.Sum(loss, all),
            "BatchMean" => c.Algebra.Divide(c.Algebra.Sum(loss, all), c.Algebra.Count(loss, loss.Rank == 0 ? [] : [0])),
            _ => Mean(c, loss, all, keepdim: false),
        };
    }

    private static ElaborateTensor Difference(TorchOperationCall c) => c.Algebra.Subtract(c.Self, c.Tensor("target"));

    // (x - t)^2
    private static ElaborateValue MseLoss(TorchOperationCall c) => Reduced(c, c.Algebra.UnaryKeeping(Primitive.Square, Difference(c)));

    // relu(margin - t (x - y))
    private static ElaborateValue MarginRankingLoss(TorchOperationCall c)
    {
        var gap = c.Algebra.Subtract(c.MaybeTensor("margin") ?? c.Algebra.Number(0), c.Algebra.Multiply(c.Tensor("target"), c.Algebra.Subtract(c.Self, c.Other)));
        return Reduced(c, c.Algebra.Arithmetic(Primitive.ClampMin, gap, c.Algebra.Whole(0)));
    }

    // log(1 + exp(-t x))
    private static ElaborateValue SoftMarginLoss(TorchOperationCall c) =>
        Reduced(c, c.Algebra.Unary(Primitive.Softplus, c.Algebra.Negate(c.Algebra.Multiply(c.Tensor("target"), c.Self))));

    // -(t log x + (1 - t) log(1 - x)), logarithms not below -100
    private static ElaborateValue BinaryCrossEntropy(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        if (x.Extents != t.Extents)
            throw new ElaborateStop.Refused("DPO0030", "the probabilities", "a target of other axes", x.ToString(), t.ToString());
        ElaborateTensor Bounded(Primitive logarithm, ElaborateTensor p) => c.Algebra.Arithmetic(Primitive.ClampMin, c.Algebra.Unary(logarithm, p), c.Algebra.Number(-100));
        var positive = c.Algebra.Multiply(t, Bounded(Primitive.Log, x));
        var negative = c.Algebra.Multiply(c.Algebra.Subtract(c.Algebra.Whole(1), t), Bounded(Primitive.Log1P, c.Algebra.Negate(x)));
        var loss = c.Algebra.Negate(c.Algebra.Add(positive, negative));
        return Reduced(c, c.MaybeTensor("weight") is { } weight ? c.Algebra.Multiply(loss, weight) : loss);
    }

    // x where t = 1, relu(margin - x) where t = -1
    private static ElaborateValue HingeEmbeddingLoss(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        var gap = c.Algebra.Arithmetic(Primitive.ClampMin, c.Algebra.Subtract(c.MaybeTensor("margin") ?? c.Algebra.Number(0), x), c.Algebra.Whole(0));
        var far = c.Algebra.Where(c.Algebra.Compare(Primitive.NotEqual, t, c.Algebra.Whole(1)), gap, c.Algebra.Whole(0));
        return Reduced(c, c.Algebra.Add(far, c.Algebra.Where(c.Algebra.Compare(Primitive.NotEqual, t, c.Algebra.Whole(-1)), x, c.Algebra.Whole(0))));
    }

    // 1 - cos where t = 1, relu(cos - margin) where t = -1; cos = x y / sqrt((x x + e) (y y + e))
    private static ElaborateValue CosineEmbeddingLoss(TorchOperationCall c)
    {
        var (x, y, t) = (c.Self, c.Other, c.Tensor("target"));
        ElaborateTensor Along(ElaborateTensor product) => c.Algebra.Sum(product, [c.Position(-1, product.Rank)]);
        ElaborateTensor Square(ElaborateTensor v) => c.Algebra.Add(Along(c.Algebra.UnaryKeeping(Primitive.Square, v)), c.Algebra.Number(1e-12));
        var cosine = c.Algebra.Divide(Along(c.Algebra.Multiply(x, y)), c.Algebra.Unary(Primitive.Sqrt, c.Algebra.Multiply(Square(x), Square(y))));
        var near = c.Algebra.Subtract(c.Algebra.Whole(1), cosine);
        var far = c.Algebra.Arithmetic(Primitive.ClampMin, c.Algebra.Subtract(cosine, c.MaybeTensor("margin") ?? c.Algebra.Number(0)), c.Algebra.Whole(0));
        return Reduced(c, c.Algebra.Add(
            c.Algebra.Where(c.Algebra.Compare(Primitive.Equal, t, c.Algebra.Whole(1)), near, c.Algebra.Whole(0)),
            c.Algebra.Where(c.Algebra.Compare(Primitive.Equal, t, c.Algebra.Whole(-1)), far, c.Algebra.Whole(0))));
    }

    // exp(x) - t x
    private static ElaborateValue PoissonNllLoss(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        return c.Flag("full") || !c.Flag("log_input", true)
            ? throw c.Unsupported("give it logarithms of rates and no Stirling term: `log_input: true, full: false`")
            : Reduced(c, c.Algebra.Subtract(c.Algebra.Unary(Primitive.Exp, x), c.Algebra.Multiply(t, x)));
    }

    // relu(d(a, p) - d(a, n) + margin)
    private static ElaborateValue TripletMarginLoss(TorchOperationCall c)
    {
        var (anchor, positive, negative) = (c.Self, c.Tensor("positive"), c.Tensor("negative"));
        var far = Distance(c, anchor, negative, keepdim: false);
        if (c.Flag("swap"))
            far = c.Algebra.Arithmetic(Primitive.Minimum, far, Distance(c, positive, negative, keepdim: false));
        var gap = c.Algebra.Add(c.Algebra.Subtract(Distance(c, anchor, positive, keepdim: false), far), c.MaybeTensor("margin") ?? c.Algebra.Number(1));
        return Reduced(c, c.Algebra.Arithmetic(Primitive.ClampMin, gap, c.Algebra.Whole(0)));
    }

    // -x[t] over the classes
    private static ElaborateValue NllLoss(TorchOperationCall c)
    {
        var x = c.Self;
        if (x.Rank == 0)
            throw new ElaborateStop.Refused("DPO0031", "a class axis", "a tensor of 0 dimensions");
        var classes = x.Rank == 1 ? 0 : 1;
        var weight = c.MaybeTensor("weight") is { } given ? AlongClasses(c, given, x, classes) : null;
        return Classes(c, x, c.Tensor("target"), weight, null, classes);
    }

    // |x - t|
    private static ElaborateValue L1Loss(TorchOperationCall c) => Reduced(c, c.Algebra.UnaryKeeping(Primitive.Absolute, Difference(c)));

    // |d| < beta: d^2 / (2 beta), else |d| - beta/2
    private static ElaborateValue SmoothL1Loss(TorchOperationCall c)
    {
        var d = Difference(c);
        var beta = c.MaybeTensor("beta") ?? c.Algebra.Number(1);
        var distance = c.Algebra.UnaryKeeping(Primitive.Absolute, d);
        var half = c.Algebra.Multiply(beta, c.Algebra.Number(0.5));
        var near = c.Algebra.Divide(c.Algebra.Multiply(c.Algebra.UnaryKeeping(Primitive.Square, d), c.Algebra.Number(0.5)), beta);
        return Reduced(c, c.Algebra.Where(c.Algebra.Compare(Primitive.Less, distance, beta), near, c.Algebra.Subtract(distance, half)));
    }

    // |d| < delta: d^2 / 2, else delta (|d| - delta/2)
    private static ElaborateValue HuberLoss(TorchOperationCall c)
    {
        var d = Difference(c);
        var delta = c.MaybeTensor("delta") ?? c.Algebra.Number(1);
        var distance = c.Algebra.UnaryKeeping(Primitive.Absolute, d);
        var half = c.Algebra.Multiply(delta, c.Algebra.Number(0.5));
        var near = c.Algebra.Multiply(c.Algebra.UnaryKeeping(Primitive.Square, d), c.Algebra.Number(0.5));
        return Reduced(c, c.Algebra.Where(c.Algebra.Compare(Primitive.Less, distance, delta), near, c.Algebra.Multiply(delta, c.Algebra.Subtract(distance, half))));
    }

    // (1 - t) x - w logsigmoid(x), w = 1 + (pos_weight - 1) t
    private static ElaborateValue BinaryCrossEntropyWithLogits(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        if (x.Extents != t.Extents)
            throw new ElaborateStop.Refused("DPO0030", "the logits", "a target of other axes", x.ToString(), t.ToString());
        var likelihood = c.Algebra.Unary(Primitive.LogSigmoid, x);
        if (c.MaybeTensor("pos_weight") is { } positive)
            likelihood = c.Algebra.Multiply(c.Algebra.Add(c.Algebra.Multiply(c.Algebra.Subtract(positive, c.Algebra.Whole(1)), t), c.Algebra.Whole(1)), likelihood);
        var loss = c.Algebra.Subtract(c.Algebra.Multiply(c.Algebra.Subtract(c.Algebra.Whole(1), t), x), likelihood);
        return Reduced(c, c.MaybeTensor("weight") is { } weight ? c.Algebra.Multiply(loss, weight) : loss);
    }

    // t (log t - x), 0 where t = 0; with log targets exp(t) (t - x)
    private static ElaborateValue KlDiv(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        if (c.Flag("log_target"))
            return Reduced(c, c.Algebra.Multiply(c.Algebra.Unary(Primitive.Exp, t), c.Algebra.Subtract(t, x)));
        var isZero = c.Algebra.Compare(Primitive.Equal, t, c.Algebra.Number(0));
        var entropy = c.Algebra.Where(isZero, c.Algebra.Number(0), c.Algebra.Multiply(t, c.Algebra.Unary(Primitive.Log, t)));
        return Reduced(c, c.Algebra.Subtract(entropy, c.Algebra.Multiply(t, x)));
    }

    // -log_softmax(x)[t] over the classes (position 1, or 0 of a single sample), mean over what is not ignored
    private static ElaborateValue CrossEntropy(TorchOperationCall c)
    {
        var (x, t) = (c.Self, c.Tensor("target"));
        if (x.Rank == 0)
            throw new ElaborateStop.Refused("DPO0031", "a class axis", "a tensor of 0 dimensions");
        var classes = x.Rank == 1 ? 0 : 1;
        var logs = Normalised(c, Primitive.LogSoftmax, x, classes);
        var weight = c.MaybeTensor("weight") is { } given ? AlongClasses(c, given, x, classes) : null;
        var smoothing = c.MaybeTensor("label_smoothing") is { } smooth && !IsLiteral(c, smooth, 0) ? smooth : null;
        return t.Extents == x.Extents && t.Rank > 0 && ElaborateTensors.KindOf(t) is Real or null
            ? Probabilities(c, logs, t, weight, smoothing, classes)
            : Classes(c, logs, t, weight, smoothing, classes);
    }

    private static ElaborateTensor AlongClasses(TorchOperationCall c, ElaborateTensor weight, ElaborateTensor x, int classes) =>
        weight.Rank == 1 && weight.Extents[0] == x.Extents[classes]
            ? c.Algebra.Rearrange(weight, Enumerable.Range(0, x.Rank).Select(i => i == classes ? 0 : -1).ToArray(), x.Extents.ToArray())
            : throw new ElaborateStop.Refused("DPO0030", weight.ToString(), x.Extents[classes].ToString(), weight.ToString(), x.ToString());

    private static ElaborateTensor Probabilities(TorchOperationCall c, ElaborateTensor logs, ElaborateTensor t, ElaborateTensor? weight, ElaborateTensor? smoothing, int classes)
    {
        if (smoothing is not null)
            t = c.Algebra.Add(c.Algebra.Multiply(t, c.Algebra.Subtract(c.Algebra.Whole(1), smoothing)), c.Algebra.Divide(smoothing, c.Algebra.Count(logs, [classes])));
        var terms = c.Algebra.Multiply(logs, t);
        if (weight is not null)
            terms = c.Algebra.Multiply(terms, weight);
        var loss = c.Algebra.Negate(c.Algebra.Sum(terms, [classes]));
        var all = Enumerable.Range(0, loss.Rank).ToArray();
        return c.Member("reduction", "Mean") switch
        {
            "None" => loss,
            "Sum" => c.Algebra.Sum(loss, all),
            _ => Mean(c, loss, all, keepdim: false),
        };
    }

    private static ElaborateTensor Classes(TorchOperationCall c, ElaborateTensor logs, ElaborateTensor t, ElaborateTensor? weight, ElaborateTensor? smoothing, int classes)
    {
        Whole(c, t);
        var rest = logs.Extents.Where((_, i) => i != classes).ToEquatableArray();
        if (t.Extents != rest)
            throw new ElaborateStop.Refused("DPO0030", "the classes", "a target of other axes", t.ToString(), "[" + string.Join(" ", rest) + "]");
        var target = c.Algebra.Made(t.Extents, Integer, t.DType, t.As);
        var ignored = c.Algebra.Compare(Primitive.Equal, target, c.Has("ignore_index") ? c.Algebra.Of(c.Number("ignore_index")) : c.Algebra.Whole(-100));
        var kept = c.Algebra.Not(ignored);
        // An ignored label may be outside the classes.
        var safe = c.Algebra.Insert(c.Algebra.Where(ignored, c.Algebra.Whole(0), target), classes);
        var zero = c.Algebra.Number(0);
        ElaborateTensor AtTarget(ElaborateTensor x) => c.Algebra.Drop(c.Algebra.Gather(x, safe, classes, Enumerable.Range(0, x.Rank).Select(i => i == classes ? -1 : i).ToArray()), classes);

        var picked = AtTarget(logs);
        var share = weight is null ? null : AtTarget(weight);
        var loss = c.Algebra.Where(kept, c.Algebra.Negate(share is null ? picked : c.Algebra.Multiply(share, picked)), zero);
        var count = c.Algebra.Where(kept, share ?? c.Algebra.Number(1), zero);
        if (share is null)
            count = c.Algebra.Convert(kept, Real, null, logs.DType);
        var all = Enumerable.Range(0, loss.Rank).ToArray();
        if (smoothing is not null)
        {
            // (1 - e) nll + e / C * sum of -log p over all classes
            var spread = c.Algebra.Negate(c.Algebra.Sum(weight is null ? logs : c.Algebra.Multiply(logs, weight), [classes]));
            var even = c.Algebra.Divide(c.Algebra.Multiply(c.Algebra.Where(kept, spread, zero), smoothing), c.Algebra.Count(logs, [classes]));
            loss = c.Algebra.Add(c.Algebra.Multiply(loss, c.Algebra.Subtract(c.Algebra.Whole(1), smoothing)), even);
        }

        return c.Member("reduction", "Mean") switch
        {
            "None" => loss,
            "Sum" => c.Algebra.Sum(loss, all),
            _ => c.Algebra.Divide(c.Algebra.Sum(loss, all), c.Algebra.Sum(count, all)),
        };
    }
}
