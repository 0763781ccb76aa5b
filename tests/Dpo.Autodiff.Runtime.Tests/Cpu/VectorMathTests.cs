using System.Numerics;
using Dpo.Autodiff.Cpu;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Vector mathematics against 105-bit arithmetic: the largest error, in units in the last place, over the whole range.</summary>
public class VectorMathTests(ITestOutputHelper output)
{
    private const double Bound = 1.5;

    public static TheoryData<string> Functions => [.. FunctionSamples.References.Keys];

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
        var reference = FunctionSamples.References[function];
        var (worst, at) = (0.0, 0.0);
        foreach (var sample in FunctionSamples.Of(typeof(T) == typeof(float), function))
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

    private static void Limits<T, V>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        foreach (var (function, x, y) in FunctionSamples.Limits)
        {
            var actual = double.CreateChecked(V.Element(Apply<T, V>(function, V.Create(x)), 0));
            Assert.True(y.Equals(actual) && double.IsNegative(y) == double.IsNegative(actual) | double.IsNaN(y), $"{typeof(V).Name}<{typeof(T).Name}>: {function}({x}) is {actual}, not {y}");
        }

        foreach (var function in FunctionSamples.References.Keys.Append("Log1MExp"))
            Assert.True(T.IsNaN(V.Element(Apply<T, V>(function, V.Create(double.NaN)), 0)), function);
    }
}
