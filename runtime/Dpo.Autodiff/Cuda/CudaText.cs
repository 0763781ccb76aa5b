using System.ComponentModel;

namespace Dpo.Autodiff.Cuda;

/// <summary>CUDA C that compiles as it is.</summary>
[EditorBrowsable(EditorBrowsableState.Never)]
public static class CudaText
{
    /// <summary>Kernels after the prelude that they are written with.</summary>
    /// <param name="kernels">Their texts.</param>
    public static string Whole(params ReadOnlySpan<string> kernels) => CudaPrelude.Text + "\n" + string.Join("\n", kernels);
}
