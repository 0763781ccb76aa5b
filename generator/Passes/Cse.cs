using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>Common subexpressions are computed once. In: any program. Out: no two equations are equal, commuted operands counted as equal.</summary>
public static class Cse
{
    public static Program Run(Program program) => RewritingBuilder.Rewrite(program, []);
}
