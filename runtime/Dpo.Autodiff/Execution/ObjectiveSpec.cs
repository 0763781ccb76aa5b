using System.ComponentModel;
using Dpo.Autodiff.Native;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Execution;

/// <summary>What an objective asks of its tensors, and the check that they comply.</summary>
/// <param name="name">The objective's name.</param>
/// <param name="axes">The names of its axes, by number.</param>
/// <param name="parameters">Its tensor parameters, in order.</param>
/// <param name="results">The names of its results, in order.</param>
[EditorBrowsable(EditorBrowsableState.Never)]
public sealed class ObjectiveSpec(string name, string[] axes, TensorParameter[] parameters, string[] results)
{
    private const long Unbound = -1;

    internal string Name => name;

    internal string[] Axes => axes;

    internal TensorParameter[] Parameters => parameters;

    internal string[] Results => results;

    /// <summary>Whether every call is to be compared with the eager method (<c>DPO_AUTODIFF_BACKEND=check</c>).</summary>
    public bool IsChecked => BackendChoice.Current == Backend.Check;

    /// <summary>
    /// Checks the tensors (there, not disposed, of the declared rank, of sizes that agree with the names, of dtypes fit for their use, on
    /// one device) and finds the size of each named axis.
    /// </summary>
    /// <param name="tensors">The tensors, one a parameter.</param>
    /// <param name="extents">Receives the size of each axis; 0 where only absent tensors have it.</param>
    /// <returns>
    /// False where the eager method has to answer: it is asked for, no value is a floating-point number, or an axis is empty while something that has
    /// gradients is not, and shares in a mean over nothing.
    /// </returns>
    /// <exception cref="ObjectiveArgumentException">A tensor does not comply.</exception>
    /// <exception cref="InvalidOperationException">The environment asks for a backend that does not exist or cannot reach the tensors.</exception>
    public bool Bind(ReadOnlySpan<Tensor?> tensors, Span<long> extents)
    {
        extents.Fill(Unbound);
        var isFloating = false;
        var device = (Type: -1, Index: -1);
        for (var i = 0; i < parameters.Length; i++)
        {
            var parameter = parameters[i];
            if (tensors[i] is not { } tensor)
            {
                if (!parameter.IsOptional)
                    throw BindingProblem.Missing(this, parameter);
                continue;
            }

            if (tensor.IsInvalid)
                throw BindingProblem.Disposed(this, parameter);
            var handle = tensor.Handle;
            isFloating |= CheckDType(parameter, handle);
            var (type, index) = TensorHandle.Device(handle);
            if (device.Type < 0)
                device = (type, index);
            else if (type != device.Type || index != device.Index)
                throw BindingProblem.Devices(this, parameter, tensors);
            if (TensorHandle.IsSparse(handle))
                throw BindingProblem.Sparse(this, parameter);
            CheckSizes(i, handle, tensors, extents);
            GC.KeepAlive(tensor);
        }

        var isShared = extents.Contains(0) && IsShared(tensors, extents);
        foreach (ref var extent in extents)
            extent = Math.Max(extent, 0);
        var backend = BackendChoice.Current;
        if (backend is Backend.Simd or Backend.Cuda)
            BindingProblem.ThrowIfOutOfReach(this, backend, device.Type, device.Index);
        return isFloating && !isShared && backend != Backend.Eager;
    }

    // In eager the gradient of a mean over an empty axis ends there, and what stood before it adds up nothing: 0. In closed form it is 0 times 1 / 0.
    private bool IsShared(ReadOnlySpan<Tensor?> tensors, ReadOnlySpan<long> extents)
    {
        for (var i = 0; i < parameters.Length; i++)
        {
            var parameter = parameters[i];
            var isDifferentiated = tensors[i] is { } tensor && !parameter.IsNoGrad && DTypePromotion.IsFloating(TensorHandle.DType(tensor.Handle));
            if (isDifferentiated && Size.Elements(parameter.Axes, extents) != 0)
                return true;
        }

        return false;
    }

    // Returns whether it is a value of a floating-point dtype.
    private bool CheckDType(TensorParameter parameter, nint handle)
    {
        var dtype = TensorHandle.DType(handle);
        var isFloating = DTypePromotion.IsFloating(dtype);
        var uses = parameter.Uses;
        var isWhole = DTypePromotion.IsWhole(dtype);
        if ((uses & ParameterUses.Index) != 0 && !isWhole)
            throw BindingProblem.DType(this, parameter, dtype, "whole numbers (Int64): it is used as an index");
        if ((uses & ParameterUses.Count) != 0 && !isWhole && dtype != ScalarType.Bool)
            throw BindingProblem.DType(this, parameter, dtype, "whole numbers or Bool: what it sums to is used as an index");
        if ((uses & ParameterUses.Condition) != 0 && dtype != ScalarType.Bool)
            throw BindingProblem.DType(this, parameter, dtype, "Bool: it is used as a condition");
        if (!isFloating && !isWhole && dtype != ScalarType.Bool)
            throw BindingProblem.DType(this, parameter, dtype, "a real dtype");
        return isFloating && (uses & ParameterUses.Value) != 0;
    }

    private void CheckSizes(int index, nint handle, ReadOnlySpan<Tensor?> tensors, Span<long> extents)
    {
        var declared = parameters[index].Axes;
        if (TensorHandle.Dimensions(handle) != declared.Length)
            throw BindingProblem.Rank(this, parameters[index], tensors[index]!);
        for (var axis = 0; axis < declared.Length; axis++)
        {
            var found = TensorHandle.Size(handle, axis);
            var size = declared[axis];
            if (size.Terms is [var term] && extents[term.Axis] == Unbound)
            {
                var (extent, rest) = Math.DivRem(found - size.Constant, term.Coefficient);
                if (rest != 0 || extent < 0)
                    throw BindingProblem.Multiple(this, parameters[index], size, found);
                extents[term.Axis] = extent;
            }
            else if (size.Of(extents) != found)
            {
                throw BindingProblem.Sizes(this, index, axis, tensors, extents);
            }
        }
    }
}
