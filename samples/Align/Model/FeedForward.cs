using static TorchSharp.torch;

namespace Align.Model;

/// <summary>SwiGLU (Shazeer 2020): one projection gates the other.</summary>
internal sealed class FeedForward : nn.Module<Tensor, Tensor>
{
    private readonly Projection gate;
    private readonly Projection up;
    private readonly Projection down;

    /// <summary>The feed-forward layer of one block.</summary>
    public FeedForward(LlamaConfig config, ScalarType dtype, Device? device) : base("feed_forward")
    {
        register_module("gate_proj", gate = new Projection(config.Width, config.HiddenWidth, dtype, device));
        register_module("up_proj", up = new Projection(config.Width, config.HiddenWidth, dtype, device));
        register_module("down_proj", down = new Projection(config.HiddenWidth, config.Width, dtype, device));
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden) => down.call(nn.functional.silu(gate.call(hidden)) * up.call(hidden));
}
