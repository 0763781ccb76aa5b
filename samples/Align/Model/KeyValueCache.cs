using static TorchSharp.torch;

namespace Align.Model;

/// <summary>The keys and values of the tokens that a model has read, so that the next token costs one step. Each row has its own length.</summary>
public sealed class KeyValueCache : IDisposable
{
    private const int SmallestCapacity = 16;

    private readonly LlamaConfig config;
    private readonly Layer[] layers;
    private int[] lengths;
    private Tensor? places;

    /// <summary>An empty cache.</summary>
    /// <param name="model">Whose keys and values it holds.</param>
    /// <param name="rows">The rows of the batch.</param>
    public KeyValueCache(Llama model, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        config = model.Config;
        lengths = new int[rows];
        layers = new Layer[config.Layers];
        for (var i = 0; i < layers.Length; i++)
            layers[i] = new Layer();
    }

    /// <summary>How many tokens of each row are in the cache.</summary>
    public IReadOnlyList<int> Lengths => lengths;

    /// <summary>Keeps these rows, in this order, and forgets the others.</summary>
    public void Keep(IReadOnlyList<int> rows)
    {
        lengths = [.. rows.Select(r => lengths[r])];
        foreach (var layer in layers)
            layer.Keep(rows);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        places?.Dispose();
        places = null;
        foreach (var layer in layers)
            layer.Dispose();
    }

    internal Layer this[int layer] => layers[layer];

    /// <summary>Makes room for the next tokens.</summary>
    /// <returns>How many keys there are with them.</returns>
    internal int Reserve(int tokens, ScalarType dtype, Device device)
    {
        var keys = lengths.Max() + tokens;
        foreach (var layer in layers)
            layer.Reserve(lengths.Length, keys, config, dtype, device);
        return keys;
    }

    /// <summary>The places of keys: 0, 1, 2 and so on. Made from numbers of ours, since <c>arange</c> takes temporary scalars, which may be finalised while it reads them.</summary>
    internal Tensor Places(int keys, Device device)
    {
        if (places is null || places.shape[0] < keys)
        {
            places?.Dispose();
            places = tensor([.. Enumerable.Range(0, Math.Max(2 * keys, SmallestCapacity)).Select(place => (long)place)], device: device).DetachFromDisposeScope();
        }

        return places.narrow(0, 0, keys);
    }

    /// <summary>Counts tokens that were added.</summary>
    internal void Advance(IReadOnlyList<int> counts)
    {
        for (var row = 0; row < lengths.Length; row++)
            lengths[row] += counts[row];
    }

    /// <summary>The keys and values of one block, [row head place width] each.</summary>
    internal sealed class Layer : IDisposable
    {
        private Tensor? keys;
        private Tensor? values;

        /// <summary>Puts keys and values in their places.</summary>
        /// <returns>All that the tokens may see.</returns>
        public (Tensor Keys, Tensor Values) Add(Tensor key, Tensor value, in Positions positions)
        {
            var places = positions.Places!.expand(key.shape);
            keys!.scatter_(2, places, key);
            values!.scatter_(2, places, value);
            return (keys.narrow(2, 0, positions.Keys), values.narrow(2, 0, positions.Keys));
        }

        /// <summary>Grows to a number of places, by doubling.</summary>
        public void Reserve(int rows, int places, LlamaConfig config, ScalarType dtype, Device device)
        {
            var before = keys is null ? 0 : (int)keys.shape[2];
            if (places <= before)
                return;
            var capacity = Math.Max(Math.Max(SmallestCapacity, places), Math.Min(2 * before, config.ContextLength));
            keys = Grown(keys);
            values = Grown(values);

            Tensor Grown(Tensor? old)
            {
                // Zeros, not whatever lies in memory: a place that no token sees is weighted by 0, and 0 times NaN is NaN.
                var grown = zeros(rows, config.KeyValueHeads, capacity, config.HeadWidth, dtype, device).DetachFromDisposeScope();
                if (old is null)
                    return grown;
                using (var start = grown.narrow(2, 0, before))
                    start.copy_(old);
                old.Dispose();
                return grown;
            }
        }

        /// <summary>Keeps these rows.</summary>
        public void Keep(IReadOnlyList<int> rows)
        {
            if (keys is null || values is null)
                return;
            using var index = tensor([.. rows.Select(r => (long)r)], device: keys.device);
            keys = Kept(keys);
            values = Kept(values);

            Tensor Kept(Tensor all)
            {
                var kept = all.index_select(0, index).DetachFromDisposeScope();
                all.Dispose();
                return kept;
            }
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            keys?.Dispose();
            values?.Dispose();
            (keys, values) = (null, null);
        }
    }
}
