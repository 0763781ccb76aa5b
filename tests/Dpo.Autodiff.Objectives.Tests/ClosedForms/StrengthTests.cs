using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Strengths, rewards and rankings, in the worths of the papers.</summary>
public class StrengthTests
{
    private const double Home = 0.35;

    private static readonly double[] Strength = [0.4, -0.7, 1.3, 0.1];
    private static readonly long[] First = [0, 1, 2, 3, 0, 2];
    private static readonly long[] Second = [1, 2, 0, 1, 3, 3];
    private static readonly double[] FirstWins = [3, 0, 5, 2, 1, 4];
    private static readonly double[] SecondWins = [1, 4, 2, 0, 2, 4];
    private static readonly double[] Ties = [2, 0, 1, 3, 0, 1];

    private static int Games => First.Length;

    /// <summary>Worths of game k's players, home advantage included.</summary>
    private static (double P, double Q) Worths(int k, double home) => (Math.Exp(Strength[First[k]] + home), Math.Exp(Strength[Second[k]]));

    [Fact]
    public void Wins()
    {
        double Chance(int k) => Worths(k, 0) is var (p, q) ? p / (p + q) : 0;
        var gradient = new double[Strength.Length];
        for (var k = 0; k < Games; k++)
        {
            gradient[First[k]] -= FirstWins[k] * (1 - Chance(k));
            gradient[Second[k]] += FirstWins[k] * (1 - Chance(k));
        }

        Check(
            typeof(BradleyTerry),
            "Wins",
            new() { ["strength"] = Doubles(Strength), ["winner"] = tensor(First), ["loser"] = tensor(Second), ["count"] = Doubles(FirstWins) },
            new()
            {
                ["loss"] = [-Enumerable.Range(0, Games).Sum(k => FirstWins[k] * Math.Log(Chance(k)))],
                ["accuracy"] = [Enumerable.Range(0, Games).Sum(k => Chance(k) > 0.5 ? FirstWins[k] : 0) / FirstWins.Sum()],
            },
            new() { ["strength"] = gradient });
        Check(
            typeof(BradleyTerry),
            "Wins",
            new() { ["strength"] = Doubles(Strength), ["winner"] = tensor(First), ["loser"] = tensor(Second) },
            new() { ["loss"] = [-Enumerable.Range(0, Games).Sum(k => Math.Log(Chance(k)))] },
            []);
    }

    [Fact]
    public void TablesOfGames()
    {
        double Chance(int k) => Worths(k, Home) is var (p, q) ? p / (p + q) : 0;
        double Residual(int k) => (FirstWins[k] + SecondWins[k]) * Chance(k) - FirstWins[k];
        var gradient = new double[Strength.Length];
        for (var k = 0; k < Games; k++)
        {
            gradient[First[k]] += Residual(k);
            gradient[Second[k]] -= Residual(k);
        }

        Check(
            typeof(BradleyTerry),
            "Games",
            Table(("advantage", tensor(Home, float64))),
            new()
            {
                ["loss"] = [-Enumerable.Range(0, Games).Sum(k => FirstWins[k] * Math.Log(Chance(k)) + SecondWins[k] * Math.Log(1 - Chance(k)))],
                ["chance"] = Enumerable.Range(0, Games).Select(Chance).ToArray(),
            },
            new() { ["strength"] = gradient, ["advantage"] = [Enumerable.Range(0, Games).Sum(Residual)] });
    }

    [Fact]
    public void Davidson()
    {
        var nu = Math.Exp(-0.2);
        CheckTies(
            "Davidson",
            -0.2,
            (p, q) => p / (p + q + nu * Math.Sqrt(p * q)),
            (p, q) => nu * Math.Sqrt(p * q) / (p + q + nu * Math.Sqrt(p * q)));
    }

    [Fact]
    public void RaoKupper()
    {
        var theta = 1 + Math.Exp(-0.2);
        CheckTies(
            "RaoKupper",
            -0.2,
            (p, q) => p / (p + theta * q),
            (p, q) => (theta * theta - 1) * p * q / ((p + theta * q) * (q + theta * p)));
    }

