using static TorchSharp.torch;

namespace Align.Model;

/// <summary>Causal attention with rotary positions, whose query heads share key and value heads in groups (Ainslie et al. 2023).</summary>
internal sealed class Attention : nn.Module
{
    private readonly LlamaConfig config;
    private readonly Projection queries;
    private readonly Projection keys;
    private readonly Projection values;
    private readonly Projection output;

    /// <summary>The attention of one block.</summary>
    public Attention(LlamaConfig config, ScalarType dtype, Device? device) : base("attention")
    {
        this.config = config;
        var (all, shared) = (config.Heads * config.HeadWidth, config.KeyValueHeads * config.HeadWidth);
        var hasBias = config.AttentionBias != AttentionBias.None;
        register_module("q_proj", queries = new Projection(config.Width, all, dtype, device, hasBias));
        register_module("k_proj", keys = new Projection(config.Width, shared, dtype, device, hasBias));
        register_module("v_proj", values = new Projection(config.Width, shared, dtype, device, hasBias));
        register_module("o_proj", output = new Projection(all, config.Width, dtype, device, config.AttentionBias == AttentionBias.All));
    }

    /// <summary>Attends to what the positions let each token see.</summary>
    /// <param name="hidden">[batch token width].</param>
    /// <param name="positions">Where the tokens are.</param>
    /// <param name="cache">The block's keys and values before these tokens, which are added to it; null for whole sequences.</param>
    public Tensor Attend(Tensor hidden, in Positions positions, KeyValueCache.Layer? cache)
    {
        var (batch, tokens) = (hidden.shape[0], hidden.shape[1]);
        var query = Rotary.Turn(Heads(queries.call(hidden), config.Heads), positions.Cosines, positions.Sines);
        var key = Rotary.Turn(Heads(keys.call(hidden), config.KeyValueHeads), positions.Cosines, positions.Sines);
        var value = Heads(values.call(hidden), config.KeyValueHeads);
        if (cache is not null)
            (key, value) = cache.Add(key, value, positions);
        if (tokens == 1 && positions.Visible is not null)
        {
            // The query heads of a group take the place of tokens: all see the same keys, and the cache is not copied for each.
            var groups = query.view(batch, config.KeyValueHeads, -1, config.HeadWidth);
            return output.call(nn.functional.scaled_dot_product_attention(groups, key, value, positions.Visible).view(batch, 1, -1));
        }

        var heads = nn.functional.scaled_dot_product_attention(query, Repeat(key), Repeat(value), positions.Visible, 0, is_casual: positions.Visible is null);
        return output.call(heads.transpose(1, 2).reshape(batch, tokens, -1));

        Tensor Heads(Tensor projected, int count) => projected.view(batch, tokens, count, config.HeadWidth).transpose(1, 2);
    }

    /// <summary>Each key and value head once for every query head of its group.</summary>
    private Tensor Repeat(Tensor heads)
    {
        if (config.Heads == config.KeyValueHeads)
            return heads;
        var (batch, tokens) = (heads.shape[0], heads.shape[2]);
        return heads.unsqueeze(2)
            .expand(batch, config.KeyValueHeads, config.Heads / config.KeyValueHeads, tokens, config.HeadWidth)
            .reshape(batch, config.Heads, tokens, config.HeadWidth);
    }
}
