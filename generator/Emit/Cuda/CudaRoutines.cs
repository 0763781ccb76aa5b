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

    public string Text => string.Join("\n", Order.Where(used.Contains).Select(Of));

    private static string Of(string routine) => routine switch
    {
        "sort" => Sort,
        "cumsum" => CumSum,
        _ => LogCumSumExp,
    };

    private const string Sort = """
        // A row in order, NaN as the largest, equal values in their order: each element counts those before it.
        template <class X, class Y, class P>
        DPO_DEVICE void dpo_sort_row(const X *x, long long xStride, Y *y, long long yStride, P *places, long long placeStride, long long count, bool descending)
        {
            for (long long i = dpo_thread(); i < count; i += dpo_threads())
            {
                const real value = dpo_load(x, i * xStride);
                long long place = 0;
                for (long long k = 0; k < count; k++)
                {
                    const real other = dpo_load(x, k * xStride);
                    const bool isLess = other < value || (dpo_isnan(value) && !dpo_isnan(other));
                    const bool isMore = other > value || (dpo_isnan(other) && !dpo_isnan(value));
                    place += (descending ? isMore : isLess) || (!isLess && !isMore && k < i) ? 1 : 0;
                }

                dpo_store(y, place * yStride, value);
                places[place * placeStride] = i;
            }
        }

        """;

    private const string CumSum = """
        // Sums of a row up to each element, or from the end.
        template <class X, class Y>
        DPO_DEVICE void dpo_cumsum_row(const X *x, long long xStride, Y *y, long long yStride, long long count, bool reverse)
        {
            if (dpo_thread() != 0)
                return;
            dpo_sum sum;
            for (long long k = 0; k < count; k++)
            {
                const long long i = reverse ? count - 1 - k : k;
                sum.add(dpo_load(x, i * xStride));
                dpo_store(y, i * yStride, sum.value());
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
                dpo_store(y, i * yStride, whole.value());
            }
        }

        """;
}
