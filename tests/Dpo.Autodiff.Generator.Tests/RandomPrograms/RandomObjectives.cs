using System.Globalization;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Generator.Tests.RandomPrograms;

/// <summary>Draws random objectives over the whole language. The same seed gives the same objective.</summary>
internal sealed class RandomObjectives
{
    private static readonly string[] AxisNames = ["pair", "item", "token"];

    private readonly Random random;
    private readonly List<RandomInput> inputs = [];
    private readonly double beta;
    private readonly double gamma;

    private RandomObjectives(int seed)
    {
        random = new Random(seed);
        beta = 0.1 + random.NextDouble();
        gamma = 0.5 + random.NextDouble();
    }

    public static RandomObjective Draw(int seed, string name)
    {
        var draw = new RandomObjectives(seed);
        var axes = AxisNames.Take(1 + draw.random.Next(3)).ToArray();
        var results = new List<RandomNode>();
        var body = draw.Real(axes, depth: 3 + draw.random.Next(3));
        results.Add(draw.random.Next(4) == 0 ? body : draw.Reduce(body, draw.random.Next(2) == 0 ? "sum" : "mean"));
        if (draw.random.Next(3) == 0)
            results.Add(draw.Real(axes.Take(1).ToArray(), depth: 2));
        if (draw.random.Next(3) == 0)
            results.Add(Detach(draw.Real(axes, depth: 1)));
        if (!draw.inputs.Any(i => i.Kind == RandomInputKind.Differentiable))
            results[0] = Binary("add", results[0].Axes, "+", (a, b) => a + b, results[0], draw.Expanded(draw.Leaf(axes.Take(1).ToArray(), RandomInputKind.Differentiable), results[0].Axes));
        var used = results.SelectMany(r => r.Descendants()).Select(n => n.Operation).ToHashSet();
        return new RandomObjective(name, draw.inputs.Where(i => used.Contains("input " + i.Name)).ToArray(), results.ToArray(), draw.beta, draw.gamma);
    }

    private T Pick<T>(params T[] items) => items[random.Next(items.Length)];

    /// <summary>A real expression of exactly these axes.</summary>
    private RandomNode Real(string[] axes, int depth)
    {
        if (depth <= 0)
            return random.Next(8) == 0 && axes.Length > 0 ? Expanded(Leaf(axes[..^1]), axes) : Leaf(axes);
        return random.Next(21) switch
        {
            20 when axes.Length > 0 => Product(axes, depth),
            < 6 => Unary(axes, depth),
            < 9 => Arithmetic(axes, depth),
            9 or 10 or 12 => ReduceInner(axes, depth),
            11 => Where(axes, depth),
            13 when axes.Length > 0 => Normaliser(axes, depth),
            14 when axes.Length > 0 => Ordered(axes, depth),
            15 when axes.Length > 0 => Gathered(axes, depth),
            16 when axes.Length > 0 => Broadcast(axes, depth),
            17 when axes.Length > 0 => Pairwise(axes, depth),
            18 => Detached(axes, depth),
            _ => Unary(axes, depth),
        };
    }

    private RandomNode Leaf(string[] axes, RandomInputKind? kind = null)
    {
        var wanted = kind ?? (random.Next(4) == 0 ? RandomInputKind.NoGrad : RandomInputKind.Differentiable);
        var known = inputs.Where(i => i.Kind == wanted && i.Axes.SequenceEqual(axes) && i.IndexedAxis == "").ToArray();
        var input = known.Length > 0 && (known.Length > 1 || random.Next(2) == 0) ? Pick(known) : null;
        if (input is null)
            inputs.Add(input = new RandomInput("x" + inputs.Count.ToString(CultureInfo.InvariantCulture), axes, wanted));
        return Input(input);
    }

    private static RandomNode Input(RandomInput input) =>
        new("input " + input.Name, input.Axes, input.Kind is not (RandomInputKind.Mask or RandomInputKind.Index), _ => input.Name, (_, _) => throw new InvalidOperationException("bound at evaluation"), []);

