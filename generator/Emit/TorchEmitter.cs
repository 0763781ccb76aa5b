using System.Globalization;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// A program as one method of TorchSharp calls: any device, any dtype, and differentiable again. In: a program. Out: a static method
/// with the signature of the runtime's <c>TorchProgram</c>: a statement an equation, named after the user's names.
/// </summary>
/// <remarks>
/// Every temporary tensor belongs to one dispose scope, which also keeps it alive while native code reads it; numbers are
/// <c>Scalar</c>s that live as long as the method, because the finalizer of a temporary one may free it too early. Equations that
/// only some gradients need stand in a block that asks for them.
/// </remarks>
public static class TorchEmitter
{
    /// <summary>The method.</summary>
    /// <param name="program">The program; lowered or not.</param>
    /// <param name="methodName">The method's name.</param>
    /// <param name="axisNames">The named axes in the order of the extents that the method is given.</param>
    public static string Emit(Program program, string methodName, EquatableArray<string> axisNames)
    {
        var method = new TorchMethod(program, axisNames);
        var body = new SourceWriter();
        var escaping = new HashSet<int>();
        foreach (var block in NeedsOf(program))
            Write(body, method, block, escaping);
        WriteReturn(body, method, escaping);

        var writer = new SourceWriter();
        using (writer.Block($$"""
            internal static {{TorchNames.Tensor}}[] {{methodName}}(
                global::System.ReadOnlySpan<{{TorchNames.Tensor}}> inputs,
                global::System.ReadOnlySpan<long> extents,
                global::System.ReadOnlySpan<double> scalars,
                ulong needs)
            """))
        {
            method.WriteDeclarations(writer);
            writer.Line(body.ToString().TrimEnd('\n'));
        }

        return writer.ToString();
    }

    /// <summary>Equations of the same need, in an order in which each block needs only blocks before it.</summary>
    private static IEnumerable<NeedBlock> NeedsOf(Program program)
    {
        var gradients = program.Outputs.Where(o => o.Role == OutputRole.Gradient).ToArray();
        var everything = gradients.Length == 0 ? 0 : ulong.MaxValue >> (64 - Math.Min(gradients.Length, 64));
        var needs = new ulong[program.Types.Count];
        foreach (var output in program.Outputs)
        {
            var gradient = Array.IndexOf(gradients, output);
            needs[output.Variable] |= gradient is >= 0 and < 64 ? 1UL << gradient : everything;
        }

        for (var i = program.Equations.Count - 1; i >= 0; i--)
        {
            var equation = program.Equations[i];
            var need = equation.Results.Aggregate(0UL, (all, r) => all | needs[r]);
            foreach (var operand in equation.Operands.Where(o => o.IsVariable))
                needs[operand.Id] |= need;
        }

        // What feeds a result is computed whatever is needed; a result may itself be the gradient's only reader.
        var always = new bool[program.Types.Count];
        foreach (var output in program.Outputs.Where(o => o.Role == OutputRole.Result))
            always[output.Variable] = true;
        for (var i = program.Equations.Count - 1; i >= 0; i--)
            if (program.Equations[i].Results.Any(r => always[r]))
                foreach (var operand in program.Equations[i].Operands.Where(o => o.IsVariable))
                    always[operand.Id] = true;

        ulong NeedOf(Equation e) => e.Results.Any(r => always[r]) ? everything : e.Results.Aggregate(0UL, (all, r) => all | needs[r]);
        return program.Equations.GroupBy(NeedOf)
            .Where(g => g.Key != 0 || everything == 0)
            .OrderByDescending(g => CountBits(g.Key))
            .Select(g => new NeedBlock(g.Key == everything ? null : g.Key, g.ToArray()));
    }

    private static int CountBits(ulong bits)
    {
        var count = 0;
        for (; bits != 0; bits &= bits - 1)
            count++;
        return count;
    }

    private static void Write(SourceWriter body, TorchMethod method, NeedBlock block, HashSet<int> escaping)
    {
        if (block.Gradients is not { } gradients)
        {
            foreach (var equation in block.Equations)
                WriteEquation(body, method, equation, escaping);
            return;
        }

        var defined = new HashSet<int>(block.Equations.SelectMany(e => e.Results));
        bool Escapes(int variable) => method.Program.Outputs.Any(o => o.Variable == variable)
            || method.Program.Equations.Any(e => !block.Equations.Contains(e) && e.Operands.Any(o => o.IsVariable && o.Id == variable));
        foreach (var variable in defined.Where(Escapes).OrderBy(v => v))
        {
            escaping.Add(variable);
            body.Line($"{TorchNames.Tensor} {method.NameOf(variable)} = null!;");
        }

        using (body.Block($"if ((needs & 0x{gradients.ToString("x", CultureInfo.InvariantCulture)}UL) != 0)"))
            foreach (var equation in block.Equations)
                WriteEquation(body, method, equation, escaping);
    }

    private static void WriteEquation(SourceWriter body, TorchMethod method, Equation equation, HashSet<int> escaping)
    {
        if (method.IsFused(equation))
            return;
        var expression = TorchRules.Table[equation.Primitive](new TorchRow(method, equation));
        var target = equation.Results.Count == 1
            ? (escaping.Contains(equation.Result) ? "" : "var ") + method.NameOf(equation.Result)
            : "(" + string.Join(", ", equation.Results.Select(r => method.IsRead(r) ? (escaping.Contains(r) ? "" : "var ") + method.NameOf(r) : "_")) + ")";
        body.Line($"{target} = {expression}; // {method.Program.Types[equation.Result]}");
    }

    private static void WriteReturn(SourceWriter body, TorchMethod method, HashSet<int> escaping)
    {
        body.Line($"return new {TorchNames.Tensor}[]").Line("{");
        var returned = new HashSet<int>();
        using (body.Indented())
            foreach (var output in method.Program.Outputs)
            {
                var optional = escaping.Contains(output.Variable) ? "?" : "";
                var own = returned.Add(output.Variable) && !method.MayShareMemory(output.Variable) ? "" : optional + ".clone()";
                body.Line($"{method.NameOf(output.Variable)}{own}{optional}.MoveToOuterDisposeScope(){(optional.Length > 0 ? "!" : "")},");
            }

        body.Line("};");
    }

    private sealed record NeedBlock(ulong? Gradients, Equation[] Equations);
}

/// <summary>Full names that generated TorchSharp calls use.</summary>
internal static class TorchNames
{
    public const string Torch = "global::TorchSharp.torch";
    public const string Tensor = Torch + ".Tensor";
    public const string ScalarType = Torch + ".ScalarType";
    public const string Scalar = "global::TorchSharp.Scalar";
}
