using static TorchSharp.torch;

namespace Dpo.Autodiff.Benchmarks;

/// <summary>One call of one side.</summary>
/// <param name="results">Where copies of everything that was computed go, for the comparison; null while time is taken.</param>
internal delegate void Side(List<Tensor>? results);

/// <summary>A row of the table: the same work done in two ways.</summary>
/// <param name="Name">What is done.</param>
/// <param name="Setup">Makes the data and the two ways.</param>
internal sealed record Row(string Name, Func<Work> Setup);

/// <summary>The two ways, over data that both share.</summary>
/// <param name="Eager">The objective as it stands, and TorchSharp's autograd.</param>
/// <param name="Fused">The generated code.</param>
/// <param name="Data">What to dispose at the end.</param>
/// <param name="Bytes">The least that must move through memory in one call; 0 where that is not the limit.</param>
/// <param name="MemoryUnit">In what the additional memory of a call is measured, in bytes; 0 where it is not.</param>
/// <param name="Tolerance">The largest difference of a result, in units of its largest element.</param>
internal sealed record Work(Side Eager, Side Fused, IReadOnlyList<IDisposable> Data, double Bytes = 0, double MemoryUnit = 0, double Tolerance = 1e-5) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var data in Data)
            data.Dispose();
    }
}
