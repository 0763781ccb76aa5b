using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Tests.Schedule;

/// <summary>Random well-typed programs of the primitives that the scheduler takes, with inputs for them.</summary>
/// <remarks>Indices are drawn, or clamped, to 0 and 1, and every axis that is indexed has at least two places.</remarks>
internal sealed class RandomLoweredProgram
{
    private static readonly Extent Pair = Extent.Named("pair");
    private static readonly Extent Item = Extent.Named("item");
    private static readonly Extent Token = Extent.Named("token");
    private static readonly Extent[] Axes = [Pair, Item, Token, Token - Extent.One, Extent.Named("pair", 2), Extent.Fixed(2), Extent.One];

    private static readonly Primitive[] RealFunctions =
    [
        Primitive.Exp, Primitive.ExpM1, Primitive.Log, Primitive.Log1P, Primitive.Log2, Primitive.Log1MExp, Primitive.Sqrt, Primitive.SqrtZero,
        Primitive.Rsqrt, Primitive.Reciprocal, Primitive.Sigmoid, Primitive.LogSigmoid, Primitive.Softplus, Primitive.Tanh, Primitive.Erf,
    ];

    private static readonly Primitive[] Functions = [Primitive.Negate, Primitive.Absolute, Primitive.Sign, Primitive.Square, Primitive.Relu];

    private static readonly Primitive[] Arithmetic =
        [Primitive.Add, Primitive.Subtract, Primitive.Multiply, Primitive.Minimum, Primitive.Maximum, Primitive.ClampMin, Primitive.ClampMax];

    private static readonly Primitive[] Comparisons =
        [Primitive.Equal, Primitive.NotEqual, Primitive.Less, Primitive.LessOrEqual, Primitive.Greater, Primitive.GreaterOrEqual];

    private readonly Random random;
    private readonly ProgramBuilder builder = new("random");
    private readonly List<int> variables = [];

    private bool isMasked;

    private RandomLoweredProgram(int seed) => random = new Random(seed);

    public static IReadOnlyDictionary<string, double> Parameters { get; } = new Dictionary<string, double> { ["beta"] = 0.75 };

    /// <summary>A program of about that many equations; a masked one has values of whole rows that conditions discard.</summary>
    public static Program Of(int seed, int equations, bool isMasked = false)
    {
        var program = new RandomLoweredProgram(seed) { isMasked = isMasked };
        for (var i = 0; i < 3; i++)
            program.Input((ElementKind)(i % 3), program.Shape(3));
        for (var i = 0; i < equations; i++)
            program.Step();
        program.AddOutputs();
        return DeadCode.Run(program.builder.Build());
    }

    /// <summary>Sizes for a run; every indexed axis has two places.</summary>
    public static IReadOnlyDictionary<string, long> Extents(int seed)
    {
        var random = new Random(seed);
        return new Dictionary<string, long> { ["pair"] = random.Next(2, 5), ["item"] = random.Next(2, 5), ["token"] = random.Next(3, 5) };
    }

    public static double[][] Draw(Program program, int seed, IReadOnlyDictionary<string, long> extents)
    {
        var random = new Random(seed);
        return program.Inputs.Select(input =>
        {
            var type = program.Types[input.Variable];
            var count = type.Extents.Aggregate(1L, (n, e) => n * ProgramEvaluator.Size(e, extents));
            return Enumerable.Range(0, (int)count)
                .Select(_ => type.Kind == ElementKind.Real ? (random.Next(33) - 16) / 8.0 : random.Next(2)).ToArray();
        }).ToArray();
    }

    private TensorType TypeOf(int variable) => builder.TypeOf(variable);

    private T Pick<T>(IReadOnlyList<T> items) => items[random.Next(items.Count)];

    private Extent[] Shape(int maxRank) => Enumerable.Range(0, random.Next(maxRank + 1)).Select(_ => Pick(Axes)).ToArray();