    [Fact]
    public void ThurstonesCaseFive()
    {
        double Margin(int k) => Strength[First[k]] + Home - Strength[Second[k]];
        double Slope(int k) => -NormalDensity(Margin(k)) * (FirstWins[k] / NormalCdf(Margin(k)) - SecondWins[k] / NormalCdf(-Margin(k)));
        var gradient = new double[Strength.Length];
        for (var k = 0; k < Games; k++)
        {
            gradient[First[k]] += Slope(k);
            gradient[Second[k]] -= Slope(k);
        }

        Check(
            typeof(Thurstone),
            "CaseFive",
            Table(("advantage", tensor(Home, float64))),
            new()
            {
                ["loss"] = [-Enumerable.Range(0, Games).Sum(k => FirstWins[k] * Math.Log(NormalCdf(Margin(k))) + SecondWins[k] * Math.Log(NormalCdf(-Margin(k))))],
                ["chance"] = Enumerable.Range(0, Games).Select(k => NormalCdf(Margin(k))).ToArray(),
            },
            new() { ["strength"] = gradient, ["advantage"] = [Enumerable.Range(0, Games).Sum(Slope)] });
    }

    [Fact]
    public void ThePrecisionOfTheNormalDistributionHoldsInTheTails()
    {
        double[] points = [-37.5, -12, -6, -3.3, -1, -0.2, 0, 0.2, 1, 5, 9];
        foreach (var x in points)
            Check(
                typeof(Thurstone),
                "Pairwise",
                new() { ["chosen"] = Doubles(2 * x), ["rejected"] = Doubles(0), ["scale"] = 2.0 },
                new() { ["loss"] = [x < 0 ? -Math.Log(NormalCdf(x)) : -LogOnePlus(-NormalCdf(-x))] },
                new() { ["chosen"] = [-NormalDensity(x) / NormalCdf(x) / 2] });
    }

    [Fact]
    public void RewardModelWithMarginAndCentring()
    {
        var (c, r, m) = (Values(6, 21), Values(6, 22), Values(6, 23));
        var lead = Enumerable.Range(0, 6).Select(i => c[i] - r[i] - m[i]).ToArray();
        Check(
            typeof(RewardModel),
            "BradleyTerry",
            new() { ["chosen"] = Doubles(c), ["rejected"] = Doubles(r), ["margin"] = Doubles(m), ["centering"] = 0.02 },
            new()
            {
                ["loss"] = [Enumerable.Range(0, 6).Average(i => -Ls(lead[i]) + 0.02 * Math.Pow(c[i] + r[i], 2))],
                ["rewardMargin"] = [c.Zip(r, (a, b) => a - b).Average()],
                ["accuracy"] = [c.Zip(r, (a, b) => a > b ? 1.0 : 0.0).Average()],
            },
            new()
            {
                ["chosen"] = Enumerable.Range(0, 6).Select(i => (-Sigmoid(-lead[i]) + 0.04 * (c[i] + r[i])) / 6).ToArray(),
                ["rejected"] = Enumerable.Range(0, 6).Select(i => (Sigmoid(-lead[i]) + 0.04 * (c[i] + r[i])) / 6).ToArray(),
            });
    }

    [Fact]
    public void RewardModelsWithTies()
    {
        var (a, b) = (Values(6, 24), Values(6, 25));
        double[] label = [1, -1, 0, 1, 0, -1];
        var nu = Math.Exp(0.3);
        var theta = 1 + nu;
        var models = new (string Name, Func<double, double, double> Win, Func<double, double, double> Tie)[]
        {
            ("Davidson", (p, q) => p / (p + q + nu * Math.Sqrt(p * q)), (p, q) => nu * Math.Sqrt(p * q) / (p + q + nu * Math.Sqrt(p * q))),
            ("RaoKupper", (p, q) => p / (p + theta * q), (p, q) => (theta * theta - 1) * p * q / ((p + theta * q) * (q + theta * p))),
        };
        foreach (var (name, win, tie) in models)
            Check(
                typeof(RewardModel),
                name,
                new() { ["first"] = Doubles(a), ["second"] = Doubles(b), ["preference"] = Doubles(label), ["logTie"] = 0.3 },
                new()
                {
                    ["loss"] = [-Enumerable.Range(0, 6).Average(i =>
                    {
                        var (p, q) = (Math.Exp(a[i]), Math.Exp(b[i]));
                        return Math.Log(label[i] == 0 ? tie(p, q) : label[i] > 0 ? win(p, q) : win(q, p));
                    })],
                    ["accuracy"] = [Enumerable.Range(0, 6).Count(i => label[i] * (a[i] - b[i]) > 0) / 4.0],
                },
                []);
    }

