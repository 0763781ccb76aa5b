using Align.Tokenizers;

namespace Align.Data;

/// <summary>Turns pairs of text into tokens: the beginning of text, the prompt, a response, the end of text.</summary>
internal sealed class PairEncoder(ITokenizer tokenizer, int maximumLength)
{
    /// <summary>A pair in tokens.</summary>
    public EncodedPair Encode(PreferencePair pair)
    {
        var fit = EncodedPair.Fit(Prompt(pair.Prompt), Response(pair.Chosen), Response(pair.Rejected), maximumLength, tokenizer.Beginning);
        var room = maximumLength - fit.Prompt.Length;
        return fit with
        {
            IsTie = pair.IsTie,
            Margin = pair.Margin,
            Gold = pair.Gold is { } gold ? [.. Response(gold).Take(room)] : null,
        };
    }

    /// <summary>Judged responses in tokens.</summary>
    public IReadOnlyList<EncodedResponse> Encode(IReadOnlyList<JudgedResponse> responses) => EncodedResponse.Of(
        [.. responses.Select(r =>
        {
            var fit = EncodedPair.Fit(Prompt(r.Prompt), Response(r.Response), [], maximumLength, tokenizer.Beginning);
            return (fit.Prompt, fit.Chosen, r.IsDesirable);
        })],
        maximumLength);

    /// <summary>A prompt in tokens, at least one.</summary>
    public int[] Prompt(string text)
    {
        var ids = tokenizer.Encode(text);
        // Chat templates begin texts themselves.
        if (tokenizer.Beginning is { } beginning)
            return ids is [var first, ..] && first == beginning ? [.. ids] : [beginning, .. ids];
        return ids.Count > 0
            ? [.. ids]
            : throw new DataException("A prompt is empty, and the model has no token for the beginning of text: there is nothing to predict a response from.");
    }

    /// <summary>A response's tokens with the end of text, which a chat template may have put there already.</summary>
    private int[] Response(string text)
    {
        var ids = tokenizer.Encode(text, continues: true);
        return tokenizer.End is { } end && !ids.Contains(end) ? [.. ids, end] : [.. ids];
    }
}
