using static Dpo.Autodiff.Objectives.Tests.ClosedForms.ClosedForm;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.ClosedForms;

/// <summary>What weighs or chooses the tokens that a policy sampled, computed by loops.</summary>
public class SampleTests
{
    private static readonly double[] Policy = [-1.0, -0.2, -2.5, -0.7, -1.4, -0.1];

    private static readonly double[] Old = [-1.1, -0.3, -2.0, -0.7, -1.9, -0.6];

    private static readonly double[] Advantage = [1.0, 2.0, -1.5, 0.5, -0.5, 9.0];

    private static readonly bool[] Counts = [true, true, true, true, true, false];

    /// <summary>Of five tokens half are held: the two whose (A - mean A) (log p - mean log p) is largest.</summary>
    [Fact]
    public void KlCov()
    {
        double[] ratio = [.. Policy.Zip(Old, (p, o) => Math.Exp(p - o))];
        Assert.Equal([1, 2], Largest(2));
        double Term(int i) => -Advantage[i] * ratio[i] + (i is 1 or 2 ? 0.3 * Math.Abs(Policy[i] - Old[i]) : 0);
        double Slope(int i) => -Advantage[i] * ratio[i] + (i is 1 or 2 ? 0.3 * Math.Sign(Policy[i] - Old[i]) : 0);
        Check(
            typeof(TokenPolicyGradient),
            "KlCov",
            new() { ["policy"] = Doubles(Policy), ["old"] = Doubles(Old), ["advantage"] = Doubles(Advantage), ["isToken"] = tensor(Counts), ["share"] = 0.5, ["beta"] = 0.3 },
            new() { ["loss"] = [Enumerable.Range(0, 5).Average(Term)], ["kl"] = [Enumerable.Range(0, 5).Average(i => Math.Abs(Policy[i] - Old[i]))] },
            new() { ["policy"] = [.. Enumerable.Range(0, 6).Select(i => Counts[i] ? Slope(i) / 5 : 0)] });
    }

    /// <summary>One of the tokens between the bounds is left out: that of the smallest draw.</summary>
    [Fact]
    public void ClipCov()
    {
        double[] draw = [0.9, 0.5, 0.1, 0.3, 0.2, 0.0];
        // Ratios are within the bounds, so that all are as they are.
        double Term(int i) => i == 2 ? 0 : -Advantage[i] * Math.Exp(Policy[i] - Old[i]);
        Check(
            typeof(TokenPolicyGradient),
            "ClipCov",
            new()
            {
                ["policy"] = Doubles(Policy),
                ["old"] = Doubles(Old),
                ["advantage"] = Doubles(Advantage),
                ["isToken"] = tensor(Counts),
                ["draw"] = Doubles(draw),
                ["epsilonLow"] = 0.9,
                ["epsilonHigh"] = 9.0,
                ["low"] = 0.5,
                ["high"] = 5.0,
            },
            new() { ["loss"] = [Enumerable.Range(0, 5).Average(Term)], ["leftOut"] = [0.2] },
            new() { ["policy"] = [.. Enumerable.Range(0, 6).Select(i => Counts[i] ? Term(i) / 5 : 0)] });
    }

    /// <summary>1 + gamma at the first token, less by what has been before.</summary>
    [Fact]
    public void ImportanceWeighted()
    {
        double[] teacher = [-1.0, -3.0, -0.5, -2.0];
        double[] old = [-0.5, -1.0, -1.5, -7.0];
        bool[] counts = [true, true, true, false];
        double[] advantage = [-0.5, -2.0, 1.0];
        double[] weight = [1.5, 1 + 0.5 * (1 - 0.5 / 3.5), 1 + 0.5 * (1 - 2.5 / 3.5)];
        // Two words of equal logits: each has the log-probability -log 2, and the gradients are +-1/2.
        Check(
            typeof(Distillation),
            "ImportanceWeighted",
            new()
            {
                ["logits"] = zeros(1, 4, 2, ScalarType.Float64),
                ["labels"] = zeros(1, 4, ScalarType.Int64),
                ["isToken"] = tensor(counts).unsqueeze(0),
                ["teacherTokens"] = Table(4, teacher),
                ["old"] = Table(4, old),
            },
            new()
            {
                ["loss"] = [Enumerable.Range(0, 3).Average(i => weight[i] * advantage[i] * Math.Log(2))],
                ["kl"] = [0.5],
                ["weight"] = [weight.Average()],
            },
            new() { ["logits"] = [.. Enumerable.Range(0, 8).Select(i => i < 6 ? -weight[i / 2] * advantage[i / 2] * (i % 2 == 0 ? 0.5 : -0.5) / 3 : 0)] });
    }

