using System.Runtime.Intrinsics;

namespace Dpo.Autodiff.Cpu;

/// <summary>Runs kernels with the widest vectors of the machine.</summary>
public static unsafe class KernelLauncher
{
    /// <summary>Runs a kernel to its end.</summary>
    /// <param name="isDouble">Whether the compute type is double; float otherwise.</param>
    /// <param name="buffers">
    /// The address of each buffer, by its id in the loop program: native memory, or pinned; null for gradients that are not wanted
    /// and for workspace, whose addresses the kernel writes here.
    /// </param>
    /// <param name="extents">The size of each named axis.</param>
    /// <param name="scalars">The scalars that the host computed.</param>
    /// <param name="needs">Bit k is set if gradient k is wanted.</param>
    /// <typeparam name="TKernel">The kernel.</typeparam>
    /// <returns>What was wrong with the data; outputs are then meaningless.</returns>
    public static KernelFault Launch<TKernel>(
        bool isDouble,
        Span<nint> buffers,
        ReadOnlySpan<long> extents,
        ReadOnlySpan<double> scalars,
        ulong needs)
        where TKernel : ILoopKernel
    {
        var fault = default(KernelFault);
        fixed (nint* bufferTable = buffers)
        fixed (long* extentTable = extents)
        fixed (double* scalarTable = scalars)
        {
            var frame = new KernelFrame(bufferTable, extentTable, scalarTable, needs, &fault);
            try
            {
                if (isDouble)
                    RunDouble<TKernel>(ref frame);
                else
                    RunSingle<TKernel>(ref frame);
            }
            finally
            {
                Workspace.Current.Reset();
            }
        }

        return fault;
    }

    private static void RunSingle<TKernel>(ref KernelFrame frame)
        where TKernel : ILoopKernel
    {
        if (Vector512.IsHardwareAccelerated)
            TKernel.Run<float, V512<float>>(ref frame);
        else if (Vector256.IsHardwareAccelerated)
            TKernel.Run<float, V256<float>>(ref frame);
        else
            TKernel.Run<float, V128<float>>(ref frame);
    }

    private static void RunDouble<TKernel>(ref KernelFrame frame)
        where TKernel : ILoopKernel
    {
        if (Vector512.IsHardwareAccelerated)
            TKernel.Run<double, V512<double>>(ref frame);
        else if (Vector256.IsHardwareAccelerated)
            TKernel.Run<double, V256<double>>(ref frame);
        else
            TKernel.Run<double, V128<double>>(ref frame);
    }
}
