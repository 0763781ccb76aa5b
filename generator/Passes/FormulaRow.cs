using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>What a row of <see cref="FormulaRules"/> sees: one equation, and the indices at which its result is wanted.</summary>
internal sealed class FormulaRow
{
    private const string FromTheEnd = " from the end";

    private readonly FormulaWriter writer;
    private readonly int variable;

    public FormulaRow(FormulaWriter writer, Equation equation, int variable, string[] indices) =>
        (this.writer, Equation, this.variable, Indices) = (writer, equation, variable, indices);

    public Equation Equation { get; }

    public string[] Indices { get; }

    public TensorType Type => writer.Program.Types[variable];

    public bool IsSecondResult => Equation.Results.Count > 1 && Equation.Results[1] == variable;

    /// <summary>Whether leaving out the detach would hide why a gradient is missing.</summary>
    public bool ShowsDetached => writer.IsActive(Equation.Operands[0]) && !writer.IsOutput(variable);

    public FormulaText X => Operand(0, Indices);

    public FormulaText Z => Operand(1, Indices);

    public int Axis => ((Parameters.Axis)Equation.Parameters).Position;

    private TensorType Source => writer.Program.Types[Equation.Operands[0].Id];

    public FormulaText Operand(int operand, string[] indices) => writer.Write(Equation.Operands[operand], indices);

    /// <summary>How much an operand is the same everywhere: a literal 3, a host scalar 2, a tensor without axes 1, else 0.</summary>
    public int Uniformity(int operand)
    {
        var atom = Equation.Operands[operand];
        while (atom.IsVariable && writer.DefinitionOf(atom.Id) is { Primitive: Primitive.Rearrange or Primitive.Fill } spread)
            atom = spread.Operands[0];
        return atom.IsLiteral ? 3 : atom.IsHost ? 2 : writer.Program.Types[atom.Id].Rank == 0 ? 1 : 0;
    }

    public string[] With(int position, string index) => Indices.Select((x, i) => i == position ? index : x).ToArray();

    /// <summary>A sum divided, also a size at a time, by the number of its terms; a factor in the same scalar stands before it.</summary>
    public FormulaText? Mean()
    {
        var count = new List<Extent>();
        FormulaText? factor = null;
        var equation = Equation;
        while (equation.Primitive is Primitive.Divide or Primitive.Multiply)
        {
            if (!equation.Operands[1].IsHost || Defined(equation.Operands[0]) is not { } inner
                || writer.SizesIn(equation.Operands[1].Id, isDivisor: equation.Primitive == Primitive.Divide) is not { } sizes)
                return null;
            count.AddRange(sizes.Divisor);
            if (sizes.Factor is { } next)
                factor = factor is null ? next : factor * next;
            equation = inner;
        }

        if (equation.Primitive != Primitive.Sum)
            return null;
        var source = writer.Program.Types[equation.Operands[0].Id];
        var terms = ((Parameters.Reduce)equation.Parameters).Positions.Select(p => source.Extents[p]).Where(e => !e.IsOne);
        if (!InOrder(terms).SequenceEqual(InOrder(count)))
            return null;
        var mean = new FormulaRow(writer, equation, equation.Result, Indices).Reduced("mean");
        return factor is null ? mean : factor * mean;
    }

    /// <summary>where(present(x), x, y), as C# has it: x ?? y.</summary>
    public FormulaText? IfPresent() =>
        Defined(Equation.Operands[0]) is { Primitive: Primitive.Fill, Operands: [{ IsHost: true } condition] }
        && writer.Program.Host[condition.Id] is { Operation: HostOperation.IsPresent, Text: var optional }
        && writer.Program.Inputs.Any(i => Equation.Operands[1].IsVariable && i.Variable == Equation.Operands[1].Id && i.Name == optional)
            ? FormulaText.Infix("??", Z, Operand(2, Indices))
            : null;

    /// <summary>exp(log_softmax(x)).</summary>
    public FormulaText? Softmax() => Defined(Equation.Operands[0]) is { Primitive: Primitive.LogSoftmax } inner
        ? new FormulaRow(writer, inner, inner.Result, Indices).Along("softmax", ((Parameters.Axis)inner.Parameters).Position)
        : null;