    private int Input(ElementKind kind, IReadOnlyList<Extent> extents)
    {
        var variable = builder.Input("x" + builder.Inputs.Count, new TensorType(kind, extents.ToEquatableArray()), kind == ElementKind.Real);
        variables.Add(variable);
        return variable;
    }

    /// <summary>Some variable of a kind; recent ones more often, so that chains grow.</summary>
    private int Some(ElementKind kind)
    {
        var candidates = variables.Where(v => TypeOf(v).Kind == kind).ToArray();
        if (candidates.Length == 0 || random.Next(12) == 0)
            return Input(kind, Shape(3));
        return random.Next(2) == 0 ? candidates[^random.Next(1, Math.Min(4, candidates.Length) + 1)] : Pick(candidates);
    }

    private int SomeOfRank(int rank)
    {
        var candidates = variables.Where(v => TypeOf(v).Rank >= rank && TypeOf(v).Kind != ElementKind.Boolean).ToArray();
        return candidates.Length == 0 ? Input(ElementKind.Real, [.. Shape(2), Pick(Axes)]) : Pick(candidates);
    }

    /// <summary>An operand to go with a variable: of its extents, spread to them, or a scalar.</summary>
    private Atom Partner(ElementKind kind, EquatableArray<Extent> extents, bool mayBeScalar = true)
    {
        if (mayBeScalar && random.Next(5) == 0)
            return kind == ElementKind.Real && random.Next(2) == 0 ? Atom.Host(builder.HostParameter("beta", HostKind.Double)) : Atom.Literal(kind == ElementKind.Real ? Pick([0.5, 2, -1]) : 1);
        var same = variables.Where(v => TypeOf(v).Kind == kind && TypeOf(v).Extents == extents).ToArray();
        if (same.Length > 0 && random.Next(3) > 0)
            return Atom.Variable(Pick(same));
        foreach (var variable in variables.OrderBy(_ => random.Next()).Where(v => TypeOf(v).Kind == kind && TypeOf(v).Rank <= extents.Count))
            if (Spread(variable, extents) is { } spread)
                return Atom.Variable(spread);
        return Atom.Variable(Input(kind, extents));
    }

    private int? Spread(int variable, EquatableArray<Extent> extents)
    {
        var type = TypeOf(variable);
        var source = Enumerable.Repeat(-1, extents.Count).ToArray();
        var free = Enumerable.Range(0, extents.Count).OrderBy(_ => random.Next()).ToList();
        for (var p = 0; p < type.Rank; p++)
        {
            var target = free.FindIndex(i => extents[i] == type.Extents[p] || type.Extents[p].IsOne);
            if (target < 0)
                return null;
            source[free[target]] = p;
            free.RemoveAt(target);
        }

        return builder.Rearrange(variable, source, extents);
    }

    private void Add(int variable)
    {
        if (TypeOf(variable).Rank <= 4 && !variables.Contains(variable))
            variables.Add(variable);
    }

    /// <summary>A value where a condition on some of its axes holds, 0 (or a value) elsewhere; often what is reduced then, and its parts.</summary>
    private void Mask()
    {
        var x = Some(ElementKind.Real);
        if (TypeOf(x).Rank == 0)
            return;
        var conditions = variables.Where(v => TypeOf(v).Kind == ElementKind.Boolean && TypeOf(v).Rank < TypeOf(x).Rank).OrderBy(_ => random.Next());
        var found = conditions.Select(c => Spread(c, TypeOf(x).Extents)).FirstOrDefault(s => s is not null)
            ?? Spread(Input(ElementKind.Boolean, TypeOf(x).Extents.Take(random.Next(TypeOf(x).Rank)).ToArray()), TypeOf(x).Extents);
        if (found is not { } mask)
            return;
        var other = random.Next(4) == 0 ? Partner(ElementKind.Real, TypeOf(x).Extents) : Atom.Literal(0);
        Add(random.Next(3) > 0
            ? builder.Emit(Primitive.Where, Atom.Variable(mask), Atom.Variable(x), other)
            : builder.Emit(Primitive.Where, Atom.Variable(mask), other, Atom.Variable(x)));
        if (TypeOf(variables[^1]) is { Rank: > 0, Kind: ElementKind.Real } && random.Next(2) == 0)
            Add(builder.Emit(Pick([Primitive.Sum, Primitive.Sum, Primitive.Max]), Positions(variables[^1]), Atom.Variable(variables[^1])));
    }

