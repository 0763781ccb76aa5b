using System.Text;

namespace Align.Templates;

/// <summary>Writes into a text, with the names of a scope.</summary>
internal delegate Flow Statement(Scope scope, StringBuilder text);

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    /// <summary>The next one follows.</summary>
    Next,

    /// <summary>The loop goes on with its next item.</summary>
    Continue,

    /// <summary>The loop ends.</summary>
    Break,
}

/// <summary>Reads statements.</summary>
internal sealed class Statements
{
    private readonly TokenReader reader;
    private readonly Expressions expressions;

    /// <summary>Reads from tokens.</summary>
    public Statements(TokenReader reader)
    {
        this.reader = reader;
        expressions = new Expressions(reader);
    }

    /// <summary>A whole template.</summary>
    public Statement Whole()
    {
        var (body, end) = Until();
        return end == "" ? body : throw new TemplateException($"{end} ends nothing", reader.Current.Line);
    }

    /// <summary>Statements up to one of some words, or to the template's end.</summary>
    /// <returns>What they do, and the word, which is taken; "" at the end.</returns>
    private (Statement Body, string End) Until(params string[] ends)
    {
        var all = new List<Statement>();
        while (true)
        {
            var token = reader.Take();
            switch (token.Kind)
            {
                case TokenKind.Text:
                    all.Add((_, text) =>
                    {
                        text.Append(token.Text);
                        return Flow.Next;
                    });
                    break;
                case TokenKind.OutputBegin:
                    var value = expressions.ReadSeveral();
                    reader.Expect(TokenKind.OutputEnd);
                    all.Add((scope, text) =>
                    {
                        text.Append(Values.Text(value(scope)));
                        return Flow.Next;
                    });
                    break;
                case TokenKind.BlockBegin:
                    var word = reader.Name();
                    if (ends.Contains(word))
                        return (InOrder(all), word);
                    all.Add(One(word, token.Line));
                    break;
                default:
                    return ends.Length == 0 ? (InOrder(all), "") : throw new TemplateException($"{ends[^1]} is missing", token.Line);
            }
        }
    }

    private static Statement InOrder(List<Statement> all) => (scope, text) =>
    {
        foreach (var statement in all)
        {
            if (statement(scope, text) is not Flow.Next and var flow)
                return flow;
        }

        return Flow.Next;
    };

    private Statement One(string word, int line) => word switch
    {
        "if" => If(),
        "for" => For(),
        "set" => Set(line),
        "macro" => Macro(),
        "generation" => Generation(),
        "break" => Jump(Flow.Break),
        "continue" => Jump(Flow.Continue),
        _ => throw new TemplateException($"the statement {word} is not read", line),
    };

    private Statement Jump(Flow flow)
    {
        reader.Expect(TokenKind.BlockEnd);
        return (_, _) => flow;
    }

    private Statement If()
    {
        var cases = new List<(Expression Condition, Statement Body)>();
        Statement? otherwise = null;
        var word = "if";
        while (word != "endif")
        {
            Expression? condition = word == "else" ? null : expressions.Read();
            reader.Expect(TokenKind.BlockEnd);
            var (body, end) = otherwise is null && condition is not null ? Until("elif", "else", "endif") : Until("endif");
            if (condition is null)
                otherwise = body;
            else
                cases.Add((condition, body));
            word = end;
        }

        reader.Expect(TokenKind.BlockEnd);
        return (scope, text) =>
        {
            foreach (var (condition, body) in cases)
            {
                if (Values.IsTrue(condition(scope)))
                    return body(scope, text);
            }

            return otherwise?.Invoke(scope, text) ?? Flow.Next;
        };
    }

    private Statement For()
    {
        var names = Names();
        reader.Expect("in");
        var line = reader.Current.Line;
        var items = expressions.Or();
        var condition = reader.Takes("if") ? expressions.Read() : null;
        reader.Takes("recursive");
        reader.Expect(TokenKind.BlockEnd);
        var (body, end) = Until("else", "endfor");
        Statement? otherwise = null;
        if (end == "else")
        {
            reader.Expect(TokenKind.BlockEnd);
            (otherwise, _) = Until("endfor");
        }

        reader.Expect(TokenKind.BlockEnd);
        return (scope, text) =>
        {
            var all = Values.Items(items(scope)) ?? throw new TemplateException("what a loop goes over is no list", line);
            if (condition is not null)
                all = [.. all.Where(item => Values.IsTrue(condition(With(scope, names, item, line))))];
            for (var i = 0; i < all.Count; i++)
            {
                var inner = With(scope, names, all[i], line);
                inner["loop"] = Loop(all, i);
                if (body(inner, text) == Flow.Break)
                    break;
            }

            return all.Count == 0 && otherwise is not null ? otherwise(scope, text) : Flow.Next;
        };
    }

