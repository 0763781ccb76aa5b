using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Advantages of groups as objectives, which return what the catalogue's functions give.</summary>
internal static partial class GroupAdvantages
{
    [Objective]
    internal static (Tensor loss, Tensor lengthWeighted, Tensor best, Tensor scaled, Tensor value) OfSamples(
        [Axes("group sample")] Tensor policy,
        [Axes("group sample"), NoGrad] Tensor reward,
        [Axes("group sample"), NoGrad] Tensor length)
    {
        var best = PolicyGradient.BestOfGroup(reward, false);
        return (
            (policy * best).sum(),
            PolicyGradient.LengthWeighted(reward, length),
            best,
            PolicyGradient.BestOfGroup(reward, true),
            PolicyGradient.OptimalValue(reward, 0.7));
    }

    [Objective]
    internal static (Tensor loss, Tensor advantage, Tensor collision) OfTokens(
        [Axes("group sample token vocab")] Tensor logits,
        [Axes("group sample token")] Tensor labels,
        [Axes("group sample token")] Tensor isToken,
        [Axes("group sample token"), NoGrad] Tensor returns)
    {
        var policy = Tokens.LogProbability(logits, labels, isToken);
        var collision = Tokens.Collision(logits).detach();
        var advantage = TokenPolicyGradient.OptimalTokenAdvantage(returns, policy, collision, isToken);
        return (-(advantage * policy).sum(), advantage, collision);
    }
}

/// <summary>Advantages of groups, computed by loops.</summary>
public class AdvantageTests
{
    private static readonly double[] Reward = [0.3, 1.9, -0.4, 1.1, 0.2, -0.6, 0.9, 0.8];

    private static readonly double[] Length = [3, 5, 2, 7, 4, 1, 6, 2];

    [Fact]
    public void OfSamples()
    {
        var groups = new[] { 0, 4 };
        var (weighted, best, scaled, value) = (new double[8], new double[8], new double[8], new double[2]);
        foreach (var start in groups)
        {
            var (rewards, lengths) = (Reward.Skip(start).Take(4).ToArray(), Length.Skip(start).Take(4).ToArray());
            var baseline = rewards.Zip(lengths, (r, l) => r * l).Sum() / lengths.Sum();
            var order = rewards.OrderDescending().ToArray();
            var deviation = Math.Sqrt(rewards.Sum(r => Math.Pow(r - rewards.Average(), 2)) / 3);
            for (var i = 0; i < 4; i++)
            {
                weighted[start + i] = rewards[i] - baseline;
                best[start + i] = rewards[i] == order[0] ? order[0] - order[1] : 0;
                scaled[start + i] = best[start + i] / (deviation + 1e-6);
            }

            value[start / 4] = 0.7 * Math.Log(rewards.Average(r => Math.Exp(r / 0.7)));
        }

        var policy = Values(8, 51, 1);
        Check(
            typeof(GroupAdvantages),
            "OfSamples",
            new() { ["policy"] = Table(4, policy), ["reward"] = Table(4, Reward), ["length"] = Table(4, Length) },
            new() { ["loss"] = [policy.Zip(best, (p, a) => p * a).Sum()], ["lengthWeighted"] = weighted, ["best"] = best, ["scaled"] = scaled, ["value"] = value },
            new() { ["policy"] = best });
        Check(
            typeof(PolicyGradient),
            "Opo",
            new() { ["policy"] = Table(4, policy), ["reward"] = Table(4, Reward), ["length"] = tensor(Length.Select(l => (long)l).ToArray(), [2, 4]) },
            new() { ["loss"] = [-policy.Zip(weighted, (p, a) => p * a).Average()], ["advantage"] = weighted },
            new() { ["policy"] = weighted.Select(a => -a / 8).ToArray() });
    }

    /// <summary>A group of three samples of two tokens over three words.</summary>
    [Fact]
    public void OfTokens()
    {
        var logits = Values(18, 52, 1);
        long[] labels = [0, 2, 1, 1, 2, 0];
        bool[] counts = [true, true, true, true, true, false];
        var returns = Values(6, 53, 1);
        double Chance(int token, long word) => Math.Exp(logits[token * 3 + word]) / Enumerable.Range(0, 3).Sum(w => Math.Exp(logits[token * 3 + w]));
        var collision = Enumerable.Range(0, 6).Select(t => Enumerable.Range(0, 3).Sum(w => Math.Pow(Chance(t, w), 2))).ToArray();
        var variation = Enumerable.Range(0, 6).Select(t => counts[t] ? 1 - 2 * Chance(t, labels[t]) + collision[t] : 0).ToArray();
        var advantage = new double[6];
        foreach (var place in new[] { 0, 1 })
        {
            int[] tokens = [.. new[] { place, 2 + place, 4 + place }.Where(t => counts[t])];
            var weights = tokens.Select(t => place == 0 ? variation[t] : variation[t - 1] + variation[t]).ToArray();
            var baseline = tokens.Zip(weights, (t, w) => returns[t] * w).Sum() / (weights.Sum() + 1e-8);
            foreach (var t in tokens)
                advantage[t] = returns[t] - baseline;
        }

        var slope = new double[18];
        for (var t = 0; t < 6; t++)
            for (var w = 0; w < 3; w++)
                slope[t * 3 + w] = -advantage[t] * ((labels[t] == w ? 1 : 0) - Chance(t, w));
        Check(
            typeof(GroupAdvantages),
            "OfTokens",
            new()
            {
                ["logits"] = tensor(logits, [1, 3, 2, 3], float64),
                ["labels"] = tensor(labels, [1, 3, 2]),
                ["isToken"] = tensor(counts, [1, 3, 2]),
                ["returns"] = tensor(returns, [1, 3, 2], float64),
            },
            new() { ["advantage"] = advantage, ["collision"] = collision, ["loss"] = [-Enumerable.Range(0, 6).Sum(t => counts[t] ? advantage[t] * Math.Log(Chance(t, labels[t])) : 0)] },
            new() { ["logits"] = slope });
    }
}
