using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Objectives over tokens: two sequences of four tokens, of which some do not count.</summary>
public class TokenTests
{
    private const int Length = 4;

    private static readonly double[] Policy = Values(2 * Length, 31, 0.6);
    private static readonly double[] Old = Values(2 * Length, 32, 0.6);
    private static readonly double[] Reference = Values(2 * Length, 33, 0.6);
    private static readonly double[] Advantage = [1.3, -0.7];
    private static readonly bool[] Counts = [true, true, false, true, false, true, true, false];
    private static readonly int[] Lengths = [3, 2];

    public static TheoryData<KlEstimator> Estimators => new(Enum.GetValues<KlEstimator>());

    [Theory]
    [MemberData(nameof(Estimators))]
    public void KlPenalty(KlEstimator estimator)
    {
        var estimates = Each(i => Estimate(Policy[i] - Reference[i], estimator).Value);
        foreach (var straight in new[] { false, true })
            Check(
                typeof(TokenPolicyGradient),
                "KlPenalty",
                new() { ["policy"] = Table(Length, Policy), ["reference"] = Table(Length, Reference), ["isToken"] = IsToken(), ["estimator"] = estimator, ["straightThrough"] = straight },
                new() { ["loss"] = [estimates.Sum() / 5], ["estimate"] = estimates },
                new() { ["policy"] = Each(i => Estimate(Policy[i] - Reference[i], straight ? KlEstimator.K2 : estimator).Slope / 5) });
    }

    [Theory]
    [MemberData(nameof(Estimators))]
    public void KlPenaltyOfSequences(KlEstimator estimator)
    {
        foreach (var straight in new[] { false, true })
            Check(
                typeof(PolicyGradient),
                "KlPenalty",
                new() { ["policy"] = Doubles(Policy), ["reference"] = Doubles(Reference), ["estimator"] = estimator, ["straightThrough"] = straight },
                new() { ["loss"] = [Policy.Zip(Reference, (p, r) => Estimate(p - r, estimator).Value).Average()] },
                new() { ["policy"] = Policy.Zip(Reference, (p, r) => Estimate(p - r, straight ? KlEstimator.K2 : estimator).Slope / Policy.Length).ToArray() });
    }

    [Theory]
    [InlineData("Grpo", 0.2, 0.2)]
    [InlineData("Dapo", 0.2, 0.28)]
    [InlineData("DrGrpo", 0.1, 0.2)]
    [InlineData("Grpo", 0.2, 0.2, true)]
    [InlineData("Dapo", 0.2, 0.28, true)]
    public void ClippedRatios(string name, double low, double high, bool unbiasedKl = false)
    {
        const double beta = 0.3;
        double Weight(int i) => name switch { "Grpo" => 1.0 / (2 * Lengths[i / Length]), "Dapo" => 1.0 / 5, _ => 1.0 / (2 * 512) };
        (double Loss, double Slope) Term(int i)
        {
            var (ratio, a) = (Math.Exp(Policy[i] - Old[i]), Advantage[i / Length]);
            var isClipped = a > 0 ? ratio > 1 + high : ratio < 1 - low;
            var (value, slope) = Divergence(i);
            return (-a * (isClipped ? a > 0 ? 1 + high : 1 - low : ratio) + beta * value, (isClipped ? 0 : -a * ratio) + beta * slope);
        }

        (double Value, double Slope) Divergence(int i)
        {
            var (value, slope) = Estimate(Policy[i] - Reference[i], KlEstimator.K3);
            var ratio = Math.Exp(Policy[i] - Old[i]);
            return unbiasedKl ? (value * ratio, (slope + value) * ratio) : (value, slope);
        }

        var arguments = new Dictionary<string, object?>
        {
            ["policy"] = Table(Length, Policy),
            ["old"] = Table(Length, Old),
            ["advantage"] = Doubles(Advantage),
            ["isToken"] = IsToken(),
            ["reference"] = Table(Length, Reference),
            ["beta"] = beta,
            ["epsilonLow"] = low,
            ["epsilonHigh"] = high,
        };
        if (unbiasedKl)
            arguments["unbiasedKl"] = true;
        Check(
            typeof(TokenPolicyGradient),
            name,
            arguments,
            new()
            {
                ["loss"] = [Each(i => Weight(i) * Term(i).Loss).Sum()],
                ["kl"] = [Each(i => Divergence(i).Value / 5).Sum()],
                ["clipHigh"] = [Each(i => Advantage[i / Length] > 0 && Policy[i] - Old[i] > Math.Log(1 + high) ? 0.2 : 0).Sum()],
                ["clipLow"] = [Each(i => Advantage[i / Length] < 0 && Policy[i] - Old[i] < Math.Log(1 - low) ? 0.2 : 0).Sum()],
            },
            new() { ["policy"] = Each(i => Weight(i) * Term(i).Slope) });
    }

