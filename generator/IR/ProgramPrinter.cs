using System.Globalization;
using System.Text;

namespace Dpo.Autodiff.Generator.IR;

/// <summary>The text form of a program, one line a definition. The grammar is in generator/README.md.</summary>
public static class ProgramPrinter
{
    public static string Print(Program program)
    {
        var text = new StringBuilder();
        text.Append("program ").Append(program.Name).Append('\n');
        foreach (var input in program.Inputs)
            text.Append("  %").Append(input.Variable).Append(": ").Append(program.Types[input.Variable])
                .Append(" = input ").Append(input.Name).Append(input.Differentiable ? "" : " nograd").Append('\n');
        for (var i = 0; i < program.Host.Count; i++)
            text.Append("  $").Append(i).Append(": ").Append(Print(program.Host[i])).Append('\n');
        foreach (var equation in program.Equations)
            text.Append("  ").Append(Print(program, equation)).Append('\n');
        foreach (var output in program.Outputs)
            text.Append("  ").Append(output.Role switch { OutputRole.Result => "result ", OutputRole.Gradient => "gradient ", _ => "residual " }).Append(output.Name)
                .Append(" = %").Append(output.Variable).Append(output.Differentiable ? " differentiable" : "").Append('\n');
        return text.ToString();
    }

    public static string Print(Program program, Equation equation)
    {
        var results = string.Join(", ", equation.Results.Select(r => "%" + r + ": " + program.Types[r]));
        var operands = string.Join(" ", equation.Operands.Select(Print));
        return $"{results} = {Name(equation.Primitive)}{Print(equation.Parameters)}{(operands.Length > 0 ? " " + operands : "")}";
    }

    public static string Print(Atom atom) => atom.Kind switch
    {
        AtomKind.Variable => "%" + atom.Id,
        AtomKind.Host => "$" + atom.Id,
        _ => Literals.Shortest(atom.Number),
    };

    public static string Print(HostEquation equation)
    {
        var operands = equation.Operands.Select(o => "$" + o.ToString(CultureInfo.InvariantCulture)).ToArray();
        var kind = equation.Kind == HostKind.Enum ? equation.EnumType! : equation.Kind.ToString().ToLowerInvariant();
        return kind + " = " + equation.Operation switch
        {
            HostOperation.Parameter => equation.Text,
            HostOperation.Literal => equation.Text,
            HostOperation.Size => $"|{equation.Extent}|",
            HostOperation.IsPresent => $"present({equation.Text})",
            HostOperation.HasUpstream => $"upstream({equation.Text})",
            HostOperation.Unary => equation.Text + operands[0],
            HostOperation.Binary => $"{operands[0]} {equation.Text} {operands[1]}",
            HostOperation.Call => $"{equation.Text}({string.Join(", ", operands)})",
            HostOperation.Convert => $"({kind}){operands[0]}",
            _ => $"{operands[0]} ? {operands[1]} : {operands[2]}",
        };
    }

    /// <summary>Axes as the letters of Einstein's notation.</summary>
    public static string Axes(IEnumerable<int> axes) => string.Concat(axes.Select(a => (char)('a' + a)));

    /// <summary>The primitive in the text form: snake case.</summary>
    public static string Name(Primitive primitive)
    {
        var name = primitive.ToString();
        var text = new StringBuilder();
        for (var i = 0; i < name.Length; i++)
        {
            if (i > 0 && char.IsUpper(name[i]) && !char.IsUpper(name[i - 1]) && !char.IsDigit(name[i - 1]))
                text.Append('_');
            text.Append(char.ToLowerInvariant(name[i]));
        }

        return text.ToString();
    }

    private static string Print(Parameters parameters) => parameters switch
    {
        Parameters.Reduce reduce => $"{{{string.Join(" ", reduce.Positions)}}}",
        Parameters.Axis axis => $"{{{axis.Position}}}",
        Parameters.Rearrange rearrange => $"{{{string.Join(" ", rearrange.Source.Select(s => s < 0 ? "new" : s.ToString(CultureInfo.InvariantCulture)))}}}",
        Parameters.Slice slice => $"{{{slice.Position} from {slice.Start} step {slice.Step}}}",
        Parameters.Contract contract => $"{{{Axes(contract.Left)},{Axes(contract.Right)}->{Axes(Enumerable.Range(0, contract.Rank))}}}",
        Parameters.Gather gather => $"{{{gather.Position} with {string.Join(" ", gather.Map.Select(m => m < 0 ? "index" : m.ToString(CultureInfo.InvariantCulture)))}}}",
        Parameters.Scan scan => $"{{{scan.Position}{(scan.Reverse ? " reverse" : "")}}}",
        Parameters.Sort sort => $"{{{sort.Position}{(sort.Descending ? " descending" : "")}}}",
        Parameters.Convert { DType: { } dtype } => $"{{{dtype}}}",
        _ => "",
    };
}
