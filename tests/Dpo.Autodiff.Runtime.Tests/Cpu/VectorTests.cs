using System.Numerics;
using Dpo.Autodiff.Cpu;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Every vector width, float and double, lane by lane against scalar arithmetic. Widths without hardware run in software.</summary>
public class VectorTests
{
    private static readonly double[] Samples =
    [
        0.0, -0.0, 1, -1, 0.5, 2.5, 3.5, -2.5, 1e-3, -7.25, 1e30, -1e-30, double.NaN, double.PositiveInfinity,
        double.NegativeInfinity, 1e-40, 100.75, -0.1, 12345.678, 3, 1.17549435e-38, 2.2e-308,
    ];

    [Fact]
    public void OperatorsAgreeWithScalars() => ForEachVector<Operators>();

    [Fact]
    public void PartialAccessTouchesOnlyItsLanes() => ForEachVector<Partial>();

    [Fact]
    public void ConditionsGoToBytesAndBack() => ForEachVector<Conditions>();

    [Fact]
    public void WholeNumbersGoToLanesAndBack() => ForEachVector<WholeNumbers>();

    [Fact]
    public void ScaleAndSignificandAreExact() => ForEachVector<Exponents>();

    internal interface ICheck
    {
        static abstract void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>;
    }

    internal static void ForEachVector<TCheck>()
        where TCheck : ICheck
    {
        TCheck.Run<float, V512<float>>();
        TCheck.Run<float, V256<float>>();
        TCheck.Run<float, V128<float>>();
        TCheck.Run<double, V512<double>>();
        TCheck.Run<double, V256<double>>();
        TCheck.Run<double, V128<double>>();
    }

    internal static void Same<T>(T expected, T actual, string what)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Assert.True(
            (T.IsNaN(expected) && T.IsNaN(actual)) || (expected == actual && T.IsNegative(expected) == T.IsNegative(actual)),
            $"{what}: expected {expected}, found {actual}");

    private sealed class Operators : ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            foreach (var first in Samples)
            {
                foreach (var second in Samples)
                {
                    var (a, b) = (T.CreateChecked(first), T.CreateChecked(second));
                    var (x, y) = (V.Create(first), V.Broadcast(b));
                    var what = $"{typeof(V).Name}<{typeof(T).Name}> of {a} and {b}";
                    Each(V.Element, x + y, a + b, "+ " + what);
                    Each(V.Element, x - y, a - b, "- " + what);
                    Each(V.Element, x * y, a * b, "* " + what);
                    Each(V.Element, x / y, a / b, "/ " + what);
                    Each(V.Element, -x, -a, "negate " + what);
                    Each(V.Element, V.Abs(x), T.Abs(a), "abs " + what);
                    Each(V.Element, V.Sqrt(x), T.Sqrt(a), "sqrt " + what);
                    Each(V.Element, V.Round(x), T.Round(a), "round " + what);
                    Each(V.Element, V.MultiplyAdd(x, y, x), T.FusedMultiplyAdd(a, b, a), "fma " + what);

                    // Of two zeros it may be either: adding 0 makes both the positive one.
                    Each(V.Element, V.Min(x, y) + 0, T.Min(a, b) + T.Zero, "min " + what);
                    Each(V.Element, V.Max(x, y) + 0, T.Max(a, b) + T.Zero, "max " + what);
                    Each(V.Element, V.Where(V.Less(x, y), x, y), a < b ? a : b, "less " + what);
                    Each(V.Element, V.Where(V.LessOrEqual(x, y), x, y), a <= b ? a : b, "less or equal " + what);
                    Each(V.Element, V.Where(V.Equal(x, y), x, y), a == b ? a : b, "equal " + what);
                    Each(V.Element, V.Where(~V.Equal(x, y), x, y), a != b ? a : b, "not equal " + what);
                    Each(V.Element, V.Where(V.Less(x, y) | V.Less(y, x), x, y), a < b || b < a ? a : b, "or " + what);
                    Each(V.Element, V.Where(V.LessOrEqual(x, y) & V.LessOrEqual(y, x), x, y), a == b ? a : b, "and " + what);
                    Assert.Equal(a < b, V.AnyLane(V.Less(x, y)));
                }
            }

