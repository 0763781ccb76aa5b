using System.Numerics;
using Dpo.Autodiff.Cpu;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Vector mathematics against 105-bit arithmetic: the largest error, in units in the last place, over the whole range.</summary>
public class VectorMathTests(ITestOutputHelper output)
{
    private const double Bound = 1.5;

    public static TheoryData<string> Functions => [.. References.Keys];

    private static readonly Dictionary<string, Func<double, DoubleDouble>> References = new()
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

    [Theory]
    [MemberData(nameof(Functions))]
    public void SingleIsAccurate512(string function) => Check<float, V512<float>>(function);

    [Theory]
    [MemberData(nameof(Functions))]
    public void SingleIsAccurate256(string function) => Check<float, V256<float>>(function);

    [Theory]
    [MemberData(nameof(Functions))]
    public void SingleIsAccurate128(string function) => Check<float, V128<float>>(function);

    [Theory]
    [MemberData(nameof(Functions))]
    public void DoubleIsAccurate512(string function) => Check<double, V512<double>>(function);

    [Theory]
    [MemberData(nameof(Functions))]
    public void DoubleIsAccurate256(string function) => Check<double, V256<double>>(function);

    [Theory]
    [MemberData(nameof(Functions))]
    public void DoubleIsAccurate128(string function) => Check<double, V128<double>>(function);

    [Fact]
    public void LimitsAreThoseOfTheLimit()
    {
        Limits<float, V512<float>>();
        Limits<float, V256<float>>();
        Limits<float, V128<float>>();
        Limits<double, V512<double>>();
        Limits<double, V256<double>>();
        Limits<double, V128<double>>();
    }

    private static V Apply<T, V>(string function, V x)
        where T : unmanaged
        where V : struct, IVector<V, T> => function switch
        {
            "Exp" => VectorMath.Exp<T, V>(x),
            "ExpM1" => VectorMath.ExpM1<T, V>(x),
            "Log" => VectorMath.Log<T, V>(x),
            "Log1P" => VectorMath.Log1P<T, V>(x),
            "Log2" => VectorMath.Log2<T, V>(x),
            "Log1MExp" => VectorMath.Log1MExp<T, V>(x),
            "Sigmoid" => VectorMath.Sigmoid<T, V>(x),
            "LogSigmoid" => VectorMath.LogSigmoid<T, V>(x),
            "Softplus" => VectorMath.Softplus<T, V>(x),
            "Tanh" => VectorMath.Tanh<T, V>(x),
            "Erf" => VectorMath.Erf<T, V>(x),
            _ => throw new ArgumentOutOfRangeException(nameof(function)),
        };

    private void Check<T, V>(string function)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var reference = References[function];
        var (worst, at) = (0.0, 0.0);
        foreach (var sample in Samples(typeof(T) == typeof(float), function))
        {
            var x = T.CreateChecked(sample);
            var actual = double.CreateChecked(V.Element(Apply<T, V>(function, V.Broadcast(x)), V.Count - 1));
            var expected = reference(double.CreateChecked(x));
            var rounded = T.CreateChecked(expected.High);
            if (!T.IsFinite(rounded) || !double.IsFinite(actual))
            {
                // Next to the overflow threshold either side of it is within the bound.
                if (double.CreateChecked(rounded) != actual && Math.Abs(expected.High) < double.CreateChecked(T.CreateSaturating(double.MaxValue)) * 0.999999)
                    Assert.Fail($"{function}({x}): expected {rounded}, found {actual}");
                continue;
            }

            var magnitude = T.Abs(rounded);
            var unit = double.CreateChecked(T.BitIncrement(magnitude) - magnitude);
            if (double.IsInfinity(unit))
                continue;
            var error = Math.Abs((actual - expected.High) - expected.Low) / unit;
            if (!(error <= worst))
                (worst, at) = (error, double.CreateChecked(x));
        }

        output.WriteLine($"{function} {typeof(V).Name} {typeof(T).Name}: {worst:F3} ulp at {at:R}");
        Assert.True(worst <= Bound, $"{function} {typeof(V).Name} {typeof(T).Name}: {worst:F3} ulp at {at:R}");
    }

    // Every magnitude of the type, and the stretch where the functions bend.
    private static IEnumerable<double> Samples(bool single, string function)
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

    private static void Limits<T, V>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        const double Infinity = double.PositiveInfinity;
        (string Function, double X, double Y)[] table =
        [
            ("Exp", Infinity, Infinity), ("Exp", -Infinity, 0), ("Exp", 0, 1), ("Exp", 1e6, Infinity), ("Exp", -1e6, 0),
            ("ExpM1", Infinity, Infinity), ("ExpM1", -Infinity, -1), ("ExpM1", -0.0, -0.0), ("ExpM1", 1e6, Infinity), ("ExpM1", -1e6, -1),
            ("Log", Infinity, Infinity), ("Log", 0, -Infinity), ("Log", -0.0, -Infinity), ("Log", -1, double.NaN), ("Log", 1, 0), ("Log", -Infinity, double.NaN),
            ("Log2", Infinity, Infinity), ("Log2", 0, -Infinity), ("Log2", -1, double.NaN), ("Log2", 8, 3), ("Log2", 0.125, -3),
            ("Log1P", Infinity, Infinity), ("Log1P", -1, -Infinity), ("Log1P", -2, double.NaN), ("Log1P", -0.0, -0.0), ("Log1P", -Infinity, double.NaN),
            ("Log1MExp", 0, -Infinity), ("Log1MExp", -Infinity, -0.0),
            ("Sigmoid", Infinity, 1), ("Sigmoid", -Infinity, 0), ("Sigmoid", 0, 0.5),
            ("LogSigmoid", Infinity, -0.0), ("LogSigmoid", -Infinity, -Infinity), ("LogSigmoid", -1e6, -1e6),
            ("Softplus", Infinity, Infinity), ("Softplus", -Infinity, 0), ("Softplus", 1e6, 1e6),
            ("Tanh", Infinity, 1), ("Tanh", -Infinity, -1), ("Tanh", -0.0, -0.0), ("Tanh", 1e6, 1),
            ("Erf", Infinity, 1), ("Erf", -Infinity, -1), ("Erf", -0.0, -0.0), ("Erf", 1e6, 1),
        ];
        foreach (var (function, x, y) in table)
        {
            var actual = double.CreateChecked(V.Element(Apply<T, V>(function, V.Create(x)), 0));
            Assert.True(y.Equals(actual) && double.IsNegative(y) == double.IsNegative(actual) | double.IsNaN(y), $"{typeof(V).Name}<{typeof(T).Name}>: {function}({x}) is {actual}, not {y}");
        }

        foreach (var function in References.Keys.Append("Log1MExp"))
            Assert.True(T.IsNaN(V.Element(Apply<T, V>(function, V.Create(double.NaN)), 0)), function);
    }
}
