namespace Dpo.Autodiff.Cuda;

/// <summary>The text before every objective's kernels: CUDA C without includes, which NVRTC, nvcc and clang read as it is.</summary>
internal static class CudaPrelude
{
    // In the order in which they build on each other.
    private static readonly string[] Parts = ["Machine", "Memory", "Single", "Double", "Pointwise", "Reductions", "Rows"];

    private static readonly Lazy<string> Whole = new(static () => string.Join("\n", Parts.Select(Read)));

    internal static string Text => Whole.Value;

    private static string Read(string part)
    {
        using var stream = typeof(CudaPrelude).Assembly.GetManifestResourceStream($"Dpo.Autodiff.Cuda.{part}.cu")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
