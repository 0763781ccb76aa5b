using static TorchSharp.torch;

namespace Align.Model;

/// <summary>One layer: attention, then feed-forward, each on the normalised stream and added to it.</summary>
internal sealed class Block : nn.Module
{
    private readonly RootMeanSquareNorm beforeAttention;
    private readonly Attention attention;
    private readonly RootMeanSquareNorm beforeFeedForward;
    private readonly FeedForward feedForward;

    /// <summary>A block.</summary>
    public Block(LlamaConfig config, ScalarType dtype, Device? device) : base("block")
    {
        register_module("self_attn", attention = new Attention(config, dtype, device));
        register_module("mlp", feedForward = new FeedForward(config, dtype, device));
        register_module("input_layernorm", beforeAttention = new RootMeanSquareNorm(config.Width, config.NormEpsilon, dtype, device));
        register_module("post_attention_layernorm", beforeFeedForward = new RootMeanSquareNorm(config.Width, config.NormEpsilon, dtype, device));
    }

    /// <summary>The stream after this block.</summary>
    public Tensor Apply(Tensor hidden, in Positions positions, KeyValueCache.Layer? cache)
    {
        using var scope = NewDisposeScope();
        var attended = hidden + attention.Attend(beforeAttention.call(hidden), positions, cache);
        return (attended + feedForward.call(beforeFeedForward.call(attended))).MoveToOuterDisposeScope();
    }
}
