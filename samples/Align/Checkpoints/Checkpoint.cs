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
    public static (Llama Model, ITokenizer Tokenizer) Load(string path, string? tokenizer = null, ScalarType dtype = ScalarType.Float32, Device? device = null)
    {
        if (Directory.Exists(path))
            throw new NotSupportedException(path);
        if (!File.Exists(path))
            throw new CheckpointException($"{path}: there is no such file or folder.");
        var its = tokenizer ?? TokenizerBeside(path);
        var pieces = Llama2CTokenizer.Read(its);
        var model = Llama2C.Read(path, dtype, device);
        if (pieces.Vocabulary == model.Config.Vocabulary)
            return (model, pieces);
        model.Dispose();
        throw new CheckpointException($"{its} has {pieces.Vocabulary} tokens, but the model {path} has {model.Config.Vocabulary}: one is not the other's.");
    }

    /// <summary>Writes a folder that Hugging Face's tools load.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="dtype">The dtype of the weights in the file: float32, float16 or bfloat16.</param>
    public static void SaveHuggingFace(string folder, Llama model, ITokenizer tokenizer, ScalarType dtype = ScalarType.Float32) => throw new NotSupportedException(folder);

    private static string TokenizerBeside(string path)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        var usual = Path.Combine(folder, "tokenizer.bin");
        if (File.Exists(usual))
            return usual;
        var found = Directory.GetFiles(folder, "tok*.bin");
        return found.Length == 1
            ? found[0]
            : throw new CheckpointException($"{path}: {(found.Length == 0 ? "no" : "more than one")} tokenizer (tok*.bin) is beside it; say which with --tokenizer.");
    }
}
