namespace Dpo.Autodiff.Execution;

/// <summary>Who answers a call.</summary>
internal enum Backend
{
    /// <summary>Vector loops for tensors in the machine's own memory, TorchSharp calls for others.</summary>
    Automatic,

    /// <summary>TorchSharp calls.</summary>
    Torch,

    /// <summary>Vector loops.</summary>
    Simd,

    /// <summary>CUDA kernels.</summary>
    Cuda,

    /// <summary>The method that the user wrote.</summary>
    Eager,

    /// <summary>Both, and their results are compared.</summary>
    Check,
}

/// <summary>The choice of backend, from the environment.</summary>
internal static class BackendChoice
{
    internal const string Variable = "DPO_AUTODIFF_BACKEND";

    private static Backend? current;

    /// <summary>The process's choice. Tests set it.</summary>
    /// <exception cref="InvalidOperationException">The environment names none that exists.</exception>
    internal static Backend Current
    {
        get => current ??= Read(Environment.GetEnvironmentVariable(Variable));
        set => current = value;
    }

    internal static Backend Read(string? text) => text switch
    {
        null or "" => Backend.Automatic,
        "torch" => Backend.Torch,
        "simd" => Backend.Simd,
        "cuda" => Backend.Cuda,
        "eager" => Backend.Eager,
        "check" => Backend.Check,
        _ => throw new InvalidOperationException($"{Variable} is '{text}'. It may be torch, simd, cuda, eager or check."),
    };
}
