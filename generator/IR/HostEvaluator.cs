using System.Globalization;

namespace Dpo.Autodiff.Generator.IR;

/// <summary>What host scalars mean: their values for given hyper-parameters and sizes, as the generated C# computes them.</summary>
public static class HostEvaluator
{
    /// <summary>The value of every host scalar; entries that have no number (enumerations) are NaN.</summary>
    /// <param name="host">The table.</param>
    /// <param name="parameters">The hyper-parameters; a nullable one that is absent is not there, a tensor that is there has any value.</param>
    /// <param name="extents">The size of every named axis.</param>
    public static double[] Run(
        IReadOnlyList<HostEquation> host, IReadOnlyDictionary<string, double> parameters, IReadOnlyDictionary<string, long> extents)
    {
        var values = new double[host.Count];
        for (var i = 0; i < host.Count; i++)
        {
            var operands = host[i].Operands.Select(o => values[o]).ToArray();
            values[i] = host[i].Operation switch
            {
                HostOperation.Parameter => parameters.TryGetValue(host[i].Text, out var value) ? value : double.NaN,
                HostOperation.Literal => Literal(host[i].Text),
                HostOperation.Size => ProgramEvaluator.Size(host[i].Extent!, extents),
                HostOperation.IsPresent => parameters.ContainsKey(host[i].Text) ? 1 : 0,
                HostOperation.HasUpstream => 1,
                HostOperation.Unary => host[i].Text switch { "-" => -operands[0], "!" => operands[0] == 0 ? 1 : 0, _ => ~(long)operands[0] },
                HostOperation.Binary => Binary(host[i], operands[0], operands[1]),
                HostOperation.Call => Call(host[i].Text, operands),
                HostOperation.Convert => Convert(host[i].Kind, operands[0]),
                _ => operands[0] != 0 ? operands[1] : operands[2],
            };
        }

        return values;
    }

    private static double Literal(string text) => text switch
    {
        "true" => 1,
        "false" => 0,
        "double.NaN" => double.NaN,
        "double.PositiveInfinity" => double.PositiveInfinity,
        "double.NegativeInfinity" => double.NegativeInfinity,
        _ => double.TryParse(text.TrimEnd('L', 'f', 'F', 'd', 'D'), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : double.NaN,
    };

    private static double Binary(HostEquation equation, double x, double z) => equation.Text switch
    {
        "+" => x + z,
        "-" => x - z,
        "*" => x * z,
        "/" => equation.Kind is HostKind.Int32 or HostKind.Int64 ? Math.Truncate(x / z) : x / z,
        "%" => x % z,
        "<" => x < z ? 1 : 0,
        "<=" => x <= z ? 1 : 0,
        ">" => x > z ? 1 : 0,
        ">=" => x >= z ? 1 : 0,
        "==" => x == z ? 1 : 0,
        "!=" => x != z ? 1 : 0,
        "&&" or "&" => x != 0 && z != 0 ? 1 : 0,
        "||" or "|" => x != 0 || z != 0 ? 1 : 0,
        _ => throw new NotSupportedException($"The operator {equation.Text}."),
    };

    private static double Call(string name, double[] operands) => name.Replace("global::", "") switch
    {
        "System.Math.Log" => operands.Length == 1 ? Math.Log(operands[0]) : Math.Log(operands[0], operands[1]),
        "System.Math.Exp" => Math.Exp(operands[0]),
        "System.Math.Sqrt" => Math.Sqrt(operands[0]),
        "System.Math.Abs" => Math.Abs(operands[0]),
        "System.Math.Pow" => Math.Pow(operands[0], operands[1]),
        "System.Math.Max" => Math.Max(operands[0], operands[1]),
        "System.Math.Min" => Math.Min(operands[0], operands[1]),
        "System.Math.Floor" => Math.Floor(operands[0]),
        "System.Math.Ceiling" => Math.Ceiling(operands[0]),
        _ => throw new NotSupportedException($"The function {name}."),
    };

    private static double Convert(HostKind kind, double x) => kind switch
    {
        HostKind.Int32 or HostKind.Int64 => Math.Truncate(x),
        HostKind.Single => (float)x,
        _ => x,
    };
}
