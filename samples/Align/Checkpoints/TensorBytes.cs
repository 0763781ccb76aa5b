using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>The bytes of tensors, in the order of their elements.</summary>
internal static class TensorBytes
{
    // A span holds fewer bytes than a large embedding has.
    private const long LongestWrite = 1L << 30;

    /// <summary>Writes a tensor's bytes.</summary>
    public static void Write(Stream stream, Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var flat = tensor.detach().cpu().contiguous().view(-1);
        var most = LongestWrite / flat.ElementSize;
        for (long first = 0; first < flat.shape[0]; first += most)
        {
            using var part = flat.narrow(0, first, Math.Min(most, flat.shape[0] - first));
            stream.Write(part.bytes);
        }
    }
}
