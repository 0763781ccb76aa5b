// The pointwise primitives, in float, double and, where they have a meaning, whole numbers. At kinks, ties and NaN they are torch's.

template <class T> DPO_DEVICE bool dpo_isnan(T x) { return x != x; }
template <class T> DPO_DEVICE bool dpo_isinfinite(T x) { return dpo_absolute(x) == dpo_infinity(x); }
template <class T> DPO_DEVICE bool dpo_isfinite(T x) { return dpo_absolute(x) < dpo_infinity(x); }
DPO_DEVICE bool dpo_isnan(long long) { return false; }
DPO_DEVICE bool dpo_isinfinite(long long) { return false; }
DPO_DEVICE bool dpo_isfinite(long long) { return true; }
template <class T> DPO_DEVICE T dpo_where(bool condition, T whenTrue, T whenFalse) { return condition ? whenTrue : whenFalse; }

// NaN, in either place, is the result.
template <class T> DPO_DEVICE T dpo_maximum(T a, T b) { return a > b || a != a ? a : b; }
template <class T> DPO_DEVICE T dpo_minimum(T a, T b) { return a < b || a != a ? a : b; }
template <class T> DPO_DEVICE T dpo_clampmin(T x, T bound) { return dpo_maximum(x, bound); }
template <class T> DPO_DEVICE T dpo_clampmax(T x, T bound) { return dpo_minimum(x, bound); }
template <class T> DPO_DEVICE T dpo_relu(T x) { return x <= (T)0 ? (T)0 : x; }
template <class T> DPO_DEVICE T dpo_sign(T x) { return x > (T)0 ? (T)1 : x < (T)0 ? (T)-1 : (T)0; }
DPO_DEVICE long long dpo_absolute(long long x) { return x < 0 ? (long long)(0ULL - (unsigned long long)x) : x; }
template <class T> DPO_DEVICE T dpo_square(T x) { return x * x; }
template <class T> DPO_DEVICE T dpo_reciprocal(T x) { return (T)1 / x; }
template <class T> DPO_DEVICE T dpo_sqrtzero(T x) { return dpo_sqrt(x); }
template <class T> DPO_DEVICE T dpo_rsqrt(T x) { return (T)1 / dpo_sqrt(x); }

// log(1 - e^x) for x at most 0 (Maechler 2012).
template <class T> DPO_DEVICE T dpo_log1mexp(T x) { return x > (T)-0.6931471805599453 ? dpo_log(-dpo_expm1(x)) : dpo_log1p(-dpo_exp(x)); }

// The logistic functions, from e^-|x|, which does not overflow, and what rounding took from it. A loss that is a log-sigmoid has a
// sigmoid as its derivative: the compiler shares the exponential.
template <class T> DPO_DEVICE T dpo_sigmoid(T x)
{
    // e / (1 + e) where the result is small, so that it keeps its digits; 1 / (1 + e) elsewhere.
    T low;
    T e = dpo_exp_in_parts(-dpo_absolute(x), low);
    T denominator = e + (T)1;
    T quotient = (x < (T)0 ? e : (T)1) / denominator;

    // Corrected by what rounding took from e and from 1 + e; 1 / (1 + e) is needed to 5 % only.
    T rest = (x < (T)0 ? low : (T)0) - quotient * ((e - (denominator - (T)1)) + low);
    return dpo_fma(rest, dpo_fma(e, (T)-0.5, (T)0.957), quotient);
}

template <class T> DPO_DEVICE T dpo_softplus(T x)
{
    T low;
    T e = dpo_exp_in_parts(-dpo_absolute(x), low);
    return e + dpo_log1p_tail(e, low, dpo_maximum(x, (T)0));
}

template <class T> DPO_DEVICE T dpo_logsigmoid(T x)
{
    T low;
    T e = dpo_exp_in_parts(-dpo_absolute(x), low);
    return -dpo_log1p_tail(e, low, -dpo_minimum(x, (T)0)) - e;
}

// log(x) for positive finite x, as a number and what is below its last place.
DPO_DEVICE double dpo_log_in_parts(double x, double &low)
{
    double n;
    double m = dpo_significand(x, n);

    // log(m) = s (2 + z (2/3 + z p)), s = (m - 1) / (m + 1), z = s^2 (its series, to 2^-66); all but p in two parts.
    double f = m - 1.0;
    double d = m + 1.0;
    double v = d - m;
    double dLow = (m - (d - v)) + (1.0 - v);
    double s = f / d;
    double sLow = dpo_fma(-s, dLow, dpo_fma(-s, d, f)) / d;
    double z = s * s;
    double zLow = dpo_fma(2.0 * s, sLow, dpo_fma(s, s, -z));
    double p = dpo_fma(2.0 / 25, z, 2.0 / 23);
    p = dpo_fma(p, z, 2.0 / 21);
    p = dpo_polynomial(p, z, 2.0 / 19, 2.0 / 17, 2.0 / 15, 2.0 / 13);
    p = dpo_polynomial(p, z, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5);
    double c = z * 0.6666666666666666;
    double cLow = dpo_fma(z, 3.700743415417188e-17, dpo_fma(zLow, 0.6666666666666666, dpo_fma(z, 0.6666666666666666, -c)));
    double q = p * (z * z);
    double w = c + q;
    double wLow = ((c - w) + q) + cLow;
    double u = 2.0 + w;
    double uLow = ((2.0 - u) + w) + wLow;
    double l = s * u;
    double lLow = dpo_fma(sLow, u, dpo_fma(s, uLow, dpo_fma(s, u, -l)));

    double t = n * 6.93147180369123816490e-01;
    double high = t + l;
    double k = high - t;
    double rest = dpo_fma(n, 1.90821492927058770002e-10, ((t - (high - k)) + (l - k)) + lLow);
    double result = high + rest;
    low = (high - result) + rest;
    return result;
}

// With the special cases of C's pow.
DPO_DEVICE double dpo_power(double x, double y)
{
    if (y == 0.0 || x == 1.0)
        return 1.0;
    if (x != x || y != y)
        return x + y;
    double magnitude = dpo_absolute(x);
    double exponent = dpo_absolute(y);
    bool isWhole = exponent >= 9007199254740992.0 || (double)(long long)exponent == exponent;
    bool isOdd = exponent < 9007199254740992.0 && isWhole && ((long long)exponent & 1) != 0;
    if (x < 0.0 && !isWhole && magnitude < dpo_infinity(x))
        return dpo_nan(x);
    double result;
    if (magnitude == 1.0)
        result = 1.0;
    else if (magnitude == 0.0 || magnitude == dpo_infinity(x) || exponent == dpo_infinity(y))
        result = (magnitude > 1.0) == (y > 0.0) ? dpo_infinity(x) : 0.0;
    else
    {
        double low;
        double high = dpo_log_in_parts(magnitude, low);
        double product = y * high;
        double rest = dpo_fma(y, low, dpo_fma(y, high, -product));
        result = dpo_exp(product);
        if (result > 0.0 && result < dpo_infinity(x))
            result = dpo_fma(result, rest, result);
    }

    return isOdd ? dpo_signed(result, x) : result;
}

DPO_DEVICE float dpo_power(float x, float y) { return (float)dpo_power((double)x, (double)y); }
