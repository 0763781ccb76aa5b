using System.Globalization;

namespace Align.Templates;

/// <summary>The value of an expression in a scope.</summary>
internal delegate object? Expression(Scope scope);

/// <summary>Reads expressions, by Jinja's order of operators.</summary>
internal sealed class Expressions(TokenReader reader)
{
    private static readonly string[] Comparisons = ["==", "!=", "<=", ">=", "<", ">"];

    /// <summary>Any expression.</summary>
    public Expression Read()
    {
        var value = Or();
        while (reader.Takes("if"))
        {
            var (condition, chosen) = (Or(), value);
            Expression other = reader.Takes("else") ? Read() : _ => new Undefined("the value of an if without else");
            value = scope => Values.IsTrue(condition(scope)) ? chosen(scope) : other(scope);
        }

        return value;
    }

    /// <summary>An expression that an if may follow: what a loop goes over.</summary>
    public Expression Or()
    {
        var left = And();
        while (reader.Takes("or"))
        {
            var (first, second) = (left, And());
            left = scope => first(scope) is var value && Values.IsTrue(value) ? value : second(scope);
        }

        return left;
    }

    /// <summary>Several with commas between are a list.</summary>
    public Expression ReadSeveral()
    {
        var first = Read();
        if (!reader.IsAt(","))
            return first;
        List<Expression> all = [first];
        while (reader.Takes(","))
            all.Add(Read());
        return scope => new Tuple(all.Select(e => e(scope)));
    }

    /// <summary>The values of a call, after its bracket.</summary>
    public (IReadOnlyList<Expression> Values, IReadOnlyList<(string Name, Expression Value)> Named) Arguments()
    {
        var (values, named) = (new List<Expression>(), new List<(string, Expression)>());
        while (!reader.Takes(")"))
        {
            if (reader.Current.Kind == TokenKind.Name && reader.Next is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = reader.Name();
                reader.Expect("=");
                named.Add((name, Read()));
            }
            else
            {
                values.Add(Read());
            }

            if (!reader.IsAt(")"))
                reader.Expect(",");
        }

        return (values, named);
    }

    private Expression And()
    {
        var left = Not();
        while (reader.Takes("and"))
        {
            var (first, second) = (left, Not());
            left = scope => first(scope) is var value && !Values.IsTrue(value) ? value : second(scope);
        }

        return left;
    }

    private Expression Not()
    {
        if (!reader.Takes("not"))
            return Comparison();
        var negated = Not();
        return scope => !Values.IsTrue(negated(scope));
    }

    /// <summary>Comparisons in a row hold all together, as in Python.</summary>
    private Expression Comparison()
    {
        var first = Sum();
        var rest = new List<(string Sign, Expression Right)>();
        var line = reader.Current.Line;
        while (true)
        {
            if (reader.Current.Kind == TokenKind.Operator && Comparisons.Contains(reader.Current.Text))
                rest.Add((reader.Take().Text, Sum()));
            else if (reader.Takes("in"))
                rest.Add(("in", Sum()));
            else if (reader.IsAt("not") && reader.Next.Text == "in")
                rest.Add((reader.Take().Text + reader.Take().Text, Sum()));
            else
                break;
        }

        return rest.Count == 0 ? first : scope =>
        {
            var left = first(scope);
            foreach (var (sign, expression) in rest)
            {
                var right = expression(scope);
                if (!Operations.Compares(sign, left, right, line))
                    return false;
                left = right;
            }

            return true;
        };
    }

    private Expression Sum() => Binary(Joined, "+", "-");

    private Expression Joined() => Binary(Product, "~");

    private Expression Product() => Binary(Power, "*", "/", "//", "%");

    private Expression Binary(Func<Expression> operand, params string[] signs)
    {
        var left = operand();
        while (reader.Current.Kind == TokenKind.Operator && signs.Contains(reader.Current.Text))
        {
            var sign = reader.Take();
            var (first, second) = (left, operand());
            left = scope => Operations.Binary(sign.Text, first(scope), second(scope), sign.Line);
        }

        return left;
    }

    /// <summary>A sign binds closer than a power, unlike Python's.</summary>
    private Expression Power() => Binary(() => Unary(), "**");

    private Expression Unary(bool isFiltered = true)
    {
        Expression value;
        if (reader.IsAt("-") || reader.IsAt("+"))
        {
            var sign = reader.Take();
            var signed = Unary(isFiltered: false);
            value = sign.Text == "+" ? signed : scope => Operations.Binary("-", 0L, signed(scope), sign.Line);
        }
        else
        {
            value = Primary();
        }

        value = Parts(value);
        return isFiltered ? Filtered(value) : value;
    }

