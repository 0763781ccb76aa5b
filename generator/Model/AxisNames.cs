using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Model;

/// <summary>The named axes of an objective in the one order that everything numbers them by: of their first appearance in the parameters.</summary>
public static class AxisNames
{
    public static EquatableArray<string> Of(Function function)
    {
        var names = new List<string>();
        foreach (var parameter in function.Parameters)
            foreach (var axis in Extents(parameter))
                foreach (var term in axis.Terms)
                    if (!names.Contains(term.Name))
                        names.Add(term.Name);
        return names.ToEquatableArray();
    }

    /// <summary>The extents that [Axes] names, outermost first; the text has been checked by the front end.</summary>
    public static EquatableArray<Extent> Extents(FunctionParameter parameter) =>
        (parameter.Axes ?? "").Split([' '], StringSplitOptions.RemoveEmptyEntries).Select(Read).ToEquatableArray();

    private static Extent Read(string axis)
    {
        var star = axis.IndexOf('*');
        if (star >= 0)
            return Extent.Named(axis.Substring(star + 1), Number(axis.Substring(0, star)));
        return char.IsDigit(axis[0]) ? Extent.Fixed(Number(axis)) : Extent.Named(axis);
    }

    private static long Number(string text) => long.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