    /// <summary>A sequence's ratio has the same gradient at all of its tokens; that of GSPO-token with equal advantages is the same.</summary>
    [Fact]
    public void SequenceRatios()
    {
        var ratios = Enumerable.Range(0, 2).Select(s => Math.Exp(SequenceMean(s, i => Policy[i] - Old[i]))).ToArray();
        var arguments = new Dictionary<string, object?>
        {
            ["policy"] = Table(Length, Policy),
            ["old"] = Table(Length, Old),
            ["advantage"] = Doubles(Advantage),
            ["isToken"] = IsToken(),
            ["epsilonLow"] = 0.9,
            ["epsilonHigh"] = 5.0,
        };
        double[] loss = [-(Advantage[0] * ratios[0] + Advantage[1] * ratios[1]) / 2];
        var slope = Each(i => -Advantage[i / Length] * ratios[i / Length] / (2 * Lengths[i / Length]));
        Check(typeof(TokenPolicyGradient), "Gspo", arguments, new() { ["loss"] = loss }, new() { ["policy"] = slope });
        Check(
            typeof(TokenPolicyGradient),
            "Luspo",
            arguments,
            new() { ["loss"] = [-(3 * Advantage[0] * ratios[0] + 2 * Advantage[1] * ratios[1]) / 2] },
            new() { ["policy"] = Each(i => slope[i] * Lengths[i / Length]) });
        arguments["advantage"] = Table(Length, Enumerable.Range(0, 2 * Length).Select(i => Advantage[i / Length]).ToArray());
        Check(typeof(TokenPolicyGradient), "GspoToken", arguments, new() { ["loss"] = loss }, new() { ["policy"] = slope });
    }

    [Fact]
    public void BoundedWeights()
    {
        double Weight(int i) => Math.Clamp(Math.Exp(Policy[i] - Old[i]), 0.9, 1.1) * Advantage[i / Length] / 5;
        Check(
            typeof(TokenPolicyGradient),
            "Cispo",
            new() { ["policy"] = Table(Length, Policy), ["old"] = Table(Length, Old), ["advantage"] = Doubles(Advantage), ["isToken"] = IsToken(), ["bound"] = 1.1, ["lowerBound"] = 0.9 },
            new() { ["loss"] = [Each(i => -Weight(i) * Policy[i]).Sum()] },
            new() { ["policy"] = Each(i => -Weight(i)) });
    }

    [Fact]
    public void SoftGate()
    {
        double Tau(int i) => Advantage[i / Length] > 0 ? 1.0 : 1.05;
        double Gate(int i) => Sigmoid(Tau(i) * (Math.Exp(Policy[i] - Old[i]) - 1));
        double Weight(int i) => -Advantage[i / Length] / (2 * Lengths[i / Length]);
        Check(
            typeof(TokenPolicyGradient),
            "Sapo",
            new() { ["policy"] = Table(Length, Policy), ["old"] = Table(Length, Old), ["advantage"] = Doubles(Advantage), ["isToken"] = IsToken() },
            new() { ["Value"] = [Each(i => Weight(i) * 4 / Tau(i) * Gate(i)).Sum()] },
            new() { ["policy"] = Each(i => Weight(i) * 4 * Gate(i) * (1 - Gate(i)) * Math.Exp(Policy[i] - Old[i])) });
    }