    private void Step()
    {
        if (isMasked && random.Next(3) == 0)
        {
            Mask();
            return;
        }

        switch (random.Next(25))
        {
            case 0 or 1:
                Add(builder.Emit(Pick(RealFunctions), Atom.Variable(Some(ElementKind.Real))));
                break;
            case 2:
                Add(builder.Emit(Pick(Functions), Atom.Variable(Some(Pick([ElementKind.Real, ElementKind.Integer])))));
                break;
            case 3 or 4 or 5:
                Binary(Pick(Arithmetic), Some(Pick([ElementKind.Real, ElementKind.Real, ElementKind.Integer])));
                break;
            case 6:
                Binary(Pick([Primitive.Divide, Primitive.Power]), Some(ElementKind.Real));
                break;
            case 7:
                Binary(Pick(Comparisons), Some(Pick([ElementKind.Real, ElementKind.Integer])));
                break;
            case 8:
                Logic();
                break;
            case 9 or 10:
                var condition = Some(ElementKind.Boolean);
                var kind = Pick([ElementKind.Real, ElementKind.Real, ElementKind.Integer, ElementKind.Boolean]);
                var a = Partner(kind, TypeOf(condition).Extents, mayBeScalar: kind == ElementKind.Real);
                Add(builder.Emit(Primitive.Where, Atom.Variable(condition), a, Partner(kind, TypeOf(condition).Extents, mayBeScalar: kind == ElementKind.Real)));
                break;
            case 11:
                Make();
                break;
            case 12 or 13:
                Rearrange(SomeOfRank(1));
                break;
            case 14:
                Slice(SomeOfRank(1));
                break;
            case 15:
                Pad(SomeOfRank(1));
                break;
            case 16:
                var flipped = SomeOfRank(1);
                Add(builder.Emit(Primitive.Flip, new Parameters.Axis(random.Next(TypeOf(flipped).Rank)), Atom.Variable(flipped)));
                break;
            case 17 or 18 or 19:
                Reduce();
                break;
            case 20:
                Gather(SomeOfRank(1));
                break;
            case 21:
                Scatter();
                break;
            case 22:
                Scan();
                break;
            case 23:
                Contract(Some(ElementKind.Real));
                break;
            default:
                var sorted = SomeOfRank(1);
                var (values, order) = builder.Sort(sorted, random.Next(TypeOf(sorted).Rank), random.Next(2) == 0);
                Add(values);
                Add(order);
                break;
        }
    }

    private void Binary(Primitive primitive, int x)
    {
        var z = Partner(TypeOf(x).Kind, TypeOf(x).Extents);
        Add(random.Next(2) == 0 ? builder.Emit(primitive, Atom.Variable(x), z) : builder.Emit(primitive, z, Atom.Variable(x)));
    }

    private void Logic()
    {
        if (random.Next(3) == 0)
        {
            Add(builder.Emit(Pick([Primitive.IsNaN, Primitive.IsInfinite, Primitive.IsFinite]), Atom.Variable(Some(ElementKind.Real))));
            return;
        }

        var x = Some(ElementKind.Boolean);
        if (random.Next(3) == 0)
            Add(builder.Emit(Primitive.Not, Atom.Variable(x)));
        else
            Add(builder.Emit(Pick([Primitive.And, Primitive.Or, Primitive.Xor]), Atom.Variable(x), Partner(ElementKind.Boolean, TypeOf(x).Extents, mayBeScalar: false)));
    }

