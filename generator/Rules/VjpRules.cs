using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Rules;

/// <summary>
/// The vector-Jacobian products: for each primitive, how the cotangent of its result becomes cotangents of its operands. One row a
/// primitive, the formula in its comment: g is the result's cotangent, y the result, x (and z) the operands.
/// </summary>
public static class VjpRules
{
    private static readonly VjpRule Stops = static _ => { };

    public static IReadOnlyDictionary<Primitive, VjpRule> Table { get; } = new Dictionary<Primitive, VjpRule>
    {
        // x: -g
        [Primitive.Negate] = c => c.Give(0, g => -g),
        // x: g sign(x), 0 at 0
        [Primitive.Absolute] = c => c.Give(0, g => g * c.X.Of(Primitive.Sign)),
        [Primitive.Sign] = Stops,
        // x: g y
        [Primitive.Exp] = c => c.Give(0, g => g * c.Y),
        // x: g (y + 1)
        [Primitive.ExpM1] = c => c.Give(0, g => g * (c.Y + 1)),
        // x: g / x
        [Primitive.Log] = c => c.Give(0, g => g / c.X),
        // x: g / (1 + x)
        [Primitive.Log1P] = c => c.Give(0, g => g / (c.X + 1)),
        // x: g / (x ln 2)
        [Primitive.Log2] = c => c.Give(0, g => g / (c.X * Math.Log(2))),
        // x: -g / (exp(-x) - 1)
        [Primitive.Log1MExp] = c => c.Give(0, g => -(g / (-c.X).Of(Primitive.ExpM1))),
        // x: g / (2 y)
        [Primitive.Sqrt] = c => c.Give(0, g => g / (c.Y * 2)),
        // x: g / (2 y), 0 where y = 0
        [Primitive.SqrtZero] = c => c.Give(0, g => c.Y.Of(Primitive.Equal, c.Y.Number(0)).Select(g.Number(0), g / (c.Y * 2))),
        // x: -g y^3 / 2
        [Primitive.Rsqrt] = c => c.Give(0, g => g * -0.5 * (c.Y * c.Y * c.Y)),
        // x: 2 g x
        [Primitive.Square] = c => c.Give(0, g => g * (c.X * 2)),
        // x: -g y^2
        [Primitive.Reciprocal] = c => c.Give(0, g => -(g * c.Y.Of(Primitive.Square))),
        // x: g y (1 - y)
        [Primitive.Sigmoid] = c => c.Give(0, g => g * (c.Y * (1 - c.Y))),
        // x: g sigmoid(-x)
        [Primitive.LogSigmoid] = c => c.Give(0, g => g * (-c.X).Of(Primitive.Sigmoid)),
        // x: g sigmoid(x)
        [Primitive.Softplus] = c => c.Give(0, g => g * c.X.Of(Primitive.Sigmoid)),
        // x: g (1 - y^2)
        [Primitive.Tanh] = c => c.Give(0, g => g * (1 - c.Y.Of(Primitive.Square))),
        // x: g where x > 0; NaN passes, as in torch
        [Primitive.Relu] = c => c.Give(0, g => c.Y.Of(Primitive.LessOrEqual, c.Y.Number(0)).Select(g.Number(0), g)),
        // x: g 2/sqrt(pi) exp(-x^2)
        [Primitive.Erf] = c => c.Give(0, g => g * (2 / Math.Sqrt(Math.PI)) * (-c.X.Of(Primitive.Square)).Of(Primitive.Exp)),

        // x: g, z: g
        [Primitive.Add] = c =>
        {
            c.Give(0, g => g);
            c.Give(1, g => g);
        },
        // x: g, z: -g
        [Primitive.Subtract] = c =>
        {
            c.Give(0, g => g);
            c.Give(1, g => -g);
        },
        // x: g z, z: g x
        [Primitive.Multiply] = c =>
        {
            c.Give(0, g => g * c.Z);
            c.Give(1, g => g * c.X);
        },
        // x: g / z, z: -g (x / z) / z
        [Primitive.Divide] = c =>
        {
            c.Give(0, g => g / c.Z);
            c.Give(1, g => -(g * (c.Y / c.Z)));
        },
        // x: g z x^(z-1), 0 where z = 0; z: g y log(x), 0 where x = 0 and z >= 0
        [Primitive.Power] = c =>
        {
            c.Give(0, g => PowerBase(c, g));
            c.Give(1, g => PowerExponent(c, g));
        },
        // x: g where x < z, g/2 at a tie
        [Primitive.Minimum] = c =>
        {
            c.Give(0, g => Chosen(g, c.X, c.Z, loses: Primitive.Greater));
            c.Give(1, g => Chosen(g, c.Z, c.X, loses: Primitive.Greater));
        },
        // x: g where x > z, g/2 at a tie
        [Primitive.Maximum] = c =>
        {
            c.Give(0, g => Chosen(g, c.X, c.Z, loses: Primitive.Less));
            c.Give(1, g => Chosen(g, c.Z, c.X, loses: Primitive.Less));
        },
        // x: g where x >= bound; bound: g where x < bound
        [Primitive.ClampMin] = c =>
        {
            c.GiveWhere(0, c.X.Of(Primitive.GreaterOrEqual, c.Z));
            c.GiveWhere(1, c.X.Of(Primitive.Less, c.Z));
        },
        // x: g where x <= bound; bound: g where x > bound
        [Primitive.ClampMax] = c =>
        {
            c.GiveWhere(0, c.X.Of(Primitive.LessOrEqual, c.Z));
            c.GiveWhere(1, c.X.Of(Primitive.Greater, c.Z));
        },

        [Primitive.Equal] = Stops,
        [Primitive.NotEqual] = Stops,
        [Primitive.Less] = Stops,
        [Primitive.LessOrEqual] = Stops,
        [Primitive.Greater] = Stops,
        [Primitive.GreaterOrEqual] = Stops,
        [Primitive.And] = Stops,
        [Primitive.Or] = Stops,
        [Primitive.Xor] = Stops,
        [Primitive.Not] = Stops,
        [Primitive.IsNaN] = Stops,
        [Primitive.IsInfinite] = Stops,
        [Primitive.IsFinite] = Stops,

        // a: g where c, b: g where not c; the discarding reaches back (Cotangent.Guard)
        [Primitive.Where] = c =>
        {
            if (c.Wants(1))
                c.GiveWhere(1, c.X);
            if (c.Wants(2))
                c.GiveWhere(2, c.X.Of(Primitive.Not));
        },
        [Primitive.StopGradient] = Stops,
        // x: g between real types; whole numbers and conditions have no gradient
        [Primitive.Convert] = c => c.Give(0, g => g),
        // value: sum(g)
        [Primitive.Fill] = c => c.GiveSettled(0, g => g.Builder.Sum(g.Variable, Enumerable.Range(0, g.Type.Rank).ToArray())),
        [Primitive.Iota] = Stops,

        // x: g summed over the expanded positions, in x's order
        [Primitive.Rearrange] = Transpose,
        // x: g padded with zeros
        [Primitive.Slice] = c =>
        {
            var slice = (Parameters.Slice)c.Equation.Parameters;
            c.GiveView(0, v => c.Builder.Pad(v, slice.Position, slice.Start, c.X.Type.Extents[slice.Position], slice.Step));
        },
        // x: the slice of g
        [Primitive.Pad] = c =>
        {
            var slice = (Parameters.Slice)c.Equation.Parameters;
            c.GiveView(0, v => c.Builder.Slice(v, slice.Position, slice.Start, c.X.Type.Extents[slice.Position], slice.Step));
        },
        // x: g reversed
        [Primitive.Flip] = c => c.GiveView(0, v => c.Builder.Emit(Primitive.Flip, c.Equation.Parameters, Atom.Variable(v))),

        // x: g spread over the reduced positions
        [Primitive.Sum] = c => c.GiveView(0, v => Spread(c, v)),
        // x: g / count where x = y, shared evenly among ties
        [Primitive.Max] = Extremum,
        [Primitive.Min] = Extremum,
        [Primitive.Any] = Stops,
        [Primitive.All] = Stops,
        [Primitive.ArgMax] = Stops,
        // x: g exp(x - y)
        [Primitive.LogSumExp] = c => c.GiveGuarded(
            0, g => c.Term(Spread(c, g.Variable)) * (c.X - c.Term(Spread(c, c.Y.Variable))).Of(Primitive.Exp), guard => Spread(c, guard)),
        // x: g y - y sum(g y)
        [Primitive.Softmax] = c => c.GiveAlong(0, Position(c), g => (g * c.Y) - (c.Y * SumAlong(c, g * c.Y))),
        // x: g - exp(y) sum(g)
        [Primitive.LogSoftmax] = c => c.GiveAlong(0, Position(c), g => g - (c.Y.Of(Primitive.Exp) * SumAlong(c, g))),

        // x: the contraction of g with z over what x has not, z: likewise
        [Primitive.Contract] = c =>
        {
            var contract = (Parameters.Contract)c.Equation.Parameters;
            c.GiveSettled(0, g => Contracted(c, g, c.Z, contract, contract.Left, contract.Right));
            c.GiveSettled(1, g => Contracted(c, g, c.X, contract, contract.Right, contract.Left));
        },

        // x: g scattered back, equal indices add up
        [Primitive.Gather] = c =>
        {
            var gather = (Parameters.Gather)c.Equation.Parameters;
            // One index a row: the guard of the row's element is the row's.
            if (Enumerable.Range(0, c.Z.Type.Rank).All(gather.Map.Contains))
                c.GiveGuarded(
                    0,
                    g => c.Term(c.Builder.ScatterAdd(g.Variable, c.Z.Variable, gather.Position, gather.Map, c.X.Type.Extents)),
                    guard => c.Builder.Rearrange(guard, gather.Map.ToArray(), c.X.Type.Extents));
            else
                // Several indices a row: what discards the row discards what they add up to.
                c.GiveScattered(
                    0,
                    Enumerable.Range(0, c.Z.Type.Rank).Where(p => !gather.Map.Contains(p)).ToArray(),
                    g => c.Builder.ScatterAdd(g.Variable, c.Z.Variable, gather.Position, gather.Map, c.X.Type.Extents),
                    (row, layout) => new Spreading(gather.Map.Select(p => p < 0 ? -1 : layout.Source[p]).ToEquatableArray(), layout.From, c.X.Type.Extents).Apply(row));
        },
        // values: g gathered
        [Primitive.ScatterAdd] = c =>
        {
            var gather = (Parameters.Gather)c.Equation.Parameters;
            c.GiveView(0, v => c.Builder.Gather(v, c.Z.Variable, gather.Position, gather.Map));
        },
        // x: the sum of g from the other end
        [Primitive.CumSum] = c =>
        {
            var scan = (Parameters.Scan)c.Equation.Parameters;
            c.GiveAlong(0, scan.Position, g => g.Of(Primitive.CumSum, scan with { Reverse = !scan.Reverse }));
        },
        // x: the sum of g exp(x - y) from the other end, in log space
        [Primitive.LogCumSumExp] = c => c.GiveAlong(0, ((Parameters.Scan)c.Equation.Parameters).Position, g => LogSpace(c, g)),
        // x: g put back in place; the permutation is a constant
        [Primitive.Sort] = c =>
        {
            var position = ((Parameters.Sort)c.Equation.Parameters).Position;
            var map = Enumerable.Range(0, c.X.Type.Rank).Select(i => i == position ? -1 : i).ToArray();
            c.GiveAlong(0, position, g => c.Term(c.Builder.ScatterAdd(g.Variable, c.Equation.Results[1], position, map, c.X.Type.Extents)));
        },
    };

