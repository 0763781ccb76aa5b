namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>The row routines, each for all threads of a block together; a program's text has those that it calls.</summary>
internal sealed class CudaRoutines
{
    private static readonly string[] Order = ["vectors", "sort", "cumsum", "logcumsumexp"];

    private readonly HashSet<string> used = [];

    /// <summary>The function of a routine.</summary>
    public string Name(string routine)
    {
        used.Add(routine);
        return $"dpo_{routine}_row";
    }

    /// <summary>Notes that functions are called.</summary>
    public void Use(string routine) => used.Add(routine);

    public string Text => string.Join("\n", (used.Any(r => r != "vectors") ? [Elements] : Array.Empty<string>()).Concat(Order.Where(used.Contains).Select(Of)));

    private static string Of(string routine) => routine switch
    {
        "vectors" => Vectors,
        "sort" => Sort,
        "cumsum" => CumSum,
        _ => LogCumSumExp,
    };

    private const string Elements = """
        // An element of a row as what it is computed with.
        template <class X> DPO_DEVICE real dpo_element_of(const X *x, long long i, real) { return dpo_load(x, i); }
        template <class X> DPO_DEVICE long long dpo_element_of(const X *x, long long i, long long) { return dpo_load_integer(x, i); }

        """;

    private const string Vectors = """
        // How many elements before this one a row begins, for the loads that follow to lie on 16 bytes.
        template <class T> DPO_DEVICE long long dpo_first(const T *row) { return -(long long)(((unsigned long long)row & 15ULL) / sizeof(T)); }
        static __host__ __device__ constexpr int dpo_widest(int a, int b) { return a > b ? a : b; }

        // Elements from an index on, as far as they lie in the row: first is the number of the first in a row of count.
        template <int width, class T>
        DPO_DEVICE void dpo_load_each(const T *memory, long long index, long long first, long long count, real (&few)[width])
        {
        #pragma unroll
            for (int i = 0; i < width; i++)
                few[i] = first + i >= 0 && first + i < count ? dpo_load(memory, index + i) : (real)0;
        }

        template <int width, class T>
        DPO_DEVICE void dpo_load_words(const T *memory, long long index, long long first, long long count, real (&few)[width])
        {
            if (first < 0 || first + width > count || !dpo_is_aligned(memory + index))
                return dpo_load_each(memory, index, first, count, few);
        #pragma unroll
            for (int i = 0; i < width; i += dpo_width<T>())
                dpo_load_vector(memory, index + i, few + i);
        }

        template <int width, class T>
        DPO_DEVICE void dpo_load_few(const T *memory, long long index, long long first, long long count, real (&few)[width]) { dpo_load_each(memory, index, first, count, few); }
        template <int width>
        DPO_DEVICE void dpo_load_few(const float *memory, long long index, long long first, long long count, real (&few)[width]) { dpo_load_words(memory, index, first, count, few); }
        template <int width>
        DPO_DEVICE void dpo_load_few(const double *memory, long long index, long long first, long long count, real (&few)[width]) { dpo_load_words(memory, index, first, count, few); }
        template <int width>
        DPO_DEVICE void dpo_load_few(const dpo_half *memory, long long index, long long first, long long count, real (&few)[width]) { dpo_load_words(memory, index, first, count, few); }
        template <int width>
        DPO_DEVICE void dpo_load_few(const dpo_bfloat16 *memory, long long index, long long first, long long count, real (&few)[width]) { dpo_load_words(memory, index, first, count, few); }

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

        """;

    private const string Sort = """
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

        """;

    private const string CumSum = """
        DPO_DEVICE real dpo_total(dpo_sum sum) { return sum.value(); }
        DPO_DEVICE long long dpo_total(dpo_whole_sum sum) { return sum.total; }

        // Sums of a row up to each element, or from the end.
        template <class X, class Y>
        DPO_DEVICE void dpo_cumsum_row(const X *x, long long xStride, Y *y, long long yStride, long long count, bool reverse)
        {
            if (dpo_thread() != 0)
                return;
            auto sum = dpo_sum_of(Y());
            for (long long k = 0; k < count; k++)
            {
                const long long i = reverse ? count - 1 - k : k;
                sum.combine(dpo_sum_of(dpo_element_of(x, i * xStride, Y())));
                y[i * yStride] = dpo_total(sum);
            }
        }

        """;

    private const string LogCumSumExp = """
        // Logarithms of the sums of exponentials of a row up to each element, or from the end.
        template <class X, class Y>
        DPO_DEVICE void dpo_logcumsumexp_row(const X *x, long long xStride, Y *y, long long yStride, long long count, bool reverse)
        {
            if (dpo_thread() != 0)
                return;
            dpo_logsumexp sum;
            for (long long k = 0; k < count; k++)
            {
                const long long i = reverse ? count - 1 - k : k;
                sum.add(dpo_load(x, i * xStride));
                dpo_logsumexp whole = sum;
                whole.finish();
                y[i * yStride] = whole.value();
            }
        }

        """;
}
