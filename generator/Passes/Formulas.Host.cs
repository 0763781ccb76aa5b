using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>Host scalars under the user's names: <c>1 - 2 * smoothing</c>, <c>|pair|</c>, <c>present(margin)</c>.</summary>
public static partial class Formulas
{
    /// <summary>A host scalar as text, its operands inlined.</summary>
    public static string Host(Program program, int scalar) => HostText(program, scalar).Text;

    internal static FormulaText HostText(Program program, int scalar)
    {
        var host = program.Host[scalar];
        FormulaText Operand(int i) => HostText(program, host.Operands[i]);
        return host.Operation switch
        {
            HostOperation.Parameter => FormulaText.Atom(host.Text),
            HostOperation.Literal => FormulaText.Atom(Plain(host)),
            HostOperation.Size => FormulaText.Atom($"|{host.Extent}|"),
            HostOperation.IsPresent => FormulaText.Atom($"present({host.Text})"),
            HostOperation.HasUpstream => FormulaText.Atom($"upstream({host.Text})"),
            HostOperation.Unary => host.Text switch
            {
                "-" => -Operand(0),
                "!" => FormulaText.Not(Operand(0)),
                _ => FormulaText.Call("complement", Operand(0)),
            },
            // A literal comes first, as in 2 * beta.
            HostOperation.Binary when host.Text == "*" && program.Host[host.Operands[1]].Operation == HostOperation.Literal => Operand(1) * Operand(0),
            HostOperation.Binary => FormulaText.Infix(
                host.Text switch { "&&" or "&" => "and", "||" or "|" => "or", "^" => "xor", var symbol => symbol }, Operand(0), Operand(1)),
            HostOperation.Call => FormulaText.Call(
                host.Text.Substring(host.Text.LastIndexOf('.') + 1).ToLowerInvariant(), host.Operands.Select(o => HostText(program, o)).ToArray()),
            // A conversion that loses nothing is not worth a word.
            HostOperation.Convert => IsWhole(host.Kind) && !IsWhole(program.Host[host.Operands[0]].Kind) ? FormulaText.Call("truncate", Operand(0)) : Operand(0),
            _ => FormulaText.Call("where", Operand(0), Operand(1), Operand(2)),
        };
    }

    private static bool IsWhole(HostKind kind) => kind is HostKind.Int32 or HostKind.Int64;

    /// <summary>A C# literal without what only C# needs: suffixes, a fraction of zero, the enumeration's full name.</summary>
    private static string Plain(HostEquation literal)
    {
        var text = literal.Text;
        if (literal.Kind == HostKind.Enum)
            return text.Substring(text.LastIndexOf('.') + 1);
        if (text.EndsWith("NaN", StringComparison.Ordinal))
            return "nan";
        if (text.EndsWith("Infinity", StringComparison.Ordinal))
            return text.EndsWith("NegativeInfinity", StringComparison.Ordinal) ? "-inf" : "inf";
        if (literal.Kind == HostKind.Bool)
            return text;
        text = text.TrimEnd('f', 'F', 'd', 'D', 'L', 'l');
        return text.EndsWith(".0", StringComparison.Ordinal) ? text.Substring(0, text.Length - 2) : text;
    }
}
