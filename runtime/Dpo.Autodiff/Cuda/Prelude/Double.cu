// Mathematics in double, to 1.5 units in the last place. Polynomials are minimax fits over the interval that their comment names, as
// on the processor.

DPO_DEVICE double dpo_infinity(double) { return dpo_from_bits(0x7ff0000000000000ULL); }
DPO_DEVICE double dpo_nan(double) { return dpo_from_bits(0x7ff8000000000000ULL); }
DPO_DEVICE double dpo_sqrt(double x) { return __dsqrt_rn(x); }
DPO_DEVICE double dpo_absolute(double x) { return dpo_from_bits(dpo_bits(x) & 0x7fffffffffffffffULL); }
DPO_DEVICE double dpo_signed(double x, double y) { return dpo_from_bits((dpo_bits(x) & 0x7fffffffffffffffULL) | (dpo_bits(y) & 0x8000000000000000ULL)); }
DPO_DEVICE double dpo_bounded(double x, double low, double high) { return x < low ? low : x > high ? high : x; }
DPO_DEVICE double dpo_nearest(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }

DPO_DEVICE double dpo_polynomial(double p, double x, double c3, double c2, double c1, double c0)
{
    double square = x * x;
    p = dpo_fma(p, square, dpo_fma(c3, x, c2));
    return dpo_fma(p, square, dpo_fma(c1, x, c0));
}

DPO_DEVICE double dpo_scaled(double x, double n)
{
    int exponent = (int)dpo_bounded(n, -2044.0, 2044.0);
    int first = exponent >> 1;
    int second = exponent - first;
    return x * dpo_from_bits((unsigned long long)(first + 1023) << 52) * dpo_from_bits((unsigned long long)(second + 1023) << 52);
}

DPO_DEVICE double dpo_significand(double x, double &n)
{
    bool subnormal = x < 2.2250738585072014e-308;
    x = subnormal ? x * 4503599627370496.0 : x;
    unsigned long long bits = dpo_bits(x) - 0x3fe6a09e667f3bcdULL;
    n = (double)((long long)bits >> 52) - (subnormal ? 52.0 : 0.0);
    return dpo_from_bits((bits & 0x000fffffffffffffULL) + 0x3fe6a09e667f3bcdULL);
}

DPO_DEVICE double dpo_reduced(double x, double &n, double &lost)
{
    n = dpo_nearest(x * 1.44269504088896341);
    double high = dpo_fma(n, -6.93147180369123816490e-01, x);
    double r = dpo_fma(n, -1.90821492927058770002e-10, high);
    lost = dpo_fma(n, -1.90821492927058770002e-10, high - r);
    return r;
}

// (exp(r) - 1 - r) / r^2 over [-ln(2)/2, ln(2)/2]
DPO_DEVICE double dpo_exp_factor(double r)
{
    double p = dpo_fma(2.092709242185342e-09, r, 2.5112347372495475e-08);
    p = dpo_polynomial(p, r, 2.755723282156473e-07, 2.7557233933586627e-06, 2.4801587374451505e-05, 0.00019841269897356503);
    p = dpo_polynomial(p, r, 0.001388888888885803, 0.008333333333316621, 0.04166666666666673, 0.16666666666666685);
    return dpo_fma(p, r, 0.5);
}

DPO_DEVICE double dpo_exp(double x)
{
    double n, lost;
    double r = dpo_reduced(dpo_bounded(x, -760.0, 720.0), n, lost);
    return dpo_scaled(dpo_fma(dpo_exp_factor(r), r * r, r) + 1.0, n);
}

DPO_DEVICE double dpo_exp_in_parts(double x, double &low)
{
    double n, lost;
    double r = dpo_reduced(dpo_bounded(x, -760.0, 0.0), n, lost);
    double s = r + dpo_fma(dpo_exp_factor(r), r * r, lost);
    double high = s + 1.0;
    low = dpo_scaled(s - (high - 1.0), n);
    return dpo_scaled(high, n);
}

DPO_DEVICE double dpo_expm1(double x)
{
    double n, lost;
    double r = dpo_reduced(dpo_bounded(x, -40.0, 709.9), n, lost);
    double tail = dpo_fma(dpo_exp_factor(r), r * r, lost);
    double half = dpo_scaled(0.5, n);
    double result = dpo_fma(half, tail, dpo_fma(half, r, half - 0.5));
    result = n == 0.0 ? r + tail : result + result;
    return x == 0.0 ? x : result;
}

DPO_DEVICE double dpo_log_tail(double f)
{
    // FreeBSD's e_log.c: with s = f / (2 + f), log(1 + f) = f - f^2/2 + s (f^2/2 + R(s^2)).
    double s = f / (2.0 + f);
    double z = s * s;
    double p = 1.479819860511658591e-01;
    p = dpo_fma(p, z, 1.531383769920937332e-01);
    p = dpo_fma(p, z, 1.818357216161805012e-01);
    p = dpo_polynomial(p, z, 2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01);
    double half = 0.5 * f * f;
    return dpo_fma(s, dpo_fma(p, z, half), -half);
}

DPO_DEVICE double dpo_log_limits(double x, double result)
{
    if (x > 0.0 && x < dpo_infinity(x))
        return result;
    return x == 0.0 ? -dpo_infinity(x) : x < 0.0 ? dpo_nan(x) : x;
}

