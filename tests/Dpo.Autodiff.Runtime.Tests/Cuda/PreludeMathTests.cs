using System.Numerics;
using Dpo.Autodiff.Runtime.Tests.Cpu;
using Dpo.Autodiff.Testing;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>
/// The prelude's mathematics against 105-bit arithmetic. A card's own unit for 2^x adds up to two units in the last place to exp in
/// float, and to what is made of it.
/// </summary>
public class PreludeMathTests(ITestOutputHelper output)
{
    private const double Bound = 1.5;

    private static readonly EmulatedDevice Device = new() { Threads = 32, Multiprocessors = 1 };

    public static TheoryData<string> Functions => [.. FunctionSamples.References.Keys];

    [SkippableTheory]
    [MemberData(nameof(Functions))]
    public void SingleIsAccurate(string function) => Check<float>(function, FunctionSamples.References[function], FunctionSamples.Of(true, function), Bound);

    [SkippableTheory]
    [MemberData(nameof(Functions))]
    public void DoubleIsAccurate(string function) => Check<double>(function, FunctionSamples.References[function], FunctionSamples.Of(false, function), Bound);

    [SkippableFact]
    public void Log1MExpIsAccurateAtBothEnds()
    {
        static DoubleDouble Reference(double x) => x > -0.7 ? DoubleDouble.Log(-DoubleDouble.ExpM1(x)) : DoubleDouble.Log1P(-DoubleDouble.Exp(x));
        Check<float>("Log1MExp", Reference, Below(true), 4);
        Check<double>("Log1MExp", Reference, Below(false), 4);

        static IEnumerable<double> Below(bool single)
        {
            var random = new Random(3);
            for (var i = 0; i < 20_000; i++)
            {
                // Not where the logarithm of a number close to 1 loses the digits that its argument had.
                var x = i % 2 == 0 ? -Math.Pow(2, (random.NextDouble() * 40) - 40) : -0.7 - (random.NextDouble() * 80);
                yield return single ? (float)x : x;
            }
        }
    }

    [SkippableFact]
    public void LimitsAreThoseOfTheLimit()
    {
        Limits<float>();
        Limits<double>();
    }

    [SkippableFact]
    public void RootsAndPointwiseFunctionsAreExact()
    {
        Toolchain.Require(Toolchain.Gcc);
        double[] x = [0, -0.0, 1, -1, 2.25, -3, 1e-30, 1e30, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        (string Expression, Func<double, double> Value)[] table =
        [
            ("dpo_sqrt(x)", Math.Sqrt), ("dpo_sqrtzero(x)", Math.Sqrt), ("dpo_rsqrt(x)", v => 1 / Math.Sqrt(v)), ("dpo_absolute(x)", Math.Abs),
            ("dpo_square(x)", v => v * v), ("dpo_reciprocal(x)", v => 1 / v), ("dpo_relu(x)", v => double.IsNaN(v) ? v : Math.Max(v, 0)),
            ("dpo_sign(x)", v => double.IsNaN(v) ? 0 : Math.Sign(v)), ("dpo_maximum(x, (real)1)", v => Math.Max(v, 1)),
            ("dpo_minimum((real)1, x)", v => Math.Min(v, 1)), ("dpo_clampmin(x, (real)-1)", v => Math.Max(v, -1)), ("dpo_clampmax(x, (real)2)", v => Math.Min(v, 2)),
            ("dpo_maximum(x, dpo_nan(x))", _ => double.NaN), ("dpo_minimum(dpo_nan(x), x)", _ => double.NaN),
            ("dpo_isnan(x) ? (real)1 : (real)0", v => double.IsNaN(v) ? 1 : 0), ("dpo_isinfinite(x) ? (real)1 : (real)0", v => double.IsInfinity(v) ? 1 : 0),
            ("dpo_isfinite(x) ? (real)1 : (real)0", v => double.IsFinite(v) ? 1 : 0), ("dpo_where(x < (real)1, x, (real)7)", v => v < 1 ? v : 7),
            ("(real)dpo_to_integer(x)", v => v is > -1e18 and < 1e18 ? Math.Truncate(v) + 0.0 : long.MinValue),
        ];
        foreach (var (expression, value) in table)
        {
            var y = Apply<double>(PreludeKernels.Map(expression), x);
            for (var i = 0; i < x.Length; i++)
                Assert.True(value(x[i]) == y[i] || (double.IsNaN(value(x[i])) && double.IsNaN(y[i])), $"{expression} of {x[i]} is {y[i]}, not {value(x[i])}.");
        }
    }

    [SkippableFact]
    public void PowersAreAccurate()
    {
        Toolchain.Require(Toolchain.Gcc);
        var random = new Random(5);
        var bases = Enumerable.Range(0, 40_000).Select(i => i % 2 == 0 ? Math.Pow(2, (random.NextDouble() * 200) - 100) : random.NextDouble() * 4).ToArray();
        var exponents = Enumerable.Range(0, 40_000).Select(i => i % 3 == 0 ? random.Next(-9, 9) : ((random.NextDouble() * 2) - 1) * (i % 2 == 0 ? 7 : 300)).ToArray();
        Compare(bases, exponents, Apply<double>(PreludeKernels.Map("dpo_power(x, y)", true), bases, exponents), 2);
        var (singles, powers) = (bases.Select(b => (double)(float)b).ToArray(), exponents.Select(e => (double)(float)e).ToArray());
        Compare(singles, powers, Apply<float>(PreludeKernels.Map("dpo_power(x, y)", true), singles, powers), 1);

        void Compare(double[] bases, double[] exponents, double[] actual, double bound)
        {
            var isSingle = bound == 1;
            var worst = 0.0;
            for (var i = 0; i < bases.Length; i++)
            {
                var log = (DoubleDouble)exponents[i] * DoubleDouble.Log(bases[i]);
                if (Math.Abs(log.High) > (isSingle ? 85 : 690))
                    continue;
                var expected = DoubleDouble.Exp(log);
                var unit = isSingle ? (double)(MathF.BitIncrement((float)expected.High) - (float)expected.High) : Math.BitIncrement(expected.High) - expected.High;
                worst = Math.Max(worst, Math.Abs((actual[i] - expected.High) - expected.Low) / unit);
            }

            output.WriteLine($"power: {worst:F3} ulp");
            Assert.True(worst <= bound, $"power: {worst:F3} ulp");
        }
    }

    [SkippableFact]
    public void PowersHaveTheSpecialCasesOfC()
    {
        Toolchain.Require(Toolchain.Gcc);
        double[] numbers = [0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -3, 2.5, -2.5, 1e300, -1e300, 9007199254740993, double.PositiveInfinity, double.NegativeInfinity, double.NaN];
        var x = numbers.SelectMany(a => numbers.Select(_ => a)).ToArray();
        var y = numbers.SelectMany(_ => numbers).ToArray();
        var actual = Apply<double>(PreludeKernels.Map("dpo_power(x, y)", true), x, y);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = y[i] == 0 || x[i] == 1 ? 1 : Math.Pow(x[i], y[i]);
            var isSame = expected.Equals(actual[i]) && (double.IsNaN(expected) || double.IsNegative(expected) == double.IsNegative(actual[i]));
            Assert.True(isSame || (double.IsFinite(expected) && Math.Abs(expected - actual[i]) <= 1e-15 * Math.Abs(expected)), $"{x[i]} ^ {y[i]} is {actual[i]}, not {expected}.");
        }
    }

