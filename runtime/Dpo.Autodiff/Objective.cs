using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff;

/// <summary>What concerns all objectives of a process.</summary>
public static class Objective
{
    /// <summary>
    /// Waits until the cards have done everything that objectives asked of them, and throws what went wrong there. Kernels run behind the
    /// caller's back: an index that is out of range makes its row NaN, and is reported by the next objective that runs on that card, or here.
    /// </summary>
    /// <exception cref="ObjectiveArgumentException">An index was out of range of its axis.</exception>
    public static void Synchronize() => CudaFaults.Synchronize();
}
