using System.Text;
using Microsoft.ML.Tokenizers;

namespace Align.Tokenizers;

/// <summary>Byte-pair encoding over the bytes of a text, in the manner of GPT-2 and Llama 3; the merging is that of Microsoft.ML.Tokenizers.</summary>
internal sealed class ByteLevelTokenizer : ITokenizer
{
    private readonly Dictionary<string, int> vocabulary;
    private readonly AddedTokens added;
    private readonly bool ignoresMerges;
    private readonly IReadOnlyList<ISplitter> splitters;
    private readonly IReadOnlyList<NormalizationForm> forms;
    private readonly TextMarks marks;
    private readonly Action<string> save;
    private readonly BpeTokenizer merging;
    private readonly Dictionary<int, byte[]> texts = [];

    /// <summary>A tokenizer by its parts.</summary>
    public ByteLevelTokenizer(
        Dictionary<string, int> vocabulary,
        IEnumerable<(string Left, string Right)> merges,
        AddedTokens added,
        bool ignoresMerges,
        IReadOnlyList<ISplitter> splitters,
        IReadOnlyList<NormalizationForm> forms,
        TextMarks marks,
        Action<string> save)
    {
        (this.vocabulary, this.added, this.ignoresMerges, this.splitters, this.forms, this.marks, this.save) = (vocabulary, added, ignoresMerges, splitters, forms, marks, save);
        merging = BpeTokenizer.Create(new BpeOptions(vocabulary) { Merges = [.. merges.Select(m => $"{m.Left} {m.Right}")], ByteLevel = true });
        foreach (var (piece, id) in vocabulary)
            texts[id] = ByteCharacters.Bytes(piece);
        Vocabulary = Math.Max(vocabulary.Count == 0 ? 0 : vocabulary.Values.Max(), added.All.Count == 0 ? 0 : added.All.Max(t => t.Id)) + 1;
    }

    /// <inheritdoc/>
    public int Vocabulary { get; }

    /// <inheritdoc/>
    public int? Beginning => marks.Beginning;

    /// <inheritdoc/>
    public int? End => marks.End;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool continues = false)
    {
        var ids = new List<int>();
        foreach (var (part, mark) in added.Split(text))
        {
            if (mark is { } id)
                ids.Add(id);
            else
                Encode(part, continues && ids.Count == 0, ids);
        }

        return ids;
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool continues = false)
    {
        var bytes = new MemoryStream();
        foreach (var id in ids)
        {
            if (added.IsSpecial(id))
                continue;
            if (added.ContentOf(id) is { } content)
                bytes.Write(Encoding.UTF8.GetBytes(content));
            else if (texts.TryGetValue(id, out var piece))
                bytes.Write(piece);
        }

        var text = Encoding.UTF8.GetString(bytes.GetBuffer(), 0, (int)bytes.Length);
        return !continues && text.StartsWith(' ') && splitters.Any(s => s is SpacePrefixer) ? text[1..] : text;
    }

    /// <inheritdoc/>
    public void Save(string folder) => save(folder);

    private void Encode(string part, bool follows, List<int> ids)
    {
        // Half a character beyond 16 bits has no UTF-8, and is replaced as everywhere else.
        var text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(part));
        foreach (var form in forms)
            text = text.Normalize(form);
        IEnumerable<(string Text, bool Follows)> words = [(text, follows)];
        foreach (var splitter in splitters)
            words = words.SelectMany(w => splitter.Split(w.Text, w.Follows).Select((split, i) => (split, w.Follows || i > 0)));
        foreach (var (word, _) in words)
        {
            if (ignoresMerges && vocabulary.TryGetValue(ByteCharacters.Of(word), out var id))
                ids.Add(id);
            else
                ids.AddRange(merging.EncodeToIds(word, considerPreTokenization: false, considerNormalization: false));
        }
    }
}
