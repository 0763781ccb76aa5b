using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Objectives whose examples meet: sorted batches, unpaired responses, groups of samples; and those without a reference.</summary>
public class BatchTests
{
    private const int Count = 8;
    private const double B = 0.7;

    private static readonly double[] A = Values(Count, 11);
    private static readonly double[] C = Values(Count, 12);
    private static readonly double[] D = Values(Count, 13);
    private static readonly double[] E = Values(Count, 14);
    private static readonly bool[] Flags = Enumerable.Range(0, Count).Select(i => i % 3 != 0).ToArray();

    [Fact]
    public void Aot() => CheckSorted("Aot", A.Zip(C, Less).ToArray(), D.Zip(E, Less).ToArray(), (i, g) => (g, -g));

    [Fact]
    public void AotUnpaired()
    {
        var (better, worse) = (A.Zip(D, Less).ToArray(), C.Zip(E, Less).ToArray());
        var (betterOrder, worseOrder) = (Order(better), Order(worse));
        var (chosen, rejected) = (new double[Count], new double[Count]);
        double loss = 0;
        for (var k = 0; k < Count; k++)
        {
            var m = B * (better[betterOrder[k]] - worse[worseOrder[k]]);
            var slope = B * (-0.9 * Sigmoid(-m) + 0.1 * Sigmoid(m)) / Count;
            loss += (-0.9 * Ls(m) - 0.1 * Ls(-m)) / Count;
            chosen[betterOrder[k]] += slope;
            rejected[worseOrder[k]] -= slope;
        }

        Check(typeof(Preference), "AotUnpaired", Four(), new() { ["loss"] = [loss] }, new() { ["chosen"] = chosen, ["rejected"] = rejected });
    }

    [Fact]
    public void Kto()
    {
        var z = Math.Max(0, D.Zip(E, Less).Average());
        var losses = Enumerable.Range(0, Count).Select(i => Flags[i] ? 1.3 * (1 - Sigmoid(B * (A[i] - C[i] - z))) : 0.6 * (1 - Sigmoid(B * (z - A[i] + C[i])))).ToArray();
        var gradient = Enumerable.Range(0, Count).Select(i =>
        {
            var x = B * (A[i] - C[i] - z);
            return (Flags[i] ? -1.3 : 0.6) * B * Sigmoid(x) * Sigmoid(-x) / Count;
        }).ToArray();
        Check(
            typeof(Preference),
            "Kto",
            new()
            {
                ["policy"] = Doubles(A),
                ["reference"] = Doubles(C),
                ["isDesirable"] = tensor(Flags),
                ["policyMismatched"] = Doubles(D),
                ["referenceMismatched"] = Doubles(E),
                ["beta"] = B,
                ["desirableWeight"] = 1.3,
                ["undesirableWeight"] = 0.6,
            },
            new() { ["loss"] = [losses.Average()], ["reward"] = A.Zip(C, (a, c) => B * (a - c)).ToArray(), ["kl"] = [z] },
            new() { ["policy"] = gradient });
    }

    [Fact]
    public void KtoLeavesOutWhatIsNaN()
    {
        var policy = (double[])A.Clone();
        policy[2] = double.NaN;
        var kept = Enumerable.Range(0, Count).Where(i => i != 2).Average(i => Flags[i] ? 1 - Sigmoid(B * (A[i] - C[i])) : Sigmoid(B * (A[i] - C[i])));
        Check(
            typeof(Preference),
            "ApoZeroUnpaired",
            new() { ["policy"] = Doubles(policy), ["reference"] = Doubles(C), ["isDesirable"] = tensor(Flags), ["beta"] = B },
            new() { ["loss"] = [kept] },
            []);
    }

    [Fact]
    public void ApoZeroUnpaired() => Check(
        typeof(Preference),
        "ApoZeroUnpaired",
        new() { ["policy"] = Doubles(A), ["reference"] = Doubles(C), ["isDesirable"] = tensor(Flags), ["beta"] = B },
        new() { ["loss"] = [Enumerable.Range(0, Count).Average(i => Flags[i] ? 1 - Sigmoid(B * (A[i] - C[i])) : Sigmoid(B * (A[i] - C[i])))] },
        new()
        {
            ["policy"] = Enumerable.Range(0, Count)
                .Select(i => (Flags[i] ? -1 : 1) * B * Sigmoid(B * (A[i] - C[i])) * Sigmoid(-B * (A[i] - C[i])) / Count).ToArray(),
        });

