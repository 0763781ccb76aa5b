using System.Globalization;

namespace Dpo.Autodiff.Generator.IR;

/// <summary>The size of an axis: an affine form of named sizes in normal form, so that equal forms are equal sizes.</summary>
/// <param name="Constant">The constant part; an extent without terms is a fixed size.</param>
/// <param name="Terms">Names in ordinal order, each once, with a coefficient that is not zero.</param>
/// <remarks>Examples: <c>pair</c>, <c>2*pair</c>, <c>token-1</c>, <c>1</c>, <c>a+b</c>.</remarks>
public sealed record Extent(long Constant, EquatableArray<ExtentTerm> Terms)
{
    public static Extent One { get; } = Fixed(1);

    public bool IsFixed => Terms.Count == 0;

    public bool IsOne => IsFixed && Constant == 1;

    public static Extent Fixed(long size) => new(size, EquatableArray<ExtentTerm>.Empty);

    public static Extent Named(string name, long coefficient = 1) =>
        coefficient == 0 ? Fixed(0) : new(0, [new ExtentTerm(name, coefficient)]);

    /// <summary>Whether it has a flattened axis in it. Programs have none: elaboration keeps the axes apart.</summary>
    public bool HasProduct => Terms.Any(t => t.Factors.Count > 0);

    /// <summary>The axes that are flattened into it, outermost first; itself where it is one axis.</summary>
    public EquatableArray<Extent> Factors => Constant == 0 && Terms.Count == 1 && Terms[0] is { Coefficient: 1, Factors.Count: > 0 } product ? product.Factors : [this];

    /// <summary>Several axes flattened into one: <c>pair*token</c>, which is not <c>token*pair</c>.</summary>
    public static Extent Product(IEnumerable<Extent> axes)
    {
        var factors = axes.SelectMany(a => a.Factors).Where(f => !f.IsOne).ToEquatableArray();
        if (factors.Count < 2)
            return factors.Count == 0 ? One : factors[0];
        var name = string.Join("*", factors.Select(f => f.Terms.Count + (f.Constant == 0 ? 0 : 1) > 1 ? "(" + f + ")" : f.ToString()));
        return new(0, [new ExtentTerm(name, 1) { Factors = factors }]);
    }

    public static Extent operator +(Extent left, Extent right)
    {
        var terms = new SortedDictionary<string, ExtentTerm>(StringComparer.Ordinal);
        foreach (var term in left.Terms.Concat(right.Terms))
            terms[term.Name] = terms.TryGetValue(term.Name, out var other) ? other with { Coefficient = other.Coefficient + term.Coefficient } : term;
        return new(
            left.Constant + right.Constant,
            terms.Values.Where(t => t.Coefficient != 0).ToEquatableArray());
    }

    public static Extent operator *(Extent extent, long factor) =>
        factor == 0 ? Fixed(0) : new(extent.Constant * factor, extent.Terms.Select(t => t with { Coefficient = t.Coefficient * factor }).ToEquatableArray());

    public static Extent operator -(Extent left, Extent right) => left + (right * -1);

    /// <summary>The form divided by <paramref name="divisor"/>, or null where that is not a whole form.</summary>
    public Extent? DivideBy(long divisor) =>
        divisor != 0 && Constant % divisor == 0 && Terms.All(t => t.Coefficient % divisor == 0)
            ? new(Constant / divisor, Terms.Select(t => t with { Coefficient = t.Coefficient / divisor }).ToEquatableArray())
            : null;

    public override string ToString()
    {
        var text = string.Concat(Terms.Select((t, i) => t.Print(first: i == 0)));
        if (text.Length == 0)
            return Constant.ToString(CultureInfo.InvariantCulture);
        return Constant == 0 ? text : text + (Constant > 0 ? "+" : "-") + Math.Abs(Constant).ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>One name of an <see cref="Extent"/> with its coefficient.</summary>
public sealed record ExtentTerm(string Name, long Coefficient)
{
    /// <summary>The axes of a flattened one; none where the name is an axis's.</summary>
    public EquatableArray<Extent> Factors { get; init; } = EquatableArray<Extent>.Empty;

    internal string Print(bool first)
    {
        var sign = Coefficient < 0 ? "-" : first ? "" : "+";
        var magnitude = Math.Abs(Coefficient);
        return magnitude == 1 ? sign + Name : sign + magnitude.ToString(CultureInfo.InvariantCulture) + "*" + Name;
    }
}
