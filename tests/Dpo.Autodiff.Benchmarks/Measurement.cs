namespace Dpo.Autodiff.Benchmarks;

/// <summary>What was measured of a row under one allocator. Times are in seconds a call.</summary>
/// <param name="Name">The row.</param>
/// <param name="Eager">The median time of the eager side.</param>
/// <param name="Fused">The median time of the fused side.</param>
/// <param name="Ratio">The median over rounds of eager time by fused time.</param>
/// <param name="Least">The smallest of them.</param>
/// <param name="Most">The largest of them.</param>
/// <param name="CopyShare">The fused side's share of the bandwidth of a non-temporal copy in the same rounds, where memory is the limit.</param>
/// <param name="EagerManaged">Managed bytes that a call of the eager side allocates.</param>
/// <param name="FusedManaged">Managed bytes that a call of the fused side allocates.</param>
/// <param name="EagerMemory">By how much a call of the eager side raises the resident memory, in the row's unit.</param>
/// <param name="FusedMemory">The same of the fused side.</param>
/// <param name="Difference">The largest difference between their results, in units of the largest element.</param>
/// <param name="IsEqual">Whether that is within tolerance.</param>
internal sealed record Measurement(
    string Name,
    double Eager,
    double Fused,
    double Ratio,
    double Least,
    double Most,
    double? CopyShare,
    double EagerManaged,
    double FusedManaged,
    double? EagerMemory,
    double? FusedMemory,
    double Difference,
    bool IsEqual);
