using System.Numerics;
using System.Runtime.Intrinsics;

namespace Dpo.Autodiff.Cpu;

/// <summary>Runs kernels with the widest vectors of the machine.</summary>
public static unsafe class KernelLauncher
{
    /// <summary>Runs a kernel to its end.</summary>
    /// <param name="isDouble">Whether the compute type is double; float otherwise.</param>
    /// <param name="buffers">
    /// The memory of each buffer, by its id in the loop program; none for gradients that are not wanted and for workspace, whose
    /// addresses the kernel writes here.
    /// </param>
    /// <param name="extents">The size of each named axis.</param>
    /// <param name="scalars">The scalars that the host computed.</param>
    /// <param name="needs">Bit k is set if gradient k is wanted.</param>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <returns>What was wrong with the data; outputs are then meaningless.</returns>
    public static KernelFault Launch<TKernel>(
        bool isDouble,
        Span<KernelBuffer> buffers,
        ReadOnlySpan<long> extents,
        ReadOnlySpan<double> scalars,
        ulong needs)
        where TKernel : ILoopKernel
    {
        if (Vector512.IsHardwareAccelerated)
        {
            return isDouble
                ? Launch<TKernel, double, V512<double>>(buffers, extents, scalars, needs)
                : Launch<TKernel, float, V512<float>>(buffers, extents, scalars, needs);
        }

        if (Vector256.IsHardwareAccelerated)
        {
            return isDouble
                ? Launch<TKernel, double, V256<double>>(buffers, extents, scalars, needs)
                : Launch<TKernel, float, V256<float>>(buffers, extents, scalars, needs);
        }

        return isDouble
            ? Launch<TKernel, double, V128<double>>(buffers, extents, scalars, needs)
            : Launch<TKernel, float, V128<float>>(buffers, extents, scalars, needs);
    }

    /// <summary>As the other, with the vectors that the caller chooses.</summary>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <typeparam name="T">The compute type.</typeparam>
    /// <typeparam name="V">The vector of it.</typeparam>
    public static KernelFault Launch<TKernel, T, V>(Span<KernelBuffer> buffers, ReadOnlySpan<long> extents, ReadOnlySpan<double> scalars, ulong needs)
        where TKernel : ILoopKernel
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where V : struct, IVector<V, T>
    {
        var fault = default(KernelFault);
        fixed (KernelBuffer* bufferTable = buffers)
        fixed (long* extentTable = extents)
        fixed (double* scalarTable = scalars)
        {
            var frame = new KernelFrame(bufferTable, extentTable, scalarTable, needs, &fault);
            try
            {
                TKernel.Run<T, V>(ref frame);
            }
            catch (KernelStoppedException)
            {
            }
            finally
            {
                Workspace.Current.Reset();
            }
        }

        return fault;
    }
}