    [Fact]
    public void Rankings()
    {
        var score = Values(12, 26);
        var present = new[] { true, true, true, true, true, true, true, false, true, true, false, false };
        double Loss(int list, int length) => Enumerable.Range(0, length).Sum(k => LogSumExp(Enumerable.Range(k, length - k).Select(j => score[4 * list + j])) - score[4 * list + k]);
        double Slope(int list, int item, int length) => item >= length ? 0
            : Enumerable.Range(0, item + 1).Sum(k => Math.Exp(score[4 * list + item] - LogSumExp(Enumerable.Range(k, length - k).Select(j => score[4 * list + j])))) - 1;
        int[] lengths = [4, 3, 2];
        Check(
            typeof(PlackettLuce),
            "Ranking",
            new() { ["score"] = ClosedForm.Table(4, score) },
            new() { ["loss"] = [Enumerable.Range(0, 3).Average(l => Loss(l, 4))] },
            new() { ["score"] = Enumerable.Range(0, 12).Select(i => Slope(i / 4, i % 4, 4) / 3).ToArray() });
        Check(
            typeof(PlackettLuce),
            "Ranking",
            new() { ["score"] = ClosedForm.Table(4, score), ["isPresent"] = tensor(present).reshape(3, 4) },
            new() { ["loss"] = [Enumerable.Range(0, 3).Average(l => Loss(l, lengths[l]))] },
            new() { ["score"] = Enumerable.Range(0, 12).Select(i => Slope(i / 4, i % 4, lengths[i / 4]) / 3).ToArray() });
    }

    [Fact]
    public void SoftmaxDpo()
    {
        var (chosen, rejected) = (Values(3, 27), Values(12, 28));
        var lead = Enumerable.Range(0, 3).Select(i => 0.7 * chosen[i] - LogSumExp(rejected.Skip(4 * i).Take(4).Select(r => 0.7 * r))).ToArray();
        Check(
            typeof(PlackettLuce),
            "SoftmaxDpo",
            new()
            {
                ["chosen"] = Doubles(chosen),
                ["rejected"] = ClosedForm.Table(4, rejected),
                ["referenceChosen"] = Doubles(new double[3]),
                ["referenceRejected"] = ClosedForm.Table(4, new double[12]),
                ["beta"] = 0.7,
            },
            new() { ["loss"] = [lead.Average(l => -Ls(l))] },
            new() { ["chosen"] = lead.Select(l => -0.7 * Sigmoid(-l) / 3).ToArray() });
    }

    [Fact]
    public void ListNet()
    {
        var (score, relevance) = (Values(8, 29), Values(8, 30));
        double Share(double[] values, int i) => Math.Exp(values[i] - LogSumExp(values.Skip(i / 4 * 4).Take(4)));
        Check(
            typeof(PlackettLuce),
            "ListNet",
            new() { ["score"] = ClosedForm.Table(4, score), ["relevance"] = ClosedForm.Table(4, relevance) },
            new() { ["Value"] = [-Enumerable.Range(0, 8).Sum(i => Share(relevance, i) * Math.Log(Share(score, i))) / 2] },
            new() { ["score"] = Enumerable.Range(0, 8).Select(i => (Share(score, i) - Share(relevance, i)) / 2).ToArray() });
    }

    private static void CheckTies(string name, double tie, Func<double, double, double> win, Func<double, double, double> tied)
    {
        var chances = Enumerable.Range(0, Games).Select(k => Worths(k, Home) is var (p, q) ? (Win: win(p, q), Loss: win(q, p), Tie: tied(p, q)) : default).ToArray();
        Assert.All(chances, c => Assert.Equal(1, c.Win + c.Loss + c.Tie, 12));
        Check(
            typeof(BradleyTerry),
            name,
            Table(("ties", Doubles(Ties)), ("tie", tensor(tie, float64)), ("advantage", tensor(Home, float64))),
            new()
            {
                ["loss"] = [-Enumerable.Range(0, Games).Sum(k => FirstWins[k] * Math.Log(chances[k].Win) + SecondWins[k] * Math.Log(chances[k].Loss) + Ties[k] * Math.Log(chances[k].Tie))],
                ["chance"] = chances.Select(c => c.Win).ToArray(),
                ["tieChance"] = chances.Select(c => c.Tie).ToArray(),
            },
            []);
    }

    private static Dictionary<string, object?> Table(params (string Name, Tensor Value)[] more)
    {
        var arguments = new Dictionary<string, object?>
        {
            ["strength"] = Doubles(Strength),
            ["first"] = tensor(First),
            ["second"] = tensor(Second),
            ["firstWins"] = Doubles(FirstWins),
            ["secondWins"] = Doubles(SecondWins),
        };
        foreach (var (name, value) in more)
            arguments[name] = value;
        return arguments;
    }
}
