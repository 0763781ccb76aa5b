namespace Align.Tokenizers;

/// <summary>A token for each word of a list; words have spaces between them.</summary>
internal sealed class WordLevelTokenizer(IReadOnlyDictionary<string, int> vocabulary, AddedTokens added, string? unknown, TextMarks marks, Action<string> save) : ITokenizer
{
    private readonly Dictionary<int, string> words = vocabulary.ToDictionary(v => v.Value, v => v.Key);
    private readonly int? unknown = unknown is not null && vocabulary.TryGetValue(unknown, out var id) ? id : null;

    /// <inheritdoc/>
    public int Vocabulary { get; } = Math.Max(vocabulary.Values.DefaultIfEmpty(-1).Max(), added.All.Select(t => t.Id).DefaultIfEmpty(-1).Max()) + 1;

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
                ids.AddRange(part.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(w => vocabulary.TryGetValue(w, out var known) ? known : unknown ?? -1).Where(word => word >= 0));
        }

        return ids;
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool continues = false) =>
        string.Join(' ', ids.Where(id => !added.IsSpecial(id)).Select(id => added.ContentOf(id) ?? words.GetValueOrDefault(id)).Where(word => word is not null));

    /// <inheritdoc/>
    public void Save(string folder) => save(folder);
}
