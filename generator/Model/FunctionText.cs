using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;

namespace Dpo.Autodiff.Generator.Model;

/// <summary>Functions as text, format version 1: what an assembly carries for the objectives of others, and what tests snapshot.</summary>
/// <remarks>
/// <code>
/// function    = "function" TEXT NAME "locals" NUMBER { parameter } "results" { TEXT } { instruction }
/// parameter   = "parameter" KIND NAME { "nullable" | "enum" TEXT | "default" TEXT | "axes" TEXT | "nograd" | "donated" }
/// instruction = "%"NUMBER "=" OPCODE [ TEXT ] { "host" OPERATION | "kind" KIND | "enum" TEXT | "to" NUMBER } { [ NAME ":" ] "%"NUMBER }
/// </code>
/// One line each, words separated by single spaces; TEXT is quoted, with <c>\\ \" \n</c> and <c>\uXXXX</c>. What is default is left out. The text
/// reads back to an equal function.
/// </remarks>
public static class FunctionText
{
    /// <summary>The version that this generator writes, and the only one that it reads.</summary>
    public const int Version = 1;

    public static string Write(Function function)
    {
        var text = new StringBuilder();
        text.Append("function ").Append(Quote(function.Id)).Append(' ').Append(function.Name).Append(" locals ").Append(Number(function.Locals)).Append('\n');
        foreach (var parameter in function.Parameters)
        {
            text.Append("parameter ").Append(parameter.Kind.ToString()).Append(' ').Append(parameter.Name);
            Flag(text, "nullable", parameter.Nullable);
            Option(text, "enum", parameter.EnumType);
            Option(text, "default", parameter.Default);
            Option(text, "axes", parameter.Axes);
            Flag(text, "nograd", parameter.NoGrad);
            Flag(text, "donated", parameter.Donated);
            text.Append('\n');
        }

        text.Append("results");
        foreach (var name in function.ResultNames)
            text.Append(' ').Append(Quote(name));
        text.Append('\n');
        for (var i = 0; i < function.Instructions.Count; i++)
            Write(text, i, function.Instructions[i]);
        return text.ToString();
    }

    private static void Write(StringBuilder text, int index, Instruction instruction)
    {
        text.Append('%').Append(Number(index)).Append(" = ").Append(instruction.Opcode.ToString());
        if (instruction.Text.Length > 0)
            text.Append(' ').Append(Quote(instruction.Text));
        if (instruction.Host != default)
            text.Append(" host ").Append(instruction.Host.ToString());
        if (instruction.Kind != default)
            text.Append(" kind ").Append(instruction.Kind.ToString());
        Option(text, "enum", instruction.EnumType);
        if (instruction.Target >= 0)
            text.Append(" to ").Append(Number(instruction.Target));
        for (var a = 0; a < instruction.Arguments.Count; a++)
        {
            text.Append(' ');
            if (a < instruction.Names.Count)
                text.Append(instruction.Names[a]).Append(':');
            text.Append('%').Append(Number(instruction.Arguments[a]));
        }

        text.Append('\n');
    }

    public static bool TryParse(string text, [NotNullWhen(true)] out Function? function)
    {
        try
        {
            function = new FunctionParser(text).Function();
            return true;
        }
        catch (FormatException)
        {
            function = null;
            return false;
        }
    }

    private static void Flag(StringBuilder text, string word, bool value)
    {
        if (value)
            text.Append(' ').Append(word);
    }

    private static void Option(StringBuilder text, string word, string? value)
    {
        if (value is not null)
            text.Append(' ').Append(word).Append(' ').Append(Quote(value));
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Quote(string value)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in value)
        {
            if (c is '"' or '\\')
                quoted.Append('\\').Append(c);
            else if (c == '\n')
                quoted.Append("\\n");
            else if (c is < ' ' or > '~')
                quoted.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            else
                quoted.Append(c);
        }

        return quoted.Append('"').ToString();
    }
}
