using Dpo.Autodiff.Objectives.Tests.Harness;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>Which objective computes each published case. Names on the left are ours, on the right the peer's.</summary>
internal static class Reproductions
{
    private static readonly Dictionary<string, string> PairInputs = new() { ["chosen"] = "policy_chosen_logps", ["rejected"] = "policy_rejected_logps" };

    private static readonly Dictionary<string, string> RewardInputs = new() { ["chosen"] = "rewards_chosen", ["rejected"] = "rewards_rejected" };

    private static readonly Dictionary<string, string> RewardOutputs = new() { ["chosenReward"] = "chosen_rewards", ["rejectedReward"] = "rejected_rewards" };

    public static Reproduction Of(VectorCase published) => published.File switch
    {
        "dpo_original" => published.Name.StartsWith("e2e", StringComparison.Ordinal) ? OriginalFromLogits(published) : Original(published),
        "kl_estimators" => Kl(published),
        "plackett_luce" => PlackettLuceCase(published),
        "ppo" => published.Name.Contains("value", StringComparison.Ordinal) ? OpenRlhfValue(published)
            : published.Name.StartsWith("openrlhf", StringComparison.Ordinal) ? OpenRlhf(published)
            : Ppo(published),
        "reward_model" => Reward(published),
        "selective_log_softmax" => Selective(published),
        "simpo_original" => SimPo(published),
        "trl_dpo_logits" => TrlFromLogits(published),
        "trl_kto" => Kto(published),
        "trl_orpo" => Orpo(published),
        "vocab_kl_jsd" => Divergence(published),
        var other => throw new NotSupportedException("The file " + other),
    };

    private static Reproduction Original(VectorCase published)
    {
        var arguments = new Dictionary<string, object?>
        {
            ["chosen"] = published.Input("policy_chosen_logps"),
            ["rejected"] = published.Input("policy_rejected_logps"),
            ["referenceChosen"] = published.Input("reference_chosen_logps"),
            ["referenceRejected"] = published.Input("reference_rejected_logps"),
            ["beta"] = published.Number("beta", 0.1),
        };
        if (published.Flag("ipo"))
            return new(Objective(typeof(Preference), "Ipo"), arguments, PairInputs, RewardOutputs);
        arguments["labelSmoothing"] = published.Number("label_smoothing", 0);
        arguments["referenceFree"] = published.Flag("reference_free");
        return new(Objective(typeof(Preference), "Dpo"), arguments, PairInputs, RewardOutputs);
    }

    private static Reproduction OriginalFromLogits(VectorCase published)
    {
        var labels = Tokens.Shift(published.Input("labels"));
        var isCompletion = labels != -100;
        var average = published.Flag("average_log_prob");
        var reference = Tokens.Score(published.Input("ref_logits"), labels, isCompletion);
        return new(
            Objective(typeof(PreferenceFromLogits), average ? "SigmoidNorm" : "Dpo"),
            new()
            {
                ["logits"] = published.Input("logits"),
                ["labels"] = labels,
                ["isCompletion"] = isCompletion,
                ["reference"] = reference,
                ["beta"] = published.Number("beta", 0.1),
            },
            Same("logits"),
            average ? Same() : RewardOutputs);
    }

    private static Reproduction Kl(VectorCase published)
    {
        var name = published.Text("kl_penalty") ?? published.Text("kl_estimator")!;
        return new(
            Objective(typeof(PeerPolicy), "Kl"),
            new()
            {
                ["policy"] = published.Input("logprob").flatten(),
                ["reference"] = published.Input("ref_logprob").flatten(),
                ["cotangent"] = published.Input("cotangent").flatten(),
                ["estimator"] = name.TrimEnd('+') switch
                {
                    "k1" => KlEstimator.K1,
                    "abs" => KlEstimator.Absolute,
                    "k2" or "mse" => KlEstimator.K2,
                    "k3" or "low_var_kl" => KlEstimator.K3,
                    _ => throw new NotSupportedException(name),
                },
                ["straightThrough"] = name.EndsWith('+'),
                ["bounded"] = published.Name.StartsWith("openrlhf", StringComparison.Ordinal),
            },
            new Dictionary<string, string> { ["policy"] = "logprob" },
            Same("kl"));
    }

