using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>The losses of reference-free differences from logits, computed by loops: two pairs, a gold response each, three tokens over four words.</summary>
public class PairLossTests
{
    private const double Beta = 0.4;
    private const double Smoothing = 0.1;
    private const double Gamma = 0.3;
    private const int Words = 4;

    private static readonly double[] Logits = Values(4 * 3 * Words, 61, 1);
    private static readonly double[] GoldLogits = Values(2 * 3 * Words, 62, 1);
    private static readonly long[] Labels = [0, 3, 1, 2, 2, 0, 1, 3, 3, 0, 1, 2];
    private static readonly long[] GoldLabels = [1, 0, 3, 2, 2, 1];
    private static readonly bool[] Counts = [true, true, false, true, true, true, false, true, true, true, false, false];
    private static readonly bool[] GoldCounts = [true, true, true, false, true, false];

    public static TheoryData<string, PairLoss, bool> Cases()
    {
        var data = new TheoryData<string, PairLoss, bool>();
        foreach (var loss in Enum.GetValues<PairLoss>())
        {
            data.Add("SimPo", loss, true);
            data.Add("Cpo", loss, loss == PairLoss.Square);
            data.Add("Tpo", loss, loss == PairLoss.Square);
            data.Add("TpoL", loss, true);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void FromLogits(string name, PairLoss kind, bool isAverage)
    {
        var policy = Enumerable.Range(0, 4).Select(row => Score(Logits, Labels, Counts, row) / (isAverage ? Length(Counts, row) : 1)).ToArray();
        var shift = name switch { "SimPo" => Gamma, "TpoL" => Gamma / Beta, _ => 0 };
        double[] difference = [policy[0] - policy[2] - shift, policy[1] - policy[3] - shift];
        var (terms, slopes) = (difference.Select(h => Loss(h, kind)).ToArray(), difference.Select(h => Slope(h, kind) / 2).ToArray());
        var (isTpo, isCpo) = (name is "Tpo" or "TpoL", name == "Cpo");
        var (nll, tokens) = isTpo
            ? (Enumerable.Range(0, 2).Sum(row => -Score(GoldLogits, GoldLabels, GoldCounts, row)), GoldCounts.Count(c => c))
            : (Enumerable.Range(0, 2).Sum(row => -Score(Logits, Labels, Counts, row)), Counts.Take(6).Count(c => c));
        const double alpha = 0.6;
        var gradient = new double[Logits.Length];
        for (var row = 0; row < 4; row++)
            Add(gradient, Logits, Labels, Counts, row, (row < 2 ? 1 : -1) * slopes[row % 2] / (isAverage ? Length(Counts, row) : 1) - (isCpo && row < 2 ? alpha / tokens : 0));
        var gold = new double[GoldLogits.Length];
        for (var row = 0; row < 2; row++)
            Add(gold, GoldLogits, GoldLabels, GoldCounts, row, -alpha / tokens);

        var arguments = new Dictionary<string, object?>
        {
            ["logits"] = tensor(Logits, [4, 3, Words], float64),
            ["labels"] = tensor(Labels, [4, 3]),
            ["isCompletion"] = tensor(Counts, [4, 3]),
            ["beta"] = Beta,
            ["labelSmoothing"] = Smoothing,
            ["loss"] = kind,
        };
        var gradients = new Dictionary<string, double[]> { ["logits"] = gradient };
        if (name == "SimPo")
            arguments["gammaBetaRatio"] = Gamma;
        else
            arguments["alpha"] = alpha;
        if (isTpo)
        {
            arguments["goldLogits"] = tensor(GoldLogits, [2, 3, Words], float64);
            arguments["goldLabels"] = tensor(GoldLabels, [2, 3]);
            arguments["isGold"] = tensor(GoldCounts, [2, 3]);
            arguments["gamma"] = Gamma;
            arguments["lengthNormalised"] = name == "TpoL";
            gradients["goldLogits"] = gold;
        }

        Check(
            typeof(PreferenceFromLogits),
            isTpo ? "Tpo" : name,
            arguments,
            new() { ["loss"] = [terms.Average() + (isCpo || isTpo ? alpha * nll / tokens : 0)], ["chosenReward"] = [Beta * policy[0], Beta * policy[1]] },
            gradients);
    }

    private static double Loss(double h, PairLoss kind) => kind switch
    {
        PairLoss.Sigmoid => -(1 - Smoothing) * Ls(Beta * h) - Smoothing * Ls(-Beta * h),
        PairLoss.Hinge => Math.Max(0, 1 - Beta * h),
        _ => Math.Pow(h - 1 / (2 * Beta), 2),
    };

    private static double Slope(double h, PairLoss kind) => kind switch
    {
        PairLoss.Sigmoid => Beta * (-(1 - Smoothing) * Sigmoid(-Beta * h) + Smoothing * Sigmoid(Beta * h)),
        PairLoss.Hinge => Beta * h < 1 ? -Beta : 0,
        _ => 2 * (h - 1 / (2 * Beta)),
    };

    private static double Chance(double[] logits, int token, long word) =>
        Math.Exp(logits[token * Words + word]) / Enumerable.Range(0, Words).Sum(w => Math.Exp(logits[token * Words + w]));

    private static IEnumerable<int> TokensOf(bool[] counts, int row) => Enumerable.Range(row * 3, 3).Where(t => counts[t]);

    private static int Length(bool[] counts, int row) => TokensOf(counts, row).Count();

    private static double Score(double[] logits, long[] labels, bool[] counts, int row) => TokensOf(counts, row).Sum(t => Math.Log(Chance(logits, t, labels[t])));

    private static void Add(double[] gradient, double[] logits, long[] labels, bool[] counts, int row, double slope)
    {
        foreach (var t in TokensOf(counts, row))
            for (var w = 0; w < Words; w++)
                gradient[t * Words + w] += slope * ((labels[t] == w ? 1 : 0) - Chance(logits, t, w));
    }
}
