namespace Align.Data;

/// <summary>
/// Which examples each step sees. It follows from the seed and the step alone, so that a run that is resumed sees what the uninterrupted one would have.
/// </summary>
internal sealed class BatchOrder(IReadOnlyList<int> lengths, int batchSize, int seed)
{
    /// <summary>Within how many batches examples are sorted by length, so that little is padded; between them the order is random.</summary>
    private const int Bucket = 16;

    private readonly Dictionary<int, int[][]> epochs = [];

    /// <summary>The number of batches of an epoch; the last one may be smaller.</summary>
    public int PerEpoch => (lengths.Count + batchSize - 1) / batchSize;

    /// <summary>The examples of a step.</summary>
    public int[] At(int step)
    {
        var epoch = step / PerEpoch;
        if (!epochs.TryGetValue(epoch, out var batches))
        {
            epochs.Clear();
            epochs[epoch] = batches = Shuffled(epoch);
        }

        return batches[step % PerEpoch];
    }

    private int[][] Shuffled(int epoch)
    {
        var random = new Random(HashOf(seed, epoch));
        var examples = Enumerable.Range(0, lengths.Count).ToArray();
        random.Shuffle(examples);
        var batches = examples
            .Chunk(batchSize * Bucket)
            .SelectMany(bucket => bucket.OrderBy(e => lengths[e]).Chunk(batchSize))
            .ToArray();
        random.Shuffle(batches);
        return batches;
    }

    /// <summary>Numbers of their own for each epoch; unlike <see cref="HashCode"/> the same in every process.</summary>
    private static int HashOf(int seed, int epoch) => unchecked((seed * 486187739) + (epoch * 16777619) + 1);
}
