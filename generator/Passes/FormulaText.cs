namespace Dpo.Autodiff.Generator.Passes;

/// <summary>A piece of a formula and how tightly its outermost operator binds, so that parentheses stand only where they are needed.</summary>
/// <param name="Text">The formula.</param>
/// <param name="Precedence">Of its outermost operator; an atom binds tightest.</param>
public sealed record FormulaText(string Text, int Precedence)
{
    private const int AtomPrecedence = 100;
    private const int PowerPrecedence = 50;
    private const int PrefixPrecedence = 45;

    public static FormulaText Atom(string text) => new(text, text.StartsWith("-", StringComparison.Ordinal) ? PrefixPrecedence : AtomPrecedence);

    public static FormulaText Call(string function, params string[] arguments) => new(function + "(" + string.Join(", ", arguments) + ")", AtomPrecedence);

    public static FormulaText Prefix(string symbol, FormulaText operand) =>
        new(symbol + operand.Within(PrefixPrecedence + (operand.Text.StartsWith(symbol, StringComparison.Ordinal) ? 1 : 0)), PrefixPrecedence);

    /// <summary>x^y.</summary>
    public static FormulaText Power(FormulaText x, FormulaText y) => new(x.Within(PowerPrecedence + 1) + "^" + y.Within(PowerPrecedence + 1), PowerPrecedence);

    /// <summary>x op y; a conditional has three operands.</summary>
    public static FormulaText Infix(string symbol, params FormulaText[] operands)
    {
        var precedence = PrecedenceOf(symbol);
        if (operands.Length == 3)
            return new($"{operands[0].Within(precedence + 1)} ? {operands[1].Within(precedence + 1)} : {operands[2].Within(precedence)}", precedence);
        // a - (b + c) and a / (b * c) keep their parentheses; a + (b - c) and a * (b * c) do not need any.
        var right = precedence + (symbol is "+" or "*" or "&&" or "||" ? 0 : 1);
        if (symbol == "*" && operands[1].Text.Contains(" / ") && operands[1].Precedence == precedence)
            right = precedence + 1;
        var second = operands[1].Precedence == PrefixPrecedence && operands[1].Text[0] == '-' && symbol is "+" or "-" ? PrefixPrecedence + 1 : right;
        return new($"{operands[0].Within(precedence)} {symbol} {operands[1].Within(second)}", precedence);
    }

    /// <summary>The text as an operand of an operator of this precedence.</summary>
    public string Within(int precedence) => Precedence < precedence ? "(" + Text + ")" : Text;

    private static int PrecedenceOf(string symbol) => symbol switch
    {
        "*" or "/" or "%" => 40,
        "+" or "-" => 35,
        "<<" or ">>" => 30,
        "<" or ">" or "<=" or ">=" => 28,
        "==" or "!=" => 26,
        "&" => 24,
        "^" => 22,
        "|" => 20,
        "&&" => 18,
        "||" => 16,
        "??" => 14,
        _ => 10,
    };
}
