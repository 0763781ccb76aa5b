using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static Dpo.Autodiff.Objectives.Tests.ClosedForms.Scalar;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>Objectives from logits: four rows of three tokens over five words.</summary>
public class VocabularyTests
{
    private const int Rows = 4;
    private const int Length = 3;
    private const int Words = 5;
    private const int Count = Rows * Length;

    private static readonly double[] Logits = Values(Count * Words, 41);
    private static readonly double[] Teacher = Values(Count * Words, 42);
    private static readonly long[] Labels = Enumerable.Range(0, Count).Select(i => (long)(i * i % Words)).ToArray();
    private static readonly bool[] Counts = Enumerable.Range(0, Count).Select(i => i % 4 != 3).ToArray();
    private static readonly int Tokens = Counts.Count(c => c);

    /// <summary>The gradient of a log-probability by the logits is one minus the probabilities.</summary>
    [Fact]
    public void Sft()
    {
        double Term(int i) => -0.9 * Log(Logits, i, (int)Labels[i]) - 0.1 * Enumerable.Range(0, Words).Average(v => Log(Logits, i, v)) + 0.02 * Math.Pow(Mass(i), 2);
        var count = tensor(20.0, float64);
        Check(
            typeof(Preference),
            "Sft",
            Arguments(("normaliser", count), ("labelSmoothing", 0.1), ("zWeight", 0.02)),
            new()
            {
                ["loss"] = [Each(Term).Sum() / 20],
                ["nll"] = [Each(i => -Log(Logits, i, (int)Labels[i])).Sum() / Tokens],
                ["entropy"] = [Each(Entropy).Sum() / Tokens],
            },
            new() { ["logits"] = Gradient((i, v) => (P(Logits, i, v) - 0.9 * (v == Labels[i] ? 1 : 0) - 0.1 / Words + 0.04 * Mass(i) * P(Logits, i, v)) / 20) });
    }

    [Fact]
    public void Dpo()
    {
        var reference = Values(Rows, 43, 8);
        var policy = Enumerable.Range(0, Rows).Select(r => Enumerable.Range(r * Length, Length).Where(i => Counts[i]).Sum(i => Log(Logits, i, (int)Labels[i]))).ToArray();
        double Margin(int pair) => 0.3 * (policy[pair] - reference[pair] - policy[pair + 2] + reference[pair + 2]);
        double Slope(int row) => (row < 2 ? -1 : 1) * 0.3 * Sigmoid(-Margin(row % 2)) / 2;
        Check(
            typeof(PreferenceFromLogits),
            "Dpo",
            Completion(("reference", Doubles(reference)), ("beta", 0.3)),
            new()
            {
                ["loss"] = [-(Ls(Margin(0)) + Ls(Margin(1))) / 2],
                ["chosenLogProbability"] = policy[..2],
                ["rejectedLogProbability"] = policy[2..],
                ["chosenLogit"] = [Enumerable.Range(0, Count / 2).Where(i => Counts[i]).Average(i => Enumerable.Range(0, Words).Average(v => Logits[i * Words + v]))],
                ["entropy"] = [Each(Entropy).Sum() / Tokens],
                ["tokenAccuracy"] = [Enumerable.Range(0, Count / 2).Where(i => Counts[i]).Average(i => Likeliest(i) == Labels[i] ? 1.0 : 0.0)],
            },
            new() { ["logits"] = Gradient((i, v) => Slope(i / Length) * ((v == Labels[i] ? 1 : 0) - P(Logits, i, v))) });
    }

    [Fact]
    public void Divergences()
    {
        var arguments = new Dictionary<string, object?> { ["student"] = Of(Logits), ["teacher"] = Of(Teacher), ["isToken"] = IsToken(), ["temperature"] = 1.0 };
        double Reverse(int i) => Enumerable.Range(0, Words).Sum(v => P(Logits, i, v) * (Log(Logits, i, v) - Log(Teacher, i, v)));
        Check(
            typeof(Distillation),
            "ForwardKl",
            arguments,
            new() { ["loss"] = [Each(i => Enumerable.Range(0, Words).Sum(v => P(Teacher, i, v) * (Log(Teacher, i, v) - Log(Logits, i, v)))).Sum() / Tokens] },
            new() { ["student"] = Gradient((i, v) => (P(Logits, i, v) - P(Teacher, i, v)) / Tokens) });
        Check(
            typeof(Distillation),
            "ReverseKl",
            arguments,
            new() { ["loss"] = [Each(Reverse).Sum() / Tokens] },
            new() { ["student"] = Gradient((i, v) => P(Logits, i, v) * (Log(Logits, i, v) - Log(Teacher, i, v) - Reverse(i)) / Tokens) });

        double Mixed(int i, int v) => 0.7 * P(Logits, i, v) + 0.3 * P(Teacher, i, v);
        double Lead(int i, int v) => 0.7 * (Log(Logits, i, v) - Math.Log(Mixed(i, v)));
        arguments["beta"] = 0.3;
        Check(
            typeof(Distillation),
            "Gkd",
            arguments,
            new()
            {
                ["Value"] =
                [
                    Each(i => Enumerable.Range(0, Words).Sum(v => 0.3 * P(Teacher, i, v) * (Log(Teacher, i, v) - Math.Log(Mixed(i, v))) + P(Logits, i, v) * Lead(i, v))).Sum() / Tokens,
                ],
            },
            new() { ["student"] = Gradient((i, v) => P(Logits, i, v) * (Lead(i, v) - Enumerable.Range(0, Words).Sum(w => P(Logits, i, w) * Lead(i, w))) / Tokens) });
    }