    private static Term PowerBase(VjpContext c, Term g)
    {
        var exponent = c.Equation.Operands[1];
        if (exponent.IsLiteral)
            return exponent.Number switch
            {
                0 => c.Term(c.Builder.Fill(Atom.Literal(0), c.X.Type.Extents)),
                1 => g,
                2 => g * (c.X * 2),
                var n => g * (c.X.Of(Primitive.Power, g.Number(n - 1)) * n),
            };
        var z = exponent.IsVariable ? c.Z : c.Term(c.Builder.Fill(exponent, c.X.Type.Extents));
        return z.Of(Primitive.Equal, g.Number(0)).Select(g.Number(0), g * (z * c.X.Of(Primitive.Power, z - 1)));
    }

    private static Term PowerExponent(VjpContext c, Term g)
    {
        var x = c.X.Atom.IsVariable ? c.X : c.Term(c.Builder.Fill(c.X.Atom, c.Z.Type.Extents));
        var constant = x.Of(Primitive.Equal, g.Number(0)).Of(Primitive.And, c.Z.Of(Primitive.GreaterOrEqual, g.Number(0)));
        return constant.Select(g.Number(0), g * (c.Y * x.Of(Primitive.Log)));
    }

    private static Term Chosen(Term g, Term mine, Term other, Primitive loses) =>
        mine.Of(Primitive.Equal, other).Select(g * 0.5, mine.Of(loses, other).Select(g.Number(0), g));