    private static double[] Apply<T>(string source, double[] x, double[]? y = null)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var result = new T[x.Length];
        PreludeKernels.Run(
            Device, source, typeof(T) == typeof(float) ? PreludeKernels.InSingle : PreludeKernels.InDouble, 1,
            x.Select(T.CreateChecked).ToArray(), (y ?? x).Select(T.CreateChecked).ToArray(), result, (long)x.Length);
        return result.Select(double.CreateChecked).ToArray();
    }

    private static string Name(string function) => "dpo_" + function.ToLowerInvariant() + "(x)";

    private void Check<T>(string function, Func<double, DoubleDouble> reference, IEnumerable<double> samples, double bound)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Toolchain.Require(Toolchain.Gcc);
        var x = samples.ToArray();
        var y = Apply<T>(PreludeKernels.Map(Name(function)), x);
        var (worst, at) = (0.0, 0.0);
        for (var i = 0; i < x.Length; i++)
        {
            var expected = reference(x[i]);
            var rounded = T.CreateChecked(expected.High);
            if (!T.IsFinite(rounded) || !double.IsFinite(y[i]))
            {
                // Next to the overflow threshold either side of it is within the bound.
                if (double.CreateChecked(rounded) != y[i] && Math.Abs(expected.High) < double.CreateChecked(T.CreateSaturating(double.MaxValue)) * 0.999999)
                    Assert.Fail($"{function}({x[i]}): expected {rounded}, found {y[i]}");
                continue;
            }

            var magnitude = T.Abs(rounded);
            var unit = double.CreateChecked(T.BitIncrement(magnitude) - magnitude);
            if (double.IsInfinity(unit))
                continue;
            var error = Math.Abs((y[i] - expected.High) - expected.Low) / unit;
            if (!(error <= worst))
                (worst, at) = (error, x[i]);
        }

        output.WriteLine($"{function} {typeof(T).Name}: {worst:F3} ulp at {at:R}");
        Assert.True(worst <= bound, $"{function} {typeof(T).Name}: {worst:F3} ulp at {at:R}");
    }

    private static void Limits<T>()
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Toolchain.Require(Toolchain.Gcc);
        foreach (var group in FunctionSamples.Limits.GroupBy(l => l.Function))
        {
            var points = group.ToArray();
            var actual = Apply<T>(PreludeKernels.Map(Name(group.Key)), [.. points.Select(p => p.X), double.NaN]);
            Assert.True(double.IsNaN(actual[^1]), group.Key);
            for (var i = 0; i < points.Length; i++)
            {
                var (_, x, y) = points[i];
                Assert.True(y.Equals(actual[i]) && double.IsNegative(y) == double.IsNegative(actual[i]) | double.IsNaN(y), $"{typeof(T).Name}: {group.Key}({x}) is {actual[i]}, not {y}");
            }
        }
    }
}
