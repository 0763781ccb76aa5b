using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Cpu;

/// <summary>Products of matrices: libtorch's, on the kernel's own memory.</summary>
public static unsafe class Contraction
{
    /// <summary>
    /// The result becomes the sum of the products of both operands over the axes that it has not. Buffers are contiguous; for the calling
    /// thread of a kernel, between its stages.
    /// </summary>
    /// <param name="left">The first element of one operand.</param>
    /// <param name="leftAxes">The axis that each of its positions runs with.</param>
    /// <param name="right">The first element of the other.</param>
    /// <param name="rightAxes">Its axes.</param>
    /// <param name="result">The first element of the result, which has axes 0 to <paramref name="rank"/> - 1.</param>
    /// <param name="rank">How many axes the result has; the others are summed over.</param>
    /// <param name="extents">The size of each axis.</param>
    /// <param name="isAdded">Whether it is added to what the result has.</param>
    /// <typeparam name="T">The compute type: double or float.</typeparam>
    public static void Run<T>(
        ref readonly T left, ReadOnlySpan<int> leftAxes, ref readonly T right, ReadOnlySpan<int> rightAxes, ref T result, int rank, ReadOnlySpan<nint> extents, bool isAdded = false)
        where T : unmanaged
    {
        nint elements = 1;
        foreach (var extent in extents[..rank])
            elements *= extent;
        if (elements == 0)
            return;
        if (extents[rank..].Contains(0))
        {
            if (isAdded)
                return;
            NativeMemory.Clear(Unsafe.AsPointer(ref result), checked((nuint)(elements * sizeof(T))));
            return;
        }

        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var dtype = typeof(T) == typeof(double) ? ScalarType.Float64 : ScalarType.Float32;
        var groups = new Groups(leftAxes, rightAxes, rank, extents);
        var (batches, rows, columns, terms) = (groups.Size(groups.Batch), groups.Size(groups.Rows), groups.Size(groups.Columns), groups.Size(groups.Terms));
        var x = groups.View((nint)Unsafe.AsPointer(ref Unsafe.AsRef(in left)), leftAxes, dtype, [.. groups.Batch, .. groups.Rows, .. groups.Terms]);
        var z = groups.View((nint)Unsafe.AsPointer(ref Unsafe.AsRef(in right)), rightAxes, dtype, [.. groups.Batch, .. groups.Terms, .. groups.Columns]);
        int[] order = [.. groups.Batch, .. groups.Rows, .. groups.Columns];
        var memory = (nint)Unsafe.AsPointer(ref result);
        var axes = Enumerable.Range(0, rank).ToArray();
        if (!TensorHandle.UsesExports)
        {
            var product = x.reshape(batches, rows, terms).bmm(z.reshape(batches, terms, columns)).reshape(groups.Sizes(order));
            product = product.permute(axes.Select(a => (long)Array.IndexOf(order, a)).ToArray()).contiguous();
            if (isAdded)
                product = product + Tensor.UnsafeCreateTensor(TensorHandle.View(memory, groups.Sizes(axes), dtype));
            CopyTo(product, memory, elements * sizeof(T));
            return;
        }

        var target = groups.View(memory, axes, dtype, order);
        if (groups.Batch.Length == 0 && order.AsSpan().SequenceEqual(axes))
            target.view(rows, columns).addmm_(x.reshape(rows, terms), z.reshape(terms, columns), beta: isAdded ? 1 : 0, alpha: 1);
        else
            Give(target, (groups.Batch.Length == 0
                ? x.reshape(rows, terms).mm(z.reshape(terms, columns))
                : x.reshape(batches, rows, terms).bmm(z.reshape(batches, terms, columns))).reshape(groups.Sizes(order)), isAdded);
    }

    private static void Give(Tensor target, Tensor product, bool isAdded)
    {
        if (isAdded)
            target.add_(product);
        else
            target.copy_(product);
    }

    private static void CopyTo(Tensor product, nint memory, nint bytes) =>
        Buffer.MemoryCopy((void*)TensorHandle.Data(product.Handle), (void*)memory, bytes, bytes);

    /// <summary>The axes by what they are to the product of two matrices.</summary>
    private readonly struct Groups
    {
        private readonly nint[] extents;

        internal Groups(ReadOnlySpan<int> left, ReadOnlySpan<int> right, int rank, ReadOnlySpan<nint> extents)
        {
            this.extents = extents.ToArray();
            var (batch, rows, columns, terms) = (new List<int>(), new List<int>(), new List<int>(), new List<int>());
            for (var axis = 0; axis < rank; axis++)
                (left.Contains(axis) ? right.Contains(axis) ? batch : rows : columns).Add(axis);
            foreach (var axis in left)
                if (axis >= rank)
                    terms.Add(axis);
            (Batch, Rows, Columns, Terms) = ([.. batch], [.. rows], [.. columns], [.. terms]);
        }

        /// <summary>Of both operands and the result.</summary>
        internal int[] Batch { get; }

        /// <summary>Of the left operand and the result.</summary>
        internal int[] Rows { get; }

        /// <summary>Of the right operand and the result.</summary>
        internal int[] Columns { get; }

        /// <summary>Of both operands alone.</summary>
        internal int[] Terms { get; }

        internal long Size(int[] axes)
        {
            long size = 1;
            foreach (var axis in axes)
                size *= extents[axis];
            return size;
        }

        internal long[] Sizes(ReadOnlySpan<int> axes)
        {
            var sizes = new long[axes.Length];
            for (var i = 0; i < sizes.Length; i++)
                sizes[i] = extents[axes[i]];
            return sizes;
        }

        /// <summary>Memory as a tensor whose axes are in the given order.</summary>
        internal Tensor View(nint memory, ReadOnlySpan<int> axes, ScalarType dtype, int[] order)
        {
            var view = Tensor.UnsafeCreateTensor(TensorHandle.View(memory, Sizes(axes), dtype));
            var positions = new long[order.Length];
            for (var i = 0; i < order.Length; i++)
                positions[i] = axes.IndexOf(order[i]);
            return view.permute(positions);
        }
    }
}