    private void Make()
    {
        switch (random.Next(4))
        {
            case 0:
                Add(builder.Fill(Atom.Literal(Pick([0.0, 1, -0.5])), Shape(3).ToEquatableArray()));
                break;
            case 1:
                var shape = Shape(2).Append(Pick(Axes)).ToEquatableArray();
                Add(builder.Iota(random.Next(shape.Count), shape));
                break;
            case 2:
                Add(builder.Emit(Primitive.StopGradient, Atom.Variable(Some(ElementKind.Real))));
                break;
            default:
                var from = Some(Pick([ElementKind.Integer, ElementKind.Boolean]));
                Add(builder.Convert(from, ElementKind.Real, random.Next(4) == 0 ? "Float32" : null));
                break;
        }
    }

    private void Rearrange(int x)
    {
        var type = TypeOf(x);
        var kept = Enumerable.Range(0, type.Rank).Where(p => !type.Extents[p].IsOne || random.Next(2) == 0).OrderBy(_ => random.Next()).ToList();
        var source = kept.ToList();
        if (source.Count < 4 && random.Next(2) == 0)
            source.Insert(random.Next(source.Count + 1), -1);
        var extents = source.Select(p => p >= 0 && !(type.Extents[p].IsOne && random.Next(2) == 0) ? type.Extents[p] : Pick(Axes)).ToArray();
        Add(builder.Rearrange(x, source, extents));
    }

    private void Slice(int x)
    {
        var position = random.Next(TypeOf(x).Rank);
        var extent = TypeOf(x).Extents[position];
        var one = Extent.One;
        (Extent Start, Extent Count, long Step)[] choices =
            extent == Token ? [(Extent.Fixed(0), Token - one, 1), (one, Token - one, 1), (Token - one, one, 1), (one, one, 1)]
            : extent == Extent.Named("pair", 2) ? [(Extent.Fixed(0), Pair, 1), (Pair, Pair, 1), (Extent.Fixed(0), Pair, 2), (one, Pair, 2)]
            : [(Extent.Fixed(0), one, 1), (extent - one, one, 1)];
        var (start, count, step) = Pick(choices);
        Add(builder.Slice(x, position, start, count, step));
    }

    private void Pad(int x)
    {
        var position = random.Next(TypeOf(x).Rank);
        var extent = TypeOf(x).Extents[position];
        var one = Extent.One;
        (Extent Start, Extent Full, long Step)[] choices =
            extent == Token - one ? [(Extent.Fixed(0), Token, 1), (one, Token, 1)]
            : extent == Pair ? [(Extent.Fixed(0), Pair * 2, 1), (Pair, Pair * 2, 1), (Extent.Fixed(0), Pair * 2, 2), (one, Pair * 2, 2)]
            : extent.IsOne ? [(Extent.Fixed(0), Item, 1), (Item - one, Item, 1), (one, Token, 2)]
            : [(Extent.Fixed(0), extent, 1), (one, extent + one, 1)];
        var (start, full, step) = Pick(choices);
        Add(builder.Pad(x, position, start, full, step));
    }

    private void Reduce()
    {
        if (random.Next(6) == 0)
        {
            var conditions = Some(ElementKind.Boolean);
            Add(builder.Emit(Pick([Primitive.Any, Primitive.All]), Positions(conditions), Atom.Variable(conditions)));
            return;
        }

        var x = SomeOfRank(1);
        if (random.Next(6) == 0)
            Add(builder.Emit(Primitive.ArgMax, new Parameters.Axis(random.Next(TypeOf(x).Rank)), Atom.Variable(x)));
        else
            Add(builder.Emit(Pick([Primitive.Sum, Primitive.Sum, Primitive.Max, Primitive.Min]), Positions(x), Atom.Variable(x)));
    }

