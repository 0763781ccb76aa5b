using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;
using Size = Dpo.Autodiff.Execution.Size;

namespace Dpo.Autodiff.Cuda;

/// <summary>Runs a program's steps on the memory of its arguments: contiguous tensors as they are, of any dtype; others as copies.</summary>
internal ref struct CudaCall
{
    // The threads that a multiprocessor keeps.
    private const int Threads = 256;

    private readonly CudaProgram program;
    private readonly ICudaDevice device;
    private readonly KernelCall call;
    private readonly (int Type, int Index) place;
    private readonly nint[] handles;
    private readonly ulong[] addresses;
    private readonly char[] types;
    private readonly long[] grids;
    private readonly ulong[] pieces;
    private readonly List<nint> temporaries;

    /// <summary>Told of each call before it runs. The export for a machine with a card sets it.</summary>
    internal static CudaObserver? Observer { get; set; }

    private CudaCall(CudaProgram program, ICudaDevice device, (int Type, int Index) place, in KernelCall call)
    {
        this.program = program;
        this.device = device;
        this.place = place;
        this.call = call;
        handles = new nint[program.Buffers.Length];
        addresses = new ulong[program.Buffers.Length];
        types = new char[program.Buffers.Length];
        grids = new long[program.Steps.Length];
        pieces = new ulong[program.Workspaces.Length];
        temporaries = [];
    }

    /// <summary>Runs the program. The outputs are new tensors of the caller's dtype, the compute type, Int64 or Bool; where it throws there are none.</summary>
    /// <param name="program">The program.</param>
    /// <param name="device">The device of the tensors.</param>
    /// <param name="place">The same as torch names it.</param>
    /// <param name="call">The arguments.</param>
    /// <param name="outputs">Receives results, then gradients, then residuals.</param>
    /// <exception cref="ObjectiveArgumentException">An earlier call on the device met an index out of range.</exception>
    internal static void Run(CudaProgram program, ICudaDevice device, (int Type, int Index) place, in KernelCall call, Span<nint> outputs)
    {
        CudaFaults.ThrowIfAny(device);
        Observer?.Invoke(program, call);
        using var mode = no_grad();
        var run = new CudaCall(program, device, place, call);
        try
        {
            run.Bind(outputs);
            run.Launch();
            Donation.Complete(call);
        }
        catch
        {
            TensorHandle.DisposeAll(outputs);
            throw;
        }
        finally
        {
            // Their memory is used again only behind the kernels, on the same stream.
            foreach (var handle in run.temporaries)
                TensorHandle.Dispose(handle);
        }
    }

    private readonly void Bind(Span<nint> outputs)
    {
        for (var i = 0; i < program.Buffers.Length; i++)
        {
            var buffer = program.Buffers[i];
            handles[i] = buffer.Slot switch
            {
                null => Keep(Room(call.DType(buffer.Kind), buffer.Extents, 1)),
                { Role: SlotRole.Parameter } slot when call.IsAbsentScalar(slot) => Keep(Number(call.DType(buffer.Kind))),
                { Role: SlotRole.Parameter } slot => Input(call.Parameters[slot.Index], buffer),
                { Role: SlotRole.Upstream } slot => call.Upstreams.IsEmpty ? 0 : Input(call.Upstreams[slot.Index], buffer),
                { Role: SlotRole.Residual } slot when call.Role == KernelRole.Gradient => call.Residuals[slot.Index],
                { } slot => Output(slot, buffer, outputs),
            };
            if (handles[i] == 0)
                continue;
            addresses[i] = (ulong)TensorHandle.Data(handles[i]);
            if (buffer.IsStored)
                types[i] = (char)(1 + (int)TensorHandle.DType(handles[i]));
        }
    }

    private readonly nint Keep(nint handle)
    {
        temporaries.Add(handle);
        return handle;
    }

    // What stands for a number that is not given.
    private readonly nint Number(ScalarType dtype)
    {
        var handle = TensorHandle.Empty(dtype, [], place);
        TensorHandle.Borrow(handle, static tensor => tensor.zero_().numel());
        return handle;
    }

    private readonly nint New(ScalarType dtype, Size[] extents)
    {
        var sizes = new long[extents.Length];
        call.Sizes(extents, sizes);
        return Fresh(dtype, sizes);
    }

    // Workspace of a loop that does not run may have no size.
    private readonly nint Room(ScalarType dtype, Size[] extents, long blocks)
    {
        var sizes = new long[extents.Length + 1];
        sizes[0] = blocks;
        for (var axis = 0; axis < extents.Length; axis++)
            sizes[axis + 1] = Math.Max(0, extents[axis].Of(call.Extents));
        return Fresh(dtype, blocks == 1 ? sizes.AsSpan(1) : sizes);
    }

    private readonly nint Fresh(ScalarType dtype, ReadOnlySpan<long> sizes)
    {
        var handle = TensorHandle.Empty(dtype, sizes, place);
        device.Fresh(handle);
        return handle;
    }

    private readonly nint Input(nint handle, CudaBuffer buffer)
    {
        if (handle == 0)
            return 0;
        var own = call.DType(buffer.Kind);
        var dtype = buffer.IsStored ? TensorHandle.DType(handle) : own;
        return TensorHandle.IsPlain(handle) && TensorHandle.DType(handle) == dtype ? handle : Keep(TensorHandle.Convert(handle, dtype));
    }

    private readonly nint Output(Slot slot, CudaBuffer buffer, Span<nint> outputs)
    {
        var output = call.Output(slot);
        if (!call.Wants(output))
            return 0;
        var own = call.DType(slot.Kind);
        if (slot.Role == SlotRole.Gradient && Donation.IsOf(call, output) && (buffer.IsStored || TensorHandle.DType(call.Parameters[slot.Index]) == own))
            return outputs[output] = TensorHandle.Detached(call.Parameters[slot.Index]);
        var dtype = buffer.IsStored && (slot.Role == SlotRole.Result || call.HasFinalGradients) ? call.FinalType(slot) : own;
        return outputs[output] = New(DTypePromotion.IsFloating(dtype) ? dtype : own, buffer.Extents);
    }

    private readonly void Launch()
    {
        var loaded = program.Load(device, call.IsDouble, types);
        var hasFaults = program.Faults.Length > 0;
        if (hasFaults)
            CudaFaults.Use(device);
        for (var s = 0; s < program.Steps.Length; s++)
        {
            if (!program.Steps[s].IsWanted(call.Needs))
                continue;
            switch (program.Steps[s])
            {
                case CudaLaunch launch:
                    Launch(s, launch, loaded);
                    break;
                case CudaContract contract:
                    Contract(contract);
                    break;
                case CudaSort sort:
                    Sort(sort);
                    break;
            }
        }
    }

    private readonly void Launch(int step, CudaLaunch launch, CudaLoaded loaded)
    {
        var items = Product(launch.Items);
        var block = device.BlockSize(launch.Grid is CudaGrid.Rows or CudaGrid.Block && launch.Row.Length > 0 ? RowThreads(launch.Row) : Threads);
        var grid = grids[step] = launch.Grid switch
        {
            CudaGrid.Elements => Math.Min((items + block - 1) / block, device.MostBlocks(block)),
            CudaGrid.Rows => Math.Min(items, device.MostBlocks(block)),
            CudaGrid.Owners => device.Multiprocessors,
            _ => 1,
        };
        if (grid == 0)
            return;
        for (var w = 0; w < program.Workspaces.Length; w++)
        {
            var workspace = program.Workspaces[w];
            if (workspace.Launch == step)
                pieces[w] = (ulong)TensorHandle.Data(Keep(Room(call.DType(workspace.Kind), workspace.Extents, grid)));
        }

        var arguments = launch.Arguments;
        Span<ulong> parameters = arguments.Length <= 64 ? stackalloc ulong[arguments.Length] : new ulong[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
        {
            var id = arguments[i].Id;
            parameters[i] = arguments[i].Kind switch
            {
                'b' => addresses[id],
                'w' => pieces[id],
                'g' => (ulong)grids[program.Workspaces[id].Launch],
                'n' => (ulong)call.Extents[id],
                's' => BitConverter.DoubleToUInt64Bits(call.Scalars[id]),
                'u' => BitConverter.DoubleToUInt64Bits(call.AbsentUpstream),
                'f' => (ulong)device.Faults,
                _ => (ulong)program.FaultCode(call.Spec, call.Extents),
            };
        }

        loaded.Module.Launch(loaded.Functions[step], grid, block, 0, parameters);
    }

    private readonly long Product(Size[] extents)
    {
        var product = 1L;
        foreach (var extent in extents)
            product *= Math.Max(0, extent.Of(call.Extents));
        return product;
    }

    // A warp for short rows; enough for several vectors a thread in long ones.
    private readonly int RowThreads(Size[] row)
    {
        var longest = 0L;
        foreach (var extent in row)
            longest = Math.Max(longest, extent.Of(call.Extents));
        return longest switch { <= 128 => 32, <= 1024 => 128, <= 8192 => 256, _ => 512 };
    }

    private readonly void Contract(CudaContract contract)
    {
        var (left, right, result) = contract.Buffers;
        if (handles[result] == 0)
            return;
        using var scope = NewDisposeScope();
        using var product = einsum(contract.Equation, Computed(left), Computed(right));
        Alias(result).copy_(product);
    }

    private readonly void Sort(CudaSort sort)
    {
        var (source, values, permutation) = sort.Buffers;
        using var scope = NewDisposeScope();
        var given = program.Buffers[source].Kind == ElementKind.Real ? Computed(source) : Alias(source).to(ScalarType.Int64);
        var (ordered, order) = given.flatten().sort(0, sort.IsDescending, stable: true);
        if (handles[values] != 0)
            Alias(values).flatten().copy_(ordered);
        if (handles[permutation] != 0)
            Alias(permutation).flatten().copy_(order);
    }

    private readonly Tensor Alias(int buffer) => Tensor.UnsafeCreateTensor(TensorHandle.Alias(handles[buffer])).detach();

    private readonly Tensor Computed(int buffer) => Alias(buffer).to(call.ComputeType);
}
