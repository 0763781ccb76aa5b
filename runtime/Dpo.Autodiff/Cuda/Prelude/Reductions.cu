// Reductions over a warp or a block by a fixed tree: the same bits from run to run, and in every thread. A monoid starts as its
// identity, combines with another, which commutes, and is shuffled part by part.

// A sum that keeps the rounding errors of its additions (Knuth's two-sum).
struct dpo_sum
{
    real high, low;

    __device__ __forceinline__ dpo_sum() : high((real)0), low((real)0) {}

    __device__ __forceinline__ void add(real x)
    {
        real sum = high + x;
        real part = sum - high;
        low += (high - (sum - part)) + (x - part);
        high = sum;
    }

    __device__ __forceinline__ void combine(dpo_sum other)
    {
        real sum = high + other.high;
        real part = sum - high;
        low = (low + other.low) + ((high - (sum - part)) + (other.high - part));
        high = sum;
    }

    __device__ __forceinline__ dpo_sum shuffled(int mask) const
    {
        dpo_sum other;
        other.high = dpo_shuffled(high, mask);
        other.low = dpo_shuffled(low, mask);
        return other;
    }

    // An infinite or undefined sum has no error term worth adding.
    __device__ __forceinline__ real value() const { return dpo_isfinite(low) ? high + low : high; }
};

struct dpo_whole_sum
{
    long long total;

    __device__ __forceinline__ dpo_whole_sum() : total(0) {}
    __device__ __forceinline__ void combine(dpo_whole_sum other) { total += other.total; }

    __device__ __forceinline__ dpo_whole_sum shuffled(int mask) const
    {
        dpo_whole_sum other;
        other.total = dpo_shuffled(total, mask);
        return other;
    }
};

DPO_DEVICE float dpo_lowest(float x) { return -dpo_infinity(x); }
DPO_DEVICE double dpo_lowest(double x) { return -dpo_infinity(x); }
DPO_DEVICE long long dpo_lowest(long long) { return (long long)(1ULL << 63); }
DPO_DEVICE float dpo_highest(float x) { return dpo_infinity(x); }
DPO_DEVICE double dpo_highest(double x) { return dpo_infinity(x); }
DPO_DEVICE long long dpo_highest(long long) { return (long long)~(1ULL << 63); }

template <class T> struct dpo_largest
{
    T value;

    __device__ __forceinline__ dpo_largest() : value(dpo_lowest(T())) {}
    __device__ __forceinline__ void add(T x) { value = dpo_maximum(value, x); }
    __device__ __forceinline__ void combine(dpo_largest other) { add(other.value); }

    __device__ __forceinline__ dpo_largest shuffled(int mask) const
    {
        dpo_largest other;
        other.value = dpo_shuffled(value, mask);
        return other;
    }
};

template <class T> struct dpo_smallest
{
    T value;

    __device__ __forceinline__ dpo_smallest() : value(dpo_highest(T())) {}
    __device__ __forceinline__ void add(T x) { value = dpo_minimum(value, x); }
    __device__ __forceinline__ void combine(dpo_smallest other) { add(other.value); }

    __device__ __forceinline__ dpo_smallest shuffled(int mask) const
    {
        dpo_smallest other;
        other.value = dpo_shuffled(value, mask);
        return other;
    }
};

// The first position of the largest value; NaN is the largest. Position -1: of nothing yet.
template <class T> struct dpo_argmax
{
    T value;
    long long position;

    __device__ __forceinline__ dpo_argmax() : value(dpo_lowest(T())), position(-1) {}

    __device__ __forceinline__ void add(T x, long long at)
    {
        bool isLarger = x > value || (x != x && value == value);
        bool isEqual = x == value || (x != x && value != value);
        if (at >= 0 && (position < 0 || isLarger || (isEqual && at < position)))
        {
            value = x;
            position = at;
        }
    }

    __device__ __forceinline__ void combine(dpo_argmax other) { add(other.value, other.position); }

    __device__ __forceinline__ dpo_argmax shuffled(int mask) const
    {
        dpo_argmax other;
        other.value = dpo_shuffled(value, mask);
        other.position = dpo_shuffled(position, mask);
        return other;
    }
};

// e^x where the result is at most 1 and is added to others: as exact as their sum needs.
DPO_DEVICE float dpo_exp_term(float x) { return dpo_exp2_unit(x * 1.44269504088896341f); }
DPO_DEVICE double dpo_exp_term(double x) { return dpo_exp(x); }

// log(sum(exp(x))) in one reading. The terms are relative to the largest so far (to 0 while that is infinite), and their sum keeps
// the rounding errors of its additions.
struct dpo_logsumexp
{
    real max;
    real sum;
    real low;
    real shift;

    __device__ __forceinline__ dpo_logsumexp() : max(dpo_lowest((real)0)), sum((real)0), low((real)0), shift((real)0) {}

    __device__ __forceinline__ void raise(real largest)
    {
        if (largest > max)
        {
            real raised = dpo_isfinite(largest) ? largest : (real)0;
            real factor = sum == (real)0 ? (real)0 : dpo_exp_term(shift - raised);
            sum = dpo_product(sum, factor);
            low = dpo_product(low, factor);
            max = largest;
            shift = raised;
        }
    }

    __device__ __forceinline__ void add_term(real term)
    {
        real total = sum + term;
        real part = total - sum;
        low += (sum - (total - part)) + (term - part);
        sum = total;
    }

    __device__ __forceinline__ void add(real x)
    {
        raise(x);
        add_term(dpo_exp_term(x - shift));
    }

