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

    private static ElaborateTensor Factor(TorchOperationCall c, ElaborateTensor x)
    {
        if (x.Rank == 0)
            throw new ElaborateStop.Refused("DPO0031", "axis to sum over for `" + c.Operation + "`", "a tensor of 0 dimensions, multiply with `*`");
        return Numbers(c, x);
    }

    private static ElaborateTensor Ranked(TorchOperationCall c, ElaborateTensor x, int rank) =>
        x.Rank == rank ? x : throw new ElaborateStop.Refused("DPO0031", "a tensor of " + TorchOperationCall.Text(rank) + (rank == 1 ? " dimension" : " dimensions") + " for `" + c.Operation + "`", x + ", use `matmul`");

    private static ElaborateStop.Refused Shape(TorchOperationCall c, ElaborateTensor x, string wanted) =>
        new("DPO0030", x.ToString(), wanted, "an operand of `" + c.Operation + "`", wanted);
}
