using System.Runtime.InteropServices;
using TorchSharp;

namespace Dpo.Autodiff.Cpu;

/// <summary>The entry points of the GNU OpenMP that libtorch has loaded; all 0 where libtorch works with another thread pool.</summary>
/// <param name="Parallel"><c>GOMP_parallel(body, argument, threads, flags)</c>.</param>
/// <param name="ThreadNumber"><c>omp_get_thread_num()</c>.</param>
/// <param name="ThreadCount"><c>omp_get_num_threads()</c>.</param>
/// <param name="MostThreads"><c>omp_get_max_threads()</c>.</param>
/// <param name="WithTorch">Whether libtorch itself is there to ask.</param>
internal sealed unsafe record OpenMP(nint Parallel, nint ThreadNumber, nint ThreadCount, nint MostThreads, bool WithTorch)
{
    /// <summary>How many threads the caller allows (<c>torch.set_num_threads</c>).</summary>
    internal int Threads => WithTorch ? torch.get_num_threads() : ((delegate* unmanaged<int>)MostThreads)();

    /// <summary>Looks among the libraries of the process; null as long as there is neither OpenMP nor libtorch.</summary>
    internal static OpenMP? Find()
    {
        if (!OperatingSystem.IsLinux())
            return new(0, 0, 0, 0, WithTorch: true);
        var withTorch = false;
        string? path = null;
        try
        {
            foreach (var line in File.ReadLines("/proc/self/maps"))
            {
                // libtorch's packages carry it under a name with a hash: libgomp-98b21ff3.so.1.
                withTorch |= line.Contains("/libtorch_cpu.so", StringComparison.Ordinal);
                if (line.Contains("/libgomp", StringComparison.Ordinal))
                    path = line[line.IndexOf('/', StringComparison.Ordinal)..];
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Without /proc the thread pool has to do.
        }

        if (path is not null
            && NativeLibrary.TryLoad(path, out var library)
            && NativeLibrary.TryGetExport(library, "GOMP_parallel", out var parallel)
            && NativeLibrary.TryGetExport(library, "omp_get_thread_num", out var number)
            && NativeLibrary.TryGetExport(library, "omp_get_num_threads", out var count)
            && NativeLibrary.TryGetExport(library, "omp_get_max_threads", out var most))
            return new(parallel, number, count, most, withTorch);
        return withTorch ? new(0, 0, 0, 0, withTorch) : null;
    }
}
