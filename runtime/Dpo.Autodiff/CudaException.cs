namespace Dpo.Autodiff;

/// <summary>A CUDA kernel that could not be compiled, loaded or launched.</summary>
public sealed class CudaException : InvalidOperationException
{
    /// <summary>An exception without details.</summary>
    public CudaException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public CudaException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with a message and its cause.</summary>
    public CudaException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>An exception about one kernel.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="kernel">The kernel's name, where one can be named.</param>
    /// <param name="log">What the compiler wrote, where it was the compiler.</param>
    public CudaException(string message, string? kernel, string? log)
        : base(message)
    {
        Kernel = kernel;
        Log = log;
    }

    /// <summary>The kernel's name, where one can be named.</summary>
    public string? Kernel { get; }

    /// <summary>What the compiler wrote, where it was the compiler.</summary>
    public string? Log { get; }
}
