using Align.Model;
using Align.Tokenizers;
using static TorchSharp.torch;

namespace Align.Checkpoints;

/// <summary>Models with their tokenizers, on disk.</summary>
public static class Checkpoint
{
    /// <summary>Reads a model and its tokenizer.</summary>
    /// <param name="path">A llama2.c checkpoint (<c>.bin</c>), or a Hugging Face folder.</param>
    /// <param name="tokenizer">The tokenizer's file; by default the one beside a llama2.c checkpoint, or in the folder.</param>
    /// <param name="dtype">The dtype of weights and activations, whatever that of the file.</param>
    /// <param name="device">Where the model goes; the CPU if null.</param>
    /// <exception cref="CheckpointException">A file is missing, is damaged or holds a model of another kind.</exception>
    public static (Llama Model, ITokenizer Tokenizer) Load(string path, string? tokenizer = null, ScalarType dtype = ScalarType.Float32, Device? device = null) => throw new NotSupportedException(path);

    /// <summary>Writes a folder that Hugging Face's tools load.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="dtype">The dtype of the weights in the file: float32, float16 or bfloat16.</param>
    public static void SaveHuggingFace(string folder, Llama model, ITokenizer tokenizer, ScalarType dtype = ScalarType.Float32) => throw new NotSupportedException(folder);
}
