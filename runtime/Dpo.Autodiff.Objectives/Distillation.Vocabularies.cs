using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <content>Over a part of the vocabulary, and between vocabularies that differ.</content>
public static partial class Distillation
{
    /// <summary>
    /// Distillation of the likeliest tokens alone, as SDPO and SDFT have it in TRL: the divergence of <see cref="Gkd"/> over some tokens of the
    /// vocabulary, the others counted as one token, or left out and the rest made to sum up to 1.
    /// </summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher.</param>
    /// <param name="top">Which tokens, [row token rank], int64: the student's likeliest, <c>student.topk(100, -1).indices</c>.</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens of the whole batch. Their number here where null.</param>
    /// <param name="beta">The share of the teacher in the mixture, from 0 to 1.</param>
    /// <param name="addTail">Counts the other tokens as one.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor TopK(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token rank")] Tensor top,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor? normaliser = null,
        double beta = 0.5,
        bool addTail = true,
        double temperature = 1.0)
    {
        var known = where(isToken.unsqueeze(-1), top, 0L);
        var studentLogs = OfTop(Tokens.TemperedLogSoftmax(student, temperature), known, addTail);
        var teacherLogs = OfTop(Tokens.TemperedLogSoftmax(teacher, temperature), known, addTail);
        return Tokens.Mean(JensenShannon(studentLogs, teacherLogs, beta), isToken, normaliser);
    }

    /// <summary>
    /// Universal logit distillation, Boizard et al. 2024 (ULD), and GOLD of TRL: the distance between the sorted probabilities of two vocabularies,
    /// <c>sum |sort(p_student) - sort(p_teacher)|</c>, the shorter one filled up with zeros. Tokens are aligned before.
    /// </summary>
    /// <param name="student">Logits of the student, [row token vocab].</param>
    /// <param name="teacher">... of the teacher, [row token teacherVocab].</param>
    /// <param name="isToken">Whether a token counts, [row token], Boolean.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of tokens, which is not counted here so that sorted vocabularies need not wait for it.</param>
    /// <param name="temperature">What logits are divided by.</param>
    /// <returns>The loss.</returns>
    [Objective]
    public static Tensor Universal(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token teacherVocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        [Axes(""), NoGrad] Tensor normaliser,
        double temperature = 1.0)
    {
        var (studentSorted, _) = (student / temperature).softmax(-1).sort(-1, descending: true, stable: true);
        var (teacherSorted, _) = (teacher / temperature).softmax(-1).sort(-1, descending: true, stable: true);
        var difference = cat([studentSorted, zeros_like(teacherSorted)], -1) - cat([teacherSorted, zeros_like(studentSorted)], -1);
        return Tokens.Mean(difference.abs().sum([-1]), isToken, normaliser);
    }

    /// <summary>The log-probabilities of some tokens and of all others together; or of these tokens among themselves.</summary>
    /// <param name="logs">Log-probabilities over the vocabulary, [... vocab].</param>
    /// <param name="top">Which tokens, [... rank].</param>
    /// <param name="addTail">Adds the others as one token.</param>
    [ObjectiveFunction]
    public static Tensor OfTop(Tensor logs, Tensor top, bool addTail)
    {
        var chosen = logs.gather(-1, top);
        if (!addTail)
            return chosen.log_softmax(-1);
        // A mass of 1 would leave nothing.
        var mass = chosen.logsumexp(-1, keepdim: true).clamp_max(-1e-7);
        return cat([chosen, Preference.Log1MExp(mass)], -1);
    }
}
