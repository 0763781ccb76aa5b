// Mathematics in float, to 1.5 units in the last place; exp, by the card's own unit, to 2. Polynomials are minimax fits over the
// interval that their comment names, as on the processor.

DPO_DEVICE float dpo_infinity(float) { return dpo_from_bits(0x7f800000u); }
DPO_DEVICE float dpo_nan(float) { return dpo_from_bits(0x7fc00000u); }
DPO_DEVICE float dpo_sqrt(float x) { return __fsqrt_rn(x); }
DPO_DEVICE float dpo_absolute(float x) { return dpo_from_bits(dpo_bits(x) & 0x7fffffffu); }

// The magnitude of x with the sign of y.
DPO_DEVICE float dpo_signed(float x, float y) { return dpo_from_bits((dpo_bits(x) & 0x7fffffffu) | (dpo_bits(y) & 0x80000000u)); }

// Between bounds; NaN stays.
DPO_DEVICE float dpo_bounded(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

// To the nearest integer, ties to even, where |x| < 2^22.
DPO_DEVICE float dpo_nearest(float x) { return (x + 12582912.0f) - 12582912.0f; }

// p x^4 + c3 x^3 + c2 x^2 + c1 x + c0
DPO_DEVICE float dpo_polynomial(float p, float x, float c3, float c2, float c1, float c0)
{
    float square = x * x;
    p = dpo_fma(p, square, dpo_fma(c3, x, c2));
    return dpo_fma(p, square, dpo_fma(c1, x, c0));
}

// x 2^n for an integer n, in two steps, so that neither factor leaves the normal numbers; the first product is exact.
DPO_DEVICE float dpo_scaled(float x, float n)
{
    int exponent = (int)dpo_bounded(n, -252.0f, 252.0f);
    int first = exponent >> 1;
    int second = exponent - first;
    return x * dpo_from_bits((unsigned int)(first + 127) << 23) * dpo_from_bits((unsigned int)(second + 127) << 23);
}

// x = 2^n times what is returned, which lies between sqrt(1/2) and sqrt(2).
DPO_DEVICE float dpo_significand(float x, float &n)
{
    bool subnormal = x < 1.17549435e-38f;
    x = subnormal ? x * 8388608.0f : x;
    unsigned int bits = dpo_bits(x) - 0x3f3504f3u;
    n = (float)((int)bits >> 23) - (subnormal ? 23.0f : 0.0f);
    return dpo_from_bits((bits & 0x007fffffu) + 0x3f3504f3u);
}

DPO_DEVICE float dpo_exp(float x)
{
    // 2^n times 2^r with n clamped to the normal numbers: beyond them r runs on, into 0 or infinity. The bits of t end in n + 127.
    float t = dpo_fma(x, 1.44269502162933349609375f, 12583039.0f);
    t = dpo_bounded(t, 12582913.0f, 12583166.0f);
    float n = t - 12583039.0f;
    float r = dpo_fma(x, 1.44269502162933349609375f, -n);
    r = dpo_fma(x, 1.925963033500e-8f, r);
    return dpo_exp2_unit(r) * dpo_from_bits(dpo_bits(t) << 23);
}

// r with exp(x) = 2^n exp(r), between -ln(2)/2 and ln(2)/2, and what rounding takes from r (Cody and Waite).
DPO_DEVICE float dpo_reduced(float x, float &n, float &lost)
{
    n = dpo_nearest(x * 1.44269504088896341f);
    float high = dpo_fma(n, -0.693145751953125f, x);
    float r = dpo_fma(n, -1.42860682030941723212e-6f, high);
    lost = dpo_fma(n, -1.42860682030941723212e-6f, high - r);
    return r;
}

// (exp(r) - 1 - r) / r^2 over [-ln(2)/2, ln(2)/2]
DPO_DEVICE float dpo_exp_factor(float r)
{
    return dpo_polynomial(0.001381459878757596f, r, 0.008368716575205326f, 0.04166838899254799f, 0.1666652113199234f, 0.4999999403953552f);
}

// e^x for x at most 0, as a number and what rounding took from it.
DPO_DEVICE float dpo_exp_in_parts(float x, float &low)
{
    float n, lost;
    float r = dpo_reduced(dpo_bounded(x, -105.0f, 0.0f), n, lost);
    float s = r + dpo_fma(dpo_exp_factor(r), r * r, lost);
    float high = s + 1.0f;
    low = dpo_scaled(s - (high - 1.0f), n);
    return dpo_scaled(high, n);
}

DPO_DEVICE float dpo_expm1(float x)
{
    float n, lost;
    float r = dpo_reduced(dpo_bounded(x, -20.0f, 88.8f), n, lost);
    float tail = dpo_fma(dpo_exp_factor(r), r * r, lost);

    // 2^n (1 + r + tail) - 1, halved so that 2^n stays finite where the result does; r first, which cancels exactly.
    float half = dpo_scaled(0.5f, n);
    float result = dpo_fma(half, tail, dpo_fma(half, r, half - 0.5f));
    result = n == 0.0f ? r + tail : result + result;
    return x == 0.0f ? x : result;
}

// log(1 + f) - f for 1 + f between sqrt(1/2) and sqrt(2)
DPO_DEVICE float dpo_log_tail(float f)
{
    // (log(1 + f) - f + f^2 / 2) / f^3
    float p = -0.07860041409730911f;
    p = dpo_fma(p, f, 0.12881873548030853f);
    p = dpo_fma(p, f, -0.13128681480884552f);
    p = dpo_fma(p, f, 0.14181150496006012f);
    p = dpo_polynomial(p, f, -0.16624557971954346f, 0.200022891163826f, -0.25000810623168945f, 0.33333316445350647f);
    return dpo_fma(p, f, -0.5f) * (f * f);
}

// Infinity and NaN map to themselves, 0 to -infinity, negative numbers to NaN.
DPO_DEVICE float dpo_log_limits(float x, float result)
{
    if (x > 0.0f && x < dpo_infinity(x))
        return result;
    return x == 0.0f ? -dpo_infinity(x) : x < 0.0f ? dpo_nan(x) : x;
}

DPO_DEVICE float dpo_log(float x)
{
    float n;
    float f = dpo_significand(x, n) - 1.0f;
    float y = dpo_log_tail(f);
    return dpo_log_limits(x, dpo_fma(n, 0.693359375f, f + dpo_fma(n, -2.12194440054690583e-4f, y)));
}

DPO_DEVICE float dpo_log2(float x)
{
    // log2(e) in two parts, so that the product with f is not rounded twice.
    float n;
    float f = dpo_significand(x, n) - 1.0f;
    float y = dpo_log_tail(f);
    float low = dpo_fma(f, 1.925963033500e-8f, y * 1.44269502162933349609375f);
    return dpo_log_limits(x, n + dpo_fma(f, 1.44269502162933349609375f, low));
}

DPO_DEVICE float dpo_log1p(float x)
{
    // log(u) with u = 1 + x rounded, and what the rounding took.
    float u = x + 1.0f;
    float lost = x > 1.0f ? 1.0f - (u - x) : x - (u - 1.0f);
    float n;
    float f = dpo_significand(u, n) - 1.0f;
    float y = dpo_log_tail(f) + lost / u;
    float result = dpo_fma(n, 0.693359375f, f + dpo_fma(n, -2.12194440054690583e-4f, y));
    return x == 0.0f ? x : dpo_log_limits(u, result);
}

// addend + log(1 + z) - z for z between 0 and 1; low is a part of z below its last place.
DPO_DEVICE float dpo_log1p_tail(float z, float low, float addend)
{
    // (log(1 + z) - z) / z^2 over [0, 1]
    float p = 0.0020376904867589474f;
    p = dpo_polynomial(p, z, -0.013525152578949928f, 0.04192225635051727f, -0.08322592079639435f, 0.12495743483304977f);
    p = dpo_polynomial(p, z, -0.16150827705860138f, 0.19906380772590637f, -0.2499033510684967f, 0.33332863450050354f);
    p = dpo_fma(p, z, -0.4999999403953552f);

    // The derivative 1 / (1 + z), to 5 %.
    addend = dpo_fma(low, dpo_fma(z, -0.5f, 0.957f), addend);
    return dpo_fma(p, z * z, addend);
}

DPO_DEVICE float dpo_tanh(float x)
{
    float magnitude = dpo_absolute(x);
    if (magnitude < 0.55f)
    {
        // (tanh(x) - x) / x^3 in x^2 over [0, 0.55]
        float s = x * x;
        float p = dpo_polynomial(-0.006238845642656088f, s, 0.021055804565548897f, -0.0538516491651535f, 0.13332624733448029f, -0.33333319425582886f);
        return dpo_signed(dpo_fma(p * s, magnitude, magnitude), x);
    }

    return x != x ? x : dpo_signed(1.0f - 2.0f / (dpo_exp(magnitude + magnitude) + 1.0f), x);
}

DPO_DEVICE float dpo_erf(float x)
{
    float magnitude = dpo_absolute(x);
    if (magnitude < 0.927734375f)
    {
        // erf(x) / x - 1 in x^2 over [0, 0.928]
        float s = x * x;
        float p = 8.357771730516106e-05f;
        p = dpo_fma(p, s, -0.0008140411810018122f);
        p = dpo_fma(p, s, 0.0052008964121341705f);
        p = dpo_polynomial(p, s, -0.026859376579523087f, 0.11283695697784424f, -0.37612634897232056f, 0.12837916612625122f);
        return dpo_signed(dpo_fma(p, magnitude, magnitude), x);
    }

    // log(erfc(t)) / t over [0.927, 3.95], beyond which erf rounds to 1
    float t = dpo_bounded(magnitude, 0.0f, 4.0f);
    float q = -1.1776123756135348e-05f;
    q = dpo_fma(q, t, 0.000328206893755123f);
    q = dpo_fma(q, t, -0.003664208110421896f);
    q = dpo_polynomial(q, t, 0.023807566612958908f, -0.1062891036272049f, -0.6351200938224792f, -1.128656029701233f);
    return x != x ? x : dpo_signed(1.0f - dpo_exp(q * t), x);
}
