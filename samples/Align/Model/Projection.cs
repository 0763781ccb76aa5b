using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Align.Model;

/// <summary>A linear layer without a bias, whose weight nobody has set yet.</summary>
internal sealed class Projection : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;

    /// <summary>A layer from one width to another.</summary>
    public Projection(int from, int to, ScalarType dtype, Device? device) : base("projection")
    {
        weight = new Parameter(empty(to, from, dtype, device));
        RegisterComponents();
    }

    /// <summary>[to from].</summary>
    public Tensor Weight => weight;

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden) => nn.functional.linear(hidden, weight);
}
