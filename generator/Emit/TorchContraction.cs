using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// A sum of a product whose factors are spread over different positions: a matrix product. Done as <c>einsum</c>, the product of the
/// spread factors, which may be far larger than either, is never stored.
/// </summary>
/// <param name="Equation">The subscripts, <c>ac,bc-&gt;ab</c>.</param>
/// <param name="Left">The left factor before it was spread.</param>
/// <param name="Right">The right factor before it was spread.</param>
/// <param name="Parts">The results of the equations that have no statement of their own.</param>
internal sealed record TorchContraction(string Equation, int Left, int Right, IReadOnlyList<int> Parts)
{
    public static TorchContraction? Find(Program program, Equation sum, IReadOnlyDictionary<int, Equation> definitions, int[] readers)
    {
        if (sum.Primitive != Primitive.Sum || !sum.Operands[0].IsVariable || program.Types[sum.Result].Kind != ElementKind.Real)
            return null;
        if (!definitions.TryGetValue(sum.Operands[0].Id, out var product) || product.Primitive != Primitive.Multiply || readers[product.Result] != 1
            || !product.Operands.All(o => o.IsVariable) || program.Types[product.Result].Rank > 20)
            return null;
        var rank = program.Types[product.Result].Rank;
        var letters = 'a' + rank;
        var left = Factor.Of(program, product.Operands[0].Id, definitions, ref letters);
        var right = Factor.Of(program, product.Operands[1].Id, definitions, ref letters);
        var isProduct = left.Spread.Except(right.Spread).Any() && right.Spread.Except(left.Spread).Any() && !left.Spread.Intersect(right.Spread).Any();
        if (!isProduct || letters > 'z')
            return null;
        var reduced = ((Parameters.Reduce)sum.Parameters).Positions;
        var result = string.Concat(Enumerable.Range(0, rank).Where(p => !reduced.Contains(p)).Select(p => (char)('a' + p)));
        var parts = new List<int> { product.Result };
        foreach (var operand in product.Operands)
            if (readers[operand.Id] == 1 && definitions.TryGetValue(operand.Id, out var spread) && spread.Primitive == Primitive.Rearrange)
                parts.Add(operand.Id);
        return new TorchContraction($"{left.Letters},{right.Letters}->{result}", left.Variable, right.Variable, parts);
    }

    private sealed record Factor(int Variable, string Letters, IReadOnlyList<int> Spread)
    {
        public static Factor Of(Program program, int variable, IReadOnlyDictionary<int, Equation> definitions, ref int letters)
        {
            var type = program.Types[variable];
            if (!definitions.TryGetValue(variable, out var equation) || equation.Primitive != Primitive.Rearrange || !equation.Operands[0].IsVariable)
                return new(variable, string.Concat(Enumerable.Range(0, type.Rank).Select(p => (char)('a' + p))), []);
            var source = ((Parameters.Rearrange)equation.Parameters).Source;
            var operand = program.Types[equation.Operands[0].Id];
            var subscripts = new char[operand.Rank];
            var spread = new List<int>();
            for (var p = 0; p < type.Rank; p++)
                if (source[p] >= 0 && operand.Extents[source[p]] == type.Extents[p])
                    subscripts[source[p]] = (char)('a' + p);
                else
                    spread.Add(p);
            // Positions of extent 1 that disappear, or that were spread, are summed under a letter of their own.
            for (var q = 0; q < subscripts.Length; q++)
                if (subscripts[q] == 0)
                    subscripts[q] = (char)letters++;
            return new(equation.Operands[0].Id, new string(subscripts), spread);
        }
    }
}