    /// <summary>Of four tokens that count the two whose distributions are flattest add to the loss, a quarter each.</summary>
    [Fact]
    public void TopEntropy()
    {
        // Two words: the entropy falls with the distance of their logits.
        double[] gap = [0.1, 3.0, 0.7, 2.0, 0.0];
        bool[] counts = [true, true, true, true, false];
        double[] old = [-0.8, -0.1, -0.3, -0.2, -9.0];
        const double a = 1.5;
        double Log(int i) => -Math.Log(1 + Math.Exp(-gap[i]));
        double Entropy(int i) => -Math.Exp(Log(i)) * Log(i) - (1 - Math.Exp(Log(i))) * (Log(i) - gap[i]);
        double Ratio(int i) => Math.Exp(Log(i) - old[i]);
        using var scope = NewDisposeScope();
        var threshold = PolicyGradientFromLogits.EntropyThreshold(tensor(Enumerable.Range(0, 5).Select(Entropy).ToArray(), [1, 5], float64), tensor(counts, [1, 5]), 0.5);
        Assert.InRange(threshold.item<double>(), Entropy(3), Entropy(2));
        int[] flattest = [0, 2];
        double Slope(int i) => flattest.Contains(i) ? -a * Ratio(i) * (1 - Math.Exp(Log(i))) / 4 : 0;
        Check(
            typeof(PolicyGradientFromLogits),
            "TopEntropy",
            new()
            {
                ["logits"] = tensor(gap.SelectMany(g => new[] { g, 0.0 }).ToArray(), [1, 5, 2], float64),
                ["labels"] = zeros([1, 5], int64),
                ["isToken"] = tensor(counts, [1, 5]),
                ["old"] = tensor(old, [1, 5], float64),
                ["advantage"] = Doubles(a),
                ["threshold"] = tensor(threshold.item<double>(), float64),
                ["epsilonHigh"] = 0.9,
            },
            new() { ["loss"] = [flattest.Sum(i => -a * Ratio(i)) / 4], ["share"] = [0.5], ["entropy"] = [Enumerable.Range(0, 4).Average(Entropy)] },
            new() { ["logits"] = Enumerable.Range(0, 5).SelectMany(i => new[] { Slope(i), -Slope(i) }).ToArray() });
    }

    [Fact]
    public void LabelHinge()
    {
        double Lead(int i) => Logits[i * Words + Labels[i]] - Logits[i * Words + Other(i)];
        double Slope(int i) => Lead(i) < 1 ? 1.0 / Tokens : 0;
        Check(
            typeof(Preference),
            "LabelHinge",
            Arguments(),
            new() { ["loss"] = [Each(i => Relu(1 - Lead(i))).Sum() / Tokens], ["labelMargin"] = [Each(Lead).Sum() / Tokens] },
            new() { ["logits"] = Gradient((i, v) => v == Labels[i] ? -Slope(i) : v == Other(i) ? Slope(i) : 0) });
    }

    private static Dictionary<string, object?> Arguments(params (string Name, object? Value)[] others) =>
        new(others.Select(o => KeyValuePair.Create(o.Name, o.Value))) { ["logits"] = Of(Logits), ["labels"] = tensor(Labels, [Rows, Length]), ["isToken"] = IsToken() };

    private static Dictionary<string, object?> Completion(params (string Name, object? Value)[] others)
    {
        var arguments = Arguments(others);
        arguments.Remove("isToken");
        arguments["isCompletion"] = IsToken();
        return arguments;
    }

    private static Tensor Of(double[] values) => tensor(values, [Rows, Length, Words], float64);

    private static Tensor IsToken() => tensor(Counts, [Rows, Length]);

    private static double[] Each(Func<int, double> value) => Enumerable.Range(0, Count).Select(i => Counts[i] ? value(i) : 0).ToArray();

    private static double[] Gradient(Func<int, int, double> value) =>
        Enumerable.Range(0, Count * Words).Select(k => Counts[k / Words] ? value(k / Words, k % Words) : 0).ToArray();

    private static double Mass(int token) => LogSumExp(Logits.Skip(token * Words).Take(Words));

    private static double Log(double[] logits, int token, int word) => logits[token * Words + word] - LogSumExp(logits.Skip(token * Words).Take(Words));

    private static double P(double[] logits, int token, int word) => Math.Exp(Log(logits, token, word));

    private static double Entropy(int token) => -Enumerable.Range(0, Words).Sum(v => P(Logits, token, v) * Log(Logits, token, v));

    private static int Likeliest(int token) => Enumerable.Range(0, Words).MaxBy(v => Logits[token * Words + v]);

    private static int Other(int token) => Enumerable.Range(0, Words).Where(v => v != Labels[token]).MaxBy(v => Logits[token * Words + v]);
}