    // Several at once: their terms are independent of each other, and one addition is compensated instead of each.
    template <int count> __device__ __forceinline__ void add(const real (&x)[count])
    {
        real largest = x[0];
#pragma unroll
        for (int i = 1; i < count; i++)
            largest = x[i] > largest ? x[i] : largest;
        raise(largest);
        real terms = (real)0;
#pragma unroll
        for (int i = 0; i < count; i++)
            terms += dpo_exp_term(x[i] - shift);
        add_term(terms);
    }

    __device__ __forceinline__ void combine(dpo_logsumexp other)
    {
        real largest = other.max > max ? other.max : max;
        raise(largest);
        other.raise(largest);
        real total = sum + other.sum;
        real part = total - sum;
        low = (low + other.low) + ((sum - (total - part)) + (other.sum - part));
        sum = total;
    }

    __device__ __forceinline__ dpo_logsumexp shuffled(int mask) const
    {
        dpo_logsumexp other;
        other.max = dpo_shuffled(max, mask);
        other.sum = dpo_shuffled(sum, mask);
        other.low = dpo_shuffled(low, mask);
        other.shift = dpo_shuffled(shift, mask);
        return other;
    }

    // sum becomes that of exp(x - shift), shift the largest x where that is finite and else 0.
    __device__ __forceinline__ void finish()
    {
        sum = dpo_isfinite(low) ? sum + low : sum;
        low = (real)0;
    }

    // After finish.
    __device__ __forceinline__ real value() const { return dpo_log(sum) + shift; }
};

template <class M> DPO_DEVICE M dpo_warp_reduce(M monoid)
{
#pragma unroll
    for (int mask = DPO_WARP / 2; mask > 0; mask /= 2)
        monoid.combine(monoid.shuffled(mask));
    return monoid;
}

// Every warp combines all warps' results. What the threads touched before a reduction is behind them after it, also where the block is
// one warp: kernels count on that. The first barrier moreover keeps the results of the last reduction until all have read them.
template <class M> DPO_DEVICE M dpo_block_reduce(M monoid)
{
    __shared__ unsigned long long memory[(DPO_WARP * sizeof(M) + 7) / 8];
    monoid = dpo_warp_reduce(monoid);
    dpo_barrier();
    if (dpo_warps() == 1)
        return monoid;
    M *partial = (M *)memory;
    if (dpo_lane() == 0)
        partial[dpo_warp()] = monoid;
    dpo_barrier();
    M other;
    if (dpo_lane() < dpo_warps())
        other = partial[dpo_lane()];
    return dpo_warp_reduce(other);
}

DPO_DEVICE real dpo_warp_sum(dpo_sum x) { return dpo_warp_reduce(x).value(); }
DPO_DEVICE real dpo_block_sum(dpo_sum x) { return dpo_block_reduce(x).value(); }

DPO_DEVICE dpo_sum dpo_sum_of(real x)
{
    dpo_sum sum;
    sum.high = x;
    return sum;
}

DPO_DEVICE real dpo_warp_sum(real x) { return dpo_warp_sum(dpo_sum_of(x)); }
DPO_DEVICE real dpo_block_sum(real x) { return dpo_block_sum(dpo_sum_of(x)); }

DPO_DEVICE dpo_whole_sum dpo_sum_of(long long x)
{
    dpo_whole_sum sum;
    sum.total = x;
    return sum;
}

DPO_DEVICE long long dpo_warp_sum(long long x) { return dpo_warp_reduce(dpo_sum_of(x)).total; }
DPO_DEVICE long long dpo_block_sum(long long x) { return dpo_block_reduce(dpo_sum_of(x)).total; }

template <class T> DPO_DEVICE dpo_largest<T> dpo_largest_of(T x)
{
    dpo_largest<T> monoid;
    monoid.value = x;
    return monoid;
}

template <class T> DPO_DEVICE dpo_smallest<T> dpo_smallest_of(T x)
{
    dpo_smallest<T> monoid;
    monoid.value = x;
    return monoid;
}

// Of reals, of long long.
template <class T> DPO_DEVICE T dpo_warp_max(T x) { return dpo_warp_reduce(dpo_largest_of(x)).value; }
template <class T> DPO_DEVICE T dpo_block_max(T x) { return dpo_block_reduce(dpo_largest_of(x)).value; }
template <class T> DPO_DEVICE T dpo_warp_min(T x) { return dpo_warp_reduce(dpo_smallest_of(x)).value; }
template <class T> DPO_DEVICE T dpo_block_min(T x) { return dpo_block_reduce(dpo_smallest_of(x)).value; }

DPO_DEVICE bool dpo_warp_any(bool x) { return dpo_warp_max((long long)x) != 0; }
DPO_DEVICE bool dpo_block_any(bool x) { return dpo_block_max((long long)x) != 0; }
DPO_DEVICE bool dpo_warp_all(bool x) { return dpo_warp_min((long long)x) != 0; }
DPO_DEVICE bool dpo_block_all(bool x) { return dpo_block_min((long long)x) != 0; }

template <class T> DPO_DEVICE dpo_argmax<T> dpo_warp_argmax(dpo_argmax<T> x) { return dpo_warp_reduce(x); }
template <class T> DPO_DEVICE dpo_argmax<T> dpo_block_argmax(dpo_argmax<T> x) { return dpo_block_reduce(x); }

DPO_DEVICE dpo_logsumexp dpo_warp_logsumexp(dpo_logsumexp x)
{
    x = dpo_warp_reduce(x);
    x.finish();
    return x;
}

DPO_DEVICE dpo_logsumexp dpo_block_logsumexp(dpo_logsumexp x)
{
    x = dpo_block_reduce(x);
    x.finish();
    return x;
}