    /// <summary>Log-ratios to come, each 0.9 times the one before, over the sum of the weights; the ratio is 1, its gradient that of log p.</summary>
    [Fact]
    public void MiniLlm()
    {
        double[] reward = [Math.Log(0.75 / 0.5), Math.Log(0.25 / 0.5), Math.Log(0.5 / 0.5)];
        double[] total =
        [
            2 + (reward[0] + 0.9 * reward[1] + 0.81 * reward[2]) / (1 + 0.9 + 0.81),
            2 + (reward[1] + 0.9 * reward[2]) / 1.9,
            2 + reward[2],
        ];
        double[] ofFirst = [0.75, 0.25, 0.5];
        Check(
            typeof(Distillation),
            "MiniLlm",
            new()
            {
                ["student"] = zeros(1, 3, 2, ScalarType.Float64),
                ["teacher"] = Doubles([.. ofFirst.SelectMany(p => new[] { Math.Log(p), Math.Log(1 - p) })]).view(1, 3, 2),
                ["labels"] = zeros(1, 3, ScalarType.Int64),
                ["isToken"] = ones(1, 3, ScalarType.Bool),
                ["advantage"] = Doubles(2),
                ["gamma"] = 0.9,
            },
            new()
            {
                ["loss"] = [Enumerable.Range(0, 3).Average(i => -total[i] - 0.5 * Math.Log(2 * ofFirst[i]) - 0.5 * Math.Log(2 * (1 - ofFirst[i])))],
                ["kl"] = [-reward.Average()],
            },
            // Of the divergence sum p log(p / q): p (log(p / q) - divergence).
            new() { ["student"] = [.. Enumerable.Range(0, 6).Select(i => (i % 2 == 0 ? 1 : -1) * (-0.5 * total[i / 2] + 0.25 * Math.Log((1 - ofFirst[i / 2]) / ofFirst[i / 2])) / 3)] });
    }

    /// <summary>The likeliest of three words against that of two, and so on; the third against nothing.</summary>
    [Fact]
    public void Universal()
    {
        double[] student = [0.2, 0.5, 0.3];
        double[] teacher = [0.1, 0.9];
        // |0.5 - 0.9| + |0.3 - 0.1| + |0.2 - 0|
        double[] slope = [1, -1, 1];
        var mean = student.Zip(slope, (p, s) => p * s).Sum();
        Check(
            typeof(Distillation),
            "Universal",
            new()
            {
                ["student"] = log(Doubles(student)).view(1, 1, 3),
                ["teacher"] = log(Doubles(teacher)).view(1, 1, 2),
                ["isToken"] = ones(1, 1, ScalarType.Bool),
                ["normaliser"] = tensor(2.0, ScalarType.Float64),
            },
            new() { ["Value"] = [0.4] },
            new() { ["student"] = [.. student.Zip(slope, (p, s) => p * (s - mean) / 2)] });
    }

    /// <summary>Two of four words, and the others as a third one; or the two among themselves.</summary>
    [Fact]
    public void TopK()
    {
        double[] student = [0.1, 0.4, 0.2, 0.3];
        double[] teacher = [0.3, 0.1, 0.1, 0.5];
        double Kl(double[] p, double[] q) => p.Zip(q, (a, b) => a * Math.Log(a / b)).Sum();
        double Loss(bool addTail) => addTail ? Kl([0.4, 0.3, 0.3], [0.1, 0.5, 0.4]) : Kl([4.0 / 7, 3.0 / 7], [1.0 / 6, 5.0 / 6]);
        foreach (var addTail in new[] { false, true })
            Check(
                typeof(Distillation),
                "TopK",
                new()
                {
                    ["student"] = log(Doubles(student)).view(1, 1, 4),
                    ["teacher"] = log(Doubles(teacher)).view(1, 1, 4),
                    ["top"] = tensor(new long[] { 1, 3 }).view(1, 1, 2),
                    ["isToken"] = ones(1, 1, ScalarType.Bool),
                    ["beta"] = 1.0,
                    ["addTail"] = addTail,
                },
                new() { ["Value"] = [Loss(addTail)] },
                []);
    }

    private static int[] Largest(int count)
    {
        var (meanAdvantage, meanPolicy) = (Advantage[..5].Average(), Policy[..5].Average());
        return [.. Enumerable.Range(0, 5).OrderByDescending(i => (Advantage[i] - meanAdvantage) * (Policy[i] - meanPolicy)).Take(count).Order()];
    }
}