    /// <summary>The tree with its input leaves bound to tensors.</summary>
    public static RandomNode Bind(RandomNode node, IReadOnlyDictionary<string, Tensor> values) =>
        node.Children.Length == 0 && node.Operation.StartsWith("input ", StringComparison.Ordinal)
            ? node with { Value = (_, _) => values[node.Operation["input ".Length..]] }
            : node with { Children = node.Children.Select(c => Bind(c, values)).ToArray() };

    private static RandomNode Function(string name, string[] axes, Func<string, string> text, Func<Tensor, KinkMonitor, Tensor> value, RandomNode x) =>
        new(name, axes, true, t => text(t[0]), (v, m) => value(v[0], m), [x]);

    private static RandomNode Binary(string name, string[] axes, string symbol, Func<Tensor, Tensor, Tensor> value, RandomNode x, RandomNode y) =>
        new(name, axes, true, t => $"({t[0]} {symbol} {t[1]})", (v, _) => value(v[0], v[1]), [x, y]);

    private RandomNode Unary(string[] axes, int depth)
    {
        var x = Real(axes, depth - 1);
        RandomNode Positive() => Function("softplus", axes, t => $"(softplus({t}) + 0.1)", (v, _) => softplus(v) + 0.1, x);
        return random.Next(26) switch
        {
            0 => Function("neg", axes, t => $"(-{t})", (v, _) => -v, x),
            1 => Function("abs", axes, t => $"{t}.abs()", (v, m) => { m.Kink(v); return v.abs(); }, x),
            2 => Function("exp", axes, t => $"({t}.tanh()).exp()", (v, _) => v.tanh().exp(), x),
            3 => Function("expm1", axes, t => $"torch.expm1({t}.tanh())", (v, _) => expm1(v.tanh()), x),
            4 => Function("log", axes, t => $"{t}.log()", (v, _) => v.log(), Positive()),
            5 => Function("log1p", axes, t => $"log1p({t})", (v, _) => log1p(v), Positive()),
            6 => Function("log2", axes, t => $"{t}.log2()", (v, _) => v.log2(), Positive()),
            7 => Function("sqrt", axes, t => $"{t}.sqrt()", (v, _) => v.sqrt(), Positive()),
            8 => Function("rsqrt", axes, t => $"{t}.rsqrt()", (v, _) => v.rsqrt(), Positive()),
            9 => Function("square", axes, t => $"{t}.square()", (v, _) => v.square(), x),
            10 => Function("reciprocal", axes, t => $"{t}.reciprocal()", (v, _) => v.reciprocal(), Positive()),
            11 => Function("sigmoid", axes, t => $"{t}.sigmoid()", (v, _) => v.sigmoid(), x),
            12 => Function("logsigmoid", axes, t => $"logsigmoid({t})", (v, _) => logsigmoid(v), x),
            13 => Function("softplus", axes, t => $"softplus({t})", (v, _) => softplus(v), x),
            14 => Function("tanh", axes, t => $"{t}.tanh()", (v, _) => v.tanh(), x),
            15 => Function("relu", axes, t => $"relu({t})", (v, m) => { m.Kink(v); return relu(v); }, x),
            16 => Function("erf", axes, t => $"{t}.erf()", (v, _) => v.erf(), x),
            17 => Function("clamp", axes, t => $"{t}.clamp(-0.7, 0.9)", (v, m) => { m.Kink(v + 0.7); m.Kink(v - 0.9); return v.clamp(-0.7, 0.9); }, x),
            18 => Function("clamp_min", axes, t => $"{t}.clamp_min(-0.3)", (v, m) => { m.Kink(v + 0.3); return v.clamp_min(-0.3); }, x),
            19 => Function("clamp_max", axes, t => $"{t}.clamp_max(0.4)", (v, m) => { m.Kink(v - 0.4); return v.clamp_max(0.4); }, x),
            20 => Function("pow", axes, t => $"{t}.pow(2)", (v, _) => v.pow(2), x),
            21 => Function("mul host", axes, t => $"(beta * {t})", (v, _) => beta * v, x),
            22 => Function("add host", axes, t => $"({t} - gamma / beta)", (v, _) => v - (gamma / beta), x),
            23 => Function("div host", axes, t => $"({t} / (1 + gamma))", (v, _) => v / (1 + gamma), x),
            24 => Function("rsub host", axes, t => $"(1 - {t})", (v, _) => 1 - v, x),
            _ => Function("sign", axes, t => $"({t}.sign() * {t})", (v, m) => { m.Kink(v); return v.sign() * v; }, x),
        };
    }

