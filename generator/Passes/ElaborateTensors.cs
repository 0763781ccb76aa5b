using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// The algebra that the torch operations are written in: tensors with torch's promotion and broadcasting, checked by name. Everything
/// appends to the path's program; kinds stay undecided where torch's rules leave them to the dtypes.
/// </summary>
internal sealed class ElaborateTensors(ElaboratePath path)
{
    private const ElementKind Real = ElementKind.Real;
    private const ElementKind Integer = ElementKind.Integer;
    private const ElementKind Boolean = ElementKind.Boolean;

    private ProgramBuilder Builder => path.Trace;

    private ElaborateHost Host => path.Host;

    /// <summary>A C# number beside a tensor.</summary>
    public ElaborateTensor Of(int number) => Scalar(number, KindOf(number), [], isWeak: true);

    public ElaborateTensor Number(double number) => Of(Host.Real(number));

    public ElaborateTensor Whole(long number) => Of(Host.Whole(number));

    /// <summary>A tensor of no dimensions made of a number.</summary>
    public ElaborateTensor Scalar(int number, ElementKind kind, EquatableArray<DTypeTerm> dtype, bool isWeak = false) =>
        new(Builder, EquatableArray<Extent>.Empty, null, dtype, [], k => Builder.Fill(Host.AsAtom(number), EquatableArray<Extent>.Empty, k))
        {
            Number = number,
            IsWeak = isWeak,
            NumberKind = kind,
        };

    /// <summary>A tensor of one value.</summary>
    public ElaborateTensor Fill(int number, EquatableArray<Extent> extents, ElementKind? kind, EquatableArray<DTypeTerm> dtype) =>
        New(extents, kind, dtype, [], k => Builder.Fill(Host.AsAtom(number), new ElaborateLayout(extents).Extents, k));

    /// <summary>The coordinate along one axis.</summary>
    public ElaborateTensor Iota(Extent extent) => New([extent], Integer, FixedType("Int64", true), [], _ =>
    {
        var extents = new ElaborateLayout([extent]).Extents;
        var coordinate = Builder.Iota(0, extents);
        for (var p = 1; p < extents.Count; p++)
        {
            var outer = Builder.Emit(Primitive.Multiply, Atom.Variable(coordinate), Host.AsAtom(Host.Size(extents[p])));
            coordinate = Builder.Emit(Primitive.Add, Atom.Variable(outer), Atom.Variable(Builder.Iota(p, extents)));
        }

        return coordinate;
    });

    /// <summary>One real operand.</summary>
    public ElaborateTensor Unary(Primitive primitive, ElaborateTensor x) =>
        New(x.Extents, Real, Lift(x.DType, DTypeLift.Float), [], _ => Builder.Emit(primitive, Atom.Variable(x.As(Real))));

    /// <summary>One operand that keeps its kind (neg, abs, ...); Booleans count as whole numbers.</summary>
    public ElaborateTensor UnaryKeeping(Primitive primitive, ElaborateTensor x)
    {
        var kind = KindOf(x) == Boolean ? Integer : KindOf(x);
        return New(x.Extents, kind, x.DType, x.Roots, k => Counted(k, n => Builder.Emit(primitive, Atom.Variable(x.As(n)))));
    }

    public ElaborateTensor Add(ElaborateTensor x, ElaborateTensor y) => Arithmetic(Primitive.Add, x, y);

    public ElaborateTensor Subtract(ElaborateTensor x, ElaborateTensor y) => Arithmetic(Primitive.Subtract, x, y);

    public ElaborateTensor Multiply(ElaborateTensor x, ElaborateTensor y) => Arithmetic(Primitive.Multiply, x, y);

    public ElaborateTensor Divide(ElaborateTensor x, ElaborateTensor y) => Arithmetic(Primitive.Divide, x, y, isReal: true);

    public ElaborateTensor Negate(ElaborateTensor x) => UnaryKeeping(Primitive.Negate, x);

