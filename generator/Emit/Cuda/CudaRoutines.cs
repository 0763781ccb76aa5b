namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>The row routines, each for all threads of a block together; a program's text has those that it calls.</summary>
internal sealed class CudaRoutines
{
    private static readonly string[] Order = ["sort", "cumsum", "logcumsumexp"];

    private readonly HashSet<string> used = [];

    /// <summary>The function of a routine.</summary>
    public string Name(string routine)
    {
        used.Add(routine);
        return $"dpo_{routine}_row";
    }

    public string Text => used.Count == 0 ? "" : string.Join("\n", Order.Where(used.Contains).Select(Of).Prepend(Elements));

    private static string Of(string routine) => routine switch
    {
        "sort" => Sort,
        "cumsum" => CumSum,
        _ => LogCumSumExp,
    };

    private const string Elements = """
        // An element of a row as what it is computed with.
        template <class X> DPO_DEVICE real dpo_element_of(const X *x, long long i, real) { return dpo_load(x, i); }
        template <class X> DPO_DEVICE long long dpo_element_of(const X *x, long long i, long long) { return dpo_load_integer(x, i); }

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
