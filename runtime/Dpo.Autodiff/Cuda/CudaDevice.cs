using System.Collections.Concurrent;

namespace Dpo.Autodiff.Cuda;

/// <summary>A card: compiles by NVRTC, launches in the device's primary context on the legacy default stream.</summary>
internal sealed class CudaDevice : ICudaDevice
{
    private readonly CudaDriver driver;
    private readonly Nvrtc compiler;
    private readonly KernelCache cache;
    private readonly nint context;
    private readonly CudaTarget target;
    private readonly ConcurrentDictionary<(string Source, string Defines), Lazy<CudaModule>> modules = new();

    internal CudaDevice(CudaDriver driver, Nvrtc compiler, KernelCache cache, int index)
    {
        (this.driver, this.compiler, this.cache) = (driver, compiler, cache);
        (_, context, var architecture, Multiprocessors, Name) = driver.Open(index);
        target = compiler.Target(architecture);
        using (driver.Enter(context))
            Faults = driver.AllocateHost(CudaFaults.Words * sizeof(long));
    }

    /// <summary>The card's own name.</summary>
    internal string Name { get; }

    /// <inheritdoc/>
    public int Multiprocessors { get; }

    /// <inheritdoc/>
    public nint Faults { get; }

    /// <inheritdoc/>
    public int BlockSize(int preferred) => preferred;

    /// <inheritdoc/>
    public ICudaModule Load(string objective, string source, string defines, ReadOnlySpan<string> kernels)
    {
        var module = modules.GetOrAdd((source, defines), _ => new(() => Compile(objective, source, defines))).Value;
        foreach (var kernel in kernels)
            module.Function(kernel);
        return module;
    }

    /// <inheritdoc/>
    public void Synchronize()
    {
        using (driver.Enter(context))
            driver.Synchronise();
    }

    private CudaModule Compile(string objective, string source, string defines)
    {
        var text = string.Join('\n', defines, CudaPrelude.Text, source);
        var key = KernelCache.Key([text, compiler.Version, .. target.Options]);
        using (driver.Enter(context))
        {
            // A binary that the driver refuses is as good as none.
            if (cache.Read(key) is { } kept && driver.TryLoadModule(kept, out var module) == 0)
                return new(driver, context, module);
            var image = compiler.Compile(objective, text, target);
            driver.Check(driver.TryLoadModule(image, out module), $"The kernels of {objective} for {target} cannot be loaded on {Name}");
            cache.Write(key, image);
            return new(driver, context, module);
        }
    }

    private sealed class CudaModule(CudaDriver driver, nint context, nint module) : ICudaModule
    {
        private readonly ConcurrentDictionary<string, nint> functions = new(StringComparer.Ordinal);
        private readonly ConcurrentDictionary<nint, string> names = new();

        public nint Function(string kernel) => functions.GetOrAdd(kernel, Find);

        public void Launch(nint function, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters)
        {
            using (driver.Enter(context))
                driver.Launch(function, names[function], grid, block, sharedBytes, parameters);
        }

        private nint Find(string kernel)
        {
            using (driver.Enter(context))
            {
                var function = driver.Function(module, kernel);
                names[function] = kernel;
                return function;
            }
        }
    }
}
