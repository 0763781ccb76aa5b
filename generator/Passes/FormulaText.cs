namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// A piece of a formula with its sign apart and how tightly its outermost operator binds, so that parentheses stand only where they
/// are needed and <c>a + -b</c> reads <c>a - b</c>.
/// </summary>
/// <param name="Magnitude">The text without its sign.</param>
/// <param name="Precedence">Of the outermost operator of the magnitude; an atom binds tightest.</param>
/// <param name="IsNegative">Whether a minus stands before it.</param>
/// <param name="Reversed">Of a difference, the one whose negative it is: -(a - b) reads b - a.</param>
public sealed record FormulaText(string Magnitude, int Precedence, bool IsNegative = false, string? Reversed = null)
{
    private const int AtomPrecedence = 100;
    private const int PowerPrecedence = 50;
    private const int ProductPrecedence = 40;
    private const int SumPrecedence = 35;

    public string Text => IsNegative ? "-" + Enclosed(ProductPrecedence) : Magnitude;

    private bool IsReciprocal => Precedence == ProductPrecedence && Magnitude.StartsWith("1 / ", StringComparison.Ordinal);

    public bool IsAtom => Precedence == AtomPrecedence && !IsNegative;

    public static FormulaText Atom(string text) =>
        text.Length > 1 && text[0] == '-' ? new(text.Substring(1), AtomPrecedence, IsNegative: true) : new(text, AtomPrecedence);

    public static FormulaText Call(string function, params FormulaText[] arguments) =>
        new(function + "(" + string.Join(", ", arguments.Select(a => a.Text)) + ")", AtomPrecedence);

    public static FormulaText operator -(FormulaText x) => x.Reversed is { } reversed
        ? x with { Magnitude = reversed, Reversed = x.Magnitude }
        : x with { IsNegative = !x.IsNegative };

    public static FormulaText operator +(FormulaText x, FormulaText y) => (x.IsNegative, y.IsNegative) switch
    {
        _ when x.Magnitude == "0" => y,
        _ when y.Magnitude == "0" => x,
        (true, true) => -(-x + -y),
        (true, false) => Difference(y, -x),
        (false, true) => Difference(x, -y),
        _ => new($"{x.Enclosed(SumPrecedence)} + {y.Enclosed(SumPrecedence)}", SumPrecedence),
    };

    public static FormulaText operator -(FormulaText x, FormulaText y) => x + -y;

    private static FormulaText Difference(FormulaText x, FormulaText y) => new(
        $"{x.Enclosed(SumPrecedence)} - {y.Enclosed(SumPrecedence + 1)}",
        SumPrecedence,
        Reversed: x.Reversed is { } reversed ? $"{y.Enclosed(SumPrecedence)} + {reversed}" : $"{y.Enclosed(SumPrecedence)} - {x.Enclosed(SumPrecedence + 1)}");

    public static FormulaText operator *(FormulaText x, FormulaText y)
    {
        var isNegative = x.IsNegative != y.IsNegative;
        if (x.Magnitude == "1")
            return y with { IsNegative = isNegative };
        if (y.Magnitude == "1")
            return x with { IsNegative = isNegative };
        // x * (1 / y) reads x / y.
        if (y.IsReciprocal)
            return new(x.Enclosed(ProductPrecedence) + y.Magnitude.Substring(1), ProductPrecedence, isNegative);
        if (x.IsReciprocal)
            return new(y.Enclosed(ProductPrecedence) + x.Magnitude.Substring(1), ProductPrecedence, isNegative);
        return new($"{x.Enclosed(ProductPrecedence)} * {y.Enclosed(ProductPrecedence)}", ProductPrecedence, isNegative);
    }

    public static FormulaText operator /(FormulaText x, FormulaText y) => y.Magnitude == "1"
        ? x with { IsNegative = x.IsNegative != y.IsNegative }
        : new($"{x.Enclosed(ProductPrecedence)} / {y.Enclosed(ProductPrecedence + 1)}", ProductPrecedence, x.IsNegative != y.IsNegative);

    /// <summary>The product of matrices, either of which may be transposed.</summary>
    public static FormulaText Product(FormulaText x, bool isLeftTransposed, FormulaText y, bool isRightTransposed) => new(
        $"{x.AsMatrix(isLeftTransposed)} @ {y.AsMatrix(isRightTransposed)}", ProductPrecedence, x.IsNegative != y.IsNegative);

    private string AsMatrix(bool isTransposed) => isTransposed ? Enclosed(PowerPrecedence + 1) + "^T" : Enclosed(ProductPrecedence + 1);

    /// <summary>x^y.</summary>
    public static FormulaText Power(FormulaText x, FormulaText y) => new(x.Within(PowerPrecedence + 1) + "^" + y.Within(PowerPrecedence + 1), PowerPrecedence);

    public static FormulaText Not(FormulaText x) => new("not " + x.Within(SumPrecedence), 19);

    /// <summary>x op y for comparisons, conditions and what C# has beyond arithmetic.</summary>
    public static FormulaText Infix(string symbol, FormulaText x, FormulaText y) => symbol switch
    {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" => x / y,
        _ => new($"{x.Within(PrecedenceOf(symbol) + (symbol is "and" or "or" ? 0 : 1))} {symbol} {y.Within(PrecedenceOf(symbol) + (symbol is "and" or "or" ? 0 : 1))}", PrecedenceOf(symbol)),
    };

    /// <summary>The text, sign included, as an operand of an operator of this precedence.</summary>
    public string Within(int precedence) => (IsNegative ? ProductPrecedence : Precedence) < precedence ? "(" + Text + ")" : Text;

    private string Enclosed(int precedence) => Precedence < precedence ? "(" + Magnitude + ")" : Magnitude;

    private static int PrecedenceOf(string symbol) => symbol switch
    {
        "%" => ProductPrecedence,
        "<<" or ">>" => 30,
        "<" or ">" or "<=" or ">=" => 28,
        "==" or "!=" => 26,
        "xor" => 22,
        "and" => 18,
        "or" => 16,
        _ => 10,
    };
}
