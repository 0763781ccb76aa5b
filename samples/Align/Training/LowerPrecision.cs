using Align.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Align.Training;

/// <summary>
/// Mixed precision: activations and gradients of a lower dtype, by a copy whose parameters follow the model's own after every update. Log-probabilities, advantages
/// and losses stay float32.
/// </summary>
internal static class LowerPrecision
{
    /// <summary>The copy, whose parameters have gradients; the model itself where it has the dtype already.</summary>
    public static Llama Of(Llama model, ScalarType dtype) => model.DType == dtype ? model : Learning(model.Copy(), dtype);

    /// <summary>The same of a model with a scalar head.</summary>
    public static ScalarHead Of(ScalarHead model, ScalarType dtype) => model.Body.DType == dtype ? model : Learning(model.Copy(), dtype);

    /// <summary>Values of a lower dtype as float32, for what is computed of them; others as they are.</summary>
    public static Tensor Raised(Tensor values) => values.dtype is ScalarType.BFloat16 or ScalarType.Float16 ? values.to(ScalarType.Float32) : values;

    private static T Learning<T>(T copy, ScalarType dtype) where T : nn.Module
    {
        copy.to(dtype);
        foreach (var parameter in copy.parameters())
            parameter.requires_grad = true;
        return copy;
    }
}