    private static Reproduction PlackettLuceCase(VectorCase published) => published.OptionalNumber("beta") is { } beta
        ? new(
            Objective(typeof(PlackettLuce), "Dpo"),
            new() { ["policy"] = published.Input("scores"), ["reference"] = published.Input("ref"), ["beta"] = beta },
            new Dictionary<string, string> { ["policy"] = "scores" },
            Same())
        : new(Objective(typeof(PlackettLuce), "Ranking"), new() { ["score"] = published.Input("scores") }, new Dictionary<string, string> { ["score"] = "scores" }, Same());

    private static Reproduction Ppo(VectorCase published)
    {
        var isTorchtune = published.Name.StartsWith("torchtune", StringComparison.Ordinal);
        var arguments = Policy(published);
        arguments["value"] = published.Input("values");
        arguments["oldValue"] = published.Input("old_values");
        arguments["returns"] = published.Input("returns");
        arguments["epsilon"] = published.Number(isTorchtune ? "epsilon" : "cliprange", 0.2);
        arguments["valueEpsilon"] = published.Number(isTorchtune ? "value_clip_range" : "cliprange_value", 0.2);
        arguments["valueWeight"] = published.Number(isTorchtune ? "value_coeff" : "vf_coef", 0.1);
        // torchtune adds that to the number of tokens.
        if (isTorchtune)
            arguments["normaliser"] = published.Input("mask").sum().to_type(ScalarType.Float64) + 1e-8;
        return new(
            Objective(typeof(TokenPolicyGradient), "PpoWithValue"),
            arguments,
            new Dictionary<string, string> { ["policy"] = "logprobs", ["value"] = "values" },
            isTorchtune
                ? new Dictionary<string, string> { ["policyLoss"] = "policy_loss", ["valueLoss"] = "value_loss" }
                : new Dictionary<string, string>
                {
                    ["policyLoss"] = "pg_loss",
                    ["valueLoss"] = "vf_loss",
                    ["valueClipShare"] = "vf_clipfrac",
                    ["policyClipShare"] = "pg_clipfrac",
                });
    }

    private static Dictionary<string, object?> Policy(VectorCase published) => new()
    {
        ["policy"] = published.Input("logprobs"),
        ["old"] = published.Input("old_logprobs"),
        ["advantage"] = published.Input("advantages"),
        ["isToken"] = published.Input("mask").to_type(ScalarType.Bool),
    };

    private static Reproduction OpenRlhf(VectorCase published)
    {
        var arguments = Policy(published);
        arguments["epsilonHigh"] = published.Number("clip_eps_high", 0.2);
        var isSequence = published.Text("policy_loss_type") == "gspo";
        var inputs = new Dictionary<string, string> { ["policy"] = "logprobs" };
        var outputs = new Dictionary<string, string> { ["clipShare"] = "clip_ratio", ["kl"] = "ppo_kl" };
        if (isSequence || !published.Flag("token_level_loss", true))
        {
            arguments["sequenceLevel"] = isSequence;
            return new(Objective(typeof(PeerPolicy), "OpenRlhf"), arguments, inputs, outputs);
        }

        arguments["dualClip"] = published.Number("dual_clip", double.PositiveInfinity);
        if (published.Flag("enable_vllm_is_correction"))
        {
            var threshold = published.Numbers("vllm_is_truncated_threshold", 0.5, 5.0);
            var correction = published.Text("vllm_is_correction_type") switch
            {
                "icepop" => RolloutCorrection.IcePop,
                "seq-mask-tis" => RolloutCorrection.SequenceMask,
                _ => RolloutCorrection.Truncated,
            };
            arguments["weight"] = TokenPolicyGradient.RolloutWeight(
                (Tensor)arguments["old"]!, published.Input("rollout_logprobs"), (Tensor)arguments["isToken"]!, correction, threshold[0], threshold[1]);
        }

        return new(Objective(typeof(TokenPolicyGradient), "Ppo"), arguments, inputs, outputs);
    }

    private static Reproduction OpenRlhfValue(VectorCase published) => new(
        Objective(published.Flag("token_level_loss", true) ? typeof(TokenPolicyGradient) : typeof(PeerPolicy), "Value"),
        new()
        {
            ["value"] = published.Input("values"),
            ["oldValue"] = published.Input("old_values"),
            ["returns"] = published.Input("returns"),
            ["isToken"] = published.Input("mask").to_type(ScalarType.Bool),
            ["epsilon"] = published.Number("clip_eps", double.PositiveInfinity),
        },
        new Dictionary<string, string> { ["value"] = "values" },
        Same());

