using System.Text.RegularExpressions;

namespace Align.Tokenizers;

/// <summary>Finds added tokens in a text.</summary>
internal sealed class AddedTokens
{
    private readonly Dictionary<string, int> ids = new(StringComparer.Ordinal);
    private readonly HashSet<int> special = [];
    private readonly Dictionary<int, string> contents = [];
    private readonly Regex? any;

    /// <summary>The tokens of a tokenizer.</summary>
    /// <param name="tokens">The tokens.</param>
    /// <param name="areWritten">Whether they are looked for in texts.</param>
    public AddedTokens(IReadOnlyList<AddedToken> tokens, bool areWritten = true)
    {
        All = tokens;
        foreach (var token in tokens)
        {
            ids[token.Content] = token.Id;
            contents[token.Id] = token.Content;
            if (token.IsSpecial)
                special.Add(token.Id);
        }

        // Where two begin at the same place the longer one is meant.
        var longestFirst = tokens.Where(t => t.Content != "").OrderByDescending(t => t.Content.Length)
            .Select(t => $"{(t.TakesSpaceBefore ? @"\s*" : "")}(?<token>{Regex.Escape(t.Content)}){(t.TakesSpaceAfter ? @"\s*" : "")}");
        if (areWritten && ids.Keys.Any(content => content != ""))
            any = new Regex(string.Join('|', longestFirst), RegexOptions.CultureInvariant | RegexOptions.Compiled);
    }

    /// <summary>The tokens.</summary>
    public IReadOnlyList<AddedToken> All { get; }

    /// <summary>Whether decoding leaves an id out.</summary>
    public bool IsSpecial(int id) => special.Contains(id);

    /// <summary>How an added token is written; null for any other.</summary>
    public string? ContentOf(int id) => contents.GetValueOrDefault(id);

    /// <summary>The parts of a text in order: added tokens, by id, and what is between them; no part is empty.</summary>
    public IEnumerable<(string Text, int? Id)> Split(string text)
    {
        var at = 0;
        if (any is not null)
        {
            foreach (Match match in any.Matches(text))
            {
                if (match.Index > at)
                    yield return (text[at..match.Index], null);
                yield return (match.Value, ids[match.Groups["token"].Value]);
                at = match.Index + match.Length;
            }
        }

        if (at < text.Length)
            yield return (text[at..], null);
    }
}