    [Fact]
    public void Bco()
    {
        var weight = D.Select(Math.Abs).ToArray();
        double Lead(int i) => (Flags[i] ? 1 : -1) * (B * (A[i] - C[i]) - 0.4);
        Check(
            typeof(Preference),
            "Bco",
            new()
            {
                ["policy"] = Doubles(A),
                ["reference"] = Doubles(C),
                ["isDesirable"] = tensor(Flags),
                ["delta"] = tensor(0.4, float64),
                ["weight"] = Doubles(weight),
                ["beta"] = B,
            },
            new() { ["loss"] = [Enumerable.Range(0, Count).Average(i => -weight[i] * Ls(Lead(i)))], ["meanReward"] = [A.Zip(C, (a, c) => B * (a - c)).Average()] },
            new() { ["policy"] = Enumerable.Range(0, Count).Select(i => -(Flags[i] ? 1 : -1) * B * weight[i] * Sigmoid(-Lead(i)) / Count).ToArray() });
    }

    [Theory]
    [InlineData(PairLoss.Sigmoid)]
    [InlineData(PairLoss.Hinge)]
    [InlineData(PairLoss.Square)]
    public void CpoAndSimPo(PairLoss kind)
    {
        (double Loss, double Slope) Loss(double h) => kind switch
        {
            PairLoss.Sigmoid => (-0.9 * Ls(B * h) - 0.1 * Ls(-B * h), B * (-0.9 * Sigmoid(-B * h) + 0.1 * Sigmoid(B * h))),
            PairLoss.Hinge => (Relu(1 - B * h), -B * Step(1 - B * h)),
            _ => (Math.Pow(h - 0.5 / B, 2), 2 * (h - 0.5 / B)),
        };
        foreach (var (name, shift) in new[] { ("Cpo", 0.0), ("SimPo", 0.3) })
        {
            var losses = A.Zip(C, (a, c) => Loss(a - c - shift)).ToArray();
            var arguments = new Dictionary<string, object?>
            {
                ["chosen"] = Doubles(A),
                ["rejected"] = Doubles(C),
                ["beta"] = B,
                ["labelSmoothing"] = 0.1,
                ["loss"] = kind,
            };
            var gradients = new Dictionary<string, double[]>
            {
                ["chosen"] = losses.Select(l => l.Slope / Count).ToArray(),
                ["rejected"] = losses.Select(l => -l.Slope / Count).ToArray(),
            };
            var loss = losses.Average(l => l.Loss);
            if (name == "Cpo")
            {
                arguments["nll"] = tensor(1.7, float64);
                arguments["alpha"] = 0.5;
                gradients["nll"] = [0.5];
                loss += 0.85;
            }
            else
            {
                arguments["gammaBetaRatio"] = shift;
            }

            Check(typeof(Preference), name, arguments, new() { ["loss"] = [loss], ["chosenReward"] = A.Select(a => B * a).ToArray() }, gradients);
        }
    }

    [Fact]
    public void Orpo()
    {
        var (chosen, rejected) = (A.Select(a => -Math.Abs(a) - 0.01).ToArray(), C.Select(c => -Math.Abs(c) - 0.01).ToArray());
        double LogOdds(double x) => x - Math.Log(1 - Math.Exp(x));
        var odds = chosen.Zip(rejected, (c, r) => LogOdds(c) - LogOdds(r)).ToArray();
        double[] Gradient(double[] x, double sign) => x.Select((v, i) => sign * -B * Sigmoid(-odds[i]) / (1 - Math.Exp(v)) / Count).ToArray();
        Check(
            typeof(Preference),
            "Orpo",
            new() { ["chosen"] = Doubles(chosen), ["rejected"] = Doubles(rejected), ["beta"] = B, ["nll"] = tensor(1.7, float64) },
            new() { ["loss"] = [1.7 - B * odds.Average(Ls)], ["logOdds"] = [odds.Average()], ["logOddsRatio"] = [odds.Average(Ls)] },
            new() { ["chosen"] = Gradient(chosen, 1), ["rejected"] = Gradient(rejected, -1), ["nll"] = [1] });
    }

