using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives.Tests.Vectors;

/// <summary>torchtune's divergences between whole vocabularies that are none, in the language.</summary>
internal static partial class PeerDistillation
{
    /// <summary>The "forward divergence", which is a cross-entropy, and the symmetric one: half of it and half the reverse divergence.</summary>
    [Objective]
    internal static Tensor Torchtune(
        [Axes("row token vocab")] Tensor student,
        [Axes("row token vocab"), NoGrad] Tensor teacher,
        [Axes("row token")] Tensor isToken,
        bool symmetric = false)
    {
        var studentLog = student.log_softmax(-1);
        var teacherLog = teacher.log_softmax(-1);
        var tokens = -where(isinf(student), 0, exp(teacherLog) * studentLog).sum(-1);
        if (symmetric)
            tokens = 0.5 * tokens + 0.5 * Distillation.KullbackLeibler(studentLog, teacherLog);
        return Tokens.Mean(tokens, isToken, null);
    }
}
