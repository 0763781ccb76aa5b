using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>Programs made wrong in one equation: a sign flipped, a factor or a term dropped, arms swapped.</summary>
internal static class Mutants
{
    public static IEnumerable<(Program Program, string What)> Of(Program program)
    {
        for (var i = 0; i < program.Equations.Count; i++)
            foreach (var mutant in Of(program, program.Equations[i]))
                yield return (program with { Equations = program.Equations.Select((e, k) => k == i ? mutant : e).ToEquatableArray() },
                    $"{ProgramPrinter.Print(program, program.Equations[i])} -> {ProgramPrinter.Print(program, mutant)}");
    }

    private static IEnumerable<Equation> Of(Program program, Equation equation)
    {
        var operands = equation.Operands;
        Equation Become(Primitive primitive, params Atom[] atoms) =>
            equation with { Primitive = primitive, Parameters = Parameters.Nothing, Operands = atoms.ToEquatableArray() };
        bool IsWhole(Atom atom) => atom.IsVariable && program.Types[atom.Id] == program.Types[equation.Result];
        switch (equation.Primitive)
        {
            case Primitive.Negate:
                yield return Become(Primitive.StopGradient, operands[0]);
                break;
            case Primitive.Add:
                yield return Become(Primitive.Subtract, operands[0], operands[1]);
                break;
            case Primitive.Subtract:
                yield return Become(Primitive.Add, operands[0], operands[1]);
                break;
            case Primitive.Multiply or Primitive.Divide or Primitive.Power:
                if (IsWhole(operands[0]))
                    yield return Become(Primitive.StopGradient, operands[0]);
                if (IsWhole(operands[1]))
                    yield return Become(Primitive.StopGradient, operands[1]);
                break;
            case Primitive.Where:
                yield return Become(Primitive.Where, operands[0], operands[2], operands[1]);
                break;
            case Primitive.Square or Primitive.Sigmoid or Primitive.Exp or Primitive.ExpM1 or Primitive.Sign or Primitive.Log:
                yield return Become(Primitive.StopGradient, operands[0]);
                break;
            case Primitive.CumSum or Primitive.LogCumSumExp:
                yield return equation with { Parameters = (Parameters.Scan)equation.Parameters with { Reverse = !((Parameters.Scan)equation.Parameters).Reverse } };
                break;
        }
    }
}
