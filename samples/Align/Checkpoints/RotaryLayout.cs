using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>
/// The two orders of a head's rotary pairs. llama2.c turns features 2i and 2i + 1 together, Hugging Face features i and i + width/2: the rows of the
/// query and key projections are permuted from one to the other, and every product of a query and a key stays what it was.
/// </summary>
internal static class RotaryLayout
{
    /// <summary>The rows of interleaved pairs in the order of halves.</summary>
    /// <param name="weight">[head * width, input].</param>
    /// <param name="headWidth">The width of a head.</param>
    public static Tensor ToHalves(Tensor weight, int headWidth) => weight.view(-1, headWidth / 2, 2, weight.shape[^1]).transpose(1, 2).reshape(weight.shape);

    /// <summary>The rows of halves in the order of interleaved pairs.</summary>
    /// <param name="weight">[head * width, input].</param>
    /// <param name="headWidth">The width of a head.</param>
    public static Tensor ToPairs(Tensor weight, int headWidth) => weight.view(-1, 2, headWidth / 2, weight.shape[^1]).transpose(1, 2).reshape(weight.shape);
}
