using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Removes what no output reads. In: any program. Out: every equation is read; variables are numbered in order, inputs first. A program
/// of gradients alone also loses the inputs that it does not read, so that they need not be saved; host scalars all stay.
/// </summary>
public static class DeadCode
{
    public static Program Run(Program program)
    {
        var isRead = Read(program);
        var isGradients = program.Outputs.All(o => o.Role == OutputRole.Gradient);
        var builder = ProgramBuilder.WithHostOf(program);
        var renamed = new int[program.Types.Count];
        foreach (var input in program.Inputs.Where(i => !isGradients || isRead[i.Variable]))
            renamed[input.Variable] = builder.Input(input.Name, program.Types[input.Variable], input.Differentiable, input.Role);
        foreach (var equation in program.Equations.Where(e => e.Results.Any(r => isRead[r])))
        {
            var operands = equation.Operands.Select(o => o.IsVariable ? Atom.Variable(renamed[o.Id]) : o).ToArray();
            var results = builder.Copy(equation, operands, equation.Results.Select(r => program.Types[r]).ToArray());
            for (var i = 0; i < results.Count; i++)
                renamed[equation.Results[i]] = results[i];
        }

        foreach (var output in program.Outputs)
            builder.Output(output.Name, renamed[output.Variable], output.Role, output.Reached, output.DType);
        return builder.Build();
    }

    private static bool[] Read(Program program)
    {
        var isRead = new bool[program.Types.Count];
        foreach (var output in program.Outputs)
            isRead[output.Variable] = true;
        foreach (var equation in program.Equations.Reverse())
            if (equation.Results.Any(r => isRead[r]))
                foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                    isRead[operand.Id] = true;
        return isRead;
    }
}
