using Align.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>Mixed precision: activations and gradients of a lower dtype, by a copy whose parameters follow the model's own after every update.</summary>
internal static class LowerPrecision
{
    /// <summary>The copy, whose parameters have gradients.</summary>
    public static Llama Of(Llama model, ScalarType dtype)
    {
        var copy = model.Copy();
        copy.to(dtype);
        foreach (var parameter in copy.parameters())
            parameter.requires_grad = true;
        return copy;
    }
}
