using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>The cost model: rough times of one element's work in a vector lane's place, in units of an addition.</summary>
internal static class LoopCosts
{
    /// <summary>Lanes of a vector that a cost is shared by.</summary>
    public const double Lanes = 8;

    private const long ShortestRow = 64;

    /// <summary>How often a loop over a named size is taken to run.</summary>
    private const double NamedSize = 256;

    public static double Of(Primitive primitive) => primitive switch
    {
        Primitive.Exp or Primitive.ExpM1 or Primitive.Log or Primitive.Log1P or Primitive.Log2 => 10,
        Primitive.Sigmoid or Primitive.LogSigmoid or Primitive.Softplus or Primitive.Tanh or Primitive.Log1MExp or Primitive.Erf => 16,
        Primitive.Power => 24,
        Primitive.Divide or Primitive.Sqrt or Primitive.SqrtZero or Primitive.Rsqrt or Primitive.Reciprocal => 4,
        _ => 1,
    };

    /// <summary>A load or store of one element by itself.</summary>
    public static double Access(BufferScope scope) => scope switch { BufferScope.Register => 0, BufferScope.Global => 2, _ => 1 };

    /// <summary>A load or store in the lanes of a vector, side by side: memory is no faster for that, a row in the cache is.</summary>
    public static double LaneAccess(BufferScope scope) => scope switch { BufferScope.Register => 0, BufferScope.Global => 1, _ => 0.2 };

    /// <summary>A load or store in the lanes of a vector, each somewhere else.</summary>
    public static double ScatteredAccess(BufferScope scope) => scope switch { BufferScope.Register => 0, BufferScope.Global => 4, _ => 2 };

    public static double Trips(Extent extent) => Math.Max(1, extent.Constant + extent.Terms.Sum(t => t.Coefficient * NamedSize));

    /// <summary>Whether a loop is long enough to ask before it whether it need run.</summary>
    public static bool IsRow(Extent extent) => !extent.IsFixed || extent.Constant >= ShortestRow;

    /// <summary>How much faster a vector loop of that extent is than one element after the other.</summary>
    public static double Speedup(Extent extent) => extent.IsFixed ? Math.Max(1, extent.Constant / Math.Ceiling(extent.Constant / Lanes)) : Lanes;
}
