using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// In: a program after differentiation. Out: only primitives that a loop can compute, without normalisers (log-sum-exp, softmax) and
/// without stop_gradient, which has no meaning any more; contractions are products of matrices. The table is <see cref="LoweringRules"/>.
/// </summary>
public static class Lower
{
    public static Program Run(Program program) => DeadCode.Run(RewritingBuilder.Rewrite(program, LoweringRules.Table));
}