    /// <summary>Two operands with promotion and broadcasting.</summary>
    public ElaborateTensor Arithmetic(Primitive primitive, ElaborateTensor x, ElaborateTensor y, bool isReal = false)
    {
        var extents = Broadcast(x, y);
        var kind = isReal ? Real : Promote(x, y);
        if (kind == Boolean)
        {
            var logical = primitive switch
            {
                Primitive.Multiply or Primitive.Minimum => Primitive.And,
                Primitive.Add or Primitive.Maximum => Primitive.Or,
                _ => throw new ElaborateStop.Refused("DPO0038", "`" + primitive.ToString().ToLowerInvariant() + "` of two conditions", "convert them first: `to_type(ScalarType.Float32)`, or use `logical_and`, `logical_or`, `logical_xor`"),
            };
            return Logical(logical, x, y);
        }

        var dtype = Promoted(kind, x, y);
        return New(extents, kind, isReal ? Lift(dtype, DTypeLift.Float) : dtype, Roots(x, y), k => Counted(k, n => Emit(primitive, n, extents, x, y)));
    }

    /// <summary>Two operands whose kinds are open: their result is made of them as the kind that it is asked for.</summary>
    public ElaborateTensor Open(ElaborateTensor x, ElaborateTensor y, Func<ElaborateTensor, ElaborateTensor, ElaborateTensor> make)
    {
        var extents = Broadcast(x, y);
        ElaborateTensor As(ElaborateTensor t, ElementKind kind) => t.Number is null ? Made(t.Extents, kind, t.DType, t.As) : t;
        return New(extents, null, Promoted(null, x, y), Roots(x, y), k => Counted(k, n => make(As(x, n), As(y, n)).As(n)));
    }

    /// <summary>A comparison: whole numbers are compared as such.</summary>
    public ElaborateTensor Compare(Primitive primitive, ElaborateTensor x, ElaborateTensor y)
    {
        var extents = Broadcast(x, y);
        var kind = Promote(x, y);
        if (kind == Boolean && primitive is Primitive.Equal or Primitive.NotEqual && !(x.IsWeak || y.IsWeak))
        {
            var differ = Logical(Primitive.Xor, x, y);
            return primitive == Primitive.Equal ? Not(differ) : differ;
        }

        var compared = kind == Boolean ? Integer : kind ?? (path.AreRead(Roots(x, y), Integer) ? Integer : Real);
        return New(extents, Boolean, FixedType("Bool", extents.Count > 0), [], _ => Emit(primitive, compared, extents, x, y));
    }

    /// <summary>Whether each element is not zero: a condition is itself.</summary>
    public ElaborateTensor NotZero(ElaborateTensor x) =>
        KindOf(x) == Boolean || (KindOf(x) is null && path.AreRead(x.Roots, Boolean)) ? x : Compare(Primitive.NotEqual, x, Whole(0));

    /// <summary>And, or, exclusive or of conditions.</summary>
    public ElaborateTensor Logical(Primitive primitive, ElaborateTensor x, ElaborateTensor y)
    {
        var extents = Broadcast(x, y);
        return New(extents, Boolean, FixedType("Bool", extents.Count > 0), [], _ => Builder.Emit(primitive, Spread(x, Boolean, extents), Spread(y, Boolean, extents)));
    }

    public ElaborateTensor Not(ElaborateTensor x) =>
        New(x.Extents, Boolean, FixedType("Bool", x.Rank > 0), [], _ => Builder.Emit(Primitive.Not, Atom.Variable(x.As(Boolean))));

    /// <summary>A test of real numbers; whole numbers pass it as <paramref name="whole"/> says.</summary>
    public ElaborateTensor Test(Primitive primitive, ElaborateTensor x, bool whole) => KindOf(x) is Integer or Boolean
        ? Fill(Host.Truth(whole), x.Extents, Boolean, FixedType("Bool", x.Rank > 0))
        : New(x.Extents, Boolean, FixedType("Bool", x.Rank > 0), [], _ => Builder.Emit(primitive, Atom.Variable(x.As(Real))));