    [Fact]
    public void Reinforce() => Check(
        typeof(PolicyGradient),
        "Reinforce",
        new() { ["policy"] = Doubles(A), ["reward"] = Doubles(C), ["baseline"] = Doubles(D) },
        new() { ["loss"] = [-Enumerable.Range(0, Count).Average(i => (C[i] - D[i]) * A[i])], ["advantage"] = C.Zip(D, Less).ToArray() },
        new() { ["policy"] = C.Zip(D, (c, d) => -(c - d) / Count).ToArray() });

    [Fact]
    public void Rloo()
    {
        var advantage = Enumerable.Range(0, Count).Select(i => C[i] - (Group(C, i).Sum() - C[i]) / 3).ToArray();
        Check(
            typeof(PolicyGradient),
            "Rloo",
            new() { ["policy"] = Table(4, A), ["reward"] = Table(4, C) },
            new() { ["loss"] = [-advantage.Zip(A, (x, a) => x * a).Average()], ["advantage"] = advantage },
            new() { ["policy"] = advantage.Select(x => -x / Count).ToArray() });
    }

    [Fact]
    public void Grpo()
    {
        var advantage = Enumerable.Range(0, Count).Select(i => (C[i] - Group(C, i).Average()) / (Deviation(Group(C, i)) + 1e-4)).ToArray();
        var ratio = A.Zip(D, (a, d) => Math.Exp(0.1 * (a - d))).ToArray();
        double Plain(int i) => -advantage[i] * ratio[i];
        double Clipped(int i) => -advantage[i] * Math.Clamp(ratio[i], 0.9, 1.3);
        double K3(int i) => Math.Exp(0.1 * (E[i] - A[i])) - 1 - 0.1 * (E[i] - A[i]);
        var losses = Enumerable.Range(0, Count).Select(i => Math.Max(Plain(i), Clipped(i))).ToArray();
        var gradient = Enumerable.Range(0, Count).Select(i =>
        {
            var isFlat = Clipped(i) > Plain(i);
            return ((isFlat ? 0 : -advantage[i] * ratio[i]) + 0.04 * (1 - Math.Exp(0.1 * (E[i] - A[i])))) / Count;
        }).ToArray();
        Check(
            typeof(PolicyGradient),
            "Grpo",
            new()
            {
                ["policy"] = Table(4, A.Select(x => 0.1 * x).ToArray()),
                ["old"] = Table(4, D.Select(x => 0.1 * x).ToArray()),
                ["reward"] = Table(4, C),
                ["reference"] = Table(4, E.Select(x => 0.1 * x).ToArray()),
                ["epsilon"] = 0.1,
                ["epsilonHigh"] = 0.3,
            },
            new()
            {
                ["loss"] = [losses.Average() + 0.04 * Enumerable.Range(0, Count).Average(K3)],
                ["advantage"] = advantage,
                ["clipShare"] = [Enumerable.Range(0, Count).Average(i => Clipped(i) > Plain(i) ? 1.0 : 0.0)],
                ["kl"] = [Enumerable.Range(0, Count).Average(K3)],
            },
            new() { ["policy"] = gradient });
    }

    [Fact]
    public void Gspo()
    {
        var advantage = Enumerable.Range(0, Count).Select(i => (C[i] - Group(C, i).Average()) / (Deviation(Group(C, i)) + 1e-4)).ToArray();
        var ratio = A.Zip(D, (a, d) => Math.Exp((a - d) / 5)).ToArray();
        var losses = Enumerable.Range(0, Count).Select(i => Math.Max(-advantage[i] * ratio[i], -advantage[i] * Math.Clamp(ratio[i], 0.9, 1.3))).ToArray();
        Check(
            typeof(PolicyGradient),
            "Gspo",
            new()
            {
                ["policy"] = Table(4, A),
                ["old"] = Table(4, D),
                ["length"] = Table(4, Enumerable.Repeat(5.0, Count).ToArray()),
                ["reward"] = Table(4, C),
                ["epsilon"] = 0.1,
                ["epsilonHigh"] = 0.3,
            },
            new() { ["loss"] = [losses.Average()] },
            []);
    }

