using System.Globalization;
using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>The host expressions that elaboration meets, each once, so that equal expressions are one id on every path.</summary>
/// <remarks>
/// Conditions and whole numbers over constants fold here: they decide what is compiled. Arithmetic over floating-point numbers never
/// folds (the compiler may run on another framework than the program).
/// </remarks>
internal sealed class ElaborateHost
{
    private readonly List<HostEquation> table = [];
    private readonly Dictionary<HostEquation, int> ids = [];
    private readonly Dictionary<int, Extent?> extents = [];

    public HostEquation this[int id] => table[id];

    public int Truth(bool value) => Add(new(HostOperation.Literal, HostKind.Bool, [], value ? "true" : "false"));

    public int Whole(long value, HostKind kind = HostKind.Int64) =>
        Add(new(HostOperation.Literal, kind, [], value.ToString(CultureInfo.InvariantCulture) + (kind == HostKind.Int64 ? "L" : "")));

    public int Real(double value) => Add(new(HostOperation.Literal, HostKind.Double, [], Literals.CSharp(value)));

    public int Size(Extent extent)
    {
        if (extent.IsFixed)
            return Whole(extent.Constant);
        return extent.HasProduct ? SizeOfProducts(extent) : Add(new(HostOperation.Size, HostKind.Int64, [], "", extent));
    }

    private int SizeOfProducts(Extent extent)
    {
        int? sum = null;
        var plain = new Extent(extent.Constant, extent.Terms.Where(t => t.Factors.Count == 0).ToEquatableArray());
        foreach (var term in extent.Terms.Where(t => t.Factors.Count > 0))
        {
            var product = term.Factors.Select(Size).Aggregate((a, b) => Binary("*", HostKind.Int64, a, b));
            if (term.Coefficient != 1)
                product = Binary("*", HostKind.Int64, product, Whole(term.Coefficient));
            sum = sum is { } before ? Binary("+", HostKind.Int64, before, product) : product;
        }

        return plain == Extent.Fixed(0) ? sum!.Value : Binary("+", HostKind.Int64, sum!.Value, Size(plain));
    }

    public int IsPresent(string parameter) => Add(new(HostOperation.IsPresent, HostKind.Bool, [], parameter));

    public int Not(int condition) => Make(new(HostOperation.Unary, HostKind.Bool, [condition], "!"));

    public int Binary(string text, HostKind kind, int left, int right) => Make(new(HostOperation.Binary, kind, [left, right], text));

    /// <summary>The expression, folded where that is exact.</summary>
    public int Make(HostEquation equation) => Fold(equation) ?? Add(equation);

    public bool? AsTruth(int id) => table[id] is { Operation: HostOperation.Literal, Kind: HostKind.Bool } literal ? literal.Text == "true" : null;

    /// <summary>The value of a whole literal.</summary>
    public long? AsWhole(int id) =>
        table[id] is { Operation: HostOperation.Literal, Kind: HostKind.Int32 or HostKind.Int64 } literal
        && long.TryParse(literal.Text.TrimEnd('L'), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    /// <summary>The value of a literal number or truth value.</summary>
    public double? AsNumber(int id)
    {
        if (table[id].Operation != HostOperation.Literal)
            return null;
        var text = table[id].Text;
        switch (table[id].Kind)
        {
            case HostKind.Bool:
                return text == "true" ? 1 : 0;
            case HostKind.Int32 or HostKind.Int64:
                return AsWhole(id);
            case HostKind.Single or HostKind.Double:
                switch (text.Substring(text.IndexOf('.') + 1))
                {
                    case "NaN":
                        return double.NaN;
                    case "PositiveInfinity":
                        return double.PositiveInfinity;
                    case "NegativeInfinity":
                        return double.NegativeInfinity;
                }

                if (table[id].Kind == HostKind.Single)
                    return float.TryParse(text.TrimEnd('f'), NumberStyles.Float, CultureInfo.InvariantCulture, out var single) ? Signed(single, text) : null;
                return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? Signed(number, text) : null;
            default:
                return null;
        }
    }

    /// <summary>The value as an affine form of sizes, or null where it is none.</summary>
    public Extent? AsExtent(int id)
    {
        if (!extents.TryGetValue(id, out var extent))
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            extents[id] = extent = FindExtent(id);
        }

        return extent;
    }

    /// <summary>As an operand of an equation: a literal where it is one.</summary>
    public Atom AsAtom(int id) => AsNumber(id) is { } number ? Atom.Literal(number) : Atom.Host(id);

