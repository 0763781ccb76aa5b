namespace Dpo.Autodiff.Generator.Tests.Snapshots;

/// <summary>Objectives that between them show every form of the compiler's work, as users would write them, in a class C.</summary>
internal static class SampleObjectives
{
    public const string Dpo = """
        /// <summary>DPO, Rafailov et al. 2023, eq. 7.</summary>
        [Objective]
        public static (Tensor loss, Tensor chosenReward, Tensor rejectedReward) Dpo(
            [Axes("pair")] Tensor chosen,
            [Axes("pair")] Tensor rejected,
            [Axes("pair"), NoGrad] Tensor referenceChosen,
            [Axes("pair"), NoGrad] Tensor referenceRejected,
            double beta = 0.1)
        {
            var chosenReward = ImplicitReward(chosen, referenceChosen, beta);
            var rejectedReward = ImplicitReward(rejected, referenceRejected, beta);
            return (-logsigmoid(chosenReward - rejectedReward).mean(), chosenReward.detach(), rejectedReward.detach());
        }

        static Tensor ImplicitReward(Tensor policy, Tensor reference, double beta) => beta * (policy - reference);
        """;

    /// <summary>A branch on an enumeration and one on a condition: six kernels, of which equal ones are one.</summary>
    public const string PairLoss = """
        public enum Shape { Logistic, Hinge, Square }

        [Objective]
        public static Tensor PairLoss(
            [Axes("pair")] Tensor chosen,
            [Axes("pair")] Tensor rejected,
            Shape shape = Shape.Logistic,
            double smoothing = 0,
            bool average = true)
        {
            var margin = chosen - rejected;
            var loss = shape switch
            {
                Shape.Logistic => -(1 - smoothing) * logsigmoid(margin) - smoothing * logsigmoid(-margin),
                Shape.Hinge => relu(1 - margin),
                Shape.Square => (margin - 1).square(),
                _ => throw new ArgumentException("unknown shape"),
            };
            return average ? loss.mean() : loss.sum();
        }
        """;

    public const string BradleyTerry = """
        [Objective]
        public static Tensor BradleyTerry(
            [Axes("player")] Tensor strength,
            [Axes("game")] Tensor winner,
            [Axes("game")] Tensor loser,
            [Axes("game")] Tensor count,
            double ridge = 0.01)
        {
            var margin = strength[winner] - strength[loser];
            return -(count * logsigmoid(margin)).sum() / count.sum() + ridge * strength.square().sum();
        }
        """;

    public const string PlackettLuce = """
        [Objective]
        public static Tensor PlackettLuce([Axes("list item")] Tensor score)
        {
            var rest = score.flip(-1).logcumsumexp(-1).flip(-1);
            return (rest - score).sum(-1).mean();
        }
        """;

    public const string RewardModel = """
        [Objective]
        public static (Tensor loss, Tensor accuracy) RewardModel(
            [Axes("pair")] Tensor chosen,
            [Axes("pair")] Tensor rejected,
            [Axes("pair")] Tensor? margin = null,
            double? centre = null)
        {
            var difference = margin is null ? chosen - rejected : chosen - rejected - margin;
            var loss = -logsigmoid(difference).mean();
            if (centre.HasValue)
                loss = loss + centre.Value * (chosen + rejected).square().mean();
            return (loss, (chosen > rejected).to_type(ScalarType.Float32).mean());
        }
        """;

    public const string CrossEntropy = """
        [Objective]
        public static Tensor CrossEntropy([Axes("token vocab"), Donated] Tensor logits, [Axes("token")] Tensor label) =>
            cross_entropy(logits, label, ignore_index: -100);
        """;

    public const string MaskedMean = """
        [Objective]
        public static (Tensor loss, Tensor length) MaskedMean([Axes("pair token")] Tensor logp, [Axes("pair token")] Tensor mask)
        {
            var weight = mask.to_type(ScalarType.Float32);
            var length = weight.sum(-1).clamp_min(1);
            return (-((logp * weight).sum(-1) / length).mean(), length);
        }
        """;

