using System.Globalization;
using System.Text;

namespace Align.Tokenizers;

/// <summary>
/// The tokenizer of the first Llamas: SentencePiece's byte-pair encoding over characters, spaces included. A character without a piece of its own
/// becomes the bytes of its UTF-8, each with a piece named <c>&lt;0x0A&gt;</c>.
/// </summary>
internal sealed class PieceTokenizer : ITokenizer
{
    private readonly PieceRules rules;
    private readonly Action<string> save;
    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);
    private readonly int[] byteIds = new int[256];
    private readonly Dictionary<int, byte> bytes = [];

    /// <summary>A tokenizer by its rules.</summary>
    /// <param name="rules">The rules.</param>
    /// <param name="save">Writes its files into a folder.</param>
    public PieceTokenizer(PieceRules rules, Action<string> save)
    {
        (this.rules, this.save) = (rules, save);
        Array.Fill(byteIds, -1);
        for (var id = 0; id < rules.Pieces.Count; id++)
        {
            if (rules.HasBytes && ByteOf(rules.Pieces[id]) is { } value)
                (bytes[id], byteIds[value]) = (value, id);
            else if (!rules.Added.IsSpecial(id))
                ids.TryAdd(rules.Pieces[id], id);
        }
    }

    /// <inheritdoc/>
    public int Vocabulary => Math.Max(rules.Pieces.Count, rules.Added.All.Count == 0 ? 0 : rules.Added.All.Max(t => t.Id) + 1);

    /// <inheritdoc/>
    public int? Beginning => rules.Beginning;

    /// <inheritdoc/>
    public int? End => rules.End;

    /// <summary>The byte that a piece names; null for any other.</summary>
    public static byte? ByteOf(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
        && byte.TryParse(piece.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    /// <inheritdoc/>
    public IReadOnlyList<int> Encode(string text, bool continues = false)
    {
        var result = new List<int>();
        var isFirst = !continues;
        foreach (var (part, added) in rules.Added.Split(text))
        {
            if (added is { } id)
                result.Add(id);
            else
                Encode(part, isFirst, continues && result.Count == 0, result);
            isFirst = false;
        }

        return result;
    }

    /// <inheritdoc/>
    public string Decode(IReadOnlyList<int> ids, bool continues = false)
    {
        var text = new MemoryStream();
        foreach (var id in ids)
        {
            if (rules.Added.IsSpecial(id))
                continue;
            if (bytes.TryGetValue(id, out var value))
                text.WriteByte(value);
            else if (rules.Added.ContentOf(id) is { } content)
                text.Write(Encoding.UTF8.GetBytes(content));
            else if (id >= 0 && id < rules.Pieces.Count)
                text.Write(Encoding.UTF8.GetBytes(rules.Pieces[id].Replace(rules.Space, ' ')));
        }

        var decoded = Encoding.UTF8.GetString(text.GetBuffer(), 0, (int)text.Length);
        return !continues && rules.Prefix != SpacePrefix.None && decoded.StartsWith(' ') ? decoded[1..] : decoded;
    }

    /// <inheritdoc/>
    public void Save(string folder) => save(folder);

    private void Encode(string part, bool isFirst, bool follows, List<int> result)
    {
        var spaced = part.Replace(' ', rules.Space);
        var isPrefixed = !follows && rules.Prefix switch
        {
            SpacePrefix.EveryPart => true,
            SpacePrefix.EveryPartWithoutSpace => spaced[0] != rules.Space,
            SpacePrefix.FirstWithoutSpace => isFirst && spaced[0] != rules.Space,
            _ => false,
        };
        if (isPrefixed)
            spaced = rules.Space + spaced;
        foreach (var word in rules.SplitsWords ? Words(spaced) : [spaced])
        {
            if (rules.IgnoresMerges && ids.TryGetValue(word, out var whole))
                result.Add(whole);
            else
                result.AddRange(rules.Merges.Apply(Symbols(word)));
        }
    }

    private IEnumerable<string> Words(string text)
    {
        var begin = 0;
        for (var at = 1; at < text.Length; at++)
        {
            if (text[at] != rules.Space)
                continue;
            yield return text[begin..at];
            begin = at;
        }

        yield return text[begin..];
    }

    private List<int> Symbols(string text)
    {
        var symbols = new List<int>(text.Length);
        Span<byte> utf8 = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            if (ids.TryGetValue(rune.ToString(), out var id))
            {
                symbols.Add(id);
                continue;
            }

            var encoded = utf8[..rune.EncodeToUtf8(utf8)];
            var hasBytes = true;
            foreach (var value in encoded)
                hasBytes &= byteIds[value] >= 0;
            if (hasBytes)
            {
                foreach (var value in encoded)
                    symbols.Add(byteIds[value]);
            }
            else if (rules.Unknown is { } unknown && !(rules.FusesUnknown && symbols.Count > 0 && symbols[^1] == unknown))
            {
                symbols.Add(unknown);
            }
        }

        return symbols;
    }
}