    /// <summary>The expression with the sub-expressions that <paramref name="known"/> names replaced.</summary>
    public int Substitute(int id, IReadOnlyDictionary<int, int> known)
    {
        return known.Count == 0 ? id : Rewrite(id, []);

        int Rewrite(int id, Dictionary<int, int> seen)
        {
            if (known.TryGetValue(id, out var value) || seen.TryGetValue(id, out value))
                return value;
            RuntimeHelpers.EnsureSufficientExecutionStack();
            var equation = table[id];
            var operands = equation.Operands.Select(o => Rewrite(o, seen)).ToEquatableArray();
            var replaced = operands == equation.Operands ? id : Make(equation with { Operands = operands });
            return seen[id] = known.TryGetValue(replaced, out value) ? value : replaced;
        }
    }

    /// <summary>The table of what <paramref name="condition"/> needs, and its place there.</summary>
    public (EquatableArray<HostEquation> Table, int Condition) Extract(int condition)
    {
        var compact = new List<HostEquation>();
        var places = new Dictionary<int, int>();
        int Copy(int id)
        {
            if (places.TryGetValue(id, out var place))
                return place;
            RuntimeHelpers.EnsureSufficientExecutionStack();
            var equation = table[id] with { Operands = table[id].Operands.Select(Copy).ToEquatableArray() };
            compact.Add(equation);
            return places[id] = compact.Count - 1;
        }

        var root = Copy(condition);
        return (compact.ToEquatableArray(), root);
    }

    /// <summary>Adds an expression and what it needs to a program under construction; <paramref name="places"/> are those that it has.</summary>
    public int CopyTo(ProgramBuilder builder, int id, Dictionary<int, int> places)
    {
        if (places.TryGetValue(id, out var place))
            return place;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        return places[id] = builder.Host(table[id] with { Operands = table[id].Operands.Select(o => CopyTo(builder, o, places)).ToEquatableArray() });
    }

    private Extent? FindExtent(int id)
    {
        var equation = table[id];
        if (AsWhole(id) is { } whole)
            return Extent.Fixed(whole);
        switch (equation.Operation)
        {
            case HostOperation.Size:
                return equation.Extent;
            case HostOperation.Convert when equation.Kind is HostKind.Int32 or HostKind.Int64:
                return table[equation.Operands[0]].Kind is HostKind.Int32 or HostKind.Int64 ? AsExtent(equation.Operands[0]) : null;
            case HostOperation.Unary when equation.Text == "-":
                return AsExtent(equation.Operands[0]) is { } negated ? negated * -1 : null;
            case HostOperation.Binary when equation.Kind is HostKind.Int32 or HostKind.Int64:
                if (AsExtent(equation.Operands[0]) is not { } left || AsExtent(equation.Operands[1]) is not { } right)
                    return null;
                return equation.Text switch
                {
                    "+" => left + right,
                    "-" => left - right,
                    "*" when right.IsFixed => left * right.Constant,
                    "*" when left.IsFixed => right * left.Constant,
                    "*" => Extent.Product([left, right]),
                    "/" when right.IsFixed => left.DivideBy(right.Constant),
                    _ => null,
                };
            default:
                return null;
        }
    }

    private int Add(HostEquation equation)
    {
        if (!ids.TryGetValue(equation, out var id))
        {
            ids.Add(equation, id = table.Count);
            table.Add(equation);
        }

        return id;
    }

    private static double Signed(double number, string text) => number == 0 && text.StartsWith("-", StringComparison.Ordinal) ? -0.0 : number;

    private int? Fold(HostEquation equation)
    {
        var operands = equation.Operands;
        return equation.Operation switch
        {
            HostOperation.Literal when equation.Text.StartsWith("(", StringComparison.Ordinal) && equation.Kind != HostKind.Enum => null,
            HostOperation.Size when equation.Extent is { IsFixed: true } size => Whole(size.Constant),
            // The value of a nullable number is read by a conversion to its own type.
            HostOperation.Convert when table[operands[0]].Kind == equation.Kind && table[operands[0]].EnumType == equation.EnumType => operands[0],
            HostOperation.Convert => FoldConversion(equation.Kind, operands[0]),
            HostOperation.Select when AsTruth(operands[0]) is { } truth => operands[truth ? 1 : 2],
            HostOperation.Select when operands[1] == operands[2] => operands[1],
            HostOperation.Unary when equation.Text == "!" && AsTruth(operands[0]) is { } truth => Truth(!truth),
            HostOperation.Unary when equation.Text == "!" && table[operands[0]] is { Operation: HostOperation.Unary, Text: "!" } twice => twice.Operands[0],
            HostOperation.Unary when equation.Text == "-" && AsWhole(operands[0]) is { } whole => FoldWhole(equation.Kind, -(decimal)whole),
            HostOperation.Unary when equation.Text == "-" && equation.Kind == HostKind.Double && AsNumber(operands[0]) is { } number => Real(-number),
            HostOperation.Binary => FoldBinary(equation.Kind, equation.Text, operands[0], operands[1]),
            _ => null,
        };
    }

