namespace Align.Model;

/// <summary>How a model's rotary embedding is stretched beyond the context it was first trained with.</summary>
/// <param name="Factor">What frequencies are divided by.</param>
public sealed record RopeScaling(double Factor)
{
    /// <summary>
    /// Llama 3.1's bands: wavelengths shorter than the original context over <c>High</c> stay as they are, those longer than it over <c>Low</c> are
    /// stretched, and those between by parts. Null where all are stretched.
    /// </summary>
    public (double Low, double High, int OriginalContext)? Bands { get; init; }

    /// <summary>A frequency, stretched.</summary>
    public double Apply(double frequency)
    {
        if (Bands is not var (low, high, context))
            return frequency / Factor;
        var turns = context * frequency / (2 * Math.PI);
        var kept = Math.Clamp((turns - low) / (high - low), 0, 1);
        return (1 - kept) * frequency / Factor + kept * frequency;
    }
}