    public const string Pairwise = """
        [Objective]
        public static Tensor Pairwise([Axes("list item")] Tensor score, [Axes("list item")] Tensor relevance)
        {
            var margin = score.unsqueeze(-1) - score.unsqueeze(-2);
            var better = relevance.unsqueeze(-1) > relevance.unsqueeze(-2);
            return where(better, -logsigmoid(margin), 0).sum() / better.sum();
        }
        """;

    public const string Advantage = """
        [Objective]
        public static (Tensor loss, Tensor advantage) Advantage([Axes("group sample")] Tensor logp, [Axes("group sample"), NoGrad] Tensor reward)
        {
            var advantage = (reward - reward.mean([-1], true)) / (reward.std(-1, unbiased: false, keepdim: true) + 1e-4);
            return (-(advantage * logp).mean() + 0.01 * logp.var(-1, unbiased: false).mean(), advantage);
        }
        """;

    public const string Aot = """
        [Objective]
        public static Tensor Aot([Axes("pair")] Tensor chosen, [Axes("pair")] Tensor rejected, double beta = 0.1)
        {
            var delta = chosen.sort(0).Values - rejected.sort(0).Values;
            return -logsigmoid(beta * delta).mean();
        }
        """;

    public const string Ppo = """
        [Objective]
        public static (Tensor loss, Tensor clipped) Ppo(
            [Axes("row token")] Tensor logp,
            [Axes("row token"), NoGrad] Tensor old,
            [Axes("row")] Tensor advantage,
            [Axes("row token")] Tensor mask,
            double epsilon = 0.2)
        {
            var ratio = (logp - old).exp();
            var a = advantage.unsqueeze(-1).detach();
            var clipped = ratio.clamp(1 - epsilon, 1 + epsilon);
            var loss = -minimum(ratio * a, clipped * a);
            var isClipped = (ratio * a > clipped * a).to_type(ScalarType.Float32);
            return (where(mask, loss, 0).sum() / mask.sum(), where(mask, isClipped, 0).sum() / mask.sum());
        }
        """;

    /// <summary>As the papers write it: the compiler makes it stable.</summary>
    public const string PaperForm = """
        [Objective]
        public static Tensor PaperForm([Axes("game")] Tensor first, [Axes("game")] Tensor second, [Axes("game")] Tensor won)
        {
            var p = first.exp() / (first.exp() + second.exp());
            return -(won * p.log() + (1 - won) * (1 - p).log()).mean();
        }
        """;

    public const string TokenLogProbability = """
        [Objective]
        public static Tensor TokenLogProbability([Axes("pair token vocab")] Tensor logits, [Axes("pair token")] Tensor label, [Axes("pair token")] Tensor mask)
        {
            var logp = log_softmax(logits[.., ..^1], -1).gather(-1, label[.., 1..].unsqueeze(-1)).squeeze(-1);
            return where(mask[.., 1..], logp, 0).sum(-1);
        }
        """;

    public const string Projected = """
        [Objective]
        public static Tensor Projected([Axes("token model")] Tensor hidden, [Axes("vocab model")] Tensor head, [Axes("token")] Tensor labels)
            => cross_entropy(linear(hidden, head), labels);
        """;

    public static IReadOnlyDictionary<string, string> All { get; } = new Dictionary<string, string>
    {
        [nameof(Dpo)] = Dpo,
        [nameof(PairLoss)] = PairLoss,
        [nameof(BradleyTerry)] = BradleyTerry,
        [nameof(PlackettLuce)] = PlackettLuce,
        [nameof(RewardModel)] = RewardModel,
        [nameof(CrossEntropy)] = CrossEntropy,
        [nameof(MaskedMean)] = MaskedMean,
        [nameof(Pairwise)] = Pairwise,
        [nameof(Advantage)] = Advantage,
        [nameof(Aot)] = Aot,
        [nameof(Ppo)] = Ppo,
        [nameof(PaperForm)] = PaperForm,
        [nameof(TokenLogProbability)] = TokenLogProbability,
        [nameof(Projected)] = Projected,
    };
}