    private int? FoldConversion(HostKind kind, int operand) => kind switch
    {
        HostKind.Int32 or HostKind.Int64 when AsWhole(operand) is { } whole => FoldWhole(kind, whole),
        // Every int is a double.
        HostKind.Double when table[operand].Kind == HostKind.Int32 && AsWhole(operand) is { } whole => Real(whole),
        HostKind.Double when table[operand].Kind == HostKind.Single && AsNumber(operand) is { } single => Real(single),
        _ => null,
    };

    private int? FoldWhole(HostKind kind, decimal value) => kind switch
    {
        HostKind.Int32 when value is >= int.MinValue and <= int.MaxValue => Whole((long)value, kind),
        HostKind.Int64 when value is >= long.MinValue and <= long.MaxValue => Whole((long)value, kind),
        _ => null,
    };

    private int? FoldBinary(HostKind kind, string text, int left, int right)
    {
        if (kind is HostKind.Int32 or HostKind.Int64 && AsWhole(left) is { } a && AsWhole(right) is { } b)
        {
            return text switch
            {
                "+" => FoldWhole(kind, (decimal)a + b),
                "-" => FoldWhole(kind, (decimal)a - b),
                "*" when Math.Abs((double)a * b) < 1e18 => FoldWhole(kind, (decimal)a * b),
                "/" when b != 0 => FoldWhole(kind, decimal.Truncate((decimal)a / b)),
                "%" when b is not 0 and not -1 => FoldWhole(kind, a % b),
                _ => null,
            };
        }

        if (kind != HostKind.Bool)
            return null;
        switch (text)
        {
            case "&&" or "&":
                return AsTruth(left) is { } p ? (p ? right : left) : AsTruth(right) is { } q ? (q ? left : right) : left == right ? left : null;
            case "||" or "|":
                return AsTruth(left) is { } r ? (r ? left : right) : AsTruth(right) is { } s ? (s ? right : left) : left == right ? left : null;
            case "==" or "!=" when AsTruth(left) is { } truth:
                return truth == (text == "==") ? right : Not(right);
            case "==" or "!=" when AsTruth(right) is { } truth:
                return truth == (text == "==") ? left : Not(left);
        }

        return Compare(text, left, right) is { } known ? Truth(known) : null;
    }

    private bool? Compare(string text, int left, int right)
    {
        var (x, y) = (table[left], table[right]);
        if (x.Kind == HostKind.Enum && y.Kind == HostKind.Enum)
        {
            // The front end spells equal values equally, but for default(T).
            if (left == right)
                return text switch { "==" or "<=" or ">=" => true, "!=" or "<" or ">" => false, _ => null };
            var literal = x.Operation == HostOperation.Literal && y.Operation == HostOperation.Literal
                && !x.Text.StartsWith("default", StringComparison.Ordinal) && !y.Text.StartsWith("default", StringComparison.Ordinal);
            return literal ? text switch { "==" => false, "!=" => true, _ => null } : null;
        }

        if (AsExtent(left) is { } a && AsExtent(right) is { } b)
            return (a - b) is { IsFixed: true, Constant: var difference } ? Holds(text, difference.CompareTo(0)) : null;
        if (AsNumber(left) is { } p && AsNumber(right) is { } q)
            return double.IsNaN(p) || double.IsNaN(q) ? text == "!=" : Holds(text, p.CompareTo(q) is var order && p == q ? 0 : order);
        return null;
    }

    private static bool? Holds(string text, int order) => text switch
    {
        "==" => order == 0,
        "!=" => order != 0,
        "<" => order < 0,
        "<=" => order <= 0,
        ">" => order > 0,
        ">=" => order >= 0,
        _ => null,
    };
}