    [Fact]
    public void TheDivergenceToComeIsInTheReward()
    {
        double ToCome(int i) => Enumerable.Range(i, Length - i % Length).Where(t => Counts[t]).Sum(t => Policy[t] - Reference[t]);
        double Weight(int i) => (0.4 * ToCome(i) - Advantage[i / Length]) / 5;
        Check(
            typeof(TokenPolicyGradient),
            "Reinforce",
            new() { ["policy"] = Table(Length, Policy), ["reference"] = Table(Length, Reference), ["advantage"] = Doubles(Advantage), ["isToken"] = IsToken(), ["beta"] = 0.4 },
            new() { ["loss"] = [Each(i => Weight(i) * Policy[i]).Sum()] },
            new() { ["policy"] = Each(Weight) });
    }

    [Fact]
    public void DualClip()
    {
        var advantage = Values(2 * Length, 35, 2);
        (double Loss, double Slope) Term(int i)
        {
            var (ratio, a) = (Math.Exp(Policy[i] - Old[i]), advantage[i]);
            if (a > 0 ? ratio > 1.2 : ratio < 0.8)
                return (-a * (a > 0 ? 1.2 : 0.8), 0);
            return a < 0 && ratio > 1.3 ? (-1.3 * a, 0) : (-a * ratio, -a * ratio);
        }

        Check(
            typeof(TokenPolicyGradient),
            "Ppo",
            new()
            {
                ["policy"] = Table(Length, Policy),
                ["old"] = Table(Length, Old),
                ["advantage"] = Table(Length, advantage),
                ["isToken"] = IsToken(),
                ["normaliser"] = tensor(7.0, float64),
                ["dualClip"] = 1.3,
            },
            new() { ["loss"] = [Each(i => Term(i).Loss / 7).Sum()], ["kl"] = [Each(i => (Old[i] - Policy[i]) / 5).Sum()] },
            new() { ["policy"] = Each(i => Term(i).Slope / 7) });
    }

    /// <summary>The recursion against the sum that it stands for, and the values of tokens that do not count are passed over.</summary>
    [Fact]
    public void Gae()
    {
        using var scope = NewDisposeScope();
        var (advantage, returns) = Advantages.Gae(Table(Length, Old), Table(Length, Policy), IsToken(), 0.9, 0.8);
        var expected = new double[2 * Length];
        foreach (var s in new[] { 0, 1 })
        {
            var tokens = Enumerable.Range(s * Length, Length).Where(i => Counts[i]).ToArray();
            double Delta(int k) => Old[tokens[k]] + (k + 1 < tokens.Length ? 0.9 * Policy[tokens[k + 1]] : 0) - Policy[tokens[k]];
            for (var k = 0; k < tokens.Length; k++)
                expected[tokens[k]] = Enumerable.Range(k, tokens.Length - k).Sum(j => Math.Pow(0.72, j - k) * Delta(j));
        }

        Assert.Equal(expected, advantage.data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal(Each(i => expected[i] + Policy[i]), returns.data<double>().ToArray(), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    private static Tensor IsToken() => tensor(Counts, [2, Length]);

    private static double[] Each(Func<int, double> value) => Enumerable.Range(0, 2 * Length).Select(i => Counts[i] ? value(i) : 0).ToArray();

    private static double SequenceMean(int s, Func<int, double> value) =>
        Enumerable.Range(s * Length, Length).Where(i => Counts[i]).Average(value);

    /// <summary>An estimate of the divergence from d = log policy - log reference, and its derivative by the log policy.</summary>
    private static (double Value, double Slope) Estimate(double d, KlEstimator estimator) => estimator switch
    {
        KlEstimator.K1 => (d, 1),
        KlEstimator.Absolute => (Math.Abs(d), Math.Sign(d)),
        KlEstimator.K2 => (d * d / 2, d),
        _ => (Math.Exp(-d) - 1 + d, 1 - Math.Exp(-d)),
    };
}
