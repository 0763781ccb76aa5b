using System.Numerics;
using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>Elements in memory of another type than the one they are computed in, or not one after another: one by one, and a row at a time.</summary>
internal static unsafe class StoredMemory
{
    /// <summary>Element <paramref name="index"/>.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static T Read<T>(KernelBuffer buffer, nint index)
        where T : unmanaged, INumber<T>
    {
        if (buffer.Storage == StorageType.Strided)
            Locate(ref buffer, ref index);
        var first = (void*)buffer.Address;
        return buffer.Storage switch
        {
            StorageType.BFloat16 => T.CreateTruncating(HalfPrecision.FromBFloat16(((ushort*)first)[index])),
            StorageType.Float16 => T.CreateTruncating((float)((Half*)first)[index]),
            StorageType.Float32 => T.CreateTruncating(((float*)first)[index]),
            StorageType.Float64 => T.CreateTruncating(((double*)first)[index]),
            StorageType.Int64 => T.CreateTruncating(((long*)first)[index]),
            StorageType.Int32 => T.CreateTruncating(((int*)first)[index]),
            StorageType.Int16 => T.CreateTruncating(((short*)first)[index]),
            StorageType.Int8 => T.CreateTruncating(((sbyte*)first)[index]),
            StorageType.Byte => T.CreateTruncating(((byte*)first)[index]),
            _ => ((T*)first)[index],
        };
    }

    /// <summary>Element <paramref name="index"/>, written. Tensors of whole numbers are not written this way.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void Write<T>(KernelBuffer buffer, nint index, T value)
        where T : unmanaged, INumber<T>
    {
        var first = (void*)buffer.Address;
        switch (buffer.Storage)
        {
            case StorageType.BFloat16:
                ((ushort*)first)[index] = HalfPrecision.ToBFloat16(float.CreateTruncating(value));
                break;
            case StorageType.Float16:
                ((Half*)first)[index] = (Half)float.CreateTruncating(value);
                break;
            case StorageType.Float32:
                ((float*)first)[index] = float.CreateTruncating(value);
                break;
            case StorageType.Float64:
                ((double*)first)[index] = double.CreateTruncating(value);
                break;
            default:
                ((T*)first)[index] = value;
                break;
        }
    }

    /// <summary>What a buffer's elements are in memory, of one whose rows lie apart too.</summary>
    internal static StorageType StorageOf(KernelBuffer buffer) =>
        buffer.Storage == StorageType.Strided ? ((StridedTensor*)buffer.Address)->Storage : buffer.Storage;

    /// <summary>The size of an element of a tensor whose own type has <paramref name="own"/> bytes.</summary>
    internal static int Bytes(StorageType storage, int own) => storage switch
    {
        StorageType.Own => own,
        StorageType.BFloat16 or StorageType.Float16 or StorageType.Int16 => sizeof(short),
        StorageType.Float32 or StorageType.Int32 => sizeof(int),
        StorageType.Float64 or StorageType.Int64 => sizeof(long),
        _ => sizeof(byte),
    };

    /// <summary>A row: where it is if its elements are what is asked for, or converted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static T* Row<T, V>(KernelBuffer buffer, nint start, T* converted, nint length, StorageType wanted)
        where T : unmanaged, INumber<T>
        where V : struct, IVector<V, T>
    {
        if (buffer.Storage == StorageType.Strided)
            Locate(ref buffer, ref start);
        if (buffer.Storage == (wanted != StorageType.Own ? wanted : typeof(T) == typeof(float) ? StorageType.Float32 : StorageType.Float64))
            return (T*)(buffer.Address + (start * Bytes(wanted, sizeof(T))));
        ReadRow<T, V>(buffer, start, converted, length);
        return converted;
    }

