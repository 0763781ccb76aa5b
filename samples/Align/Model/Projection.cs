using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Align.Model;

/// <summary>A linear layer whose weight nobody has set yet; a bias begins as zeros.</summary>
internal sealed class Projection : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;
    private readonly Parameter? bias;

    /// <summary>A layer from one width to another.</summary>
    public Projection(int from, int to, ScalarType dtype, Device? device, bool hasBias = false) : base("projection")
    {
        weight = new Parameter(empty(to, from, dtype, device));
        if (hasBias)
            bias = new Parameter(zeros(to, dtype, device));
        RegisterComponents();
    }

    /// <summary>[to from].</summary>
    public Tensor Weight => weight;

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden) => nn.functional.linear(hidden, weight, bias);
}