            void Each(Func<V, int, T> element, V actual, T expected, string what)
            {
                for (var lane = 0; lane < V.Count; lane++)
                    Same(expected, element(actual, lane), what);
            }
        }
    }

    private sealed class Partial : ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var source = GC.AllocateArray<T>(4 * 16, pinned: true);
            for (var i = 0; i < source.Length; i++)
                source[i] = T.CreateChecked(i + 1);
            for (var count = 0; count <= V.Count + 1; count++)
            {
                var target = GC.AllocateArray<T>(4 * 16, pinned: true);
                var loaded = V.Load(ref source[0], 3, count);
                V.Store(loaded, ref target[0], 5, count);
                var kept = Math.Min(count, V.Count);
                for (var lane = 0; lane < V.Count; lane++)
                {
                    Assert.Equal(lane < kept ? source[3 + lane] : T.Zero, V.Element(loaded, lane));
                    Assert.Equal(T.CreateChecked(lane), V.Element(V.LaneNumbers, lane));
                    Assert.Equal(lane < kept ? T.One : T.Zero, V.Element(V.Where(V.FirstLanes(count), V.Create(1), V.Create(0)), lane));
                }

                for (var i = 0; i < target.Length; i++)
                    Assert.Equal(i >= 5 && i < 5 + kept ? source[i - 2] : T.Zero, target[i]);
            }
        }
    }

    private sealed class Conditions : ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var bytes = Enumerable.Range(0, 40).Select(i => (byte)(i % 3)).ToArray();
            for (var count = 1; count <= V.Count; count++)
            {
                var target = new byte[40];
                var condition = V.LoadCondition(ref bytes[0], 2, count);
                V.StoreCondition(condition, ref target[0], 1, count);
                var whole = V.ToCondition(condition);
                for (var lane = 0; lane < count; lane++)
                {
                    Assert.Equal(bytes[2 + lane] != 0 ? 1 : 0, target[1 + lane]);
                    Assert.Equal(bytes[2 + lane] != 0 ? -1L : 0L, whole[lane]);
                    Assert.Equal(bytes[2 + lane] != 0 ? T.One : T.Zero, V.Element(V.Where(V.FromCondition(whole), V.Create(1), V.Create(0)), lane));
                }

                Assert.All(target.Skip(1 + count), value => Assert.Equal(0, value));
            }
        }
    }

    private sealed class WholeNumbers : ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            long[] numbers = [.. Enumerable.Range(0, 20).Select(i => ((i % 2) * 2L - 1) * i * 12345)];
            var lanes = Int64Lanes.Load(ref numbers[0], 1, V.Count);
            var vector = V.FromInt64(lanes);
            var back = V.ToInt64(vector + V.Create(0.25));
            var sequence = Int64Lanes.Sequence(7, -1);
            var source = GC.AllocateArray<T>(40, pinned: true);
            for (var i = 0; i < source.Length; i++)
                source[i] = T.CreateChecked(i);
            var indices = Int64Lanes.Sequence(39, -2);
            var gathered = V.Gather(ref source[0], indices, V.Count - 1);
            for (var lane = 0; lane < V.Count; lane++)
            {
                Assert.Equal(numbers[1 + lane], lanes[lane]);
                Assert.Equal(T.CreateChecked(numbers[1 + lane]), V.Element(vector, lane));
                Assert.Equal((long)double.CreateChecked(V.Element(vector + V.Create(0.25), lane)), back[lane]);
                Assert.Equal(7 - lane, sequence[lane]);
                Assert.Equal(lane < V.Count - 1 ? T.CreateChecked(39 - (2 * lane)) : T.Zero, V.Element(gathered, lane));
            }
        }
    }

    private sealed class Exponents : ICheck
    {
        public static void Run<T, V>()
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
        {
            var limit = typeof(T) == typeof(float) ? 149 : 1074;
            for (var exponent = -limit; exponent < (typeof(T) == typeof(float) ? 128 : 1024); exponent++)
            {
                foreach (var significand in new[] { 1.0, 1.25, 1.5, 1.75, 1.4142135, 1.4142137 })
                {
                    var value = T.ScaleB(T.CreateChecked(significand), exponent);
                    var fraction = V.Significand(V.Broadcast(value), out var whole);
                    var (f, e) = (V.Element(fraction, V.Count - 1), V.Element(whole, 0));
                    Assert.InRange(double.CreateChecked(f), 0.7071, 1.41422);
                    Same(value, T.ScaleB(f, int.CreateChecked(e)), "significand");
                    Same(value, V.Element(V.Scale(V.Broadcast(T.CreateChecked(significand)), V.Create(exponent)), 0), $"scale {significand} by {exponent}");
                }
            }

            Same(T.PositiveInfinity, V.Element(V.Scale(V.Create(1.5), V.Create(limit * 1.5)), 0), "overflow");
            Same(T.Zero, V.Element(V.Scale(V.Create(1.5), V.Create(-limit * 1.5)), 0), "underflow");
        }
    }
}
