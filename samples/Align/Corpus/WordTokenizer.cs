using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Align.Checkpoints;
using Align.Data;
using Align.Tokenizers;

namespace Align.Corpus;

/// <summary>A token for each word of a small vocabulary, after one that begins a text and one that ends it.</summary>
internal sealed class WordTokenizer : ITokenizer
{
    private const string BeginningText = "<s>";
    private const string EndText = "</s>";
    private static readonly JsonSerializerOptions Readable = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly string[] words;
    private readonly Dictionary<string, int> ids;

    /// <summary>A tokenizer of some words.</summary>
    public WordTokenizer(IReadOnlyList<string> vocabulary)
    {
        words = [BeginningText, EndText, .. vocabulary];
        ids = words.Select((word, id) => (word, id)).ToDictionary(w => w.word, w => w.id, StringComparer.Ordinal);
    }

    /// <inheritdoc/>
    public int Vocabulary => words.Length;

    /// <inheritdoc/>
    public int? Beginning => 0;

    /// <inheritdoc/>
    public int? End => 1;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool continues = false) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => ids.TryGetValue(w, out var id) ? id : throw new DataException($"\"{w}\" is not a word of the grammar."))];

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool continues = false) => string.Join(' ', ids.Where(i => i > 1).Select(i => words[i]));

    /// <inheritdoc/>
    public void Save(string folder)
    {
        // A word that is not the grammar's is refused here; elsewhere it ends the text.
        Write(folder, TokenizerFiles.Main, JsonNode.Parse($$"""
            {
              "version": "1.0", "truncation": null, "padding": null,
              "added_tokens": [{{Special(0, "\"id\": 0, ")}}, {{Special(1, "\"id\": 1, ")}}],
              "normalizer": null,
              "pre_tokenizer": {"type": "WhitespaceSplit"},
              "post_processor": {
                "type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "{{BeginningText}}", "type_id": 0} }, {"Sequence": {"id": "A", "type_id": 0} }],
                "pair": [{"SpecialToken": {"id": "{{BeginningText}}", "type_id": 0} }, {"Sequence": {"id": "A", "type_id": 0} }, {"Sequence": {"id": "B", "type_id": 1} }],
                "special_tokens": {"{{BeginningText}}": {"id": "{{BeginningText}}", "ids": [0], "tokens": ["{{BeginningText}}"]} }
              },
              "decoder": null,
              "model": {"type": "WordLevel", "vocab": {{JsonSerializer.Serialize(ids)}}, "unk_token": "{{EndText}}"}
            }
            """)!);
        Write(folder, TokenizerFiles.Settings, JsonNode.Parse($$"""
            {
              "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "{{BeginningText}}", "eos_token": "{{EndText}}", "unk_token": "{{EndText}}",
              "clean_up_tokenization_spaces": false, "added_tokens_decoder": {"0": {{Special(0)}}, "1": {{Special(1)}} }
            }
            """)!);
        Write(folder, TokenizerFiles.SpecialTokens, JsonNode.Parse($$"""{"bos_token": "{{BeginningText}}", "eos_token": "{{EndText}}", "unk_token": "{{EndText}}"}""")!);

        string Special(int id, string more = "") =>
            $$"""{ {{more}}"content": "{{words[id]}}", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true }""";
    }

    private static void Write(string folder, string name, JsonNode content) =>
        AtomicFile.Write(Path.Combine(folder, name), stream => JsonSerializer.Serialize(stream, content, Readable));
}
