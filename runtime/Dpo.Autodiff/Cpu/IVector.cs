namespace Dpo.Autodiff.Cpu;

/// <summary>
/// A machine vector of <typeparamref name="T"/> as generated kernels see it: the same kernel text runs on 512, 256 and 128 bits.
/// </summary>
/// <remarks>
/// Conditions are vectors too: all bits of a lane set, or none. A count of <see cref="Count"/> or more means every lane; below it,
/// only the first lanes touch memory, and a load fills the others with zero.
/// Memory is native or pinned: a partial access works on its address.
/// </remarks>
/// <typeparam name="TSelf">The vector.</typeparam>
/// <typeparam name="T">Its element: float or double.</typeparam>
public interface IVector<TSelf, T>
    where TSelf : struct, IVector<TSelf, T>
    where T : unmanaged
{
    /// <summary>The number of lanes.</summary>
    static abstract int Count { get; }

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator +(TSelf left, TSelf right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator -(TSelf left, TSelf right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator *(TSelf left, TSelf right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator /(TSelf left, TSelf right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator +(TSelf left, double right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator -(TSelf left, double right);

    /// <summary>Lane by lane.</summary>
    static abstract TSelf operator *(TSelf left, double right);

    /// <summary>The sign bit flipped.</summary>
    static abstract TSelf operator -(TSelf value);

    /// <summary>Bitwise: the conjunction of conditions.</summary>
    static abstract TSelf operator &(TSelf left, TSelf right);

    /// <summary>Bitwise: the disjunction of conditions.</summary>
    static abstract TSelf operator |(TSelf left, TSelf right);

    /// <summary>Bitwise: the exclusive disjunction of conditions.</summary>
    static abstract TSelf operator ^(TSelf left, TSelf right);

    /// <summary>Bitwise: the negation of a condition.</summary>
    static abstract TSelf operator ~(TSelf value);

    /// <summary>Every lane the number, rounded to <typeparamref name="T"/>.</summary>
    static abstract TSelf Create(double value);

    /// <summary>Every lane the element.</summary>
    static abstract TSelf Broadcast(T value);

    /// <summary>The condition, in every lane.</summary>
    static abstract TSelf Condition(bool value);

    /// <summary>The condition that holds in the first <paramref name="count"/> lanes.</summary>
    static abstract TSelf FirstLanes(int count);

    /// <summary>Where a loop variable that is <paramref name="first"/> in the first lane, and one more in each next, is <paramref name="value"/>.</summary>
    static abstract TSelf IsEqual(long first, long value);

    /// <summary>Where a loop variable that is <paramref name="first"/> in the first lane, and one more in each next, is less than <paramref name="value"/>.</summary>
    static abstract TSelf IsLess(long first, long value);

    /// <summary>Where a loop variable that is <paramref name="first"/> in the first lane, and one more in each next, is at most <paramref name="value"/>.</summary>
    static abstract TSelf IsAtMost(long first, long value);

    /// <summary>The lanes' own numbers: 0, 1, 2, ...</summary>
    static abstract TSelf LaneNumbers { get; }

    /// <summary>Elements from <paramref name="index"/> on.</summary>
    static abstract TSelf Load(ref readonly T source, nint index, int count);

    /// <summary>As the other, where the condition holds; other lanes read nothing and are 0.</summary>
    static abstract TSelf Load(ref readonly T source, nint index, int count, TSelf condition);

    /// <summary>Element <paramref name="index"/>, in every lane.</summary>
    static abstract TSelf Broadcast(ref readonly T source, nint index);

    /// <summary>Elements from <paramref name="index"/> on, written.</summary>
    static abstract void Store(TSelf value, ref T target, nint index, int count);

    /// <summary>As the other, where the condition holds.</summary>
    static abstract void Store(TSelf value, ref T target, nint index, int count, TSelf condition);

    /// <summary>As the other, past the cache if <paramref name="streaming"/>; the address is then a multiple of 64 bytes.</summary>
    static abstract void Store(TSelf value, ref T target, nint index, int count, bool streaming);

    /// <summary>16 bits a lane of float, from <paramref name="index"/> on: the low bits of the lane, whose others are 0.</summary>
    static abstract TSelf LoadUInt16(ref readonly ushort source, nint index, int count);

    /// <summary>The low 16 bits of each lane of float, of which no other is set, written; past the cache if <paramref name="streaming"/>.</summary>
    static abstract void StoreUInt16(TSelf bits, ref ushort target, nint index, int count, bool streaming);

    /// <summary>The bits of each lane of float as a whole number, added.</summary>
    static abstract TSelf AddBits(TSelf left, TSelf right);

    /// <summary>The bits of each lane of float, shifted; zeros come in.</summary>
    static abstract TSelf ShiftLeft(TSelf bits, int count);

    /// <summary>The bits of each lane of float, shifted; zeros come in.</summary>
    static abstract TSelf ShiftRight(TSelf bits, int count);

    /// <summary>Bytes from <paramref name="index"/> on, as the condition that they are not zero.</summary>
    static abstract TSelf LoadCondition(ref readonly byte source, nint index, int count);

    /// <summary>A condition, written as bytes 0 and 1.</summary>
    static abstract void StoreCondition(TSelf value, ref byte target, nint index, int count);

    /// <summary>The elements at <paramref name="indices"/>, in the first <paramref name="count"/> lanes; 0 in the others, and where the index is negative.</summary>
    static abstract TSelf Gather(ref readonly T source, Int64Lanes indices, int count);

    /// <summary>Element <paramref name="lane"/>.</summary>
    static abstract T Element(TSelf value, int lane);

    /// <summary>The sum of the lanes, added in double.</summary>
    static abstract double Sum(TSelf value);

    /// <summary>Whether a condition holds in any lane.</summary>
    static abstract bool AnyLane(TSelf condition);

    /// <summary>Equality; false for NaN.</summary>
    static abstract TSelf Equal(TSelf left, double right);

    /// <summary>Less than; false for NaN.</summary>
    static abstract TSelf Less(TSelf left, double right);

    /// <summary>Equality; false for NaN.</summary>
    static abstract TSelf Equal(TSelf left, TSelf right);

    /// <summary>Less than; false for NaN.</summary>
    static abstract TSelf Less(TSelf left, TSelf right);

    /// <summary>Less than or equal; false for NaN.</summary>
    static abstract TSelf LessOrEqual(TSelf left, TSelf right);

    /// <summary>Lanes of <paramref name="whenTrue"/> where the condition holds, of <paramref name="whenFalse"/> elsewhere.</summary>
    static abstract TSelf Where(TSelf condition, TSelf whenTrue, TSelf whenFalse);

    /// <summary>The smaller, of zeros either; NaN if either is NaN.</summary>
    static abstract TSelf Min(TSelf left, TSelf right);

    /// <summary>The larger, of zeros either; NaN if either is NaN.</summary>
    static abstract TSelf Max(TSelf left, TSelf right);

    /// <summary>The sign bit cleared.</summary>
    static abstract TSelf Abs(TSelf value);

    /// <summary>The square root, correctly rounded.</summary>
    static abstract TSelf Sqrt(TSelf value);

    /// <summary>To the nearest whole number, ties to even.</summary>
    static abstract TSelf Round(TSelf value);

    /// <summary><c>left * right + addend</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, TSelf addend);

    /// <summary><c>left * right + addend</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, double right, TSelf addend);

    /// <summary><c>left * right + addend</c>, rounded once.</summary>
    static abstract TSelf MultiplyAdd(TSelf left, TSelf right, double addend);

    /// <summary><c>(((start * x + c3) * x + c2) * x + c1) * x + c0</c>, two steps at a time (Estrin's scheme): half as long to wait for.</summary>
    static abstract TSelf Polynomial(TSelf start, TSelf x, double c3, double c2, double c1, double c0);

    /// <summary>The value, or the bound where that is smaller; NaN stays NaN.</summary>
    static abstract TSelf AtMost(TSelf value, double high);

    /// <summary>The value, or the bound where that is larger; NaN stays NaN.</summary>
    static abstract TSelf AtLeast(TSelf value, double low);

    /// <summary>The value, or the bound that it passes; NaN stays NaN.</summary>
    static abstract TSelf Clamp(TSelf value, double low, double high);

    /// <summary>
    /// <c>value * 2^exponent</c>, rounded once, for whole exponents of at most 250 (float) or 2000 (double) in magnitude.
    /// </summary>
    static abstract TSelf Scale(TSelf value, TSelf exponent);

    /// <summary>
    /// For positive finite values, subnormal ones too: the whole exponent, and the significand between sqrt(1/2) and sqrt(2) whose
    /// product with 2^exponent is the value. For others the result means nothing.
    /// </summary>
    static abstract TSelf Significand(TSelf value, out TSelf exponent);

    /// <summary>Whole numbers as elements, rounded.</summary>
    static abstract TSelf FromInt64(Int64Lanes value);

    /// <summary>Elements as whole numbers, truncated.</summary>
    static abstract Int64Lanes ToInt64(TSelf value);

    /// <summary>A condition over whole numbers (all bits or none) as a condition here.</summary>
    static abstract TSelf FromCondition(Int64Lanes condition);

    /// <summary>A condition as one over whole numbers.</summary>
    static abstract Int64Lanes ToCondition(TSelf condition);

    /// <summary>e^x.</summary>
    static virtual TSelf Exp(TSelf x) => VectorMath.Exp<T, TSelf>(x);

    /// <summary>e^x - 1, exact for small x.</summary>
    static virtual TSelf ExpM1(TSelf x) => VectorMath.ExpM1<T, TSelf>(x);

    /// <summary>The natural logarithm.</summary>
    static virtual TSelf Log(TSelf x) => VectorMath.Log<T, TSelf>(x);

    /// <summary>log(1 + x), exact for small x.</summary>
    static virtual TSelf Log1P(TSelf x) => VectorMath.Log1P<T, TSelf>(x);

    /// <summary>The logarithm to base 2.</summary>
    static virtual TSelf Log2(TSelf x) => VectorMath.Log2<T, TSelf>(x);

    /// <summary>log(1 - e^x) for x at most 0.</summary>
    static virtual TSelf Log1MExp(TSelf x) => VectorMath.Log1MExp<T, TSelf>(x);

    /// <summary>1 / (1 + e^-x).</summary>
    static virtual TSelf Sigmoid(TSelf x) => VectorMath.Sigmoid<T, TSelf>(x);

    /// <summary>log(1 / (1 + e^-x)).</summary>
    static virtual TSelf LogSigmoid(TSelf x) => VectorMath.LogSigmoid<T, TSelf>(x);

    /// <summary>log(1 + e^x).</summary>
    static virtual TSelf Softplus(TSelf x) => VectorMath.Softplus<T, TSelf>(x);

    /// <summary>The hyperbolic tangent.</summary>
    static virtual TSelf Tanh(TSelf x) => VectorMath.Tanh<T, TSelf>(x);

    /// <summary>The error function.</summary>
    static virtual TSelf Erf(TSelf x) => VectorMath.Erf<T, TSelf>(x);

    /// <summary>-1, 0 or 1; NaN for NaN.</summary>
    static virtual TSelf Sign(TSelf x) => VectorMath.Sign<T, TSelf>(x);

    /// <summary>x to the power y, with the special cases of C's <c>pow</c>.</summary>
    static virtual TSelf Power(TSelf x, TSelf y) => VectorMath.Power<T, TSelf>(x, y);
}