DPO_DEVICE double dpo_log(double x)
{
    double n;
    double f = dpo_significand(x, n) - 1.0;
    double low = dpo_fma(n, 1.90821492927058770002e-10, dpo_log_tail(f));
    return dpo_log_limits(x, dpo_fma(n, 6.93147180369123816490e-01, f + low));
}

DPO_DEVICE double dpo_log2(double x)
{
    double n;
    double f = dpo_significand(x, n) - 1.0;
    double low = dpo_fma(f, 2.0355273740931033e-17, dpo_log_tail(f) * 1.4426950408889634);
    return dpo_log_limits(x, n + dpo_fma(f, 1.4426950408889634, low));
}

DPO_DEVICE double dpo_log1p(double x)
{
    double u = x + 1.0;
    double lost = x > 1.0 ? 1.0 - (u - x) : x - (u - 1.0);
    double n;
    double f = dpo_significand(u, n) - 1.0;
    double y = dpo_log_tail(f) + lost / u;
    double low = dpo_fma(n, 1.90821492927058770002e-10, y);
    double result = dpo_fma(n, 6.93147180369123816490e-01, f + low);
    return x == 0.0 ? x : dpo_log_limits(u, result);
}

DPO_DEVICE double dpo_log1p_tail(double z, double low, double addend)
{
    // (log(1 + z) - z) / z^2 over [0, 1]
    double p = 2.5114002820842925e-05;
    p = dpo_fma(p, z, -0.0002905592810477259);
    p = dpo_fma(p, z, 0.0015948744809517721);
    p = dpo_polynomial(p, z, -0.005554781651157879, 0.01389058728703054, -0.026861793397499514, 0.04247592101309553);
    p = dpo_polynomial(p, z, -0.057689694640677684, 0.0705043144457074, -0.08090152629488975, 0.09017246671212832);
    p = dpo_polynomial(p, z, -0.0998244164594934, 0.11107881524036878, -0.12499553064473388, 0.14285669307039636);
    p = dpo_polynomial(p, z, -0.16666663527616213, 0.19999999858320344, -0.24999999996297112, 0.3333333333328737);
    p = dpo_fma(p, z, -0.4999999999999983);

    // The derivative 1 / (1 + z), to 5 %.
    addend = dpo_fma(low, dpo_fma(z, -0.5, 0.957), addend);
    return dpo_fma(p, z * z, addend);
}

DPO_DEVICE double dpo_tanh(double x)
{
    double magnitude = dpo_absolute(x);
    if (magnitude < 0.55)
    {
        // (tanh(x) - x) / x^3 in x^2 over [0, 0.55]
        double s = x * x;
        double p = -1.9445238138674546e-05;
        p = dpo_fma(p, s, 8.327230876800935e-05);
        p = dpo_fma(p, s, -0.00023337990852082032);
        p = dpo_polynomial(p, s, 0.0005884572341135765, -0.0014555497870892631, 0.0035920938195679753, -0.00886323286339457);
        p = dpo_polynomial(p, s, 0.021869488408164398, -0.053968253964813785, 0.1333333333332903, -0.33333333333333315);
        return dpo_signed(dpo_fma(p * s, magnitude, magnitude), x);
    }

    return x != x ? x : dpo_signed(1.0 - 2.0 / (dpo_exp(magnitude + magnitude) + 1.0), x);
}

DPO_DEVICE double dpo_erf(double x)
{
    double magnitude = dpo_absolute(x);
    if (magnitude < 0.927734375)
    {
        // erf(x) / x - 1 in x^2 over [0, 0.928]
        double s = x * x;
        double p = -8.303474463435968e-10;
        p = dpo_fma(p, s, 1.396799443228684e-08);
        p = dpo_fma(p, s, -1.6260761519340124e-07);
        p = dpo_fma(p, s, 1.645365039261788e-06);
        p = dpo_polynomial(p, s, -1.4925196883410205e-05, 0.000120553167103268, -0.0008548326638210177, 0.005223977619651756);
        p = dpo_polynomial(p, s, -0.026866170644617278, 0.11283791670952767, -0.3761263890318371, 0.1283791670955126);
        return dpo_signed(dpo_fma(p, magnitude, magnitude), x);
    }

    // log(erfc(t)) / t over [0.927, 6], beyond which erf rounds to 1
    double t = dpo_bounded(magnitude, 0.0, 6.0);
    double q = -2.543313760473809e-15;
    q = dpo_fma(q, t, 1.3497894346655967e-13);
    q = dpo_polynomial(q, t, -3.3504331553470963e-12, 5.154197746315177e-11, -5.479289943779273e-10, 4.2338707826708005e-09);
    q = dpo_polynomial(q, t, -2.4167348624818118e-08, 9.954271980020756e-08, -2.6001341088631055e-07, 1.0897568258961644e-07);
    q = dpo_polynomial(q, t, 2.8215412831142956e-06, -1.6261953792264325e-05, 5.1799442999236933e-05, -9.437793246067966e-05);
    q = dpo_polynomial(q, t, 6.440186014733335e-06, 0.0005622305556117293, -0.0016771961166118657, 0.00019918013910121297);
    q = dpo_polynomial(q, t, 0.019132382587458533, -0.10277368946644391, -0.6366195845992296, -1.1283791823890872);
    return x != x ? x : dpo_signed(1.0 - dpo_exp(q * t), x);
}
