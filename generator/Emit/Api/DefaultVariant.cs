using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Emit.Api;

/// <summary>
/// The variant that a call with default arguments runs: the one that documentation shows. Where a decision depends on more than
/// defaults say (a size, a hyper-parameter without default), its first side stands for both.
/// </summary>
internal static class DefaultVariant
{
    public static int Of(ObjectiveNames names)
    {
        var decision = names.Objective.Decisions;
        while (decision is Decision.Branch branch)
            decision = Known(branch.Host, branch.Condition, names) is false ? branch.WhenFalse : branch.WhenTrue is Decision.Throw ? branch.WhenFalse : branch.WhenTrue;
        return decision is Decision.Leaf leaf ? leaf.Variant : 0;
    }

    private static bool? Known(EquatableArray<HostEquation> host, int id, ObjectiveNames names) => Text(host, id, names) switch
    {
        "true" => true,
        "false" => false,
        _ => null,
    };

    /// <summary>A scalar as literal text, or null where it is not known.</summary>
    private static string? Text(EquatableArray<HostEquation> host, int id, ObjectiveNames names)
    {
        var equation = host[id];
        var operands = equation.Operands.Select(o => Text(host, o, names)).ToArray();
        switch (equation.Operation)
        {
            case HostOperation.Literal:
                return equation.Text;
            case HostOperation.Parameter:
                return names.Parameters.First(p => p.Name == equation.Text).Default;
            case HostOperation.IsPresent:
                var parameter = names.Parameters.First(p => p.Name == equation.Text);
                return parameter.Default == "null" ? "false" : "true";
            case HostOperation.Unary when equation.Text == "!" && operands[0] is { } negated:
                return negated == "true" ? "false" : "true";
            case HostOperation.Binary when operands[0] is { } left && operands[1] is { } right:
                return Compare(equation.Text, left, right);
            default:
                return null;
        }
    }

    private static string? Compare(string symbol, string left, string right)
    {
        var areNumbers = TryNumber(left, out var x) & TryNumber(right, out var z);
        bool? holds = symbol switch
        {
            "&&" => left == "true" && right == "true",
            "||" => left == "true" || right == "true",
            "==" => areNumbers ? x == z : left == right,
            "!=" => areNumbers ? x != z : left != right,
            "<" when areNumbers => x < z,
            "<=" when areNumbers => x <= z,
            ">" when areNumbers => x > z,
            ">=" when areNumbers => x >= z,
            _ => null,
        };
        return holds is { } known ? known ? "true" : "false" : null;
    }

    private static bool TryNumber(string text, out double number) =>
        double.TryParse(text.TrimEnd('L', 'f'), NumberStyles.Float, CultureInfo.InvariantCulture, out number);
}