    /// <summary>exp(logcumsumexp(l) + x) is exp(x) cumsum(exp(l)): the derivative of a cumulative log-sum-exp is computed in log space.</summary>
    public FormulaText? LogSpaceScan()
    {
        if (Part(Equation) is not { } part)
            return null;
        if (writer.DefinitionOf(part.Logarithms.Id) is not { Primitive: Primitive.Where } where)
            return Scanned(part, FormulaText.Call("exp", writer.Write(part.Logarithms, Indices)));
        FormulaText Exponential(Atom atom) => atom.IsNumber(double.NegativeInfinity)
            ? FormulaText.Atom("0") : FormulaText.Call("exp", writer.Write(atom, Indices));
        return Scanned(part, FormulaText.Call("where", writer.Write(where.Operands[0], Indices), Exponential(where.Operands[1]), Exponential(where.Operands[2])));
    }

    /// <summary>exp(x) cumsum(h exp(-y)), computed as the difference of its positive and its negative part in log space.</summary>
    public FormulaText? LogSpaceDifference()
    {
        if (Part(Definition(Equation.Operands[0])) is not { } part || Part(Definition(Equation.Operands[1])) is not { } other || part.Shift != other.Shift)
            return null;
        if (Definition(part.Logarithms) is not { Primitive: Primitive.Where } where || Definition(where.Operands[1]) is not { Primitive: Primitive.Subtract } difference
            || Definition(difference.Operands[0]) is not { Primitive: Primitive.Log } logarithm)
            return null;
        return Scanned(part, writer.Write(logarithm.Operands[0], Indices) * FormulaText.Call("exp", -writer.Write(difference.Operands[1], Indices)));
    }

    /// <summary>clamp(x, low, high) where both bounds follow each other.</summary>
    public FormulaText? Clamp(Primitive other)
    {
        if (Defined(Equation.Operands[0]) is not { } inner || inner.Primitive != other)
            return null;
        var (x, bound) = (writer.Write(inner.Operands[0], Indices), writer.Write(inner.Operands[1], Indices));
        return other == Primitive.ClampMin ? FormulaText.Call("clamp", x, bound, Z) : FormulaText.Call("clamp", x, Z, bound);
    }

    /// <summary>Conditions as numbers in Iverson's brackets; a rounding under the dtype's name; anything else as it is.</summary>
    public FormulaText Converted()
    {
        var x = X;
        if (Equation.Parameters is Parameters.Convert { DType: { } dtype })
            return FormulaText.Call(dtype.ToLowerInvariant(), x);
        var kind = Equation.Operands[0].IsVariable ? Source.Kind : ElementKind.Real;
        if (kind == ElementKind.Boolean)
            return x.IsAtom ? x : FormulaText.Atom("[" + x.Text + "]");
        return kind == ElementKind.Real && Type.Kind == ElementKind.Integer ? FormulaText.Call("truncate", x)
            : Type.Kind == ElementKind.Boolean ? FormulaText.Infix("!=", x, FormulaText.Atom("0"))
            : x;
    }

    public FormulaText Rearranged() => Operand(0, SourceIndices());

    private string[] SourceIndices()
    {
        var source = ((Parameters.Rearrange)Equation.Parameters).Source;
        var indices = Enumerable.Repeat(FormulaIndex.Single, Source.Rank).ToArray();
        for (var i = 0; i < source.Count; i++)
            if (source[i] >= 0 && !Source.Extents[source[i]].IsOne)
                indices[source[i]] = Indices[i];
        return indices;
    }

    /// <summary>The operand where the index is in its range, else 0.</summary>
    public FormulaText Padded()
    {
        var slice = (Parameters.Slice)Equation.Parameters;
        var index = Indices[slice.Position];
        var (full, count) = (Type.Extents[slice.Position], Source.Extents[slice.Position]);
        var inside = new List<string>();
        if (slice.Step != 1)
            inside.Add($"{index} % {slice.Step} == {FormulaIndex.Size(slice.Start)}");
        if (slice.Step == 1 && slice.Start != Extent.Fixed(0))
            inside.Add(count.IsOne ? $"{index} == {FormulaIndex.Size(slice.Start)}" : $"{index} >= {FormulaIndex.Size(slice.Start)}");
        if (slice.Step == 1 && slice.Start + count != full && !(count.IsOne && inside.Count > 0))
            inside.Add(count.IsOne ? $"{index} == 0" : $"{index} < {FormulaIndex.Size(slice.Start + count)}");
        var place = count.IsOne ? FormulaIndex.Single
            : slice.Step == 1 ? FormulaIndex.Back(index, slice.Start)
            : $"({FormulaIndex.Back(index, slice.Start)})/{slice.Step}";
        var x = Operand(0, With(slice.Position, place));
        return inside.Count == 0 ? x : FormulaText.Call("where", FormulaText.Atom(string.Join(" and ", inside)), x, FormulaText.Atom("0"));
    }

