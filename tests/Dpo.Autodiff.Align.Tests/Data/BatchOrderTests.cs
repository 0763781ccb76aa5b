using Align.Data;

namespace Dpo.Autodiff.Align.Tests.Data;

public sealed class BatchOrderTests
{
    private static readonly int[] Lengths = [.. Enumerable.Range(0, 103).Select(i => 5 + (i * 37 % 60))];

    [Fact]
    public void An_epoch_has_every_example_once()
    {
        var order = new BatchOrder(Lengths, 8, 1);
        Assert.Equal(13, order.PerEpoch);
        for (var epoch = 0; epoch < 3; epoch++)
            Assert.Equal(Enumerable.Range(0, 103), Enumerable.Range(epoch * 13, 13).SelectMany(order.At).Order());
    }

    [Fact]
    public void Any_step_can_be_asked_for_first()
    {
        var order = new BatchOrder(Lengths, 8, 1);
        var all = Enumerable.Range(0, 30).Select(order.At).ToArray();
        Assert.Equal(all[27], new BatchOrder(Lengths, 8, 1).At(27));
        Assert.NotEqual(all[0], all[13]);
        Assert.NotEqual(all[0], new BatchOrder(Lengths, 8, 2).At(0));
        // The same in every process and on every platform.
        Assert.Equal([63, 16, 76, 29, 89], new BatchOrder(Lengths, 8, 1).At(0).Take(5));
    }

    [Fact]
    public void Batches_hold_examples_of_similar_length()
    {
        var order = new BatchOrder(Lengths, 8, 1);
        var waste = Enumerable.Range(0, 13).Select(order.At).Sum(b => b.Sum(e => b.Max(i => Lengths[i]) - Lengths[e]));
        Assert.True(waste < Lengths.Sum() / 10, $"{waste} places are padding.");
    }

    [Fact]
    public void Prompts_are_on_one_side_of_a_split()
    {
        var examples = Enumerable.Range(0, 100).Select(i => (Prompt: $"p{i % 17}", i)).ToArray();
        var (train, heldOut) = PromptSplit.Of(examples, e => e.Prompt, 0.2, 5);
        Assert.Equal(100, train.Count + heldOut.Count);
        Assert.Empty(train.Select(e => e.Prompt).Intersect(heldOut.Select(e => e.Prompt)));
        Assert.Equal(3, heldOut.Select(e => e.Prompt).Distinct().Count());
        Assert.Empty(PromptSplit.Of(examples, e => e.Prompt, 0, 5).HeldOut);
    }
}
