using System.Numerics;
using Dpo.Autodiff.Cpu;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>
/// DPO, value and gradients, as the SIMD emitter writes kernels: buffers 0 to 3 are chosen, rejected and their references, 4 the
/// loss, 5 and 6 the rewards, 7 and 8 the gradients of chosen and rejected; scalar 0 is beta.
/// </summary>
internal sealed class DpoKernel : ILoopKernel
{
    public static void Run<T, V>(ref KernelFrame frame)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var pair = frame.Extent(0);
        frame.ForEachBlock<Stage0, T, V>(pair, accumulators: 1);

        // loss = sum(-logsigmoid(margin)) / pair
        frame.Real<T>(4) = T.CreateTruncating(frame.Sum(0) / pair);
    }

    private sealed class Stage0 : ILoopStage
    {
        public static void Run<T, V, L>(ref KernelFrame frame, nint begin, nint end, int block)
            where T : unmanaged, IBinaryFloatingPointIeee754<T>
            where V : struct, IVector<V, T>
            where L : struct, ILoopForm
        {
            ref var chosen = ref frame.Real<T>(0);
            ref var rejected = ref frame.Real<T>(1);
            ref var referenceChosen = ref frame.Real<T>(2);
            ref var referenceRejected = ref frame.Real<T>(3);
            ref var chosenReward = ref frame.Real<T>(5);
            ref var rejectedReward = ref frame.Real<T>(6);
            ref var dChosen = ref frame.Real<T>(7);
            ref var dRejected = ref frame.Real<T>(8);
            var pairs = frame.Extent(0);
            var streams5 = frame.Streams<T>(5, pairs);
            var streams6 = frame.Streams<T>(6, pairs);
            var streams7 = frame.Streams<T>(7, pairs);
            var streams8 = frame.Streams<T>(8, pairs);
            var needs0 = frame.Needs(0);
            var needs1 = frame.Needs(1);
            var beta = V.Create(frame.Scalar(0));
            var weight = V.Create(frame.Scalar(0) / pairs);
            var loss = default(VectorSum<T, V>);
            for (var pair = begin; pair < end; pair += V.Count)
            {
                var count = (int)nint.Min(end - pair, V.Count);
                var a = beta * (V.Load(ref chosen, pair, count) - V.Load(ref referenceChosen, pair, count));
                V.Store(a, ref chosenReward, pair, count, streams5);
                var b = beta * (V.Load(ref rejected, pair, count) - V.Load(ref referenceRejected, pair, count));
                V.Store(b, ref rejectedReward, pair, count, streams6);
                var margin = a - b;
                loss.Add(-VectorMath.LogSigmoid<T, V>(margin), count);
                var slope = weight * VectorMath.Sigmoid<T, V>(-margin);
                if (needs0)
                    V.Store(-slope, ref dChosen, pair, count, streams7);
                if (needs1)
                    V.Store(slope, ref dRejected, pair, count, streams8);
            }

            VectorSum<T, V>.AddTo(loss, ref frame.Partial(0, block));
        }
    }
}
