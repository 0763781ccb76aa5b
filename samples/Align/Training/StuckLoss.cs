namespace Align.Training;

/// <summary>
/// Notices that a preference loss stays where it starts: at ln 2, the loss of a policy that equals its reference. Says what the likely cause is.
/// </summary>
internal sealed class StuckLoss
{
    /// <summary>After how many steps without change it is said.</summary>
    public const int Patience = 20;

    private const double Tolerance = 1e-4;
    private int steps;

    /// <summary>Looks at a step's metrics; a warning the first time that <see cref="Patience"/> steps in a row have shown no change.</summary>
    public string? Warning(Averages metrics)
    {
        steps = metrics["loss"] is { } loss && Math.Abs(loss - Math.Log(2)) < Tolerance ? steps + 1 : 0;
        return steps == Patience ? $"The loss has stayed at ln 2 = 0.6931 for {Patience} steps: {Cause(metrics)}" : null;
    }

    private static string Cause(Averages metrics) =>
        metrics["completion_tokens"] is 0
            ? "no token of a response counts. Every label is masked: look at the responses, which may be empty, and at --max-length, which may leave no room for them."
        : metrics["grad_norm"] is null or < 1e-6
            ? "the gradient is zero. The parameters may be frozen, or the chosen and the rejected responses may be the same."
        : metrics["learning_rate"] is 0
            ? "the learning rate is zero."
        : Math.Abs(metrics["rewards/chosen"] ?? 0) < 1e-4 && Math.Abs(metrics["rewards/rejected"] ?? 0) < 1e-4
            ? "the policy still equals the reference. The reference may be the same module as the policy instead of a copy, or the learning rate may be too small."
        : "chosen and rejected responses move together. Preferences may be random, or the pairs too alike.";
}
