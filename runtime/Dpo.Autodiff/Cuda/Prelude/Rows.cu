// Rows: a few neighbouring elements a thread, 16 bytes at a time; and the row routines, which all threads of a block run together. A
// barrier stands between what wrote the row and the routine, and between the routine and what reads its results.

// How many elements before this one a row begins, for the loads that follow to lie on 16 bytes.
template <class T> DPO_DEVICE long long dpo_first(const T *row) { return -(long long)(((unsigned long long)row & 15ULL) / sizeof(T)); }

// How many elements a thread takes in succession, for the widest of its loads to be of 16 bytes; bytes are not counted.
static __host__ __device__ constexpr int dpo_wider(int a, int b) { return b > a && b <= 8 ? b : a; }
template <class T> static __host__ __device__ constexpr int dpo_widest() { return dpo_wider(2, dpo_width<T>()); }
template <class T, class U, class... More> static __host__ __device__ constexpr int dpo_widest() { return dpo_wider(dpo_widest<T>(), dpo_widest<U, More...>()); }

// Elements from an index on, as far as they lie in the row: first is the number of the first in a row of count; beyond it they are as
// given.
template <int width, class T>
DPO_DEVICE void dpo_load_each(const T *memory, long long index, long long first, long long count, real (&few)[width], real beyond)
{
#pragma unroll
    for (int i = 0; i < width; i++)
        few[i] = first + i >= 0 && first + i < count ? dpo_load(memory, index + i) : beyond;
}

template <int width, class T>
DPO_DEVICE void dpo_load_words(const T *memory, long long index, long long first, long long count, real (&few)[width], real beyond)
{
    if (first < 0 || first + width > count || !dpo_is_aligned(memory + index))
        return dpo_load_each(memory, index, first, count, few, beyond);
#pragma unroll
    for (int i = 0; i < width; i += dpo_width<T>())
        dpo_load_vector(memory, index + i, few + i);
}

template <int width, class T>
DPO_DEVICE void dpo_load_few(const T *memory, long long index, long long first, long long count, real (&few)[width], real beyond = (real)0) { dpo_load_each(memory, index, first, count, few, beyond); }
template <int width>
DPO_DEVICE void dpo_load_few(const float *memory, long long index, long long first, long long count, real (&few)[width], real beyond = (real)0) { dpo_load_words(memory, index, first, count, few, beyond); }
template <int width>
DPO_DEVICE void dpo_load_few(const double *memory, long long index, long long first, long long count, real (&few)[width], real beyond = (real)0) { dpo_load_words(memory, index, first, count, few, beyond); }
template <int width>
DPO_DEVICE void dpo_load_few(const dpo_half *memory, long long index, long long first, long long count, real (&few)[width], real beyond = (real)0) { dpo_load_words(memory, index, first, count, few, beyond); }
template <int width>
DPO_DEVICE void dpo_load_few(const dpo_bfloat16 *memory, long long index, long long first, long long count, real (&few)[width], real beyond = (real)0) { dpo_load_words(memory, index, first, count, few, beyond); }

template <int width, class T>
DPO_DEVICE void dpo_store_few(T *memory, long long index, long long first, long long count, const real (&few)[width])
{
    if (first >= 0 && first + width <= count && dpo_is_aligned(memory + index))
    {
#pragma unroll
        for (int i = 0; i < width; i += dpo_width<T>())
            dpo_store_vector(memory, index + i, few + i);
        return;
    }

#pragma unroll
    for (int i = 0; i < width; i++)
        if (first + i >= 0 && first + i < count)
            dpo_store(memory, index + i, few[i]);
}

// An element of a row as what it is computed with.
template <class X> DPO_DEVICE real dpo_element_of(const X *x, long long i, real) { return dpo_load(x, i); }
template <class X> DPO_DEVICE long long dpo_element_of(const X *x, long long i, long long) { return dpo_load_integer(x, i); }

// A row in order, NaN as the largest, equal values in their order: each element counts those before it.
template <class X, class Y>
DPO_DEVICE void dpo_sort_row(const X *x, long long xStride, Y *y, long long yStride, long long *places, long long placeStride, long long count, bool descending)
{
    for (long long i = dpo_thread(); i < count; i += dpo_threads())
    {
        const Y value = dpo_element_of(x, i * xStride, Y());
        long long place = 0;
        for (long long k = 0; k < count; k++)
        {
            const Y other = dpo_element_of(x, k * xStride, Y());
            const bool isLess = other < value || (dpo_isnan(value) && !dpo_isnan(other));
            const bool isMore = other > value || (dpo_isnan(other) && !dpo_isnan(value));
            place += (descending ? isMore : isLess) || (!isLess && !isMore && k < i) ? 1 : 0;
        }

        y[place * yStride] = value;
        places[place * placeStride] = i;
    }
}

DPO_DEVICE void dpo_take(dpo_sum &sum, real x) { sum.add(x); }
DPO_DEVICE void dpo_take(dpo_whole_sum &sum, long long x) { sum.total += x; }
DPO_DEVICE void dpo_take(dpo_logsumexp &sum, real x) { sum.add(x); }
DPO_DEVICE real dpo_taken(dpo_sum sum) { return sum.value(); }
DPO_DEVICE long long dpo_taken(dpo_whole_sum sum) { return sum.total; }

DPO_DEVICE real dpo_taken(dpo_logsumexp sum)
{
    sum.finish();
    return sum.value();
}

// What a row up to each element combines to, or from the end: each thread has a run of neighbours, and begins with what the runs
// before it combine to. Results are written behind the barriers: what was done with their places before needs no further one.
template <class M, class X, class Y>
DPO_DEVICE void dpo_scan_row(const X *x, long long xStride, Y *y, long long yStride, long long count, bool reverse)
{
    __shared__ unsigned long long memory[(1024 * sizeof(M) + 7) / 8];
    M *runs = (M *)memory;
    const long long length = (count + dpo_threads() - 1) / dpo_threads();
    const long long begin = length * dpo_thread();
    const long long end = begin + length < count ? begin + length : count;
    M run;
    for (long long k = begin; k < end; k++)
        dpo_take(run, dpo_element_of(x, (reverse ? count - 1 - k : k) * xStride, Y()));
    runs[dpo_thread()] = run;
    dpo_barrier();
    if (dpo_thread() == 0)
    {
        M before;
        for (int i = 0; i < dpo_threads(); i++)
        {
            const M next = runs[i];
            runs[i] = before;
            before.combine(next);
        }
    }

    dpo_barrier();
    run = runs[dpo_thread()];
    for (long long k = begin; k < end; k++)
    {
        const long long i = reverse ? count - 1 - k : k;
        dpo_take(run, dpo_element_of(x, i * xStride, Y()));
        y[i * yStride] = dpo_taken(run);
    }
}

template <class X>
DPO_DEVICE void dpo_cumsum_row(const X *x, long long xStride, real *y, long long yStride, long long count, bool reverse) { dpo_scan_row<dpo_sum>(x, xStride, y, yStride, count, reverse); }
template <class X>
DPO_DEVICE void dpo_cumsum_row(const X *x, long long xStride, long long *y, long long yStride, long long count, bool reverse) { dpo_scan_row<dpo_whole_sum>(x, xStride, y, yStride, count, reverse); }
template <class X>
DPO_DEVICE void dpo_logcumsumexp_row(const X *x, long long xStride, real *y, long long yStride, long long count, bool reverse) { dpo_scan_row<dpo_logsumexp>(x, xStride, y, yStride, count, reverse); }
