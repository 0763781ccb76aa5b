using System.Text.Json;
using Align.Data;
using Align.Tokenizers;

namespace Align.Corpus;

/// <summary>A token for each word of a small vocabulary, after one that begins a text and one that ends it.</summary>
internal sealed class WordTokenizer : ITokenizer
{
    private const string BeginningText = "<s>";
    private const string EndText = "</s>";
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
        object Special(int id) => new { id, content = words[id], single_word = false, lstrip = false, rstrip = false, normalized = false, special = true };
        var tokenizer = new
        {
            version = "1.0",
            added_tokens = new[] { Special(0), Special(1) },
            pre_tokenizer = new { type = "WhitespaceSplit" },
            model = new { type = "WordLevel", vocab = ids, unk_token = EndText },
        };
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), JsonSerializer.Serialize(tokenizer));
        File.WriteAllText(
            Path.Combine(folder, "tokenizer_config.json"),
            JsonSerializer.Serialize(new { tokenizer_class = "PreTrainedTokenizerFast", bos_token = BeginningText, eos_token = EndText }));
    }
}