    private static Reproduction Reward(VectorCase published)
    {
        var arguments = new Dictionary<string, object?> { ["chosen"] = published.Input("rewards_chosen"), ["rejected"] = published.Input("rewards_rejected") };
        if (published.Name.StartsWith("openrlhf_logexp", StringComparison.Ordinal))
            return new(Objective(typeof(PeerReward), "LogExp"), arguments, RewardInputs, Same());
        if (published.Name == "halos_bce")
            return new(Objective(typeof(PeerReward), "BinaryCrossEntropy"), arguments, RewardInputs, Same());
        if (published.Flag("margin"))
            arguments["margin"] = published.Input("margin");
        arguments["centering"] = published.OptionalNumber("center_rewards_coefficient");
        return new(
            Objective(typeof(RewardModel), "BradleyTerry"),
            arguments,
            RewardInputs,
            new Dictionary<string, string> { ["rewardMargin"] = "metrics/margin", ["accuracy"] = "metrics/accuracy" });
    }

    private static Reproduction Selective(VectorCase published)
    {
        if (published.Name.StartsWith("masked", StringComparison.Ordinal))
        {
            var arguments = new Dictionary<string, object?> { ["values"] = published.Input("values"), ["isToken"] = published.Input("mask").to_type(ScalarType.Bool) };
            if (published.Name.StartsWith("masked_mean", StringComparison.Ordinal))
                return new(Objective(typeof(PeerPolicy), "MaskedMean"), arguments, Same("values"), Same());
            arguments["cotangent"] = published.Input("cotangent");
            arguments["shiftMean"] = published.Flag("shift_mean", true);
            return new(Objective(typeof(PeerPolicy), "Whiten"), arguments, Same("values"), new Dictionary<string, string> { ["output"] = "out" });
        }

        var logits = new Dictionary<string, object?> { ["logits"] = published.Input("logits"), ["cotangent"] = published.Input("cotangent") };
        var isEntropy = published.Name.StartsWith("entropy", StringComparison.Ordinal);
        if (!isEntropy)
            logits["index"] = published.Input("index");
        return new(
            Objective(typeof(PeerLogits), isEntropy ? "Entropy" : "SelectiveLogSoftmax"),
            logits,
            Same("logits"),
            new Dictionary<string, string> { ["output"] = "out" })
        {
            // The peer subtracts a log-sum-exp of that size, which swallows everything; an entropy is made of probabilities.
            Scale = published.Name.Contains("1e308", StringComparison.Ordinal) ? 1e308 : isEntropy ? 1 : 0,
            IsWithoutGradient = published.Name == "sls_one_posinf",
        };
    }

    private static Reproduction SimPo(VectorCase published) => new(
        Objective(typeof(Preference), "SimPo"),
        new()
        {
            ["chosen"] = published.Input("policy_chosen_logps"),
            ["rejected"] = published.Input("policy_rejected_logps"),
            ["beta"] = published.Number("beta", 2.0),
            ["gammaBetaRatio"] = published.Number("gamma_beta_ratio", 0.25),
            ["labelSmoothing"] = published.Number("label_smoothing", 0),
            ["loss"] = published.Text("loss_type") == "hinge" ? PairLoss.Hinge : PairLoss.Sigmoid,
        },
        PairInputs,
        RewardOutputs);

    private static Reproduction TrlFromLogits(VectorCase published)
    {
        var labels = Tokens.Shift(published.Input("input_ids"));
        var mask = published.Input("completion_mask").to_type(ScalarType.Bool);
        var isCompletion = cat([mask[.., 1..], zeros_like(mask[.., ..1])], 1);
        var referenceTokens = Tokens.Select(published.Input("ref_logits"), labels, isCompletion).logProbability;
        var losses = published.Texts("loss_type", "sigmoid");
        var weights = published.Numbers("loss_weights", losses.Select(_ => 1.0).ToArray());
        double Weight(string loss) => Array.IndexOf(losses, loss) is var i and >= 0 ? weights[i] : 0;
        var arguments = new Dictionary<string, object?> { ["logits"] = published.Input("logits"), ["labels"] = labels, ["isCompletion"] = isCompletion };
        var outputs = new Dictionary<string, string>(RewardOutputs) { ["chosenLogProbability"] = "chosen_logps", ["rejectedLogProbability"] = "rejected_logps" };
        if (published.OptionalNumber("ld_alpha") is { } alpha)
        {
            arguments["referenceTokens"] = referenceTokens;
            arguments["alpha"] = alpha;
            return new(Objective(typeof(PreferenceFromLogits), "LdDpo"), arguments, Same("logits"), outputs);
        }

        arguments["reference"] = referenceTokens.sum(1);
        if (published.Flag("use_weighting"))
            return new(Objective(typeof(PreferenceFromLogits), "Wpo"), arguments, Same("logits"), new Dictionary<string, string>(outputs) { ["weights"] = "weights" });
        if (losses is ["sigmoid"])
            return new(Objective(typeof(PreferenceFromLogits), "Dpo"), arguments, Same("logits"), outputs);
        arguments["preferenceWeight"] = Weight("sigmoid");
        arguments["qualityWeight"] = Weight("bco_pair");
        arguments["likelihoodWeight"] = Weight("sft");
        return new(Objective(typeof(PreferenceFromLogits), "Mpo"), arguments, Same("logits"), outputs);
    }

