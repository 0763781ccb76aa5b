using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Divergences of a student's distributions from a teacher's over the whole vocabulary, as means over tokens.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="ForwardKl"/>, <see cref="ReverseKl"/></term><description>KL(teacher, student), KL(student, teacher)</description></item>
/// <item><term><see cref="SymmetricKl"/></term><description>both, weighted</description></item>
/// <item><term><see cref="Gkd"/></term><description>the generalised Jensen-Shannon divergence between them</description></item>
/// <item><term><see cref="Skew"/>, <see cref="SkewReverse"/></term><description>against mixtures (DistiLLM)</description></item>
/// <item><term><see cref="AlphaDivergence"/>, <see cref="TotalVariation"/></term><description>Amari's family; half the absolute difference</description></item>
/// <item><term><see cref="Cosine"/></term><description>the angle between the logits</description></item>
/// <item><term><see cref="TopK"/></term><description>over some tokens of the vocabulary, and the rest as one (SDPO, SDFT)</description></item>
/// <item><term><see cref="Universal"/></term><description>between vocabularies that differ (ULD, GOLD)</description></item>
/// <item><term><see cref="OnPolicy"/>, <see cref="ImportanceWeighted"/></term><description>the reverse divergence from sampled tokens alone</description></item>
/// <item><term><see cref="MiniLlm"/></term><description>as a policy gradient, and exact at each step</description></item>
/// </list>
/// Logits of both are divided by one temperature. Losses are not multiplied by its square, as Hinton et al. 2015 do: weigh them where they meet others.
/// </remarks>
public static partial class Distillation
{
    /// <summary>The forward divergence, Hinton et al. 2015: <c>sum p_teacher (log p_teacher - log p_student)</c>.</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss, and the student's entropy per token.</returns>
    [Objective]
    public static (Tensor loss, Tensor entropy) ForwardKl(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double temperature = 1.0)
    {
        var logs = Tokens.TemperedLogSoftmax(student, temperature);
        var divergence = KullbackLeibler(Tokens.TemperedLogSoftmax(teacher, temperature), logs);
        return (Tokens.Mean(divergence, isToken, normaliser), Tokens.Metric(Tokens.Entropy(student / temperature), isToken));
    }

    /// <summary>The reverse divergence, as MiniLLM (Gu et al. 2023) has it at each step: <c>sum p_student (log p_student - log p_teacher)</c>.</summary>
    /// <inheritdoc cref="ForwardKl" path="/param"/>
    /// <inheritdoc cref="ForwardKl" path="/returns"/>
    [Objective]
    public static (Tensor loss, Tensor entropy) ReverseKl(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double temperature = 1.0)
    {
        var logs = Tokens.TemperedLogSoftmax(student, temperature);
        var divergence = KullbackLeibler(logs, Tokens.TemperedLogSoftmax(teacher, temperature));
        return (Tokens.Mean(divergence, isToken, normaliser), Tokens.Metric(Tokens.Entropy(student / temperature), isToken));
    }

    /// <summary>The symmetric divergence, <c>weight KL(teacher, student) + (1 - weight) KL(student, teacher)</c>, as in torchtune.</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="weight">The share of the forward divergence.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor SymmetricKl(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double weight = 0.5,
        double temperature = 1.0)
    {
        var studentLogs = Tokens.TemperedLogSoftmax(student, temperature);
        var teacherLogs = Tokens.TemperedLogSoftmax(teacher, temperature);
        var divergence = weight * KullbackLeibler(teacherLogs, studentLogs) + (1 - weight) * KullbackLeibler(studentLogs, teacherLogs);
        return Tokens.Mean(divergence, isToken, normaliser);
    }

    /// <summary>GKD, Agarwal et al. 2024: the generalised Jensen-Shannon divergence, see <see cref="JensenShannon"/>.</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="beta">The share of the teacher in the mixture, from 0 to 1.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor Gkd(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.5,
        double temperature = 0.9)
    {
        var divergence = JensenShannon(Tokens.TemperedLogSoftmax(student, temperature), Tokens.TemperedLogSoftmax(teacher, temperature), beta);
        return Tokens.Mean(divergence, isToken, normaliser);
    }

    /// <summary>The skew divergence of DistiLLM, Ko et al. 2024, eq. 5: <c>KL(teacher, alpha teacher + (1 - alpha) student)</c>.</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="alpha">The share of the other distribution, between 0 and 1.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor Skew(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        double alpha = 0.1,
        double temperature = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var studentLogs = Tokens.TemperedLogSoftmax(student, temperature);
        var teacherLogs = Tokens.TemperedLogSoftmax(teacher, temperature);
        return Tokens.Mean(KullbackLeibler(teacherLogs, LogMixture(studentLogs, teacherLogs, alpha)), isToken, normaliser);
    }

    /// <summary>The skew reverse divergence of DistiLLM, Ko et al. 2024: <c>KL(student, (1 - alpha) teacher + alpha student)</c>.</summary>
    /// <inheritdoc cref="Skew" path="/param"/>
    /// <inheritdoc cref="Skew" path="/returns"/>
    [Objective]
    public static Tensor SkewReverse(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        double alpha = 0.1,
        double temperature = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var studentLogs = Tokens.TemperedLogSoftmax(student, temperature);
        var teacherLogs = Tokens.TemperedLogSoftmax(teacher, temperature);
        return Tokens.Mean(KullbackLeibler(studentLogs, LogMixture(teacherLogs, studentLogs, alpha)), isToken, normaliser);
    }

    /// <summary>
    /// Amari's alpha divergence, <c>(1 - sum teacher^alpha student^(1 - alpha)) / (alpha (1 - alpha))</c>: the forward divergence towards 1, the reverse one
    /// towards 0.
    /// </summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="alpha">The order, other than 0 and 1.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor AlphaDivergence(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        double alpha = 0.5,
        double temperature = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var studentLogs = Tokens.TemperedLogSoftmax(student, temperature);
        var teacherLogs = Tokens.TemperedLogSoftmax(teacher, temperature);
        var overlap = exp(alpha * teacherLogs + (1 - alpha) * studentLogs).sum([-1]);
        return Tokens.Mean((1 - overlap) / (alpha * (1 - alpha)), isToken, normaliser);
    }

    /// <summary>The total variation, <c>sum |p_student - p_teacher| / 2</c> (Wen et al. 2023, f-Distill).</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor TotalVariation(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        double temperature = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var difference = (student / temperature).softmax(-1) - (teacher / temperature).softmax(-1);
        return Tokens.Mean(0.5 * difference.abs().sum([-1]), isToken, normaliser);
    }

    /// <summary>One minus the cosine of the angle between the logits themselves.</summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor Cosine(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var norms = (student.square().sum([-1]) * teacher.square().sum([-1])).clamp_min(1e-16).sqrt();
        return Tokens.Mean(1 - (student * teacher).sum([-1]) / norms, isToken, normaliser);
    }
}
