using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.IR;

/// <summary>Checks that a program is well formed: every variable defined once and before its use, every type as the shape rules say.</summary>
public static class ProgramVerifier
{
    /// <exception cref="InvalidOperationException">The program is not well formed; the message quotes the equation.</exception>
    public static void Verify(Program program)
    {
        VerifyHost(program);
        var defined = new bool[program.Types.Count];
        foreach (var input in program.Inputs)
            Define(program, defined, input.Variable, $"input {input.Name}");
        foreach (var equation in program.Equations)
        {
            var text = ProgramPrinter.Print(program, equation);
            foreach (var operand in equation.Operands)
            {
                if (operand.IsVariable && !(operand.Id < defined.Length && defined[operand.Id]))
                    throw new InvalidOperationException($"{program.Name}: %{operand.Id} is used before its definition in: {text}");
                if (operand.IsHost && operand.Id >= program.Host.Count)
                    throw new InvalidOperationException($"{program.Name}: host scalar {operand.Id} does not exist in: {text}");
            }

            VerifyTypes(program, equation, text);
            foreach (var result in equation.Results)
                Define(program, defined, result, text);
        }

        foreach (var output in program.Outputs)
            if (output.Variable >= defined.Length || !defined[output.Variable])
                throw new InvalidOperationException($"{program.Name}: output {output.Name} is not defined.");
    }

    private static void VerifyHost(Program program)
    {
        for (var i = 0; i < program.Host.Count; i++)
            if (program.Host[i].Operands.Any(o => o >= i))
                throw new InvalidOperationException($"{program.Name}: host scalar {i} is used before its definition.");
    }

    private static void VerifyTypes(Program program, Equation equation, string text)
    {
        TensorType TypeOf(Atom atom) => atom.IsVariable ? program.Types[atom.Id] : TensorType.Scalar(ElementKind.Real);
        var operands = equation.Operands.Select(TypeOf).ToArray();
        if (ShapeRules.IsDeclared(equation.Primitive))
        {
            ShapeRules.Check(equation.Primitive, operands, equation.Parameters, program.Types[equation.Result]);
            return;
        }

        var inferred = ShapeRules.Infer(equation.Primitive, operands, equation.Operands.Select(o => !o.IsVariable).ToArray(), equation.Parameters);
        if (inferred.Count != equation.Results.Count || inferred.Where((t, i) => t != program.Types[equation.Results[i]]).Any())
            throw new InvalidOperationException($"{program.Name}: the types do not follow in: {text}");
    }

    private static void Define(Program program, bool[] defined, int variable, string where)
    {
        if (variable >= defined.Length || defined[variable])
            throw new InvalidOperationException($"{program.Name}: %{variable} is not defined exactly once: {where}");
        defined[variable] = true;
    }
}
