using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>The bytes of tensors, in the order of their elements.</summary>
internal static class TensorBytes
{
    // A span holds fewer bytes than a large embedding has.
    private const long LongestWrite = 1L << 30;

    /// <summary>Writes a tensor's bytes.</summary>
    /// <param name="stream">Where they go.</param>
    /// <param name="tensor">The tensor, laid out in any way.</param>
    /// <param name="longest">The most bytes to write at once.</param>
    public static void Write(Stream stream, Tensor tensor, long longest = LongestWrite)
    {
        using var scope = NewDisposeScope();
        var flat = tensor.detach().cpu().contiguous().view(-1);
        var most = longest / flat.ElementSize;
        for (long first = 0; first < flat.shape[0]; first += most)
        {
            using var part = flat.narrow(0, first, Math.Min(most, flat.shape[0] - first));
            stream.Write(part.bytes);
        }
    }
}