    private RandomNode Arithmetic(string[] axes, int depth)
    {
        var (x, y) = (Real(axes, depth - 1), Real(axes, depth - 2));
        return random.Next(7) switch
        {
            0 => Binary("add", axes, "+", (a, b) => a + b, x, y),
            1 => Binary("sub", axes, "-", (a, b) => a - b, x, y),
            2 => Binary("mul", axes, "*", (a, b) => a * b, x, y),
            3 => new("div", axes, true, t => $"({t[0]} / (1 + {t[1]}.square()))", (v, _) => v[0] / (1 + v[1].square()), [x, y]),
            4 => new("minimum", axes, true, t => $"minimum({t[0]}, {t[1]})", (v, m) => { m.Tie(v[0], v[1]); return minimum(v[0], v[1]); }, [x, y]),
            5 => new("maximum", axes, true, t => $"maximum({t[0]}, {t[1]})", (v, m) => { m.Tie(v[0], v[1]); return maximum(v[0], v[1]); }, [x, y]),
            _ => new("pow tensor", axes, true, t => $"(softplus({t[0]}) + 0.5).pow({t[1]}.tanh())", (v, _) => (softplus(v[0]) + 0.5).pow(v[1].tanh()), [x, y]),
        };
    }

    private RandomNode Condition(string[] axes, int depth)
    {
        if (depth <= 0 || random.Next(3) == 0)
            return Leaf(axes, RandomInputKind.Mask);
        var (x, y) = (Real(axes, depth - 1), Real(axes, depth - 2));
        RandomNode Compare(string name, string symbol, Func<Tensor, Tensor, Tensor> value) =>
            new(name, axes, false, t => $"({t[0]} {symbol} {t[1]})", (v, m) => { m.Tie(v[0], v[1]); return value(v[0], v[1]); }, [x, y]);
        return random.Next(5) switch
        {
            0 => Compare("lt", "<", (a, b) => a < b),
            1 => Compare("ge", ">=", (a, b) => a >= b),
            2 => new("logical_not", axes, false, t => $"{t[0]}.logical_not()", (v, _) => v[0].logical_not(), [Condition(axes, depth - 1)]),
            3 => new("logical_and", axes, false, t => $"({t[0]} & {t[1]})", (v, _) => v[0] & v[1], [Condition(axes, depth - 1), Condition(axes, 0)]),
            _ => new("gt host", axes, false, t => $"({t[0]} > 0.25)", (v, m) => { m.Kink(v[0] - 0.25); return v[0] > 0.25; }, [x]),
        };
    }

    private RandomNode Where(string[] axes, int depth)
    {
        var (c, x) = (Condition(axes, depth - 1), Real(axes, depth - 1));
        return random.Next(3) switch
        {
            0 => new("where", axes, true, t => $"where({t[0]}, {t[1]}, {t[2]})", (v, _) => where(v[0], v[1], v[2]), [c, x, Real(axes, depth - 2)]),
            1 => new("masked_fill", axes, true, t => $"{t[1]}.masked_fill({t[0]}, 0.5)", (v, _) => v[1].masked_fill(v[0], 0.5), [c, x]),
            _ => new("mask value", axes, true, t => $"({t[1]} * {t[0]}.to_type(ScalarType.Float64))", (v, _) => v[1] * v[0].to_type(ScalarType.Float64), [c, x]),
        };
    }

    /// <summary>Everything to a scalar.</summary>
    private RandomNode Reduce(RandomNode x, string how) =>
        Function(how + " all", [], t => $"{t}.{how}()", (v, _) => how == "sum" ? v.sum() : v.mean(), x);

