namespace Align.Tokenizers;

/// <summary>Byte-pair encoding (Sennrich et al. 2016): of all neighbours that may be merged, those of the lowest rank are, the leftmost first, until none is left.</summary>
internal sealed class PairMerges
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> merges = [];

    /// <summary>Adds a merge; of two for the same pair the first counts.</summary>
    public void Add(int left, int right, int rank, int merged) => merges.TryAdd((left, right), (rank, merged));

    /// <summary>Every merge by rank.</summary>
    public IEnumerable<(int Left, int Right)> Ordered => merges.OrderBy(m => m.Value.Rank).ThenBy(m => m.Key.Left).Select(m => m.Key);

    /// <summary>Merges what can be merged.</summary>
    public List<int> Apply(IReadOnlyList<int> symbols)
    {
        var count = symbols.Count;
        var ids = symbols.ToArray();
        var (previous, next) = (new int[count], new int[count]);
        for (var i = 0; i < count; i++)
            (previous[i], next[i]) = (i - 1, i + 1 < count ? i + 1 : -1);
        var queue = new PriorityQueue<(int At, int Left, int Right, int Merged), (int Rank, int At)>();
        for (var i = 0; i < count; i++)
            Offer(i);
        while (queue.TryDequeue(out var merge, out _))
        {
            var (at, after) = (merge.At, next[merge.At]);
            // A merge beside it may have taken one of the two since.
            if (after < 0 || ids[at] != merge.Left || ids[after] != merge.Right)
                continue;
            ids[at] = merge.Merged;
            ids[after] = -1;
            next[at] = next[after];
            if (next[at] >= 0)
                previous[next[at]] = at;
            next[after] = -1;
            Offer(at);
            if (previous[at] >= 0)
                Offer(previous[at]);
        }

        return [.. ids.Where(id => id >= 0)];

        void Offer(int at)
        {
            if (next[at] >= 0 && merges.TryGetValue((ids[at], ids[next[at]]), out var merge))
                queue.Enqueue((at, ids[at], ids[next[at]], merge.Merged), (merge.Rank, at));
        }
    }
}
