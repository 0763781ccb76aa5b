using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>Files of tensors in the safetensors format.</summary>
public static class SafeTensors
{
    /// <summary>Reads every tensor of a file.</summary>
    public static IReadOnlyDictionary<string, Tensor> Read(string path) => throw new NotSupportedException(path);

    /// <summary>Writes tensors.</summary>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null) => throw new NotSupportedException(path);
}
