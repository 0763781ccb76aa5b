namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>The functions of objectives: their values to 105 bits, where to look at them, and their limits.</summary>
internal static class FunctionSamples
{
    private const double Infinity = double.PositiveInfinity;

    internal static readonly Dictionary<string, Func<double, DoubleDouble>> References = new()
    {
        ["Exp"] = x => DoubleDouble.Exp(x),
        ["ExpM1"] = x => DoubleDouble.ExpM1(x),
        ["Log"] = x => DoubleDouble.Log(x),
        ["Log1P"] = x => DoubleDouble.Log1P(x),
        ["Log2"] = x => DoubleDouble.Log2(x),
        ["Sigmoid"] = x => x < 0 ? DoubleDouble.Exp(x) / (1 + DoubleDouble.Exp(x)) : 1 / (1 + DoubleDouble.Exp(-x)),
        ["LogSigmoid"] = x => Math.Min(x, 0) - DoubleDouble.Log1P(DoubleDouble.Exp(-Math.Abs(x))),
        ["Softplus"] = x => Math.Max(x, 0) + DoubleDouble.Log1P(DoubleDouble.Exp(-Math.Abs(x))),
        ["Tanh"] = x => DoubleDouble.ExpM1((DoubleDouble)2 * x) / (DoubleDouble.ExpM1((DoubleDouble)2 * x) + 2),
        ["Erf"] = DoubleDouble.Erf,
    };

    internal static readonly (string Function, double X, double Y)[] Limits =
    [
        ("Exp", Infinity, Infinity), ("Exp", -Infinity, 0), ("Exp", 0, 1), ("Exp", 1e6, Infinity), ("Exp", -1e6, 0),
        ("ExpM1", Infinity, Infinity), ("ExpM1", -Infinity, -1), ("ExpM1", -0.0, -0.0), ("ExpM1", 1e6, Infinity), ("ExpM1", -1e6, -1),
        ("Log", Infinity, Infinity), ("Log", 0, -Infinity), ("Log", -0.0, -Infinity), ("Log", -1, double.NaN), ("Log", 1, 0), ("Log", -Infinity, double.NaN),
        ("Log2", Infinity, Infinity), ("Log2", 0, -Infinity), ("Log2", -1, double.NaN), ("Log2", 8, 3), ("Log2", 0.125, -3),
        ("Log1P", Infinity, Infinity), ("Log1P", -1, -Infinity), ("Log1P", -2, double.NaN), ("Log1P", -0.0, -0.0), ("Log1P", -Infinity, double.NaN),
        ("Log1MExp", 0, -Infinity), ("Log1MExp", -Infinity, -0.0),
        ("Sigmoid", Infinity, 1), ("Sigmoid", -Infinity, 0), ("Sigmoid", 0, 0.5),
        ("LogSigmoid", Infinity, 0), ("LogSigmoid", -Infinity, -Infinity), ("LogSigmoid", -1e6, -1e6),
        ("Softplus", Infinity, Infinity), ("Softplus", -Infinity, 0), ("Softplus", 1e6, 1e6),
        ("Tanh", Infinity, 1), ("Tanh", -Infinity, -1), ("Tanh", -0.0, -0.0), ("Tanh", 1e6, 1),
        ("Erf", Infinity, 1), ("Erf", -Infinity, -1), ("Erf", -0.0, -0.0), ("Erf", 1e6, 1),
    ];

    // Every magnitude of the type, and the stretch where the functions bend.
    internal static IEnumerable<double> Of(bool single, string function)
    {
        var positive = function is "Log" or "Log2";
        var random = new Random(20230529);
        for (var i = 0; i < 60_000; i++)
        {
            var sample = (i % 4) switch
            {
                0 => single
                    ? BitConverter.Int32BitsToSingle((int)((i * 71567L) % 0x7F800000))
                    : BitConverter.Int64BitsToDouble((long)(random.NextDouble() * 0x7FF0000000000000)),
                1 => (random.NextDouble() * 2) - 1,
                2 => Math.Pow(2, (random.NextDouble() * 30) - 26),
                _ => random.NextDouble() * (single ? 110 : 760),
            };
            if (i % 8 >= 4 && !positive)
                sample = -sample;
            if (positive)
                sample = Math.Abs(sample);
            if (function == "Log1P" && sample <= -1)
                continue;
            var beyond = function is "Erf" ? 8.0 : function.StartsWith("Log", StringComparison.Ordinal) && function != "LogSigmoid" ? double.MaxValue : single ? 120.0 : 780.0;
            if (Math.Abs(sample) > beyond || (positive && sample == 0))
                continue;
            yield return single ? (float)sample : sample;
        }
    }
}