    private static void Transpose(VjpContext c)
    {
        var source = ((Parameters.Rearrange)c.Equation.Parameters).Source;
        var (from, to) = (c.X.Type, c.Y.Type);
        bool IsSpread(int i) => source[i] < 0 || (from.Extents[source[i]].IsOne && !to.Extents[i].IsOne);
        var spread = Enumerable.Range(0, to.Rank).Where(IsSpread).ToArray();
        var kept = Enumerable.Range(0, to.Rank).Where(i => !IsSpread(i)).Select(i => source[i]).ToList();
        var back = Enumerable.Range(0, from.Rank).Select(p => kept.IndexOf(p)).ToArray();
        int Back(int v) => c.Builder.Rearrange(v, back, from.Extents);
        if (spread.Length == 0)
            c.GiveView(0, Back);
        else
            c.GiveSummed(0, spread, Back);
    }

    private static int Position(VjpContext c) => ((Parameters.Axis)c.Equation.Parameters).Position;

    private static int Spread(VjpContext c, int v) =>
        c.Term(v).SpreadOver(c.X.Type, ((Parameters.Reduce)c.Equation.Parameters).Positions).Variable;

    private static void Extremum(VjpContext c)
    {
        var reduce = (Parameters.Reduce)c.Equation.Parameters;
        c.GiveGuarded(
            0,
            g =>
            {
                var hits = c.Term(c.Builder.Convert(c.X.Of(Primitive.Equal, c.Term(Spread(c, c.Y.Variable))).Variable, ElementKind.Real));
                var count = hits.Of(Primitive.Sum, reduce);
                return hits * c.Term(Spread(c, (g / count).Variable));
            },
            guard => Spread(c, guard));
    }

