using System.Globalization;
using System.Text;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Model;

/// <summary>Reads <see cref="FunctionText"/>; anything unexpected is a <see cref="FormatException"/>.</summary>
internal sealed class FunctionParser(string text)
{
    private int position;

    public Function Function()
    {
        Expect("function");
        var id = Text();
        var name = Word();
        Expect("locals");
        var locals = Number(Word());
        EndLine();
        var parameters = new List<FunctionParameter>();
        string word;
        while ((word = Word()) == "parameter")
            parameters.Add(Parameter());
        if (word != "results")
            throw new FormatException();
        var results = new List<string>();
        while (!AtEndOfLine())
            results.Add(Text());
        EndLine();
        var instructions = new List<Instruction>();
        while (position < text.Length)
            instructions.Add(Instruction(instructions.Count));
        Check(instructions, locals);
        return new Function(id, name, parameters.ToEquatableArray(), results.ToEquatableArray(), locals, instructions.ToEquatableArray());
    }

    private FunctionParameter Parameter()
    {
        var parameter = new FunctionParameter(Kind: Enumerated<ParameterKind>(Word()), Name: Word());
        while (!AtEndOfLine())
        {
            parameter = Word() switch
            {
                "nullable" => parameter with { Nullable = true },
                "enum" => parameter with { EnumType = Text() },
                "default" => parameter with { Default = Text() },
                "axes" => parameter with { Axes = Text() },
                "nograd" => parameter with { NoGrad = true },
                "donated" => parameter with { Donated = true },
                _ => throw new FormatException(),
            };
        }

        EndLine();
        return parameter;
    }

    private Instruction Instruction(int index)
    {
        Expect("%" + index.ToString(CultureInfo.InvariantCulture));
        Expect("=");
        var instruction = new Instruction(Enumerated<Opcode>(Word()), EquatableArray<int>.Empty);
        var arguments = new List<int>();
        var names = new List<string>();
        while (!AtEndOfLine())
        {
            if (Peek() == '"')
            {
                instruction = instruction with { Text = Text() };
                continue;
            }

            var word = Word();
            switch (word)
            {
                case "host":
                    instruction = instruction with { Host = Enumerated<HostOperation>(Word()) };
                    break;
                case "kind":
                    instruction = instruction with { Kind = Enumerated<HostKind>(Word()) };
                    break;
                case "enum":
                    instruction = instruction with { EnumType = Text() };
                    break;
                case "to":
                    instruction = instruction with { Target = Number(Word()) };
                    break;
                default:
                    var percent = word.IndexOf('%');
                    if (percent < 0)
                        throw new FormatException();
                    if (percent > 0)
                        names.Add(word.Substring(0, percent - 1));
                    arguments.Add(Number(word.Substring(percent + 1)));
                    break;
            }
        }

        EndLine();
        return instruction with { Arguments = arguments.ToEquatableArray(), Names = names.ToEquatableArray() };
    }

    /// <summary>A text from another assembly must not lead the compiler astray: registers are earlier, targets inside.</summary>
    private static void Check(List<Instruction> instructions, int locals)
    {
        for (var i = 0; i < instructions.Count; i++)
        {
            var instruction = instructions[i];
            var isJump = instruction.Opcode is Opcode.Jump or Opcode.BranchFalse;
            if (instruction.Arguments.Any(a => a < 0 || a >= i)
                || (instruction.Names.Count != 0 && instruction.Names.Count != instruction.Arguments.Count)
                || isJump != instruction.Target >= 0
                || (isJump && (instruction.Target <= i || instruction.Target > instructions.Count))
                || (instruction.Opcode is Opcode.Load or Opcode.Store && Number(instruction.Text) >= locals))
            {
                throw new FormatException();
            }
        }
    }

    private char Peek()
    {
        while (position < text.Length && text[position] == ' ')
            position++;
        return position < text.Length ? text[position] : '\n';
    }

    private bool AtEndOfLine() => Peek() == '\n';

    private void EndLine()
    {
        if (!AtEndOfLine() || position >= text.Length)
            throw new FormatException();
        position++;
    }

    private string Word()
    {
        Peek();
        var start = position;
        while (position < text.Length && text[position] is not (' ' or '\n'))
            position++;
        return position > start ? text.Substring(start, position - start) : throw new FormatException();
    }

    private void Expect(string word)
    {
        if (Word() != word)
            throw new FormatException();
    }

    private static int Number(string word) =>
        int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : throw new FormatException();

    private static T Enumerated<T>(string word)
        where T : struct, Enum =>
        Enum.TryParse<T>(word, out var value) && value.ToString() == word ? value : throw new FormatException();

    private string Text()
    {
        if (Peek() != '"')
            throw new FormatException();
        var value = new StringBuilder();
        for (position++; position < text.Length; position++)
        {
            var c = text[position];
            if (c == '"')
            {
                position++;
                return value.ToString();
            }

            value.Append(c == '\\' ? Escaped() : c);
        }

        throw new FormatException();
    }

    private char Escaped()
    {
        position++;
        if (position >= text.Length)
            throw new FormatException();
        switch (text[position])
        {
            case 'n':
                return '\n';
            case 'u' when position + 4 < text.Length && int.TryParse(text.Substring(position + 1, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code):
                position += 4;
                return (char)code;
            case '"' or '\\':
                return text[position];
            default:
                throw new FormatException();
        }
    }
}