    /// <summary>where(condition, x, y).</summary>
    public ElaborateTensor Where(ElaborateTensor condition, ElaborateTensor x, ElaborateTensor y)
    {
        var extents = Broadcast(condition, x, y);
        var kind = Promote(x, y);
        return New(extents, kind, Promoted(kind, x, y), Roots(x, y), k =>
        {
            Atom Branch(ElaborateTensor t) => k == Real || (k == Integer && (x.Number is null || y.Number is null)) ? Operand(t, k, extents) : Spread(t, k, extents);
            return Builder.Emit(Primitive.Where, Spread(condition, Boolean, extents), Branch(x), Branch(y));
        });
    }

    /// <summary>The tensor as a kind, rounded to a dtype where one is given.</summary>
    public ElaborateTensor Convert(ElaborateTensor x, ElementKind kind, string? dtype, EquatableArray<DTypeTerm> terms)
    {
        // 0 and 1 are exact in every dtype; numbers are rounded by the kernel's own type.
        var rounds = dtype is not null && KindOf(x) != Boolean && kind != Boolean && x.Number is null;
        // A mask or a number may be made whole; only an index must be whole already.
        if (kind == Integer && KindOf(x) is null)
            return new(Builder, x.Extents, kind, terms, [], _ => Builder.Convert(x.As(Real), kind)) { Index = () => x.As(Integer) };
        return New(x.Extents, kind, terms, [], _ =>
        {
            var from = KindOf(x) ?? kind;
            return from != kind && rounds
                ? Builder.EmitDeclared(Primitive.Convert, new Parameters.Convert(dtype), new TensorType(kind, new ElaborateLayout(x.Extents).Extents), Atom.Variable(x.As(from)))
                : Builder.Convert(x.As(kind), kind, rounds ? dtype : null);
        });
    }

    /// <summary>A tensor of a decided kind that <paramref name="make"/> makes.</summary>
    public ElaborateTensor Made(EquatableArray<Extent> extents, ElementKind kind, EquatableArray<DTypeTerm> dtype, Func<ElementKind, int> make) =>
        New(extents, kind, dtype, [], make);

    /// <summary>A tensor of the same extents, made of another's variable of whatever kind.</summary>
    public ElaborateTensor Moved(ElaborateTensor x, ElementKind? kind, EquatableArray<DTypeTerm> dtype, Func<int, int> move) =>
        New(x.Extents, kind, dtype, x.Roots, k => Counted(k, n => move(x.As(n))));

    /// <summary>The tensor moved about, of whatever kind.</summary>
    public ElaborateTensor Move(ElaborateTensor x, EquatableArray<Extent> extents, Func<int, int> move) =>
        new(Builder, extents, x.Kind, x.DType, x.Roots, kind => move(x.As(kind))) { Index = x.Index is null ? null : () => move(x.AsIndex()) };

    public ElaborateTensor Rearrange(ElaborateTensor x, IReadOnlyList<int> source, IReadOnlyList<Extent> extents) =>
        Move(x, extents.ToEquatableArray(), v => Rearranged(v, x.Extents, source, extents.ToEquatableArray()));

    /// <summary>The same elements under other axes: flattened where they were several, or several where they were flattened.</summary>
    public ElaborateTensor Regroup(ElaborateTensor x, EquatableArray<Extent> extents) => x.Extents == extents ? x : Move(x, extents, v => v);

    /// <summary>The tensor broadcast to these extents, aligned from the right.</summary>
    public ElaborateTensor SpreadTo(ElaborateTensor x, EquatableArray<Extent> extents) =>
        x.Extents == extents ? x : Move(x, extents, v => Spread(v, x.Extents, extents));

