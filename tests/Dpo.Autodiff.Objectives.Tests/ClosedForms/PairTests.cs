using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Every objective over single pairs, against its formula and its derivatives by hand.</summary>
public class PairTests
{
    private const int Count = 9;
    private const double B = 0.7;

    private static readonly double[] Chosen = Values(Count, 1);
    private static readonly double[] Rejected = Values(Count, 2);
    private static readonly double[] ReferenceChosen = Values(Count, 3);
    private static readonly double[] ReferenceRejected = Values(Count, 4);

    /// <summary>The loss of one pair and its derivatives by the log-ratios (r of chosen, s of rejected).</summary>
    private delegate (double Loss, double ByChosen, double ByRejected) Pair(double r, double s);

    [Fact]
    public void Dpo() => Check("Dpo", (r, s) => Margin(B * (r - s), m => (-Ls(m), -Sigmoid(-m))));

    [Fact]
    public void LabelSmoothing() => Check(
        "Dpo",
        (r, s) => Margin(B * (r - s), m => (-0.8 * Ls(m) - 0.2 * Ls(-m), -0.8 * Sigmoid(-m) + 0.2 * Sigmoid(m))),
        ("labelSmoothing", 0.2));

    [Fact]
    public void ForwardKl() => Check(
        "Dpo",
        (r, s) =>
        {
            var m = B * (Math.Exp(-s) - Math.Exp(-r));
            return (-Ls(m), -Sigmoid(-m) * B * Math.Exp(-r), Sigmoid(-m) * B * Math.Exp(-s));
        },
        ("divergence", FDivergence.ForwardKl));

    [Fact]
    public void JensenShannon() => Check(
        "Dpo",
        (r, s) =>
        {
            var m = B * (Ls(r) - Ls(s));
            return (-Ls(m), -Sigmoid(-m) * B * Sigmoid(-r), Sigmoid(-m) * B * Sigmoid(-s));
        },
        ("divergence", FDivergence.JensenShannon));

    [Fact]
    public void Alpha() => Check(
        "Dpo",
        (r, s) =>
        {
            var m = B * (Math.Exp(-0.7 * s) - Math.Exp(-0.7 * r)) / 0.7;
            return (-Ls(m), -Sigmoid(-m) * B * Math.Exp(-0.7 * r), Sigmoid(-m) * B * Math.Exp(-0.7 * s));
        },
        ("divergence", FDivergence.Alpha),
        ("alpha", 0.3));

    [Fact]
    public void AlphaOfOne() => Check(
        "Dpo", (r, s) => Margin(B * (r - s), m => (-Ls(m), -Sigmoid(-m))), ("divergence", FDivergence.Alpha), ("alpha", 1.0));

    [Fact]
    public void Robust() => Check(
        "Robust",
        (r, s) => Margin(B * (r - s), m => ((-0.9 * Ls(m) + 0.1 * Ls(-m)) / 0.8, (-0.9 * Sigmoid(-m) - 0.1 * Sigmoid(m)) / 0.8)),
        ("labelSmoothing", 0.1));

    [Fact]
    public void Hinge() => Check("Hinge", (r, s) => Margin(B * (r - s), m => (Relu(1 - m), -Step(1 - m))));

    [Fact]
    public void Positive() => Check(
        "Positive",
        (r, s) =>
        {
            var m = B * (r - s - 5 * Relu(-r));
            return (-Ls(m), -Sigmoid(-m) * B * (1 + 5 * Step(-r)), Sigmoid(-m) * B);
        },
        ("lambda", 5.0));

    [Fact]
    public void SigmoidNorm() => Check(
        "SigmoidNorm",
        (r, s) => Margin(B * (r / 4 - s / 2), m => (-Ls(m), -Sigmoid(-m)), 0.25, 0.5),
        ("chosenLength", ClosedForm.Doubles(Enumerable.Repeat(4.0, Count).ToArray())),
        ("rejectedLength", ClosedForm.Doubles(Enumerable.Repeat(2.0, Count).ToArray())));

    [Fact]
    public void Ipo() => Check("Ipo", (r, s) => Squared(r - s - 1 / (2 * B), 1, 1));

    [Fact]
    public void IpoPerToken() => Check(
        "Ipo",
        (r, s) => Squared(r / 4 - s - 1 / (2 * B), 0.25, 1),
        ("chosenLength", ClosedForm.Doubles(Enumerable.Repeat(4.0, Count).ToArray())),
        ("rejectedLength", ClosedForm.Doubles(new double[Count])));

    [Fact]
    public void Sppo() => Check(
        "Sppo", (r, s) => (Math.Pow(r - 0.5 / B, 2) + Math.Pow(s + 0.5 / B, 2), 2 * (r - 0.5 / B), 2 * (s + 0.5 / B)));

    [Fact]
    public void Exo() => Check(
        "Exo",
        (r, s) => Margin(B * (r - s), m =>
        {
            var q = Sigmoid(m);
            var difference = Ls(m) - Math.Log(0.9) - Ls(-m) + Math.Log(0.1);
            return (q * (Ls(m) - Math.Log(0.9)) + (1 - q) * (Ls(-m) - Math.Log(0.1)), q * (1 - q) * difference);
        }),
        ("labelSmoothing", 0.1));

