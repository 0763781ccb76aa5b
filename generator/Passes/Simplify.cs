using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Algebra. In: any program. Out: an equal one, in the form that <see cref="AlgebraRules"/> describes; rewriting it again changes
/// nothing. stop_gradient stays: whether it is there changes what differentiation gives.
/// </summary>
public static class Simplify
{
    /// <summary>Rules look at who else reads a variable, which removing dead equations changes; more rounds than this were never seen.</summary>
    private const int MostRounds = 8;

    public static Program Run(Program program)
    {
        for (var round = 0; round < MostRounds; round++)
        {
            var next = DeadCode.Run(RewritingBuilder.Rewrite(program, AlgebraRules.Table));
            if (next == program)
                break;
            program = next;
        }

        return DeadCode.Run(RewritingBuilder.Rewrite(program, AlgebraRules.Settling));
    }
}
