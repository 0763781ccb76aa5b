using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>How TRL sums divergences up.</summary>
public enum DivergenceReduction
{
    BatchMean,
    Sum,
    Mean,
}

/// <summary>torchtune's distillation losses.</summary>
public enum DistillationKind
{
    Forward,
    Reverse,
    Symmetric,
}

/// <summary>The peers' divergences between whole vocabularies, in the language.</summary>
internal static partial class PeerDistillation
{
    /// <summary>TRL GKD's generalised Jensen-Shannon divergence.</summary>
    [Objective]
    internal static Tensor Gkd(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor labels,
        double beta = 0.5,
        double temperature = 1.0,
        DivergenceReduction reduction = DivergenceReduction.BatchMean,
        double? count = null)
    {
        var studentLog = (student / temperature).log_softmax(-1);
        var teacherLog = (teacher / temperature).log_softmax(-1);
        var isLabel = labels != -100;
        var divergence = where(isLabel.unsqueeze(-1), Divergence(studentLog, teacherLog, beta), 0).sum();
        return reduction switch
        {
            DivergenceReduction.Sum => divergence,
            DivergenceReduction.Mean => divergence / (isLabel.sum() * student.shape[2]),
            _ => count is { } known ? divergence / known : divergence / isLabel.sum().clamp_min(1),
        };
    }

    /// <summary>torchtune's forward, reverse and symmetric divergences; the forward one is a cross-entropy.</summary>
    [Objective]
    internal static Tensor Torchtune(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor labels,
        DistillationKind kind = DistillationKind.Forward)
    {
        var isLabel = labels != -100;
        var studentLog = student.log_softmax(-1);
        var teacherLog = teacher.log_softmax(-1);
        var forward = -where(isinf(student), 0, exp(teacherLog) * studentLog).sum(-1);
        var reverse = where(isinf(student) | isinf(teacher), 0, exp(studentLog) * (studentLog - teacherLog)).sum(-1);
        var tokens = kind switch
        {
            DistillationKind.Forward => forward,
            DistillationKind.Reverse => reverse,
            _ => 0.5 * forward + 0.5 * reverse,
        };
        return where(isLabel, tokens, 0).sum() / isLabel.sum();
    }

    private static Tensor Divergence(Tensor student, Tensor teacher, double beta)
    {
        if (beta == 0)
            return exp(teacher) * (teacher - student);
        if (beta == 1)
            return exp(student) * (student - teacher);
        var mixture = stack([student + Math.Log(1 - beta), teacher + Math.Log(beta)], 0).logsumexp(0);
        return beta * exp(teacher) * (teacher - mixture) + (1 - beta) * exp(student) * (student - mixture);
    }
}