    /// <summary>A row, converted.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void ReadRow<T, V>(KernelBuffer buffer, nint start, T* row, nint length)
        where T : unmanaged, INumber<T>
        where V : struct, IVector<V, T>
    {
        var first = (void*)buffer.Address;
        switch (buffer.Storage)
        {
            case StorageType.BFloat16 when typeof(T) == typeof(float):
                for (nint i = 0; i < length; i += V.Count)
                {
                    var count = (int)nint.Min(length - i, V.Count);
                    V.Store(HalfPrecision.FromBFloat16<T, V>(V.LoadUInt16(ref *((ushort*)first + start), i, count)), ref *row, i, count);
                }

                break;
            case StorageType.Float16 when typeof(T) == typeof(float):
                for (nint i = 0; i < length; i += V.Count)
                {
                    var count = (int)nint.Min(length - i, V.Count);
                    V.Store(HalfPrecision.FromFloat16<T, V>(V.LoadUInt16(ref *((ushort*)first + start), i, count)), ref *row, i, count);
                }

                break;
            case StorageType.Float32:
                Convert((float*)first + start, row, length);
                break;
            case StorageType.Float64:
                Convert((double*)first + start, row, length);
                break;
            case StorageType.Int64:
                Convert((long*)first + start, row, length);
                break;
            case StorageType.Int32:
                Convert((int*)first + start, row, length);
                break;
            case StorageType.Int16:
                Convert((short*)first + start, row, length);
                break;
            case StorageType.Int8:
                Convert((sbyte*)first + start, row, length);
                break;
            case StorageType.Byte:
                Convert((byte*)first + start, row, length);
                break;
            default:
                for (nint i = 0; i < length; i++)
                    row[i] = Read<T>(buffer, start + i);
                break;
        }
    }

    /// <summary>A row, converted back, past the cache where <paramref name="streams"/> and where it begins at a vector's place.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static void WriteRow<T, V>(T* row, KernelBuffer buffer, nint start, nint length, bool streams)
        where T : unmanaged, INumber<T>
        where V : struct, IVector<V, T>
    {
        if (typeof(T) != typeof(float) || buffer.Storage is not (StorageType.BFloat16 or StorageType.Float16))
        {
            for (nint i = 0; i < length; i++)
                Write(buffer, start + i, row[i]);
            return;
        }

        var target = (ushort*)buffer.Address + start;
        streams &= ((nint)target & 63) == 0;
        if (buffer.Storage == StorageType.BFloat16)
        {
            for (nint i = 0; i < length; i += V.Count)
            {
                var count = (int)nint.Min(length - i, V.Count);
                V.StoreUInt16(HalfPrecision.ToBFloat16<T, V>(V.Load(ref *row, i, count)), ref *target, i, count, streams);
            }
        }
        else
        {
            for (nint i = 0; i < length; i += V.Count)
            {
                var count = (int)nint.Min(length - i, V.Count);
                V.StoreUInt16(HalfPrecision.ToFloat16<T, V>(V.Load(ref *row, i, count)), ref *target, i, count, streams);
            }
        }
    }

    /// <summary>The numbers at <paramref name="indices"/>; 0 where the index is negative.</summary>
    internal static V Gather<T, V>(KernelBuffer buffer, Int64Lanes indices, int count)
        where T : unmanaged, INumber<T>
        where V : struct, IVector<V, T>
    {
        var elements = stackalloc T[Int64Lanes.Capacity];
        count = Math.Min(count, V.Count);
        for (var lane = 0; lane < count; lane++)
            elements[lane] = indices[lane] < 0 ? T.Zero : Read<T>(buffer, (nint)indices[lane]);
        return V.Load(ref *elements, 0, count);
    }

    /// <summary>The whole numbers at <paramref name="indices"/>; 0 where the index is negative.</summary>
    internal static Int64Lanes Gather(KernelBuffer buffer, Int64Lanes indices, int count)
    {
        var lanes = default(Int64Lanes);
        ref var first = ref Unsafe.As<Int64Lanes, long>(ref lanes);
        count = Math.Min(count, Int64Lanes.Capacity);
        for (var lane = 0; lane < count; lane++)
        {
            if (indices[lane] >= 0)
                Unsafe.Add(ref first, lane) = Read<long>(buffer, (nint)indices[lane]);
        }

        return lanes;
    }

    /// <summary>Lanes, written to their places; nothing where the index is negative.</summary>
    internal static void Scatter<T, V>(V value, KernelBuffer buffer, Int64Lanes indices, int count)
        where T : unmanaged, INumber<T>
        where V : struct, IVector<V, T>
    {
        count = Math.Min(count, V.Count);
        for (var lane = 0; lane < count; lane++)
        {
            if (indices[lane] >= 0)
                Write(buffer, (nint)indices[lane], V.Element(value, lane));
        }
    }

    private static void Locate(ref KernelBuffer buffer, ref nint index)
    {
        var tensor = (StridedTensor*)buffer.Address;
        index = tensor->Offset(index);
        buffer = new(tensor->Data, tensor->Storage);
    }

    private static void Convert<TFrom, T>(TFrom* source, T* row, nint length)
        where TFrom : unmanaged, INumber<TFrom>
        where T : unmanaged, INumber<T>
    {
        for (nint i = 0; i < length; i++)
            row[i] = T.CreateTruncating(source[i]);
    }
}