    /// <summary>Some of x's axes summed over, some shared with the other operand, which has one more: what lowering leaves.</summary>
    private void Contract(int x)
    {
        var extents = TypeOf(x).Extents.ToList();
        var (axes, others) = (new List<int>(), new List<int>());
        var roles = extents.Select(_ => random.Next(3)).ToArray();
        if (extents.Any(e => e.IsOne) || !roles.Contains(0) || !roles.Contains(1))
            return;
        var rank = roles.Count(r => r > 0) + 1;
        var results = Enumerable.Range(0, rank).OrderBy(_ => random.Next()).ToList();
        var (next, summed) = (0, rank);
        var partner = new List<Extent>();
        for (var p = 0; p < roles.Length; p++)
        {
            axes.Add(roles[p] == 0 ? summed++ : results[next++]);
            if (roles[p] == 1)
                continue;
            others.Add(axes[p]);
            partner.Add(extents[p]);
        }

        var place = random.Next(others.Count + 1);
        others.Insert(place, results[next]);
        partner.Insert(place, Pick(Axes.Where(a => !a.IsOne).ToArray()));
        var z = Partner(ElementKind.Real, partner.ToEquatableArray(), mayBeScalar: false);
        Add(random.Next(2) == 0 ? builder.Contract(x, z.Id, rank, axes, others) : builder.Contract(z.Id, x, rank, others, axes));
    }

    private Parameters Positions(int x)
    {
        var all = Enumerable.Range(0, TypeOf(x).Rank).ToArray();
        var some = all.Where(_ => random.Next(2) == 0).ToArray();
        return new Parameters.Reduce((some.Length == 0 ? all : some).ToEquatableArray());
    }

    /// <summary>Indices of some extents: whole numbers clamped to 0 and 1.</summary>
    private int Index(EquatableArray<Extent> extents)
    {
        var index = Partner(ElementKind.Integer, extents, mayBeScalar: false);
        var low = builder.Emit(Primitive.ClampMin, index, Atom.Literal(0));
        return builder.Emit(Primitive.ClampMax, Atom.Variable(low), Atom.Literal(1));
    }

    private void Gather(int x)
    {
        var type = TypeOf(x);
        var position = Enumerable.Range(0, type.Rank).Where(p => !type.Extents[p].IsOne).DefaultIfEmpty(-1).ToArray();
        var at = Pick(position);
        if (at < 0)
            return;
        var (map, extents) = Map(type, at);
        Add(builder.Gather(x, Index(extents), at, map));
    }

    private void Scatter()
    {
        var target = Shape(2).Append(Pick(Axes.Where(e => !e.IsOne).ToArray())).ToEquatableArray();
        var type = new TensorType(ElementKind.Real, target);
        var (map, extents) = Map(type, target.Count - 1);
        var values = Partner(ElementKind.Real, extents, mayBeScalar: false).Id;
        Add(builder.ScatterAdd(values, Index(extents), target.Count - 1, map, target));
    }

    /// <summary>The extents of an index into a tensor, and which of them the tensor's other positions run with.</summary>
    private (int[] Map, EquatableArray<Extent> Extents) Map(TensorType type, int at)
    {
        var extents = type.Extents.Where((_, p) => p != at).ToList();
        var map = Enumerable.Range(0, type.Rank).Select(p => p == at ? -1 : p < at ? p : p - 1).ToArray();
        if (extents.Count < 4 && random.Next(4) > 0)
        {
            var place = random.Next(extents.Count + 1);
            extents.Insert(place, Pick(Axes));
            map = map.Select(m => m >= place ? m + 1 : m).ToArray();
        }

        return (map, extents.ToEquatableArray());
    }

    private void Scan()
    {
        var x = SomeOfRank(1);
        if (TypeOf(x).Kind == ElementKind.Integer)
            x = builder.Convert(x, ElementKind.Real);
        Add(builder.Emit(Pick([Primitive.CumSum, Primitive.LogCumSumExp]), new Parameters.Scan(random.Next(TypeOf(x).Rank), random.Next(2) == 0), Atom.Variable(x)));
    }

    private void AddOutputs()
    {
        for (var i = random.Next(1, 4); i >= 0; i--)
            builder.Output("r" + i, Pick(variables), OutputRole.Result);
        for (var i = random.Next(3); i > 0; i--)
            builder.Output("x" + i, Some(ElementKind.Real), OutputRole.Gradient);
    }
}
