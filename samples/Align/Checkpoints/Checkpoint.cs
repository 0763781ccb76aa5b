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
        var isFolder = Directory.Exists(path);
        if (!isFolder && !File.Exists(path))
            throw new CheckpointException($"{path}: there is no such file or folder.");
        if (isFolder && !File.Exists(Path.Combine(path, "config.json")))
        {
            var file = Directory.EnumerateFiles(path, "*.bin").Where(f => !Path.GetFileName(f).StartsWith("tok", StringComparison.Ordinal)).Order(StringComparer.Ordinal).FirstOrDefault();
            throw new CheckpointException(
                $"{path}: a Hugging Face folder has a config.json, and this has none."
                + (file is null ? "" : $" A checkpoint of llama2.c is given as a file: {file}"));
        }

        return isFolder ? LoadFolder(path, tokenizer, dtype, device) : LoadLlama2C(path, tokenizer ?? TokenizerBeside(path), dtype, device);
    }

    /// <summary>Writes a folder that Hugging Face's tools load.</summary>
    /// <param name="folder">The folder; it is made if it is missing.</param>
    /// <param name="model">The model.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="dtype">The dtype of the weights in the file: float32, float16 or bfloat16.</param>
    /// <exception cref="CheckpointException">A file cannot be written.</exception>
    public static void SaveHuggingFace(string folder, Llama model, ITokenizer tokenizer, ScalarType dtype = ScalarType.Float32)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{folder}: {exception.Message}", exception);
        }

        HuggingFaceFolder.Write(folder, model, dtype);
        tokenizer.Save(folder);
    }

    private static (Llama Model, ITokenizer Tokenizer) LoadFolder(string folder, string? tokenizer, ScalarType dtype, Device? device)
    {
        var config = LlamaConfigJson.Read(Path.Combine(folder, LlamaConfigJson.FileName));
        var file = tokenizer ?? Path.Combine(folder, TokenizerFiles.Main);
        if (!File.Exists(file))
            throw new CheckpointException($"{file}: the tokenizer is missing{(File.Exists(Path.Combine(folder, "tokenizer.model")) ? "; convert tokenizer.model to tokenizer.json first" : "")}.");
        var pieces = file.EndsWith(".bin", StringComparison.OrdinalIgnoreCase) ? Llama2CTokenizer.Read(file) : TokenizerJson.Read(file, config);
        // Vocabularies are padded to round numbers, so the model may have more.
        if (pieces.Vocabulary > config.Vocabulary)
            throw new CheckpointException($"{file} has {pieces.Vocabulary} tokens, but the model {folder} has {config.Vocabulary}: one is not the other's.");
        // Of several ids that end a text, the model is to stop at the tokenizer's.
        return (HuggingFaceFolder.Read(folder, config with { End = pieces.End ?? config.End }, dtype, device), pieces);
    }

    private static (Llama Model, ITokenizer Tokenizer) LoadLlama2C(string path, string tokenizer, ScalarType dtype, Device? device)
    {
        var pieces = Llama2CTokenizer.Read(tokenizer);
        var model = Llama2C.Read(path, dtype, device);
        if (pieces.Vocabulary == model.Config.Vocabulary)
            return (model, pieces);
        model.Dispose();
        throw new CheckpointException($"{tokenizer} has {pieces.Vocabulary} tokens, but the model {path} has {model.Config.Vocabulary}: one is not the other's.");
    }

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