    /// <summary>Identity with derivative zero.</summary>
    public ElaborateTensor Stop(ElaborateTensor x) => x.Number is not null
        ? x
        : New(x.Extents, x.Kind, x.DType, x.Roots, kind => kind == Real ? Builder.Emit(Primitive.StopGradient, Atom.Variable(x.As(kind))) : x.As(kind));

    /// <summary>A reduction whose result keeps the kind.</summary>
    public ElaborateTensor Reduce(Primitive primitive, ElaborateTensor x, IReadOnlyList<int> dims, bool keepdim, ElementKind? kind, EquatableArray<DTypeTerm> dtype)
    {
        var positions = dims.OrderBy(d => d).ToEquatableArray();
        var reduced = New(
            x.Extents.Where((_, i) => !positions.Contains(i)).ToEquatableArray(), kind, dtype, x.Roots,
            k => Counted(k, n => positions.Count == 0 ? x.As(n) : Builder.Emit(primitive, new Parameters.Reduce(new ElaborateLayout(x.Extents).Of(positions)), Atom.Variable(x.As(n))), primitive is Primitive.Any or Primitive.All));
        return keepdim ? Keep(reduced, x, positions) : reduced;
    }

    /// <summary>A reduced tensor with an axis of size 1 in place of each reduced one.</summary>
    public ElaborateTensor Keep(ElaborateTensor reduced, ElaborateTensor x, EquatableArray<int> positions)
    {
        var next = 0;
        var source = Enumerable.Range(0, x.Rank).Select(i => positions.Contains(i) ? -1 : next++).ToArray();
        return Rearrange(reduced, source, x.Extents.Select((e, i) => positions.Contains(i) ? Extent.One : e).ToArray());
    }

    public ElaborateTensor Sum(ElaborateTensor x, IReadOnlyList<int> dims, bool keepdim = false)
    {
        // What is a condition elsewhere is counted as one, also where its count is an index.
        if (KindOf(x) is null && path.AreRead(x.Roots, Boolean))
            x = Made(x.Extents, Boolean, x.DType, x.As);
        var kind = KindOf(x) == Boolean ? Integer : KindOf(x);
        return Reduce(Primitive.Sum, x, dims, keepdim, kind, Lift(x.DType, DTypeLift.Sum));
    }

    /// <summary>The number of elements over some positions.</summary>
    public ElaborateTensor Count(ElaborateTensor x, IReadOnlyList<int> dims) => Of(Product(dims.Select(d => x.Extents[d])));

    /// <summary>The product of sizes as a host number.</summary>
    public int Product(IEnumerable<Extent> extents)
    {
        var (constant, names) = (1L, new List<Extent>());
        foreach (var extent in extents)
        {
            if (extent.IsFixed)
                constant *= extent.Constant;
            else
                names.Add(extent);
        }

        if (names.Count == 0)
            return Host.Whole(constant);
        var product = Host.Size(names[0] * constant);
        foreach (var extent in names.Skip(1))
            product = Host.Binary("*", HostKind.Int64, product, Host.Size(extent));
        return product;
    }

    /// <summary>The sum of products over the axes that the result has not: see <see cref="Parameters.Contract"/>. Torch takes no other kinds, and does not promote.</summary>
    public ElaborateTensor Contract(ElaborateTensor x, ElaborateTensor y, IReadOnlyList<int> left, IReadOnlyList<int> right, EquatableArray<Extent> extents) =>
        New(extents, Real, Promoted(Real, x, y), [], _ =>
        {
            var result = new ElaborateLayout(extents);
            var summed = left.Where(a => a >= extents.Count).OrderBy(a => a).ToArray();
            var first = result.Extents.Count;
            var places = new Dictionary<int, int[]>();
            foreach (var axis in summed)
            {
                places[axis] = Enumerable.Range(first, x.Extents[left.ToList().IndexOf(axis)].Factors.Count).ToArray();
                first += places[axis].Length;
            }

            int[] Places(IReadOnlyList<int> axes) => axes.SelectMany(a => a < extents.Count ? result.Of(a) : places[a]).ToArray();
            return Builder.Contract(x.As(Real), y.As(Real), result.Extents.Count, Places(left), Places(right));
        });

