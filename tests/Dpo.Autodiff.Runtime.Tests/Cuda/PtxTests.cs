using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Testing;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>The prelude as clang reads it for a card.</summary>
public class PtxTests
{
    private const string Everything = """
        DPO_KERNEL(everything)(const void *input, void *output, void *fault, long long count, double scale)
        {
            dpo_sum sum;
            dpo_logsumexp lse;
            dpo_argmax<real> best;
            for (long long i = (long long)dpo_thread() * dpo_width<STORE>(); i + dpo_width<STORE>() <= count; i += dpo_threads() * dpo_width<STORE>())
            {
                real x[dpo_width<STORE>()];
                dpo_load_vector((const STORE *)input, i, x);
                lse.add(x);
        #pragma unroll
                for (int k = 0; k < dpo_width<STORE>(); k++)
                {
                    sum.add(dpo_sigmoid(x[k]) + dpo_softplus(x[k]) + dpo_logsigmoid(x[k]) + dpo_tanh(x[k]) + dpo_erf(x[k]) + dpo_power(x[k], real(scale)));
                    sum.add(dpo_exp(x[k]) + dpo_expm1(x[k]) + dpo_log(x[k]) + dpo_log1p(x[k]) + dpo_log2(x[k]) + dpo_log1mexp(x[k]) + dpo_sqrt(x[k]) + dpo_rsqrt(x[k]));
                    best.add(x[k], i + k);
                    x[k] = dpo_round_bfloat16(dpo_round_float16(dpo_round_float32(x[k])));
                }

                dpo_store_vector((STORE *)output, i, x);
            }

            real total = dpo_block_sum(sum) + dpo_block_logsumexp(lse).value();
            long long position = dpo_block_argmax(best).position;
            if (dpo_block_any(position < 0) || dpo_block_all(position > count))
                DPO_FAULT((long long *)fault, 1, position, 0);
            if (dpo_thread() == 0)
                dpo_store((STORE *)output, 0, total);
        }
        """;

    [SkippableTheory]
    [InlineData("float", "float")]
    [InlineData("float", "dpo_bfloat16")]
    [InlineData("float", "dpo_half")]
    [InlineData("double", "double")]
    public void EverythingCompiles(string real, string storage)
    {
        Toolchain.Require(Toolchain.Clang);
        var ptx = Ptx.Compile($"#define real {real}\n#define STORE {storage}\n{CudaPrelude.Text}\n{Everything}");
        Assert.Contains(".entry everything(", ptx, StringComparison.Ordinal);

        // 16 bytes at a time, and nothing that a library would have to bring.
        Assert.Matches(@"ld\.global\.v4\.[uf]32", ptx);
        Assert.Matches(@"st\.global\.v4\.[uf]32", ptx);
        Assert.DoesNotContain(".extern", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain("call.uni", ptx, StringComparison.Ordinal);
        Assert.DoesNotContain(".local", ptx, StringComparison.Ordinal);
    }
}
