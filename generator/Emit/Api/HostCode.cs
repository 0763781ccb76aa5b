using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>
/// Host scalars as C#: each one a local of its own type, computed as the user's C# would, from the hyper-parameters, the sizes in
/// <c>extents</c> and the presence of the tensors in <c>tensors</c>.
/// </summary>
internal sealed class HostCode
{
    private readonly EquatableArray<HostEquation> host;
    private readonly ObjectiveNames names;
    private readonly string prefix;
    private readonly HashSet<int> written = [];

    public HostCode(EquatableArray<HostEquation> host, ObjectiveNames names, string prefix)
    {
        this.host = host;
        this.names = names;
        this.prefix = names.FreshPrefix(prefix);
    }

    /// <summary>Declares a scalar and what it needs, unless that was done; returns its name or literal.</summary>
    public string Local(SourceWriter writer, int id)
    {
        var equation = host[id];
        if (equation.Operation == HostOperation.Literal)
            return equation.Text;
        // A backward changes it to what it is given.
        if (equation.Operation == HostOperation.HasUpstream)
            return "true";
        if (equation.Operation == HostOperation.Parameter && !names.IsNullable(equation.Text))
            return SourceWriter.Identifier(equation.Text);
        var name = prefix + id.ToString(CultureInfo.InvariantCulture);
        if (!written.Add(id))
            return name;
        var operands = equation.Operands.Select(o => Local(writer, o)).ToArray();
        writer.Line($"{TypeName(equation)} {name} = {Expression(equation, operands)};");
        return name;
    }

    /// <summary>A scalar as the double that kernels read.</summary>
    public string AsDouble(SourceWriter writer, int id)
    {
        var local = Local(writer, id);
        return host[id].Kind switch
        {
            HostKind.Bool => local switch { "true" => "1.0", "false" => "0.0", _ => $"({local} ? 1.0 : 0.0)" },
            _ => local,
        };
    }

    private string Expression(HostEquation equation, string[] operands) => equation.Operation switch
    {
        // Only read on paths where it is present.
        HostOperation.Parameter => SourceWriter.Identifier(equation.Text) + ".GetValueOrDefault()",
        HostOperation.Size => names.Size(equation.Extent!),
        HostOperation.IsPresent => names.IsTensor(equation.Text)
            ? $"{names.TensorTable}[{Number(names.Parameter(equation.Text))}] is not null"
            : SourceWriter.Identifier(equation.Text) + ".HasValue",
        HostOperation.Unary => $"{equation.Text}{Operand(operands[0])}",
        HostOperation.Binary => $"{operands[0]} {equation.Text} {operands[1]}",
        HostOperation.Call => $"{equation.Text}({string.Join(", ", operands)})",
        HostOperation.Convert => $"({TypeName(equation)}){Operand(operands[0])}",
        HostOperation.Select => $"{operands[0]} ? {operands[1]} : {operands[2]}",
        _ => throw new InvalidOperationException($"The host operation {equation.Operation} has no C#."),
    };

    // A literal may carry a sign: -(-1.0).
    private static string Operand(string text) => text.StartsWith("-", StringComparison.Ordinal) ? "(" + text + ")" : text;

    private static string TypeName(HostEquation equation) => equation.Kind switch
    {
        HostKind.Bool => "bool",
        HostKind.Int32 => "int",
        HostKind.Int64 => "long",
        HostKind.Single => "float",
        HostKind.Double => "double",
        _ => equation.EnumType!,
    };

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