    /// <summary>x[.., index[o], ..] where index and result have these extents.</summary>
    public ElaborateTensor Gather(ElaborateTensor x, ElaborateTensor index, int position, IReadOnlyList<int> map)
    {
        var (place, mapped) = (Place(x.Extents, position, "an index"), Mapped(x.Extents, index.Extents, map));
        return New(index.Extents, x.Kind, x.DType, x.Roots, kind => Builder.Gather(x.As(kind), index.AsIndex(), place, mapped));
    }

    private static EquatableArray<int> Mapped(EquatableArray<Extent> extents, EquatableArray<Extent> index, IReadOnlyList<int> map) =>
        Enumerable.Range(0, extents.Count).SelectMany(p => map[p] < 0 ? [-1] : new ElaborateLayout(index).Of(map[p])).ToEquatableArray();

    /// <summary>Values added up at their indices along one position.</summary>
    public ElaborateTensor Scatter(ElaborateTensor values, ElaborateTensor index, int position, EquatableArray<Extent> extents)
    {
        var map = Enumerable.Range(0, extents.Count).Select(i => i == position ? -1 : i).ToArray();
        var (place, mapped) = (Place(extents, position, "an index"), Mapped(extents, index.Extents, map));
        return New(extents, values.Kind, values.DType, values.Roots, kind => Builder.ScatterAdd(values.As(kind), index.AsIndex(), place, mapped, new ElaborateLayout(extents).Extents));
    }

    public ElaborateTensor Slice(ElaborateTensor x, int position, Extent start, Extent count, long step = 1)
    {
        var isWhole = start == Extent.Fixed(0) && step == 1 && count == x.Extents[position];
        if (isWhole)
            return x;
        var place = Place(x.Extents, position, "a slice");
        return Move(x, With(x.Extents, position, count), v => Builder.Slice(v, place, start, count, step));
    }

    public ElaborateTensor Pad(ElaborateTensor x, int position, Extent start, Extent full, long step = 1)
    {
        var place = Place(x.Extents, position, "`cat`");
        return Move(x, With(x.Extents, position, full), v => Builder.Pad(v, place, start, full, step));
    }

    /// <summary>The variable's position of an axis along which the elements have an order.</summary>
    public static int Place(EquatableArray<Extent> extents, int axis, string operation) => new ElaborateLayout(extents).One(axis, operation);

    /// <summary>One position without its axis, which has size 1.</summary>
    public ElaborateTensor Drop(ElaborateTensor x, int position)
    {
        var kept = Enumerable.Range(0, x.Rank).Where(i => i != position).ToArray();
        return Rearrange(x, kept, kept.Select(i => x.Extents[i]).ToArray());
    }

    public ElaborateTensor Insert(ElaborateTensor x, int position)
    {
        var source = Enumerable.Range(0, x.Rank).ToList();
        source.Insert(position, -1);
        return Rearrange(x, source, source.Select(i => i < 0 ? Extent.One : x.Extents[i]).ToArray());
    }

    /// <summary>The extents at which tensors meet.</summary>
    public EquatableArray<Extent> Broadcast(params ElaborateTensor[] tensors)
    {
        var widest = tensors.OrderByDescending(t => t.Rank).First();
        var extents = widest.Extents.ToArray();
        foreach (var tensor in tensors)
        {
            for (var i = 0; i < tensor.Rank; i++)
            {
                var place = extents.Length - tensor.Rank + i;
                var (mine, other) = (tensor.Extents[i], extents[place]);
                if (other.IsOne)
                    extents[place] = mine;
                else if (!mine.IsOne && mine != other)
                    throw new ElaborateStop.Refused("DPO0030", mine.ToString(), other.ToString(), tensor.ToString(), "[" + string.Join(" ", extents.AsEnumerable()) + "]");
            }
        }

        foreach (var tensor in tensors)
            RefuseAccidentalMatrix(tensor, tensors, extents);
        return extents.ToEquatableArray();
    }

