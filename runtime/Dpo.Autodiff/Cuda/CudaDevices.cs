using System.Collections.Concurrent;

namespace Dpo.Autodiff.Cuda;

/// <summary>The devices that kernels can run on.</summary>
internal static class CudaDevices
{
    private static readonly Lazy<CudaMachine?> Machine = new(static () => CudaMachine.Find(CudaLibraries.Driver, CudaLibraries.Compiler, Console.Error.WriteLine));

    /// <summary>Stands in for a card where tensors are in the machine's own memory. Tests set it.</summary>
    internal static ICudaDevice? Emulated { get; set; }

    /// <summary>The device of a tensor, by its index; null where there is no driver or compiler for it.</summary>
    internal static ICudaDevice? Find(int deviceIndex) => Machine.Value?.Device(deviceIndex);
}

/// <summary>The cards of a machine, opened when they are first used.</summary>
internal sealed class CudaMachine
{
    private readonly CudaDriver driver;
    private readonly Nvrtc compiler;
    private readonly KernelCache cache;
    private readonly Action<string> report;
    private readonly ConcurrentDictionary<int, Lazy<CudaDevice?>> devices = new();
    private int reports;

    private CudaMachine(CudaDriver driver, Nvrtc compiler, KernelCache cache, Action<string> report) =>
        (this.driver, this.compiler, this.cache, this.report) = (driver, compiler, cache, report);

    /// <summary>What is needed to run kernels; null, and one message, where something is missing.</summary>
    /// <param name="driver">Loads the driver.</param>
    /// <param name="compiler">Loads NVRTC.</param>
    /// <param name="report">Takes the message.</param>
    /// <param name="cache">Where compiled kernels are kept; the default if null.</param>
    internal static CudaMachine? Find(Func<nint> driver, Func<nint> compiler, Action<string> report, KernelCache? cache = null)
    {
        if (CudaDriver.From(driver(), out var problem) is { } foundDriver && Nvrtc.From(compiler(), out problem) is { } foundCompiler)
            return new(foundDriver, foundCompiler, cache ?? KernelCache.Default, report);
        report(Message(problem!));
        return null;
    }

    internal CudaDevice? Device(int index) => devices.GetOrAdd(index, static (index, machine) => new(() => machine.Open(index)), this).Value;

    private static string Message(string problem) => $"Dpo.Autodiff: CUDA tensors are computed by TorchSharp's operations, because {problem}.";

    // A card that cannot be opened, or that the compiler is too new for, falls back as a machine without a driver does.
    private CudaDevice? Open(int index)
    {
        try
        {
            return new(driver, compiler, cache, index);
        }
        catch (CudaException exception)
        {
            if (Interlocked.Increment(ref reports) == 1)
                report(Message(exception.Message.TrimEnd('.')));
            return null;
        }
    }
}
