using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Testing;

/// <summary>A card that the processor plays, with the machine's own memory: the text that a card would get, compiled by g++.</summary>
internal sealed unsafe class EmulatedDevice : ICudaDevice
{
    private static readonly string[] Options =
    [
        "-x", "c++", "-std=c++17", "-O1", "-march=native", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-fPIC", "-shared",
        "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unknown-pragmas",
    ];

    private static readonly string Folder = Path.Combine(Path.GetTempPath(), "dpo-autodiff-emulation");
    private static readonly ConcurrentDictionary<string, Lazy<EmulatedModule>> Modules = new();

    private readonly nint faults = (nint)NativeMemory.AllocZeroed(16);

    /// <summary>The threads of a block, whatever is preferred: 1 or a multiple of 32.</summary>
    internal int Threads { get; init; } = 128;

    /// <summary>Draws the order in which warps run.</summary>
    internal ulong Seed { get; set; }

    /// <summary>What is done to the text before it is compiled: a mutation.</summary>
    internal Func<string, string>? Change { get; init; }

    /// <summary>Further options of the compiler.</summary>
    internal string[] FurtherOptions { get; init; } = [];

    /// <summary>How many kernels ran.</summary>
    internal int Launches { get; set; }

    public int Multiprocessors { get; init; } = 3;

    public nint Faults => faults;

    public int BlockSize(int preferred) => Threads;

    public void Synchronize()
    {
    }

    public ICudaModule Load(string objective, string source, string defines, ReadOnlySpan<string> kernels)
    {
        var text = Text(source, defines, kernels);
        return new EmulatedKernels(this, Modules.GetOrAdd(text + string.Join(' ', FurtherOptions), _ => new(() => Compile(text))).Value);
    }

    /// <summary>A whole text, with an exported function for each kernel.</summary>
    private string Text(string source, string defines, ReadOnlySpan<string> kernels)
    {
        var text = new StringBuilder();
        if (Threads == 1)
            text.Append("#define DPO_WARP 1\n");
        text.Append(defines).Append('\n').Append(CudaPrelude.Text).Append('\n').Append(source).Append('\n');
        foreach (var kernel in kernels)
            text.Append($"DPO_EXPORT(dpo_run_{kernel}, {kernel})\n");
        return Change is null ? text.ToString() : Change(text.ToString());
    }

    private EmulatedModule Compile(string text)
    {
        // What was compiled once, by this run or an earlier one, is loaded.
        var header = Toolchain.Header("Emulation.h");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(header + text + string.Join(' ', [.. Options, .. FurtherOptions]))))[..32];
        var library = Path.Combine(Folder, hash + ".so");
        if (!File.Exists(library))
        {
            Directory.CreateDirectory(Folder);
            var place = Path.Combine(Folder, $"{hash}.{Environment.ProcessId}");
            File.WriteAllText(place + ".h", header);
            File.WriteAllText(place + ".cu", text);
            if (Toolchain.Run(Toolchain.Gcc, [.. Options, .. FurtherOptions, "-include", place + ".h", place + ".cu", "-o", place + ".so"]) is { } errors)
                throw new InvalidOperationException("g++ refuses the text:\n" + errors);
            File.Move(place + ".so", library, true);
            File.Delete(place + ".h");
            File.Delete(place + ".cu");
        }

        return new(NativeLibrary.Load(library));
    }

    /// <summary>One library: launches in it take turns, since shared memory and fibers are its own.</summary>
    private sealed record EmulatedModule(nint Library)
    {
        internal Lock Gate { get; } = new();
    }

    private sealed class EmulatedKernels(EmulatedDevice device, EmulatedModule module) : ICudaModule
    {
        public nint Function(string kernel) => NativeLibrary.GetExport(module.Library, "dpo_run_" + kernel);

        public void Launch(nint function, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters)
        {
            Assert.Equal(0, sharedBytes);
            byte* message;
            fixed (ulong* first = parameters)
            {
                lock (module.Gate)
                    message = ((delegate* unmanaged<long, int, ulong*, ulong, byte*>)function)(grid, block, first, device.Seed);
            }

            device.Launches++;
            if (message is not null)
                throw new InvalidOperationException("The emulation found " + Marshal.PtrToStringUTF8((nint)message) + ".");
        }
    }
}