    /// <summary>The axes of one operand become the result's; what it has not is summed over.</summary>
    private static int Contracted(VjpContext c, Term g, Term other, Parameters.Contract contract, EquatableArray<int> own, EquatableArray<int> others)
    {
        var order = own.Concat(Enumerable.Range(0, contract.Axes).Where(a => !own.Contains(a))).ToList();
        return c.Builder.Contract(g.Variable, other.Variable, own.Count, Enumerable.Range(0, contract.Rank).Select(a => order.IndexOf(a)).ToArray(), others.Select(a => order.IndexOf(a)).ToArray());
    }

    private static Term SumAlong(VjpContext c, Term x)
    {
        EquatableArray<int> positions = [Position(c)];
        return x.Of(Primitive.Sum, new Parameters.Reduce(positions)).SpreadOver(x.Type, positions);
    }

    /// <summary>
    /// What is equal along the scan stands before the sum; only where that leaves a factor of unknown sign there are two sums, of its
    /// positive and of its negative part. Elements without a cotangent are left out, so that y may be infinite there.
    /// </summary>
    private static Term LogSpace(VjpContext c, Term g)
    {
        var scan = (Parameters.Scan)c.Equation.Parameters;
        Term Sum(Term logarithms) => (logarithms.Of(Primitive.LogCumSumExp, scan with { Reverse = !scan.Reverse }) + c.X).Of(Primitive.Exp);
        Term Part(Term h) => Sum(h.Of(Primitive.Greater, g.Number(0)).Select(h.Of(Primitive.Log) - c.Y, g.Number(double.NegativeInfinity)));
        bool IsEqual(Term s) => s.Scalar() is not null || (s.Is(Primitive.Rearrange, out _) && Spreading.Of(s).IsSpread(scan.Position));

        if (g.Is(Primitive.Negate, out var negated))
            return -LogSpace(c, negated);
        if (IsEqual(g))
            return Sum(-c.Y) * g;
        if (g.Is(Primitive.Multiply, out var x, out var factor) && IsEqual(factor))
            return LogSpace(c, x) * factor;
        if (g.Is(Primitive.Where, out var condition))
        {
            var (first, second) = (g with { Atom = g.Definition()!.Operands[1] }, g with { Atom = g.Definition()!.Operands[2] });
            if (second.IsNumber(0) && IsEqual(first))
                return Sum(condition.Select(-c.Y, g.Number(double.NegativeInfinity))) * first;
            if (first.IsNumber(0) && IsEqual(second))
                return Sum(condition.Select(g.Number(double.NegativeInfinity), -c.Y)) * second;
        }

        return Part(g) - Part(-g);
    }
}
