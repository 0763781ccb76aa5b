using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Align.Checkpoints;

namespace Align.Tokenizers;

/// <summary>Writes a tokenizer of the first Llamas as Hugging Face's tools have it.</summary>
internal static class LlamaTokenizerJson
{
    private const char Metaspace = '\u2581';

    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes <c>tokenizer.json</c>, <c>tokenizer_config.json</c> and <c>special_tokens_map.json</c>.</summary>
    public static void Write(string folder, PieceRules rules)
    {
        string Named(int id) => rules.Added.ContentOf(id) ?? rules.Pieces[id].Replace(rules.Space, Metaspace);
        var (unknown, beginning, end) = (Named(rules.Unknown!.Value), Named(rules.Beginning!.Value), Named(rules.End!.Value));
        var vocabulary = new JsonObject();
        for (var id = 0; id < rules.Pieces.Count; id++)
            vocabulary[Named(id)] = id;
        var added = new JsonArray([.. rules.Added.All.Select(t => Added(t))]);
        JsonNode begins = new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = beginning, ["type_id"] = 0 } };
        JsonNode text = new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "A", ["type_id"] = 0 } };
        JsonNode second = new JsonObject { ["Sequence"] = new JsonObject { ["id"] = "B", ["type_id"] = 1 } };
        JsonNode beginsSecond = new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = beginning, ["type_id"] = 1 } };
        Write(folder, "tokenizer.json", new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = Sequence("normalizers", new JsonObject { ["type"] = "Prepend", ["prepend"] = $"{Metaspace}" }, Replace(" ", $"{Metaspace}")),
            ["pre_tokenizer"] = null,
            ["post_processor"] = new JsonObject
            {
                ["type"] = "TemplateProcessing",
                ["single"] = new JsonArray(begins, text),
                ["pair"] = new JsonArray(begins.DeepClone(), text.DeepClone(), beginsSecond, second),
                ["special_tokens"] = new JsonObject
                {
                    [beginning] = new JsonObject { ["id"] = beginning, ["ids"] = new JsonArray(rules.Beginning!.Value), ["tokens"] = new JsonArray(beginning) },
                },
            },
            ["decoder"] = Sequence(
                "decoders",
                Replace($"{Metaspace}", " "),
                new JsonObject { ["type"] = "ByteFallback" },
                new JsonObject { ["type"] = "Fuse" },
                new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 }),
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = unknown,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = true,
                ["byte_fallback"] = true,
                ["ignore_merges"] = false,
                ["vocab"] = vocabulary,
                ["merges"] = new JsonArray([.. rules.Merges.Ordered.Select(m => new JsonArray(Named(m.Left), Named(m.Right)))]),
            },
        });
        Write(folder, "tokenizer_config.json", new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["add_bos_token"] = true,
            ["add_eos_token"] = false,
            ["bos_token"] = beginning,
            ["eos_token"] = end,
            ["unk_token"] = unknown,
            ["clean_up_tokenization_spaces"] = false,
            ["added_tokens_decoder"] = new JsonObject(rules.Added.All.Select(t => KeyValuePair.Create(t.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), Decoded(t)))),
        });
        Write(folder, "special_tokens_map.json", new JsonObject { ["bos_token"] = beginning, ["eos_token"] = end, ["unk_token"] = unknown });
    }

    private static JsonNode Added(AddedToken token)
    {
        var node = (JsonObject)Decoded(token)!;
        node.Insert(0, "id", token.Id);
        return node;
    }

    private static JsonNode? Decoded(AddedToken token) => new JsonObject
    {
        ["content"] = token.Content,
        ["single_word"] = false,
        ["lstrip"] = false,
        ["rstrip"] = false,
        ["normalized"] = false,
        ["special"] = token.IsSpecial,
    };

    private static JsonObject Sequence(string name, params JsonNode[] steps) => new() { ["type"] = "Sequence", [name] = new JsonArray(steps) };

    private static JsonObject Replace(string from, string to) => new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = from }, ["content"] = to };

    private static void Write(string folder, string name, JsonObject content) =>
        AtomicFile.Write(Path.Combine(folder, name), stream => JsonSerializer.Serialize(stream, content, Readable));
}