    private static Dictionary<string, object?> Loop(IReadOnlyList<object?> all, int i) => new(StringComparer.Ordinal)
    {
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)all.Count - i,
        ["revindex0"] = all.Count - i - 1L,
        ["first"] = i == 0,
        ["last"] = i == all.Count - 1,
        ["length"] = (long)all.Count,
        ["previtem"] = i > 0 ? all[i - 1] : new Undefined("the item before the first"),
        ["nextitem"] = i < all.Count - 1 ? all[i + 1] : new Undefined("the item after the last"),
    };

    private List<string> Names()
    {
        var brackets = reader.Takes("(");
        List<string> names = [reader.Name()];
        while (reader.Takes(","))
            names.Add(reader.Name());
        if (brackets)
            reader.Expect(")");
        return names;
    }

    private static Scope With(Scope scope, IReadOnlyList<string> names, object? value, int line)
    {
        var inner = new Scope(scope);
        Assign(inner, names, value, line);
        return inner;
    }

    private static void Assign(Scope scope, IReadOnlyList<string> names, object? value, int line)
    {
        if (names is [var name])
        {
            scope[name] = value;
            return;
        }

        var parts = Values.Items(value);
        if (parts?.Count != names.Count)
            throw new TemplateException($"{names.Count} names for {parts?.Count ?? 1} values", line);
        for (var i = 0; i < names.Count; i++)
            scope[names[i]] = parts[i];
    }

    private Statement Set(int line)
    {
        var names = Names();
        var attribute = names.Count == 1 && reader.Takes(".") ? reader.Name() : null;
        if (reader.Takes("="))
        {
            var value = expressions.ReadSeveral();
            reader.Expect(TokenKind.BlockEnd);
            return (scope, _) =>
            {
                if (attribute is null)
                    Assign(scope, names, value(scope), line);
                else if (scope[names[0]] is IDictionary<string, object?> space)
                    space[attribute] = value(scope);
                else
                    throw new TemplateException($"{names[0]} is no namespace", line);
                return Flow.Next;
            };
        }

        reader.Expect(TokenKind.BlockEnd);
        var (body, _) = Until("endset");
        reader.Expect(TokenKind.BlockEnd);
        return (scope, _) =>
        {
            scope[names[0]] = Written(body, new Scope(scope));
            return Flow.Next;
        };
    }

    private Statement Macro()
    {
        var name = reader.Name();
        reader.Expect("(");
        var parameters = new List<(string Name, Expression? Value)>();
        while (!reader.Takes(")"))
        {
            parameters.Add((reader.Name(), reader.Takes("=") ? expressions.Read() : null));
            if (!reader.IsAt(")"))
                reader.Expect(",");
        }

        reader.Expect(TokenKind.BlockEnd);
        var (body, _) = Until("endmacro");
        reader.Expect(TokenKind.BlockEnd);
        return (scope, _) =>
        {
            scope[name] = (Callable)((values, named) =>
            {
                var inner = new Scope(scope);
                for (var i = 0; i < parameters.Count; i++)
                {
                    var (parameter, otherwise) = parameters[i];
                    inner[parameter] = i < values.Count ? values[i]
                        : named.TryGetValue(parameter, out var given) ? given
                        : otherwise is null ? new Undefined(parameter) : otherwise(inner);
                }

                return Written(body, inner);
            });
            return Flow.Next;
        };
    }

    /// <summary>transformers' mark of what the assistant wrote; the text is that inside.</summary>
    private Statement Generation()
    {
        reader.Expect(TokenKind.BlockEnd);
        var (body, _) = Until("endgeneration");
        reader.Expect(TokenKind.BlockEnd);
        return body;
    }

    private static string Written(Statement body, Scope scope)
    {
        var text = new StringBuilder();
        body(scope, text);
        return text.ToString();
    }
}
