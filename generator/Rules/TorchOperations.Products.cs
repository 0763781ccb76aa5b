using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;

namespace Dpo.Autodiff.Generator.Rules;

/// <content>Products of matrices: the axes that are summed over bear the same name.</content>
internal static partial class TorchOperations
{
    // [.. m k] [.. k n] -> [.. m n], the axes before broadcast; without m, n where an operand has one axis
    private static ElaborateTensor Product(TorchOperationCall c, ElaborateTensor x, ElaborateTensor y)
    {
        (x, y) = (Factor(c, x), Factor(c, y));
        var (terms, summed) = (x.Extents[x.Rank - 1], y.Extents[Math.Max(y.Rank - 2, 0)]);
        if (terms != summed)
            throw new ElaborateStop.Refused("DPO0030", terms.ToString(), summed.ToString(), x.ToString(), y.ToString());
        var batch = Math.Max(Math.Max(x.Rank, y.Rank) - 2, 0);
        // An axis of size 1 before the matrices is repeated, which only the other's axis says.
        for (var i = 0; i < batch; i++)
        {
            if (BatchExtent(x, i) is not { } mine || BatchExtent(y, i) is not { } other || mine == other)
                continue;
            if (!mine.IsOne && !other.IsOne)
                throw new ElaborateStop.Refused("DPO0030", mine.ToString(), other.ToString(), x.ToString(), y.ToString());
            if (mine.IsOne)
                x = c.Algebra.SpreadTo(x, x.Extents.Select((e, p) => p == x.Rank - 3 - i ? other : e).ToEquatableArray());
            else
                y = c.Algebra.SpreadTo(y, y.Extents.Select((e, p) => p == y.Rank - 3 - i ? mine : e).ToEquatableArray());
        }

        var extents = Enumerable.Range(0, batch).Reverse().Select(i => (BatchExtent(x, i) ?? BatchExtent(y, i))!).ToList();
        var row = x.Rank > 1 ? extents.Count : -1;
        if (row >= 0)
            extents.Add(x.Extents[x.Rank - 2]);
        var column = y.Rank > 1 ? extents.Count : -1;
        if (column >= 0)
            extents.Add(y.Extents[y.Rank - 1]);
        int[] Before(ElaborateTensor t) => Enumerable.Range(0, Math.Max(t.Rank - 2, 0)).Select(p => batch - (t.Rank - 2) + p).ToArray();
        int[] left = row < 0 ? [extents.Count] : [.. Before(x), row, extents.Count];
        int[] right = column < 0 ? [extents.Count] : [.. Before(y), extents.Count, column];
        return c.Algebra.Contract(x, y, left, right, extents.ToEquatableArray());
    }

    /// <summary>The i-th axis before the matrix, counted from it; null where there is none.</summary>
    private static Extent? BatchExtent(ElaborateTensor x, int i) => x.Rank - 3 - i is >= 0 and var p ? x.Extents[p] : null;

    // x w^T + b
    private static ElaborateValue Linear(TorchOperationCall c)
    {
        var weight = c.Tensor("weight");
        if (weight.Rank is < 1 or > 2)
            throw Shape(c, weight, "[output input]");
        var product = Product(c, c.Self, weight.Rank == 1 ? weight : Transpose(c, weight, 0, 1));
        if (c.MaybeTensor("bias") is not { } bias)
            return product;
        return weight.Rank == 2 && c.Algebra.Broadcast(product, bias) == product.Extents ? c.Algebra.Add(product, bias) : throw Shape(c, bias, product.ToString());
    }

    private static ElaborateTensor Added(TorchOperationCall c, int left, int right)
    {
        var product = Scaled(c, "alpha", Product(c, Ranked(c, c.Tensor("mat1"), left), Ranked(c, c.Tensor("mat2"), right)));
        var sum = c.Algebra.Add(Scaled(c, "beta", c.Self), product);
        return sum.Extents == product.Extents ? sum : throw Shape(c, c.Self, product.ToString());
    }