    /// <summary><c>sum[item](x)</c>; a reduction of everything has no brackets.</summary>
    public FormulaText Reduced(string name)
    {
        var positions = Equation.Parameters is Parameters.Axis axis ? [axis.Position] : ((Parameters.Reduce)Equation.Parameters).Positions;
        var bound = FormulaIndex.Fresh(positions.Select(p => Source.Extents[p]), Indices);
        var (kept, reduced) = (0, 0);
        var indices = Enumerable.Range(0, Source.Rank).Select(p => positions.Contains(p) ? bound[reduced++] : Indices[kept++]).ToArray();
        var over = bound.Where(b => b != FormulaIndex.Single).ToArray();
        var isAll = Type.Extents.All(e => e.IsOne) && !over.Any(b => b.EndsWith("'", StringComparison.Ordinal)) && name != "argmax";
        return Linear(isAll || over.Length == 0 ? name : $"{name}[{string.Join(" ", over)}]", Operand(0, indices), isLinear: name is "sum" or "mean");
    }

    /// <summary><c>softmax[vocab](x)</c>; where it is wanted at another place than its index, <c>softmax[vocab](x)[vocab = label]</c>.</summary>
    public FormulaText Along(string name, int position, string manner = "")
    {
        var others = Indices.Where((_, i) => i != position);
        var index = FormulaIndex.Fresh([Type.Extents[position]], others)[0];
        var text = $"{name}[{index}{manner}]({Operand(0, With(position, index)).Text})";
        return FormulaText.Atom(Indices[position] == index || index == FormulaIndex.Single ? text : $"{text}[{index} = {Indices[position]}]");
    }

    /// <summary>Wanted from the other end, a scan is the scan from the other end of the flipped operand.</summary>
    public FormulaText Scanned(string name)
    {
        var scan = (Parameters.Scan)Equation.Parameters;
        var extent = Type.Extents[scan.Position];
        var index = FormulaIndex.Fresh([extent], Indices.Where((_, i) => i != scan.Position))[0];
        return Indices[scan.Position] != index && FormulaIndex.Flipped(Indices[scan.Position], extent) == index
            ? FormulaText.Atom($"{name}[{index}{(scan.Reverse ? "" : FromTheEnd)}]({Operand(0, With(scan.Position, FormulaIndex.Flipped(index, extent))).Text})")
            : Along(name, scan.Position, scan.Reverse ? FromTheEnd : "");
    }

    /// <summary><c>hidden @ head^T</c>; where it is wanted at other places, or is no product of matrices, <c>sum[model](hidden * head)</c>.</summary>
    public FormulaText Contracted()
    {
        var contract = (Parameters.Contract)Equation.Parameters;
        var right = writer.Program.Types[Equation.Operands[1].Id];
        var summed = Enumerable.Range(contract.Rank, contract.Axes - contract.Rank).ToArray();
        if (summed.Length == 1 && contract.Right.Count == 2 && Indices.SequenceEqual(FormulaIndex.Of(Type)) && !contract.Left.Any(a => a < contract.Rank && contract.Right.Contains(a))
            && contract.Left.Where(a => a < contract.Rank).Concat(contract.Right.Where(a => a < contract.Rank)).SequenceEqual(Enumerable.Range(0, contract.Rank)))
        {
            var isLast = contract.Left[contract.Left.Count - 1] == summed[0];
            if (isLast || contract.Left.Count == 2)
                return FormulaText.Product(Plain(0, Source), !isLast, Plain(1, right), contract.Right[1] == summed[0]);
        }

        var bound = FormulaIndex.Fresh(summed.Select(a => Source.Extents[contract.Left.AsImmutableArray().IndexOf(a)]), Indices);
        string[] At(EquatableArray<int> axes) => axes.Select(a => a < contract.Rank ? Indices[a] : bound[a - contract.Rank]).ToArray();
        var over = bound.Where(b => b != FormulaIndex.Single).ToArray();
        var product = Operand(0, At(contract.Left)) * Operand(1, At(contract.Right));
        return over.Length == 0 ? product : Linear($"sum[{string.Join(" ", over)}]", product);
    }

