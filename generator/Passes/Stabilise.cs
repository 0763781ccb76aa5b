using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Numerical stability, before differentiation, so that gradients are stable too. In: a forward program as the user wrote it. Out: the
/// same function of real numbers, finite where its value is; the table is <see cref="StabilityRules"/>.
/// </summary>
public static class Stabilise
{
    /// <summary>The program, and what was done as sentences for the user, each once.</summary>
    public static (Program Program, EquatableArray<string> Notes) Run(Program program)
    {
        var stable = RewritingBuilder.Rewrite(program, StabilityRules.Table, out var applied);
        return (DeadCode.Run(stable), applied.Select(r => $"{r.Before} is computed as {r.After}").Distinct().ToEquatableArray());
    }
}