    [Fact]
    public void PpoWithDualClip()
    {
        double Loss(int i)
        {
            var ratio = Math.Exp(A[i] - D[i]);
            var clipped = Math.Max(-C[i] * ratio, -C[i] * Math.Clamp(ratio, 0.8, 1.2));
            return C[i] < 0 ? Math.Min(clipped, -3 * C[i]) : clipped;
        }

        Check(
            typeof(PolicyGradient),
            "Ppo",
            new() { ["policy"] = Doubles(A), ["old"] = Doubles(D), ["advantage"] = Doubles(C), ["dualClip"] = 3.0 },
            new() { ["loss"] = [Enumerable.Range(0, Count).Average(Loss)], ["kl"] = [D.Zip(A, Less).Average()] },
            []);
    }

    [Theory]
    [InlineData(KlEstimator.K1)]
    [InlineData(KlEstimator.Absolute)]
    [InlineData(KlEstimator.K2)]
    [InlineData(KlEstimator.K3)]
    public void KlPenalty(KlEstimator estimator)
    {
        (double Value, double Slope) Estimate(double d) => estimator switch
        {
            KlEstimator.K1 => (d, 1),
            KlEstimator.Absolute => (Math.Abs(d), Math.Sign(d)),
            KlEstimator.K2 => (d * d / 2, d),
            _ => (Math.Exp(-d) - 1 + d, 1 - Math.Exp(-d)),
        };
        // k3 is bounded by 10: stay below.
        var difference = A.Zip(C, (a, c) => (a - c) / 3).ToArray();
        var estimates = difference.Select(Estimate).ToArray();
        var arguments = new Dictionary<string, object?> { ["policy"] = Doubles(A.Select(a => a / 3).ToArray()), ["reference"] = Doubles(C.Select(c => c / 3).ToArray()), ["estimator"] = estimator };
        var results = new Dictionary<string, double[]> { ["loss"] = [estimates.Average(e => e.Value)], ["estimate"] = estimates.Select(e => e.Value).ToArray() };
        Check(typeof(PolicyGradient), "KlPenalty", arguments, results, new() { ["policy"] = estimates.Select(e => e.Slope / Count).ToArray() });
        arguments["straightThrough"] = true;
        Check(typeof(PolicyGradient), "KlPenalty", arguments, results, new() { ["policy"] = difference.Select(d => d / Count).ToArray() });
    }

    private static double Less(double a, double b) => a - b;

    private static double[] Group(double[] values, int i) => values.Skip(i / 4 * 4).Take(4).ToArray();

    private static double Deviation(double[] values) => Math.Sqrt(values.Sum(v => Math.Pow(v - values.Average(), 2)) / (values.Length - 1));

    private static int[] Order(double[] values) => Enumerable.Range(0, values.Length).OrderBy(i => values[i]).ToArray();

    private static Dictionary<string, object?> Four() => new()
    {
        ["chosen"] = Doubles(A),
        ["rejected"] = Doubles(C),
        ["referenceChosen"] = Doubles(D),
        ["referenceRejected"] = Doubles(E),
        ["beta"] = B,
        ["labelSmoothing"] = 0.1,
    };

    private static void CheckSorted(string name, double[] better, double[] worse, Func<int, double, (double Chosen, double Rejected)> share)
    {
        var (betterOrder, worseOrder) = (Order(better), Order(worse));
        var (chosen, rejected) = (new double[Count], new double[Count]);
        double loss = 0;
        for (var k = 0; k < Count; k++)
        {
            var m = B * (better[betterOrder[k]] - worse[worseOrder[k]]);
            loss += (-0.9 * Ls(m) - 0.1 * Ls(-m)) / Count;
            (chosen[betterOrder[k]], rejected[betterOrder[k]]) = share(k, B * (-0.9 * Sigmoid(-m) + 0.1 * Sigmoid(m)) / Count);
        }

        Check(typeof(Preference), name, Four(), new() { ["loss"] = [loss] }, new() { ["chosen"] = chosen, ["rejected"] = rejected });
    }
}
