using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using Align.Data;
using Align.Reinforcement;
using Align.Training;
using Dpo.Autodiff.Objectives;

namespace Dpo.Autodiff.Align.Tests.Training;

/// <summary>The commands train by every objective of the catalogue, but for those that are named here with the reason.</summary>
public sealed class CatalogueTests
{
    private const string Players = "it fits strengths of players to games: samples/BradleyTerry does";
    private const string Teacher = "it needs the logits of a teacher, and the commands have none";
    private const string Steps = "it reads a label for each step of a response, and the files label responses";
    private const string Whole = "it chooses tokens from a whole batch, and the commands learn from one part of it after another";
    private const string Lists = "it reads ranked lists of several responses, and the files have pairs";
    private const string Layout = "it is the objective without this suffix in another layout of the batch";
    private const string Sequences = "its form from logits is used, one kernel from logits to loss";
    private const string Tokens = "its form of tokens' log-probabilities is used, which the samples come with";
    private const string Term = "it is a term of others, and says nothing about rewards";

    private static readonly Dictionary<string, string> LeftOut = new()
    {
        ["BradleyTerry.Wins"] = Players,
        ["BradleyTerry.Games"] = Players,
        ["BradleyTerry.Davidson"] = Players,
        ["BradleyTerry.RaoKupper"] = Players,
        ["Thurstone.CaseFive"] = Players,
        ["Distillation.ForwardKl"] = Teacher,
        ["Distillation.ReverseKl"] = Teacher,
        ["Distillation.Gkd"] = Teacher,
        ["Distillation.Skew"] = Teacher,
        ["Distillation.SkewReverse"] = Teacher,
        ["Distillation.AlphaDivergence"] = Teacher,
        ["Distillation.TotalVariation"] = Teacher,
        ["Distillation.Cosine"] = Teacher,
        ["Distillation.OnPolicy"] = Teacher,
        ["Distillation.SymmetricKl"] = Teacher,
        ["Distillation.TopK"] = Teacher,
        ["Distillation.Universal"] = Teacher,
        ["Distillation.ImportanceWeighted"] = Teacher,
        ["Distillation.MiniLlm"] = Teacher,
        ["RewardModel.Process"] = Steps,
        ["TokenPolicyGradient.ClipCov"] = Whole,
        ["TokenPolicyGradient.KlCov"] = Whole,
        ["PlackettLuce.Ranking"] = Lists,
        ["PlackettLuce.Dpo"] = Lists,
        ["PlackettLuce.SoftmaxDpo"] = Lists,
        ["PlackettLuce.ListNet"] = Lists,
        ["Packed.Score"] = Layout,
        ["Packed.Dpo"] = Layout,
        ["PreferenceFromLogits.DpoSeparate"] = Layout,
        ["PreferenceFromLogits.SimPoSeparate"] = Layout,
        ["Preference.SigmoidNorm"] = Sequences,
        ["Preference.Ipo"] = Sequences,
        ["Preference.Orpo"] = Sequences,
        ["Preference.Kto"] = Sequences,
        ["Preference.Bco"] = Sequences,
        ["PolicyGradientFromLogits.Grpo"] = Tokens,
        ["PolicyGradientFromLogits.Dapo"] = Tokens,
        ["PolicyGradientFromLogits.TopEntropy"] = Tokens,
        ["PolicyGradientFromLogits.Ppo"] = Tokens,
        ["PolicyGradientFromLogits.Reinforce"] = Tokens,
        ["PolicyGradient.KlPenalty"] = Term,
        ["TokenPolicyGradient.KlPenalty"] = Term,
        ["TokenPolicyGradient.Value"] = Term,
    };

    [Fact]
    public void Every_objective_is_called_or_left_out_for_a_reason()
    {
        var catalogue = typeof(Preference).Assembly.GetTypes()
            .SelectMany(t => t.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
            .Where(m => m.GetCustomAttribute<ObjectiveAttribute>() is not null)
            .Select(m => $"{m.DeclaringType!.Name}.{m.Name}")
            .ToHashSet();
        var called = Called().ToHashSet();
        Assert.True(catalogue.Count > 80, $"{catalogue.Count} objectives.");
        Assert.Empty(called.Except(catalogue));
        Assert.Empty(LeftOut.Keys.Except(catalogue));
        Assert.Empty(LeftOut.Keys.Intersect(called));
        Assert.Empty(catalogue.Except(called).Except(LeftOut.Keys));
    }

    [Fact]
    public void Names_are_of_one_objective_and_those_of_TRL_are_understood()
    {
        string[] dpo = [.. PairObjectives.All.Select(o => o.Name), .. JudgedObjectives.All.Select(o => o.Name)];
        Assert.Equal(dpo.Distinct(), dpo);
        string[] rl = [PolicyObjective.Ppo, .. PolicyObjective.All.Select(o => o.Name), .. ComparisonObjective.All.Select(o => o.Name)];
        Assert.Equal(rl.Distinct(), rl);
        // DPOConfig.loss_type.
        string[] trl = ["sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired", "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm"];
        Assert.All(trl, name => PairObjectives.Named(name));
        Assert.NotNull(JudgedObjectives.Find("apo_zero_unpaired"));
    }

    [Fact]
    public void An_unknown_name_lists_those_there_are()
    {
        void Lists(Action named, IEnumerable<string> names)
        {
            var message = Assert.Throws<DataException>(named).Message;
            Assert.All(names, name => Assert.Contains(name, message));
        }

        Lists(() => PairObjectives.Named("?"), PairObjectives.All.Select(o => o.Name).Concat(JudgedObjectives.All.Select(o => o.Name)));
        Lists(() => PolicyObjective.Named("?"), PolicyObjective.All.Select(o => o.Name).Concat(ComparisonObjective.All.Select(o => o.Name)).Append(PolicyObjective.Ppo));
        Lists(() => RewardObjective.Named("?"), RewardObjective.All.Select(o => o.Name));
    }

    /// <summary>The fused objectives that the sample's code refers to.</summary>
    private static IEnumerable<string> Called()
    {
        using var file = File.OpenRead(typeof(PairObjectives).Assembly.Location);
        using var image = new PEReader(file);
        var metadata = image.GetMetadataReader();
        foreach (var handle in metadata.MemberReferences)
        {
            var member = metadata.GetMemberReference(handle);
            if (member.Parent.Kind != HandleKind.TypeReference)
                continue;
            var type = metadata.GetTypeReference((TypeReferenceHandle)member.Parent);
            if (metadata.GetString(type.Name) != "Fused" || type.ResolutionScope.Kind != HandleKind.TypeReference)
                continue;
            var outer = metadata.GetTypeReference((TypeReferenceHandle)type.ResolutionScope);
            if (metadata.GetString(outer.Namespace) == typeof(Preference).Namespace)
                yield return $"{metadata.GetString(outer.Name)}.{metadata.GetString(member.Name)}";
        }
    }
}
