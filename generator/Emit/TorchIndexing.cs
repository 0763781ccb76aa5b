using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Gather and its transpose as torch's <c>gather</c> and <c>scatter_add</c>. Both are done on aligned tensors: first the positions
/// that source and index run through together, then one for the indexed position, against which all other positions of the index
/// are flattened.
/// </summary>
internal static class TorchIndexing
{
    public static string Gather(TorchRow c)
    {
        var alignment = new Alignment(c, source: c.TypeOf(0), index: c.TypeOf(1));
        if (alignment.IsOneAxis)
            return c.TypeOf(1).Rank == 1 ? $"{c.X}.index_select(0, {c.Z})" : $"{c.X}.index_select(0, {c.Z}.reshape(-1)).reshape({c.Shape(c.Type.Extents)})";
        if (alignment.IsInPlace)
            return $"{c.X}.gather({TorchRow.Text(alignment.Position)}, {c.Z})";
        return alignment.IndexBack($"{alignment.Source(c.X)}.gather({alignment.Last}, {alignment.Index(c.Z)})");
    }

    public static string ScatterAdd(TorchRow c)
    {
        var alignment = new Alignment(c, source: c.Type, index: c.TypeOf(1));
        if (alignment.IsInPlace || (alignment.IsOneAxis && c.TypeOf(1).Rank == 1))
            return $"{TorchRules.Zeros(c, c.Type.Extents)}.scatter_add({TorchRow.Text(alignment.Position)}, {c.Z}, {c.X})";
        return alignment.SourceBack($"{TorchRules.Zeros(c, alignment.SourceExtents)}.scatter_add({alignment.Last}, {alignment.Index(c.Z)}, {alignment.Index(c.X)})");
    }

    private sealed class Alignment
    {
        private readonly TorchRow row;
        private readonly TensorType source;
        private readonly TensorType index;
        private readonly int[] together;
        private readonly int[] free;
        private readonly EquatableArray<int> map;

        public Alignment(TorchRow row, TensorType source, TensorType index)
        {
            var gather = (Parameters.Gather)row.Equation.Parameters;
            (this.row, this.source, this.index, Position, map) = (row, source, index, gather.Position, gather.Map);
            together = Enumerable.Range(0, source.Rank).Where(p => p != Position).ToArray();
            free = Enumerable.Range(0, index.Rank).Where(p => !gather.Map.Contains(p)).ToArray();
        }

        /// <summary>The indexed position of the source.</summary>
        public int Position { get; }

        /// <summary>The indexed position after alignment.</summary>
        public string Last => TorchRow.Text(together.Length);

        public bool IsOneAxis => source.Rank == 1;

        /// <summary>Whether source and index already run together as torch's gather wants it.</summary>
        public bool IsInPlace => source.Rank == index.Rank && free.Length == 1 && free[0] == Position && together.All(p => map[p] == p);

        public IEnumerable<Extent> SourceExtents => together.Select(p => source.Extents[p]).Append(source.Extents[Position]);

        /// <summary>The source with its indexed position last.</summary>
        public string Source(string text) => text + Permute(together.Append(Position).ToArray());

        /// <summary>An aligned source in its own order again.</summary>
        public string SourceBack(string text) => text + Permute(Inverse(together.Append(Position).ToArray()));

        /// <summary>The index, or a tensor like it, with its free positions flattened into the last one.</summary>
        public string Index(string text)
        {
            text += Permute(Order);
            return free.Length switch
            {
                0 => text + $".unsqueeze({Last})",
                1 => text,
                _ => text + $".reshape({row.Shape(together.Select(p => index.Extents[map[p]]), free.Select(p => index.Extents[p]))})",
            };
        }

        /// <summary>An aligned result in the order of the index again.</summary>
        public string IndexBack(string text)
        {
            if (free.Length == 0)
                text += $".squeeze({Last})";
            else if (free.Length > 1)
                text += $".reshape({row.Shape(Order.Select(p => index.Extents[p]))})";
            return text + Permute(Inverse(Order));
        }

        private int[] Order => together.Select(p => map[p]).Concat(free).ToArray();

        private static string Permute(int[] order) =>
            order.Where((p, i) => p != i).Any() ? $".permute({string.Join(", ", order.Select(p => TorchRow.Text(p)))})" : "";

        private static int[] Inverse(int[] order) => Enumerable.Range(0, order.Length).Select(p => Array.IndexOf(order, p)).ToArray();
    }
}
