using Align.Checkpoints;

namespace Align.Tokenizers;

/// <summary>A tokenizer's files as they were found: saved as they are, whatever of them is used here.</summary>
internal sealed class TokenizerFiles
{
    /// <summary>The file that everything else only adds to.</summary>
    public const string Main = "tokenizer.json";

    /// <summary>What transformers makes of it.</summary>
    public const string Settings = "tokenizer_config.json";

    /// <summary>The tokens with a meaning of their own.</summary>
    public const string SpecialTokens = "special_tokens_map.json";

    private static readonly string[] Beside = [Settings, SpecialTokens, "added_tokens.json", "chat_template.jinja"];

    private readonly Dictionary<string, byte[]> contents = [];

    /// <summary>Reads the files.</summary>
    /// <param name="path">The <c>tokenizer.json</c>; the others are beside it.</param>
    public TokenizerFiles(string path)
    {
        contents[Main] = Bytes(path);
        foreach (var name in Beside)
        {
            var other = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, name);
            if (File.Exists(other))
                contents[name] = Bytes(other);
        }
    }

    /// <summary>Writes them into a folder.</summary>
    public void Save(string folder)
    {
        foreach (var (name, content) in contents)
            AtomicFile.Write(Path.Combine(folder, name), stream => stream.Write(content));
    }

    private static byte[] Bytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException($"{path}: {exception.Message}", exception);
        }
    }
}