    /// <summary>A reduction over one more axis, put anywhere.</summary>
    private RandomNode ReduceInner(string[] axes, int depth)
    {
        var free = AxisNames.Except(axes).ToArray();
        if (free.Length == 0 || axes.Length > 2)
            return Unary(axes, depth);
        var position = random.Next(axes.Length + 1);
        var wide = axes.Take(position).Append(Pick(free)).Concat(axes.Skip(position)).ToArray();
        var dim = random.Next(2) == 0 ? position : position - wide.Length;
        var x = Real(wide, depth - 1);
        return random.Next(7) switch
        {
            0 => Function("sum dim", axes, t => $"{t}.sum([{dim}])", (v, _) => v.sum([dim]), x),
            1 => Function("mean dim", axes, t => $"{t}.mean([{dim}])", (v, _) => v.mean([dim]), x),
            2 => Function("amax", axes, t => $"{t}.amax([{dim}])", (v, m) => { m.Ties(v, position); return v.amax([dim]); }, x),
            3 => Function("amin", axes, t => $"{t}.amin([{dim}])", (v, m) => { m.Ties(v, position); return v.amin([dim]); }, x),
            4 => Function("logsumexp", axes, t => $"{t}.logsumexp({dim})", (v, _) => v.logsumexp(dim), x),
            5 => Function("var", axes, t => $"{t}.var({dim}, unbiased: false)", (v, _) => v.var(dim, unbiased: false), x),
            _ => Function("std", axes, t => $"({t} + 0.0).std({dim}, unbiased: false)", (v, m) => { var s = v.std(dim, unbiased: false); m.Kink(s); return s; }, x),
        };
    }

    private RandomNode Normaliser(string[] axes, int depth)
    {
        var dim = random.Next(axes.Length);
        var x = Real(axes, depth - 1);
        return random.Next(4) switch
        {
            0 => Function("softmax", axes, t => $"softmax({t}, {dim})", (v, _) => softmax(v, dim), x),
            1 => Function("log_softmax", axes, t => $"log_softmax({t}, {dim})", (v, _) => log_softmax(v, dim), x),
            2 => Function("centre", axes, t => $"({t} - {t}.mean([{dim}], true))", (v, _) => v - v.mean([dim], true), Real(axes, Math.Min(depth - 1, 1))),
            _ => Function("lse keepdim", axes, t => $"({t} - {t}.logsumexp({dim}, true))", (v, _) => v - v.logsumexp(dim, true), Real(axes, Math.Min(depth - 1, 1))),
        };
    }

    private RandomNode Ordered(string[] axes, int depth)
    {
        var dim = random.Next(axes.Length);
        var x = Real(axes, depth - 1);
        return random.Next(4) switch
        {
            0 => Function("cumsum", axes, t => $"{t}.cumsum({dim})", (v, _) => v.cumsum(dim), x),
            1 => Function("logcumsumexp", axes, t => $"{t}.logcumsumexp({dim})", (v, _) => v.logcumsumexp(dim), x),
            2 => Function("flip", axes, t => $"{t}.flip({dim})", (v, _) => v.flip(dim), x),
            _ => Function("sort", axes, t => $"{t}.sort({dim}).Values", (v, m) => { m.Ties(v, dim); return v.sort(dim).Values; }, x),
        };
    }

    /// <summary>Strengths of one axis taken by an index over the wanted axes, or torch's gather along one.</summary>
    private RandomNode Gathered(string[] axes, int depth)
    {
        if (random.Next(2) == 0)
        {
            var last = axes.Length - 1;
            var index = NewIndex(axes, axes[last]);
            var source = Real(axes, depth - 1);
            return new("gather", axes, true, t => $"{t[0]}.gather({last}, {t[1]})", (v, _) => v[0].gather(last, v[1]), [source, Input(index)]);
        }

        var player = Pick(AxisNames.Except(axes[..1]).ToArray());
        var games = NewIndex(axes[..1], player);
        var strength = Real([player], Math.Min(depth - 1, 2));
        var taken = random.Next(2) == 0
            ? new RandomNode("index", axes[..1], true, t => $"{t[0]}[{t[1]}]", (v, _) => v[0][v[1]], [strength, Input(games)])
            : new RandomNode("index_select", axes[..1], true, t => $"{t[0]}.index_select(0, {t[1]})", (v, _) => v[0].index_select(0, v[1]), [strength, Input(games)]);
        var result = taken;
        for (var rank = 2; rank <= axes.Length; rank++)
            result = Expanded(result, axes[..rank]);
        return result;
    }

