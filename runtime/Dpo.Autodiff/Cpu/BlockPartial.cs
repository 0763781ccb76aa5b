using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Cpu;

/// <summary>What one block of a stage leaves for one accumulator.</summary>
public struct BlockPartial
{
    /// <summary>The value: a sum, a largest or smallest element, 0 or 1.</summary>
    public double Value;

    /// <summary>For sums: what rounding has taken from <see cref="Value"/> so far.</summary>
    public double Error;

    /// <summary>For argmax: where <see cref="Value"/> was found. For sums of whole numbers: the sum.</summary>
    public long Position;

    /// <summary>Adds a number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(double value)
    {
        // Knuth's two-sum: the exact rounding error of the addition.
        var sum = Value + value;
        var part = sum - Value;
        Error += (Value - (sum - part)) + (value - part);
        Value = sum;
    }

    /// <summary>Adds another sum.</summary>
    public void Add(BlockPartial other)
    {
        Add(other.Value);
        Error += other.Error;
    }

    /// <summary>The sum. An infinite or undefined one has no error term worth adding.</summary>
    public readonly double Sum => double.IsFinite(Value) && double.IsFinite(Error) ? Value + Error : Value;
}