    private FormulaText Plain(int operand, TensorType type) => Operand(operand, FormulaIndex.Of(type));

    /// <summary>The source at the place that the index says.</summary>
    public FormulaText Gathered()
    {
        var gather = (Parameters.Gather)Equation.Parameters;
        var index = Operand(1, Indices).Text;
        return Operand(0, gather.Map.Select((m, p) => p == gather.Position ? index : Indices[m]).ToArray());
    }

    /// <summary><c>sum[game: winner == player](x)</c>: the terms whose index is this place.</summary>
    public FormulaText Scattered()
    {
        var gather = (Parameters.Gather)Equation.Parameters;
        var free = FormulaIndex.Fresh(Source.Extents.Where((_, i) => !gather.Map.Contains(i)), Indices);
        var next = 0;
        var map = gather.Map.AsImmutableArray();
        var indices = Enumerable.Range(0, Source.Rank).Select(i => map.IndexOf(i) is >= 0 and var p ? Indices[p] : free[next++]).ToArray();
        var condition = $"{Operand(1, indices).Text} == {Indices[gather.Position]}";
        var over = free.Where(f => f != FormulaIndex.Single).ToArray();
        return over.Length == 0
            ? FormulaText.Call("where", FormulaText.Atom(condition), Operand(0, indices), FormulaText.Atom("0"))
            : Linear($"sum[{string.Join(" ", over)}: {condition}]", Operand(0, indices));
    }

    /// <summary>The sign of every term is that of their sum.</summary>
    private static FormulaText Linear(string name, FormulaText x, bool isLinear = true) =>
        isLinear && x.IsNegative ? -FormulaText.Call(name, -x) : FormulaText.Call(name, x);

    /// <summary>The equation of an operand that is written out, not by name.</summary>
    private Equation? Defined(Atom atom) => atom.IsVariable && !writer.IsNamed(atom.Id) ? writer.DefinitionOf(atom.Id) : null;

    private static IEnumerable<string> InOrder(IEnumerable<Extent> extents) => extents.Select(e => e.ToString()).OrderBy(e => e, StringComparer.Ordinal);

    /// <summary>Wanted from the other end, the terms are too, and the scan runs the other way; null where it is wanted at another place.</summary>
    private FormulaText? Scanned((Equation Scan, Atom Logarithms, Atom Shift) part, FormulaText term)
    {
        var scan = (Parameters.Scan)part.Scan.Parameters;
        var extent = Type.Extents[scan.Position];
        var index = FormulaIndex.Fresh([extent], Indices.Where((_, i) => i != scan.Position))[0];
        var isFlipped = Indices[scan.Position] != index;
        if (isFlipped && FormulaIndex.Flipped(Indices[scan.Position], extent) != index)
            return null;
        var sum = FormulaText.Atom($"cumsum[{index}{(scan.Reverse != isFlipped ? FromTheEnd : "")}]({term.Text})");
        return FormulaText.Call("exp", writer.Write(part.Shift, Indices)) * sum;
    }

    private Equation? Definition(Atom atom) => atom.IsVariable ? writer.DefinitionOf(atom.Id) : null;

    /// <summary>exp(logcumsumexp(logarithms) + shift).</summary>
    private (Equation Scan, Atom Logarithms, Atom Shift)? Part(Equation? exp)
    {
        if (exp?.Primitive != Primitive.Exp || Definition(exp.Operands[0]) is not { Primitive: Primitive.Add } sum)
            return null;
        for (var side = 0; side < 2; side++)
            if (Definition(sum.Operands[side]) is { Primitive: Primitive.LogCumSumExp } scan)
                return (scan, scan.Operands[0], sum.Operands[1 - side]);
        return null;
    }
}