    private RandomInput NewIndex(string[] axes, string indexed)
    {
        var input = new RandomInput("i" + inputs.Count.ToString(CultureInfo.InvariantCulture), axes, RandomInputKind.Index, indexed);
        inputs.Add(input);
        return input;
    }

    /// <summary>A tensor of fewer axes against the wanted ones, by unsqueeze.</summary>
    private RandomNode Broadcast(string[] axes, int depth)
    {
        var drop = random.Next(axes.Length);
        var narrow = axes.Where((_, i) => i != drop).ToArray();
        var (x, y) = (Real(axes, depth - 1), Real(narrow, depth - 2));
        return new("unsqueeze", axes, true, t => $"({t[0]} * {t[1]}.unsqueeze({drop}))", (v, _) => v[0] * v[1].unsqueeze(drop), [x, y]);
    }

    /// <summary>Adds the missing trailing axis by unsqueeze and expand_as of nothing: x.unsqueeze(-1) + zeros.</summary>
    private RandomNode Expanded(RandomNode x, string[] axes)
    {
        while (x.Axes.Length < axes.Length)
        {
            var wanted = axes[..(x.Axes.Length + 1)];
            var other = Leaf(wanted);
            x = new("unsqueeze", wanted, true, t => $"({t[0]}.unsqueeze(-1) + {t[1]})", (v, _) => v[0].unsqueeze(-1) + v[1], [x, other]);
        }

        if (x.Axes.Length > axes.Length)
            x = Function("sum dims", axes, t => $"{t}.sum([{string.Join(", ", Enumerable.Range(axes.Length, x.Axes.Length - axes.Length))}])",
                (v, _) => v.sum(Enumerable.Range(axes.Length, (int)v.dim() - axes.Length).Select(i => (long)i).ToArray()), x);
        return x;
    }

    /// <summary>All differences of an axis with itself, reduced again: two positions of one name.</summary>
    private RandomNode Pairwise(string[] axes, int depth)
    {
        if (axes.Length > 2)
            return Arithmetic(axes, depth);
        var x = Real(axes, depth - 1);
        return Function("pairwise", axes, t => $"logsigmoid({t}.unsqueeze(-1) - {t}.unsqueeze(-2)).sum(-1)",
            (v, _) => logsigmoid(v.unsqueeze(-1) - v.unsqueeze(-2)).sum(-1), random.Next(2) == 0 ? Leaf(axes) : x);
    }

    /// <summary>A product of matrices over one more axis: the last wanted axis is the second operand's, in either order.</summary>
    private RandomNode Product(string[] axes, int depth)
    {
        var summed = Pick(AxisNames);
        var last = axes[^1];
        var x = Function("tanh", [.. axes[..^1], summed], t => $"{t}.tanh()", (v, _) => v.tanh(), Real([.. axes[..^1], summed], depth - 1));
        return random.Next(4) switch
        {
            0 => new("linear", axes, true, t => $"linear({t[0]}, {t[1]})", (v, _) => linear(v[0], v[1]), [x, Real([last, summed], Math.Min(depth - 2, 1))]),
            1 => new("matmul", axes, true, t => $"{t[0]}.matmul({t[1]})", (v, _) => v[0].matmul(v[1]), [x, Real([summed, last], Math.Min(depth - 2, 1))]),
            2 => new("matmul T", axes, true, t => $"torch.matmul({t[0]}, {t[1]}.T)", (v, _) => v[0].matmul(v[1].T), [x, Real([last, summed], Math.Min(depth - 2, 1))]),
            _ => Expanded(new("mv", axes[..^1], true, t => $"{t[0]}.matmul({t[1]})", (v, _) => v[0].matmul(v[1]), [x, Real([summed], Math.Min(depth - 2, 1))]), axes),
        };
    }

    private RandomNode Detached(string[] axes, int depth) =>
        Binary("mul", axes, "*", (a, b) => a * b, Detach(Real(axes, depth - 1)), Real(axes, depth - 1));

    private static RandomNode Detach(RandomNode x) => Function("detach", x.Axes, t => $"{t}.detach()", (v, _) => v.detach(), x);
}
