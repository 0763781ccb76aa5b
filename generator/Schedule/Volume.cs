using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>How many: a polynomial in named sizes, the count of a nest of loops or of a buffer's elements.</summary>
/// <param name="Terms">Coefficients by monomial (its names in ordinal order, separated by <c>*</c>; empty for the constant), none zero, of higher degree first.</param>
public sealed record Volume(EquatableArray<VolumeTerm> Terms)
{
    public static Volume Zero { get; } = new(EquatableArray<VolumeTerm>.Empty);

    public static Volume Of(long number) => Of([new VolumeTerm("", number)]);

    public static Volume Of(Extent extent) =>
        Of(extent.Terms.Select(t => new VolumeTerm(t.Name, t.Coefficient)).Concat([new VolumeTerm("", extent.Constant)]));

    /// <summary>The product of extents.</summary>
    public static Volume Of(IEnumerable<Extent> extents) => extents.Aggregate(Of(1), (volume, extent) => volume * Of(extent));

    public static Volume operator +(Volume left, Volume right) => Of(left.Terms.Concat(right.Terms));

    public static Volume operator *(Volume left, Volume right) =>
        Of(left.Terms.SelectMany(l => right.Terms.Select(r => new VolumeTerm(Join(l.Monomial, r.Monomial), l.Coefficient * r.Coefficient))));

    public static Volume operator *(Volume volume, long factor) => volume * Of(factor);

    /// <summary>The number for given sizes.</summary>
    public long At(IReadOnlyDictionary<string, long> extents) =>
        Terms.Sum(t => t.Names.Aggregate(t.Coefficient, (product, name) => product * extents[name]));

    public override string ToString() => Terms.Count == 0 ? "0" : string.Concat(Terms.Select((t, i) => t.Print(first: i == 0)));

    private static Volume Of(IEnumerable<VolumeTerm> terms) => new(terms
        .GroupBy(t => t.Monomial, StringComparer.Ordinal)
        .Select(g => new VolumeTerm(g.Key, g.Sum(t => t.Coefficient)))
        .Where(t => t.Coefficient != 0)
        .OrderByDescending(t => t.Names.Count).ThenBy(t => t.Monomial, StringComparer.Ordinal)
        .ToEquatableArray());

    private static string Join(string left, string right) =>
        string.Join("*", left.Split('*').Concat(right.Split('*')).Where(n => n.Length > 0).OrderBy(n => n, StringComparer.Ordinal));
}

/// <summary>A monomial with its coefficient.</summary>
public sealed record VolumeTerm(string Monomial, long Coefficient)
{
    public IReadOnlyList<string> Names => Monomial.Length == 0 ? [] : Monomial.Split('*');

    internal string Print(bool first)
    {
        var sign = Coefficient < 0 ? first ? "-" : " - " : first ? "" : " + ";
        var magnitude = Math.Abs(Coefficient).ToString(CultureInfo.InvariantCulture);
        return sign + (Monomial.Length == 0 ? magnitude : magnitude == "1" ? Monomial : magnitude + "*" + Monomial);
    }
}