    /// <summary>
    /// <c>[pair] - [pair 1]</c>: the axis meets a 1 in its own place and itself where it is missing. Torch makes a matrix of it; who wants
    /// one writes <c>unsqueeze</c> on both sides.
    /// </summary>
    private static void RefuseAccidentalMatrix(ElaborateTensor tensor, ElaborateTensor[] all, Extent[] extents)
    {
        var missing = extents.Length - tensor.Rank;
        for (var i = 0; i < tensor.Rank; i++)
        {
            var mine = tensor.Extents[i];
            var fromEnd = tensor.Rank - i;
            var isAlone = all.All(t => t == tensor || t.Rank < fromEnd || t.Extents[t.Rank - fromEnd].IsOne);
            if (!mine.IsFixed && isAlone && extents.Take(missing).Contains(mine))
                throw new ElaborateStop.Refused("DPO0030", mine.ToString(), "1", tensor.ToString(), all.First(t => t.Rank == extents.Length).ToString());
        }
    }

    /// <summary>The kind that operands have together; null where the dtypes decide.</summary>
    public ElementKind? Promote(params ElaborateTensor[] tensors)
    {
        var kinds = tensors.Select(KindOf).ToArray();
        if (kinds.Contains(Real))
            return Real;
        if (kinds.Contains(null))
            return null;
        return kinds.Contains(Integer) ? Integer : Boolean;
    }

    /// <summary>The kind of a tensor, of its number where it is one.</summary>
    public static ElementKind? KindOf(ElaborateTensor x) => x.NumberKind ?? x.Kind;

    public ElementKind KindOf(int number) => Host[number].Kind switch
    {
        HostKind.Bool => Boolean,
        HostKind.Int32 or HostKind.Int64 => Integer,
        _ => Real,
    };

    public static EquatableArray<DTypeTerm> FixedType(string dtype, bool hasDimensions) => [new DTypeTerm(dtype, false, hasDimensions, DTypeLift.None)];

    public static EquatableArray<DTypeTerm> Lift(EquatableArray<DTypeTerm> terms, DTypeLift lift) =>
        terms.Select(t => t with { Lift = (DTypeLift)Math.Max((int)t.Lift, (int)lift) }).Distinct().ToEquatableArray();

    /// <summary>What the dtype of a result of several operands is promoted from.</summary>
    public EquatableArray<DTypeTerm> Promoted(ElementKind? kind, params ElaborateTensor[] tensors)
    {
        var own = tensors.Where(t => !t.IsWeak).ToArray();
        var areMixed = own.Count(t => t.Rank > 0) > 1 && own.SelectMany(t => t.DType).Select(t => t.Source).Distinct(StringComparer.Ordinal).Skip(1).Any();
        var terms = own.SelectMany(t => areMixed && t.Rank > 0 ? Settled([.. Met(t)]) : Met(t)).Distinct().ToEquatableArray();
        if (terms.Count == 0)
            return FixedType(kind switch { Integer => "Int64", Boolean => "Bool", _ => "Float32" }, tensors.Any(t => t.Rank > 0));
        if (tensors.Any(t => t.IsWeak && KindOf(t) == Real))
            return Lift(terms, DTypeLift.Float);
        // A whole number beside conditions alone makes whole numbers.
        return kind == Integer && own.All(t => KindOf(t) == Boolean) ? FixedType("Int64", own.Any(t => t.Rank > 0)) : terms;
    }

