namespace Align.Reporting;

/// <summary>A share of successes with its uncertainty.</summary>
/// <param name="Successes">How many.</param>
/// <param name="Trials">Of how many.</param>
internal readonly record struct Binomial(int Successes, int Trials)
{
    private const double Normal95 = 1.959963984540054;

    /// <summary>The share.</summary>
    public double Share => Trials == 0 ? double.NaN : (double)Successes / Trials;

    /// <summary>The 95 % interval of Wilson (1927).</summary>
    public (double Low, double High) Interval
    {
        get
        {
            if (Trials == 0)
                return (0, 1);
            const double Square = Normal95 * Normal95;
            var centre = Share + (Square / (2 * Trials));
            var half = Normal95 * Math.Sqrt((Share * (1 - Share) / Trials) + (Square / (4.0 * Trials * Trials)));
            var scale = 1 + (Square / Trials);
            return ((centre - half) / scale, (centre + half) / scale);
        }
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Format.Percent(Share)} ({Format.Fixed(100 * Interval.Low, 1)} to {Format.Fixed(100 * Interval.High, 1)})";
}
