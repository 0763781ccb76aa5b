using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Align.Model;

/// <summary>Zhang and Sennrich (2019): divides by the root of the mean square, and scales each feature.</summary>
internal sealed class RootMeanSquareNorm : nn.Module<Tensor, Tensor>
{
    private readonly Parameter weight;

    // A scalar that lives as long as the module: a temporary one may be finalised while the native call reads it.
    private readonly Scalar epsilon;

    /// <summary>A norm of features, all scaled by 1.</summary>
    public RootMeanSquareNorm(int width, double epsilon, ScalarType dtype, Device? device) : base("norm")
    {
        this.epsilon = epsilon;
        weight = new Parameter(ones(width, dtype, device));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor hidden)
    {
        // Half precision cannot hold the squares: the norm is float32, as in every implementation that this one exchanges weights with.
        var isHalf = hidden.dtype is ScalarType.BFloat16 or ScalarType.Float16;
        var x = isHalf ? hidden.to(ScalarType.Float32) : hidden;
        var normal = x * (x * x).mean([-1], keepdim: true).add(epsilon).rsqrt();
        return weight * (isHalf ? normal.to(hidden.dtype) : normal);
    }
}