    [Fact]
    public void Nca() => Check(
        "Nca",
        (r, s) => (-Ls(B * r) - 0.5 * Ls(-B * r) - 0.5 * Ls(-B * s), B * (-Sigmoid(-B * r) + 0.5 * Sigmoid(B * r)), 0.5 * B * Sigmoid(B * s)));

    [Fact]
    public void BcoPair() => Check("BcoPair", (r, s) => (-Ls(B * r) - Ls(-B * s), -B * Sigmoid(-B * r), B * Sigmoid(B * s)));

    [Fact]
    public void DiscoPop() => Check(
        "DiscoPop",
        (r, s) => Margin(B * (r - s), m =>
        {
            var g = Sigmoid(m / 0.05);
            var slope = g * (1 - g) / 0.05;
            return (-Ls(m) * (1 - g) + Math.Exp(-m) * g, -Sigmoid(-m) * (1 - g) + Ls(m) * slope - Math.Exp(-m) * g + Math.Exp(-m) * slope);
        }));

    [Fact]
    public void ApoZero() => Check(
        "ApoZero", (r, s) => (1 - Sigmoid(B * r) + Sigmoid(B * s), -B * Bell(B * r), B * Bell(B * s)));

    [Fact]
    public void ApoDown() => Check(
        "ApoDown",
        (r, s) => (Sigmoid(B * r) + 1 - Sigmoid(B * (r - s)), B * (Bell(B * r) - Bell(B * (r - s))), B * Bell(B * (r - s))));

    [Fact]
    public void DpoDavidson() => CheckTies(
        "DpoDavidson",
        // In worths p and q: p / (p + q + nu sqrt(p q)) and nu sqrt(p q) / (...).
        (p, q) => p / (p + q + Math.Exp(0.3) * Math.Sqrt(p * q)),
        (p, q) => Math.Exp(0.3) * Math.Sqrt(p * q) / (p + q + Math.Exp(0.3) * Math.Sqrt(p * q)));

    [Fact]
    public void DpoRaoKupper()
    {
        var theta = 1 + Math.Exp(0.3);
        CheckTies("DpoRaoKupper", (p, q) => p / (p + theta * q), (p, q) => (theta * theta - 1) * p * q / ((p + theta * q) * (q + theta * p)));
    }

    private static double Bell(double x) => Sigmoid(x) * Sigmoid(-x);

    /// <summary>A loss of the margin: its derivatives by the log-ratios.</summary>
    private static (double Loss, double ByChosen, double ByRejected) Margin(
        double margin, Func<double, (double Loss, double Slope)> loss, double chosenScale = 1, double rejectedScale = 1)
    {
        var (value, slope) = loss(margin);
        return (value, B * slope * chosenScale, -B * slope * rejectedScale);
    }

    private static (double Loss, double ByChosen, double ByRejected) Squared(double x, double chosenScale, double rejectedScale) =>
        (x * x, 2 * x * chosenScale, -2 * x * rejectedScale);

    private static void CheckTies(string name, Func<double, double, double> win, Func<double, double, double> tie)
    {
        var isTie = Enumerable.Range(0, Count).Select(i => i % 3 == 1).ToArray();
        var losses = Enumerable.Range(0, Count).Select(i =>
        {
            var (p, q) = (Math.Exp(B * (Chosen[i] - ReferenceChosen[i])), Math.Exp(B * (Rejected[i] - ReferenceRejected[i])));
            return -Math.Log(isTie[i] ? tie(p, q) : win(p, q));
        }).ToArray();
        ClosedForm.Check(
            typeof(Preference),
            name,
            Arguments(("isTie", TorchSharp.torch.tensor(isTie)), ("logTie", 0.3)),
            new() { ["loss"] = [losses.Average()] },
            []);
    }

    private static void Check(string name, Pair pair, params (string Name, object Value)[] more)
    {
        var r = Chosen.Zip(ReferenceChosen, (a, b) => a - b).ToArray();
        var s = Rejected.Zip(ReferenceRejected, (a, b) => a - b).ToArray();
        var pairs = r.Zip(s, (a, b) => pair(a, b)).ToArray();
        var results = new Dictionary<string, double[]>
        {
            ["loss"] = [pairs.Average(p => p.Loss)],
            ["chosenReward"] = r.Select(x => B * x).ToArray(),
            ["rejectedReward"] = s.Select(x => B * x).ToArray(),
        };
        if (name != "Dpo")
        {
            results["margin"] = [r.Zip(s, (a, b) => B * (a - b)).Average()];
            results["accuracy"] = [r.Zip(s, (a, b) => a > b ? 1.0 : 0.0).Average()];
        }

        ClosedForm.Check(typeof(Preference), name, Arguments(more), results, new()
        {
            ["chosen"] = pairs.Select(p => p.ByChosen / Count).ToArray(),
            ["rejected"] = pairs.Select(p => p.ByRejected / Count).ToArray(),
        });
    }

    private static Dictionary<string, object?> Arguments(params (string Name, object Value)[] more)
    {
        var arguments = new Dictionary<string, object?>
        {
            ["chosen"] = ClosedForm.Doubles(Chosen),
            ["rejected"] = ClosedForm.Doubles(Rejected),
            ["referenceChosen"] = ClosedForm.Doubles(ReferenceChosen),
            ["referenceRejected"] = ClosedForm.Doubles(ReferenceRejected),
            ["beta"] = B,
        };
        foreach (var (name, value) in more)
            arguments[name] = value;
        return arguments;
    }
}