    /// <summary>What a tensor's dtype is promoted from where it meets others.</summary>
    private static IEnumerable<DTypeTerm> Met(ElaborateTensor tensor)
    {
        // Of numbers alone, a tensor that was given dimensions has them like any other.
        if (tensor.Rank > 0)
            return tensor.DType.Any(t => t.HasDimensions) ? tensor.DType : tensor.DType.Select(t => t with { HasDimensions = true });
        // Reduced to no dimensions, a tensor has the dtype that those with dimensions gave it: numbers among them had no say but that it is real.
        var outvoted = tensor.DType.Any(t => t.HasDimensions) ? tensor.DType.Where(t => !t.HasDimensions && !t.IsParameter).ToArray() : [];
        var isReal = outvoted.Any(t => t.Source is "Float32" or "Float64");
        return tensor.DType.Where(t => !outvoted.Contains(t))
            .Select(t => t with { HasDimensions = false, Lift = isReal ? DTypeLift.Float : t.Lift });
    }

    /// <summary>
    /// The terms of a tensor with dimensions that may have been made real of whole numbers, which is Float32 beside half precision too:
    /// said where it hangs on one parameter, or on none.
    /// </summary>
    private static IReadOnlyList<DTypeTerm> Settled(IReadOnlyList<DTypeTerm> terms)
    {
        var parameters = terms.Where(t => t.IsParameter).Select(t => t.Source).Distinct(StringComparer.Ordinal).ToArray();
        var isReal = terms.Any(t => t.Lift >= DTypeLift.Float) && terms.All(t => t.WithoutParameter is null && (t.IsParameter || t.Source is not ("Float16" or "BFloat16" or "Float32" or "Float64")));
        return !isReal || parameters.Length > 1 ? terms
            : parameters.Length == 1 ? [new DTypeTerm(parameters[0], true, true, DTypeLift.Alone)]
            : [.. FixedType("Float32", hasDimensions: true)];
    }

    private ElaborateTensor New(
        EquatableArray<Extent> extents, ElementKind? kind, EquatableArray<DTypeTerm> dtype, EquatableArray<string> roots, Func<ElementKind, int> make) =>
        new(Builder, extents, kind, dtype, roots, make);

    private static EquatableArray<string> Roots(params ElaborateTensor[] tensors) => tensors.SelectMany(t => t.Roots).Distinct(StringComparer.Ordinal).ToEquatableArray();

    private static EquatableArray<Extent> With(EquatableArray<Extent> extents, int position, Extent extent) =>
        extents.Select((e, i) => i == position ? extent : e).ToEquatableArray();

    /// <summary>Makes numbers as asked; a condition of them is whether they are not zero.</summary>
    private int Counted(ElementKind kind, Func<ElementKind, int> make, bool isLogical = false) =>
        kind == Boolean && !isLogical ? Builder.Convert(make(Real), Boolean) : make(kind);

    private int Emit(Primitive primitive, ElementKind kind, EquatableArray<Extent> extents, ElaborateTensor x, ElaborateTensor y)
    {
        var left = x.Number is not null && y.Number is not null ? Atom.Variable(x.As(kind)) : Operand(x, kind, extents);
        return Builder.Emit(primitive, left, Operand(y, kind, extents));
    }

    private Atom Operand(ElaborateTensor x, ElementKind kind, EquatableArray<Extent> extents) =>
        x.Number is { } number ? Host.AsAtom(number) : Spread(x, kind, extents);

    private Atom Spread(ElaborateTensor x, ElementKind kind, EquatableArray<Extent> extents) => Atom.Variable(Spread(x.As(kind), x.Extents, extents));

    private int Spread(int variable, EquatableArray<Extent> from, EquatableArray<Extent> extents) =>
        Rearranged(variable, from, Enumerable.Range(0, extents.Count).Select(i => Math.Max(i - (extents.Count - from.Count), -1)).ToArray(), extents);

    private int Rearranged(int variable, EquatableArray<Extent> from, IReadOnlyList<int> source, EquatableArray<Extent> to)
    {
        var layout = new ElaborateLayout(to);
        return Builder.Rearrange(variable, layout.Rearranged(from, source), layout.Extents);
    }
}
