using System.Runtime.InteropServices;
using Dpo.Autodiff.Cuda;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Testing;

/// <summary>A card that the processor plays, with the machine's own memory: the text that a card would get, compiled by g++.</summary>
internal sealed unsafe class EmulatedDevice : ICudaDevice
{
    /// <summary>The seed of the order in which what comes first is always ahead of the rest.</summary>
    internal const ulong FirstAhead = ulong.MaxValue;

    /// <summary>The seed of the order in which what comes last is.</summary>
    internal const ulong LastAhead = ulong.MaxValue - 1;

    private Machine? machine;

    /// <summary>The threads of a block, whatever is preferred: 1 or a multiple of 32.</summary>
    internal int Threads { get; set; } = 128;

    /// <summary>Draws the order in which warps run.</summary>
    internal ulong Seed { get; set; }

    /// <summary>What floating-point memory holds that no kernel has written.</summary>
    internal double Unwritten { get; init; } = double.NaN;

    /// <summary>How texts are compiled.</summary>
    internal Machine Machine
    {
        get => machine ?? (Threads == 1 ? Machine.OneThread : Machine.Usual);
        init => machine = value;
    }

    /// <summary>What a text becomes before it is compiled: a mutation.</summary>
    internal Func<KernelText, KernelText> Mutation { get; init; } = static text => text;

    /// <summary>How many kernels ran.</summary>
    internal int Launches { get; private set; }

    /// <summary>The largest grid that ran.</summary>
    internal long LargestGrid { get; private set; }

    /// <summary>Few, so that rows outnumber blocks.</summary>
    public int Multiprocessors { get; init; } = 3;

    public nint Faults { get; } = (nint)NativeMemory.AllocZeroed(CudaFaults.Words * sizeof(long));

    public long MostBlocks(int threads) => Multiprocessors;

    public int BlockSize(int preferred) => Threads;

    public void Synchronize()
    {
    }

    /// <summary>What is read before it is written shows: no result that hangs on it is right.</summary>
    public void Fresh(nint tensor) => TensorHandle.Borrow(tensor, t => t.dtype switch
    {
        ScalarType.Bool => t.fill_(true),
        ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 => t.fill_(77),
        _ => t.fill_(Unwritten),
    } is { });

    public ICudaModule Load(string objective, string source, string defines, ReadOnlySpan<string> kernels) =>
        new Module(this, CompiledText.Library(Mutation(KernelText.Of(objective, source, defines, kernels)), Machine));

    private sealed class Module(EmulatedDevice device, EmulatedLibrary library) : ICudaModule
    {
        public nint Function(string kernel) => NativeLibrary.GetExport(library.Handle, library.Prefix + kernel);

        public void Launch(nint function, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters)
        {
            Assert.Equal(0, sharedBytes);
            byte* message;
            fixed (ulong* first = parameters)
            {
                lock (library.Gate)
                    message = ((delegate* unmanaged<long, int, ulong*, ulong, byte*>)function)(grid, block, first, device.Seed);
            }

            device.Launches++;
            device.LargestGrid = Math.Max(device.LargestGrid, grid);
            if (message is not null)
                throw new InvalidOperationException("The emulation found " + Marshal.PtrToStringUTF8((nint)message) + ".");
        }
    }
}