    /// <summary>A tensor times an optional number, which is 1 where it is left out.</summary>
    private static ElaborateTensor Scaled(TorchOperationCall c, string factor, ElaborateTensor x) =>
        c.MaybeTensor(factor) is { } number && !IsLiteral(c, number, 1) ? c.Algebra.Multiply(x, number) : x;

    /// <summary>Einstein's notation: letters of the operands that the result has not are summed over.</summary>
    private static ElaborateValue Einsum(TorchOperationCall c)
    {
        var text = c.Words("equation").Replace(" ", "");
        var arrow = text.IndexOf("->", StringComparison.Ordinal);
        var inputs = (arrow < 0 ? text : text.Substring(0, arrow)).Split(',');
        var tensors = c.Items("tensors").Select(c.AsTensor).ToArray();
        // Without an arrow: the letters that occur once, in order.
        var output = arrow >= 0 ? text.Substring(arrow + 2) : string.Concat(string.Concat(inputs).GroupBy(l => l).Where(g => g.Count() == 1).Select(g => g.Key).OrderBy(l => l));
        if (inputs.Length != tensors.Length || inputs.Append(output).Any(t => !t.All(char.IsLetter) || t.Distinct().Count() != t.Length)
            || inputs.Where((t, i) => t.Length != tensors[i].Rank).Any() || output.Any(l => !inputs.Any(t => t.Contains(l))))
            throw c.Unsupported("give each axis of each operand its own letter, and no dots");
        var (x, letters) = (tensors[0], inputs[0]);
        for (var next = 1; next < tensors.Length; next++)
        {
            var wanted = output + string.Concat(inputs.Skip(next + 1));
            x = Without(c, x, ref letters, wanted + inputs[next]);
            var other = inputs[next];
            var y = Without(c, tensors[next], ref other, wanted + letters);
            var kept = string.Concat((letters + other).Distinct().Where(l => wanted.Contains(l)));
            var axes = kept + string.Concat(letters.Where(l => !kept.Contains(l)));
            Extent ExtentOf(char letter)
            {
                var (left, right) = (letters.IndexOf(letter), other.IndexOf(letter));
                if (left >= 0 && right >= 0 && x.Extents[left] != y.Extents[right])
                    throw new ElaborateStop.Refused("DPO0030", x.Extents[left].ToString(), y.Extents[right].ToString(), x.ToString(), y.ToString());
                return left >= 0 ? x.Extents[left] : y.Extents[right];
            }

            var extents = axes.Select(ExtentOf).Take(kept.Length).ToEquatableArray();
            x = c.Algebra.Contract(Factor(c, x), Factor(c, y), letters.Select(l => axes.IndexOf(l)).ToArray(), other.Select(l => axes.IndexOf(l)).ToArray(), extents);
            letters = kept;
        }

        x = Without(c, x, ref letters, output);
        return Permuted(c, x, output.Select(l => letters.IndexOf(l)).ToArray());
    }

    /// <summary>An operand summed over the letters that nothing else has.</summary>
    private static ElaborateTensor Without(TorchOperationCall c, ElaborateTensor x, ref string letters, string wanted)
    {
        var own = letters;
        var summed = Enumerable.Range(0, own.Length).Where(i => !wanted.Contains(own[i])).ToArray();
        letters = string.Concat(own.Where(l => wanted.Contains(l)));
        return summed.Length == 0 ? x : c.Algebra.Sum(x, summed);
    }

    private static ElaborateTensor Factor(TorchOperationCall c, ElaborateTensor x)
    {
        if (x.Rank == 0)
            throw c.Unsupported("a tensor without dimensions has no axis to sum over: multiply by it with `*`");
        return Numbers(c, x);
    }

    private static ElaborateTensor Ranked(TorchOperationCall c, ElaborateTensor x, int rank) =>
        x.Rank == rank ? x : throw c.Unsupported("it takes a tensor of " + TorchOperationCall.Text(rank) + (rank == 1 ? " dimension" : " dimensions") + " there, not " + x + ": use `matmul`");

    private static ElaborateStop.Refused Shape(TorchOperationCall c, ElaborateTensor x, string wanted) =>
        new("DPO0030", x.ToString(), wanted, "an operand of `" + c.Operation + "`", wanted);
}