    private Expression Primary()
    {
        var token = reader.Take();
        switch (token.Kind)
        {
            case TokenKind.String:
                var text = token.Text;
                while (reader.Current.Kind == TokenKind.String)
                    text += reader.Take().Text;
                return _ => text;
            case TokenKind.Number when long.TryParse(token.Text, CultureInfo.InvariantCulture, out var whole):
                return _ => whole;
            case TokenKind.Number:
                var number = double.Parse(token.Text, CultureInfo.InvariantCulture);
                return _ => number;
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => _ => true,
                    "false" or "False" => _ => false,
                    "none" or "None" => _ => null,
                    var name => scope => scope[name],
                };
            case TokenKind.Operator when token.Text == "(":
                return Bracketed();
            case TokenKind.Operator when token.Text == "[":
                var items = Until("]", Read);
                return scope => items.Select(i => i(scope)).ToList();
            case TokenKind.Operator when token.Text == "{":
                var pairs = Until("}", () =>
                {
                    var key = Read();
                    reader.Expect(":");
                    return (Key: key, Value: Read());
                });
                return scope => pairs.ToDictionary(p => Values.Text(p.Key(scope)), p => p.Value(scope), StringComparer.Ordinal);
            default:
                throw new TemplateException($"a value is expected, not {(token.Text == "" ? "an end" : $"\"{token.Text}\"")}", token.Line);
        }
    }

    private Expression Bracketed()
    {
        var items = new List<Expression>();
        var isList = reader.IsAt(")");
        while (!reader.Takes(")"))
        {
            items.Add(Read());
            if (reader.IsAt(")"))
                continue;
            reader.Expect(",");
            isList = true;
        }

        return isList ? scope => new Tuple(items.Select(i => i(scope))) : items[0];
    }

    private List<T> Until<T>(string close, Func<T> read)
    {
        var all = new List<T>();
        while (!reader.Takes(close))
        {
            all.Add(read());
            if (!reader.IsAt(close))
                reader.Expect(",");
        }

        return all;
    }

    /// <summary>Attributes, items, slices and calls.</summary>
    private Expression Parts(Expression value)
    {
        while (true)
        {
            var (whole, line) = (value, reader.Current.Line);
            if (reader.Takes("."))
            {
                var name = reader.Current.Kind == TokenKind.Number ? reader.Take().Text : reader.Name();
                value = scope => Operations.Attribute(whole(scope), name, line);
            }
            else if (reader.Takes("["))
            {
                value = Subscript(whole, line);
            }
            else if (reader.Takes("("))
            {
                var (values, named) = Arguments();
                value = scope => whole(scope) is Callable called
                    ? called([.. values.Select(v => v(scope))], named.ToDictionary(n => n.Name, n => n.Value(scope), StringComparer.Ordinal))
                    : throw new TemplateException("what is called is no function", line);
            }
            else
            {
                return value;
            }
        }
    }

    private Expression Subscript(Expression whole, int line)
    {
        Expression? start = null;
        if (!reader.IsAt(":"))
        {
            start = Read();
            if (reader.Takes("]"))
                return scope => Operations.Item(whole(scope), start(scope), line);
        }

        reader.Expect(":");
        var end = reader.IsAt(":") || reader.IsAt("]") ? null : Read();
        var step = reader.Takes(":") && !reader.IsAt("]") ? Read() : null;
        reader.Expect("]");
        return scope => Operations.Slice(whole(scope), start?.Invoke(scope), end?.Invoke(scope), step?.Invoke(scope), line);
    }

    /// <summary>Filters, tests and calls after a value.</summary>
    private Expression Filtered(Expression value)
    {
        while (true)
        {
            var (whole, line) = (value, reader.Current.Line);
            if (reader.Takes("|"))
            {
                var name = reader.Name();
                var (values, named) = reader.Takes("(") ? Arguments() : ([], []);
                if (!Filters.Exist(name))
                    throw new TemplateException($"the filter {name} is not one of those that are known", line);
                value = scope => Filters.Apply(name, whole(scope), [.. values.Select(v => v(scope))], named.ToDictionary(n => n.Name, n => n.Value(scope), StringComparer.Ordinal), line);
            }
            else if (reader.Takes("is"))
            {
                var isNegated = reader.Takes("not");
                var name = reader.Name();
                var argument = reader.Takes("(") ? Arguments().Values.FirstOrDefault() : IsOperand() ? Parts(Primary()) : null;
                if (!Tests.Exist(name))
                    throw new TemplateException($"the test {name} is not one of those that are known", line);
                value = scope => Tests.Holds(name, whole(scope), argument?.Invoke(scope), line) != isNegated;
            }
            else
            {
                return value;
            }
        }
    }

    /// <summary>Whether a test's operand follows without brackets.</summary>
    private bool IsOperand() => reader.Current.Kind is TokenKind.String or TokenKind.Number
        || (reader.Current.Kind == TokenKind.Name && reader.Current.Text is not ("and" or "or" or "not" or "if" or "else" or "is" or "in"));
}
