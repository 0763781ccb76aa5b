namespace Dpo.Autodiff.Cuda;

/// <summary>A place where kernels are compiled and launched.</summary>
internal interface ICudaDevice
{
    /// <summary>How many blocks run beside each other without waiting, at least.</summary>
    int Multiprocessors { get; }

    /// <summary>
    /// Words that kernels write and the host reads without waiting for them: the code of a fault (0 for none), the index that was out of
    /// range, where it was read, and a check of the two. Zero at first; who reads a fault clears it.
    /// </summary>
    nint Faults { get; }

    /// <summary>The most blocks of a launch: as many as run at once. Each takes several items, by grid stride.</summary>
    long MostBlocks(int threads) => Multiprocessors * Math.Max(1L, 2048 / threads);

    /// <summary>The number of threads in a block: a multiple of 32.</summary>
    int BlockSize(int preferred);

    /// <summary>Compiles a text, once for each source and defines: what is compiled is the defines, the prelude and the source.</summary>
    /// <param name="objective">Whose kernels they are, for messages.</param>
    /// <param name="source">The kernels.</param>
    /// <param name="defines">Preprocessor lines: the types of this call's tensors.</param>
    /// <param name="kernels">The names of the kernels that are wanted.</param>
    ICudaModule Load(string objective, string source, string defines, ReadOnlySpan<string> kernels);

    /// <summary>Waits for everything that was launched.</summary>
    void Synchronize();

    /// <summary>Called for a tensor that no kernel has seen: its memory holds what was there before.</summary>
    void Fresh(nint tensor)
    {
    }
}

/// <summary>Compiled kernels of one device.</summary>
internal interface ICudaModule
{
    /// <summary>What <see cref="Launch"/> takes for a kernel.</summary>
    nint Function(string kernel);

    /// <summary>Launches a kernel behind everything that was launched before.</summary>
    /// <param name="function">The kernel.</param>
    /// <param name="grid">The number of blocks, at least 1.</param>
    /// <param name="block">The number of threads in a block.</param>
    /// <param name="sharedBytes">Dynamic shared memory of a block.</param>
    /// <param name="parameters">Pointers, 64-bit integers and doubles, as their bits.</param>
    void Launch(nint function, long grid, int block, int sharedBytes, ReadOnlySpan<ulong> parameters);
}
