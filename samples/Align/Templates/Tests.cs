using System.Collections;

namespace Align.Templates;

/// <summary>What stands after <c>is</c>.</summary>
internal static class Tests
{
    private static readonly HashSet<string> Names =
    [
        "defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "number", "integer", "float", "boolean", "true", "false", "callable", "even", "odd",
        "divisibleby", "eq", "equalto", "sameas", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge", "in", "lower", "upper",
    ];

    /// <summary>Whether a test is known.</summary>
    public static bool Exist(string name) => Names.Contains(name);

    /// <summary>Whether a value passes a test.</summary>
    public static bool Holds(string name, object? value, object? other, int line) => name switch
    {
        "defined" => value is not Undefined,
        "undefined" => value is Undefined,
        "none" => value is null,
        "string" => value is string,
        "mapping" => value is IDictionary<string, object?>,
        "iterable" => value is string or IList or IDictionary<string, object?> or Undefined,
        "sequence" => value is string or IList or IDictionary<string, object?> or Undefined,
        "number" => Values.IsNumber(value),
        "integer" => value is long,
        "float" => value is double,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "callable" => value is Callable,
        "even" => Operations.Binary("%", value, 2L, line) is 0L,
        "odd" => Operations.Binary("%", value, 2L, line) is 1L,
        "divisibleby" => Operations.Binary("%", value, other, line) is 0L,
        "eq" or "equalto" or "sameas" => Values.AreEqual(value, other),
        "ne" => !Values.AreEqual(value, other),
        "lt" or "lessthan" => Operations.Compares("<", value, other, line),
        "le" => Operations.Compares("<=", value, other, line),
        "gt" or "greaterthan" => Operations.Compares(">", value, other, line),
        "ge" => Operations.Compares(">=", value, other, line),
        "in" => Operations.Compares("in", value, other, line),
        "lower" => value is string text && text == text.ToLowerInvariant(),
        "upper" => value is string text && text == text.ToUpperInvariant(),
        _ => throw new TemplateException($"the test {name} is not one of those that are known", line),
    };
}
