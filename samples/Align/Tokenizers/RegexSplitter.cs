using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Align.Checkpoints;

namespace Align.Tokenizers;

/// <summary>Every match is a part, and so is what lies between.</summary>
internal sealed class RegexSplitter : ISplitter
{
    /// <summary>The pattern of GPT-2: contractions, words with the space before them, numbers, marks, spaces.</summary>
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private readonly Regex pattern;

    /// <summary>A splitter by a pattern.</summary>
    /// <param name="path">The file that has it, for errors.</param>
    /// <param name="pattern">The pattern, in the syntax that Oniguruma and .NET have in common.</param>
    public RegexSplitter(string path, string pattern)
    {
        try
        {
            this.pattern = new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled);
        }
        catch (ArgumentException exception)
        {
            throw new CheckpointException($"{path}: the pattern {pattern} is not one of .NET: {exception.Message}", exception);
        }
    }

    /// <inheritdoc/>
    public IEnumerable<string> Split(string part, bool continues)
    {
        var (text, places) = StandIns(part);
        var at = 0;
        foreach (Match match in pattern.Matches(text))
        {
            if (match.Length == 0)
                continue;
            if (match.Index > at)
                yield return part[Place(at)..Place(match.Index)];
            at = match.Index + match.Length;
            yield return part[Place(match.Index)..Place(at)];
        }

        if (at < text.Length)
            yield return part[Place(at)..];

        int Place(int index) => places is null ? index : places[index];
    }

    /// <summary>
    /// .NET matches UTF-16 and takes each half of a character beyond 16 bits for neither letter nor digit: such characters are matched by another of
    /// their category.
    /// </summary>
    /// <returns>The text to match, and the place in the part of each of its characters; null where they are the same.</returns>
    private static (string Text, int[]? Places) StandIns(string part)
    {
        if (!part.Any(char.IsSurrogate))
            return (part, null);
        var text = new StringBuilder(part.Length);
        var places = new List<int>(part.Length);
        var place = 0;
        foreach (var rune in part.EnumerateRunes())
        {
            text.Append(rune.IsBmp ? (char)rune.Value : StandIn(Rune.GetUnicodeCategory(rune)));
            places.Add(place);
            place += rune.Utf16SequenceLength;
        }

        places.Add(place);
        return (text.ToString(), [.. places]);
    }

    private static char StandIn(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u00C0',
        UnicodeCategory.LowercaseLetter => '\u00E0',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u05D0',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.OtherPunctuation => '\u00A7',
        UnicodeCategory.MathSymbol => '\u00B1',
        UnicodeCategory.ModifierSymbol => '\u00A8',
        UnicodeCategory.Format => '\u00AD',
        UnicodeCategory.PrivateUse => '\uE000',
        UnicodeCategory.OtherNotAssigned => '\u0378',
        _ => '\u00A9',
    };
}
