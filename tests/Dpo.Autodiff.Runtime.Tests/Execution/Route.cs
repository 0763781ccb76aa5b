using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Runtime.Tests.Execution;

/// <summary>The ways through the runtime: which kernels, and which interface of TorchSharp.</summary>
public enum Way
{
    SimdByExports,
    SimdByPublicMembers,
    TorchByExports,
    TorchByPublicMembers,
}

/// <summary>Takes one way for the length of a test. Tests that do share a collection, so that one runs at a time.</summary>
internal readonly struct Route : IDisposable
{
    internal const string Collection = "Route";

    private readonly Backend backend = BackendChoice.Current;
    private readonly bool usesExports = TensorHandle.UsesExports;

    internal Route(Way way)
        : this(
            way is Way.TorchByExports or Way.TorchByPublicMembers ? Backend.Torch : Backend.Automatic,
            way is Way.SimdByExports or Way.TorchByExports)
    {
    }

    internal Route(Backend backend, bool usesExports = true)
    {
        BackendChoice.Current = backend;
        TensorHandle.UsesExports = usesExports;
    }

    public void Dispose()
    {
        BackendChoice.Current = backend;
        TensorHandle.UsesExports = usesExports;
    }
}
