using Align.Data;

namespace Dpo.Autodiff.Align.Tests.Data;

public sealed class PairBatchTests
{
    /// <summary>Prompt 0 5 6, chosen 7 8 1, rejected 9 1: worked out by hand.</summary>
    [Fact]
    public void Places_that_predict_a_token_of_the_response_count_and_no_others()
    {
        using var batch = PairBatch.Of([new EncodedPair([0, 5, 6], [7, 8, 1], [9, 1])]);
        Assert.Equal([2, 6], batch.Tokens.shape);
        // chosen:             0     5     6     7     8     1
        // rejected:           0     5     6     9     1     (padding)
        Assert.Equal([0, 5, 6, 7, 8, 1, 0, 5, 6, 9, 1, 0], batch.Tokens.data<long>());
        Assert.Equal([5, 6, 7, 8, 1, -100, 5, 6, 9, 1, 0, -100], batch.Labels.data<long>());
        // The place of 6, the prompt's last token, predicts the response's first; the last token predicts nothing.
        Assert.Equal([false, false, true, true, true, false, false, false, true, true, false, false], batch.IsCompletion.data<bool>());
        Assert.Equal((1, 11, 5), (batch.Pairs, batch.TokenCount, batch.CompletionCount));
    }

    [Fact]
    public void Labels_that_count_are_the_responses()
    {
        var pairs = Harness.Tiny.Pairs(7, 3);
        using var batch = PairBatch.Of(pairs);
        var counted = batch.Labels.masked_select(batch.IsCompletion).data<long>().ToArray();
        Assert.Equal(pairs.SelectMany(p => p.Chosen).Concat(pairs.SelectMany(p => p.Rejected)).Select(t => (long)t), counted);
    }

    [Fact]
    public void A_response_without_tokens_counts_nothing()
    {
        using var batch = PairBatch.Of([new EncodedPair([0, 5], [7], [])]);
        Assert.Equal([false, true, false, false, false, false], batch.IsCompletion.data<bool>());
    }

    [Fact]
    public void Prompts_lose_their_left_and_responses_their_end()
    {
        int[] prompt = [0, 2, 3, 4, 5, 6, 7];
        // Room for everything.
        Assert.Equal(prompt, EncodedPair.Fit(prompt, [8, 1], [9, 1], 9, 0).Prompt);
        // Two too many: 2 and 3 go, the beginning of text stays.
        Assert.Equal([0, 4, 5, 6, 7], EncodedPair.Fit(prompt, [8, 1], [9, 1], 7, 0).Prompt);
        // Without such a token the leftmost go.
        Assert.Equal([3, 4, 5, 6, 7], EncodedPair.Fit(prompt, [8, 1], [9, 1], 7, null).Prompt);
        // Responses longer than half the length: the prompt keeps half, and responses lose their ends, both after the same prompt.
        var long8 = EncodedPair.Fit(prompt, [8, 8, 8, 8, 8, 1], [9, 1], 8, 0);
        Assert.Equal([0, 5, 6, 7], long8.Prompt);
        Assert.Equal([8, 8, 8, 8], long8.Chosen);
        Assert.Equal([9, 1], long8.Rejected);
        Assert.Equal(8, long8.Length);
    }
}
