using System.Text.Json;
using Align.Checkpoints;
using Align.Model;

namespace Align.Tokenizers;

/// <summary>The tokens that begin and end a text.</summary>
internal sealed record TextMarks(int? Beginning, int? End)
{
    /// <summary>
    /// Reads them from a <c>tokenizer.json</c> and the settings beside it. A beginning is what the tokenizer itself puts before a text: by the template
    /// of its post-processor, or by <c>add_bos_token</c>. Only where nothing is said either way it is the token that the settings name, and that of
    /// tokenizers of bytes must be asked for, since most of them name one that they do not put there.
    /// </summary>
    public static TextMarks Read(string path, JsonElement root, AddedTokens added, IReadOnlyDictionary<string, int> vocabulary, LlamaConfig? config, bool mustBeAsked)
    {
        var settings = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, TokenizerFiles.Settings);
        using var document = File.Exists(settings) ? JsonFile.Read(settings) : null;
        var hasTemplate = First(root, out var first);
        var beginning = Named("bos_token", config?.Beginning);
        if (hasTemplate)
            beginning = first is null ? null : Id(first);
        else if (document?.RootElement is { } json && json.TryGetProperty("add_bos_token", out var adds))
            beginning = adds.ValueKind == JsonValueKind.True ? beginning : null;
        else if (mustBeAsked)
            beginning = null;
        return new TextMarks(beginning, Named("eos_token", config?.End));

        int? Named(string key, int? otherwise)
        {
            if (document is null || !document.RootElement.TryGetProperty(key, out var value))
                return otherwise;
            return value.ValueKind switch
            {
                JsonValueKind.String => Id(value.GetString()!),
                JsonValueKind.Object => Id(value.GetProperty("content").GetString()!),
                _ => null,
            };
        }

        int Id(string content) =>
            added.All.FirstOrDefault(t => t.Content == content)?.Id
            ?? (vocabulary.TryGetValue(content, out var id) ? id : throw new CheckpointException($"{path}: {content} marks texts, but is not a token."));
    }

    /// <summary>What a template puts first; null for the text itself.</summary>
    /// <returns>Whether there is a template.</returns>
    private static bool First(JsonElement root, out string? mark)
    {
        mark = null;
        if (!root.TryGetProperty("post_processor", out var processor) || processor.ValueKind != JsonValueKind.Object)
            return false;
        JsonElement[] steps = processor.GetProperty("type").GetString() == "Sequence" ? [.. processor.GetProperty("processors").EnumerateArray()] : [processor];
        foreach (var step in steps)
        {
            if (step.GetProperty("type").GetString() != "TemplateProcessing")
                continue;
            var template = step.GetProperty("single");
            if (template.GetArrayLength() > 0 && template[0].TryGetProperty("SpecialToken", out var token))
                mark = token.GetProperty("id").GetString();
            return true;
        }

        return false;
    }
}
