using Align.Data;
using Align.Reporting;
using Align.Training;
using static TorchSharp.torch;

namespace Align.Commands;

/// <summary>How many pairs a reward model puts in order, beside what the responses' lengths alone would say.</summary>
internal sealed class RewardReport(Page page)
{
    /// <summary>Writes the comparison.</summary>
    /// <param name="model">The reward model.</param>
    /// <param name="encoded">The held-out pairs in tokens.</param>
    /// <param name="train">The pairs that the baseline learns its direction from: whether the longer or the shorter response is preferred.</param>
    /// <param name="test">The held-out pairs.</param>
    /// <param name="batchSize">Pairs at once.</param>
    public void Write(ScalarHead model, IReadOnlyList<EncodedPair> encoded, IReadOnlyList<PreferencePair> train, IReadOnlyList<PreferencePair> test, int batchSize)
    {
        var own = new Binomial(InOrder(model, encoded, batchSize), encoded.Count);
        var isLonger = train.Count(p => p.Chosen.Length > p.Rejected.Length) >= train.Count(p => p.Chosen.Length < p.Rejected.Length);
        var baseline = new Binomial(test.Count(p => isLonger ? p.Chosen.Length > p.Rejected.Length : p.Chosen.Length < p.Rejected.Length), test.Count);
        page.Table(
            ["held-out pairs in order", "share, 95 % interval"],
            [
                [$"reward model, {Format.Count(model.Body.Config.Parameters)} parameters", own.ToString()],
                [$"the {(isLonger ? "longer" : "shorter")} response", baseline.ToString()],
                ["chance", "50.0 %"],
            ]);
        if (own.Interval.Low <= 0.5)
            page.Line($"The interval contains chance: {test.Count} pairs do not show that this model has learnt what people prefer.");
        else if (own.Interval.Low <= baseline.Share)
            page.Line($"The interval contains the baseline's share: {test.Count} pairs do not show that this model knows more than lengths.");
    }

    /// <summary>How many pairs a model puts in order.</summary>
    public static int InOrder(ScalarHead model, IReadOnlyList<EncodedPair> pairs, int batchSize)
    {
        using var none = no_grad();
        var count = 0;
        foreach (var part in pairs.OrderBy(p => p.Length).Chunk(batchSize))
        {
            using var scope = NewDisposeScope();
            using var batch = PairBatch.Of(part, model.Body.Device);
            var (chosen, rejected) = RewardTask.Scores(model, part, batch);
            count += (int)(chosen > rejected).sum().item<long>();
        }

        return count;
    }
}