    private static Reproduction Kto(VectorCase published) => new(
        Objective(typeof(PeerPolicy), "Kto"),
        new()
        {
            ["tokens"] = published.Input("per_token_logps"),
            ["reference"] = published.Input("ref_logps"),
            ["policyMismatched"] = published.Input("KL_logps"),
            ["referenceMismatched"] = published.Input("ref_KL_logps"),
            ["isDesirable"] = published.Input("label"),
            ["isToken"] = published.Input("completion_mask")[.., 1..].to_type(ScalarType.Bool),
            ["beta"] = published.Number("beta", 0.1),
            ["desirableWeight"] = published.Number("desirable_weight", 1),
            ["undesirableWeight"] = published.Number("undesirable_weight", 1),
            ["withoutKl"] = published.Text("loss_type") == "apo_zero_unpaired",
        },
        new Dictionary<string, string> { ["tokens"] = "per_token_logps" },
        published.Text("loss_type") == "apo_zero_unpaired"
            ? new Dictionary<string, string> { ["logps"] = "completion_logps" }
            : new Dictionary<string, string> { ["logps"] = "completion_logps", ["kl"] = "kl" });

    private static Reproduction Orpo(VectorCase published) => new(
        Objective(typeof(Preference), "Orpo"),
        new()
        {
            ["chosen"] = published.Input("policy_chosen_logps"),
            ["rejected"] = published.Input("policy_rejected_logps"),
            ["beta"] = published.Number("beta", 0.1),
        },
        PairInputs,
        new Dictionary<string, string>(RewardOutputs) { ["logOdds"] = "log_odds_chosen", ["logOddsRatio"] = "log_odds_ratio" });

    private static Reproduction Divergence(VectorCase published)
    {
        var isToken = published.Input("labels") != -100;
        var arguments = new Dictionary<string, object?>
        {
            ["student"] = published.Input("student_logits"),
            ["teacher"] = published.Input("teacher_logits"),
            ["isToken"] = isToken,
        };
        var inputs = new Dictionary<string, string> { ["student"] = "student_logits" };
        if (published.Name.StartsWith("torchtune_reverse", StringComparison.Ordinal))
            return new(Objective(typeof(Distillation), "ReverseKl"), arguments, inputs, Same());
        if (published.Name.StartsWith("torchtune", StringComparison.Ordinal))
        {
            arguments["symmetric"] = published.Name.Split('_')[1] == "symmetric";
            return new(Objective(typeof(PeerDistillation), "Torchtune"), arguments, inputs, Same());
        }

        arguments["beta"] = published.Number("beta", 0.5);
        arguments["temperature"] = published.Number("temperature", 1.0);
        arguments["normaliser"] = published.Text("reduction") switch
        {
            "sum" => tensor(1.0, ScalarType.Float64),
            "mean" => (isToken.sum() * published.Input("student_logits").shape[2]).to_type(ScalarType.Float64),
            _ => published.OptionalNumber("num_items_in_batch") is { } count ? tensor(count, ScalarType.Float64) : null,
        };
        return new(Objective(typeof(Distillation), "Gkd"), arguments, inputs, Same());
    }

    private static Dictionary<string, string> Same(params string[] names) => names.ToDictionary(n => n, n => n);

    private static ObjectiveUnderTest Objective(Type type, string name) => ObjectiveUnderTest.Of(type, name);
}
