using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Operations;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>
/// Reads the body of one method into the instructions of a <see cref="Function"/>.
/// </summary>
/// <remarks>
/// In: a bound body (constants folded, conversions explicit, overloads resolved). Out: flat instructions with jumps, no nesting, no
/// symbol. A construct outside the language becomes a finding and the register <see cref="Poison"/>, so that one run finds them all;
/// a function with findings is discarded by the caller. A local that is written once is the register of its value; others are
/// stored and loaded.
/// </remarks>
internal sealed partial class BodyReader
{
    /// <summary>The register of what could not be read.</summary>
    private const int Poison = -1;

    private readonly ReadingSession session;
    private readonly IMethodSymbol method;
    private readonly string id;
    private readonly List<Instruction> code = [];
    private readonly List<Location> places = [];
    private readonly List<Label> labels = [];
    private readonly Dictionary<ISymbol, int> storage = new(SymbolEqualityComparer.Default);
    private readonly Dictionary<ISymbol, int> registers = new(SymbolEqualityComparer.Default);
    private readonly HashSet<ISymbol> rewritten = new(SymbolEqualityComparer.Default);
    private readonly Stack<Label> breaks = new();
    private readonly Stack<int> conditionals = new();
    private int locals;

    private BodyReader(ReadingSession session, IMethodSymbol method)
    {
        this.session = session;
        this.method = method;
        id = ReadingSession.IdOf(method);
    }

    /// <summary>What a member of an <c>extension</c> block extends.</summary>
    private IParameterSymbol? Receiver => method is { IsStatic: false, ContainingType.ExtensionParameter: { } parameter } ? parameter : null;

    /// <summary>Reads the body; null where it does not compile or where findings were reported.</summary>
    public static (EquatableArray<Instruction> Code, int Locals, ImmutableArray<Location> Places) Read(ReadingSession session, IMethodSymbol method, IMethodBodyOperation body)
    {
        var reader = new BodyReader(session, method);
        reader.FindRewritten(body);
        foreach (var parameter in reader.Receiver is { } receiver ? method.Parameters.Insert(0, receiver) : method.Parameters)
            if (reader.rewritten.Contains(parameter))
                reader.StoreTo(parameter, reader.Emit(Opcode.Parameter, body, parameter.Name), body);
        reader.Block(body.BlockBody ?? body.ExpressionBody);
        return (reader.Finish(), reader.locals, reader.places.ToImmutableArray());
    }

    /// <summary>Locals and parameters that are written after their declaration, or whose declaration does not give the value.</summary>
    private void FindRewritten(IOperation body)
    {
        foreach (var operation in body.Descendants())
        {
            session.Cancellation.ThrowIfCancellationRequested();
            switch (operation)
            {
                case IAssignmentOperation assignment:
                    MarkTargets(assignment.Target);
                    break;
                case IIncrementOrDecrementOperation step:
                    MarkTargets(step.Target);
                    break;
                case IVariableDeclaratorOperation declarator when declarator.GetVariableInitializer() is null:
                    rewritten.Add(declarator.Symbol);
                    break;
                case IDeclarationPatternOperation { DeclaredSymbol: { } symbol }:
                    rewritten.Add(symbol);
                    break;
                case IRecursivePatternOperation { DeclaredSymbol: { } symbol }:
                    rewritten.Add(symbol);
                    break;
            }
        }
    }

    private void MarkTargets(IOperation target)
    {
        switch (target)
        {
            // The declarations of `var (a, b) = ...` are their only writes where nothing else writes them.
            case IDeclarationExpressionOperation:
                break;
            case ITupleOperation tuple:
                foreach (var element in tuple.Elements)
                    MarkTargets(element);
                break;
            case ILocalReferenceOperation { IsDeclaration: false } local:
                rewritten.Add(local.Local);
                break;
            case IParameterReferenceOperation parameter:
                rewritten.Add(parameter.Parameter);
                break;
            case IFieldReferenceOperation { Instance: { } instance }:
                MarkTargets(instance);
                break;
        }
    }

    private EquatableArray<Instruction> Finish()
    {
        foreach (var label in labels)
            foreach (var jump in label.Jumps)
                code[jump] = code[jump] with { Target = label.Position };
        return code.ToEquatableArray();
    }

    private int Emit(
        Opcode opcode,
        IOperation at,
        string text = "",
        EquatableArray<int> arguments = default,
        EquatableArray<string> names = default,
        HostOperation host = default,
        HostKind kind = default,
        string? enumType = null)
    {
        code.Add(new Instruction(opcode, arguments, text, names, host, kind, enumType));
        places.Add(at.Syntax.GetLocation());
        return code.Count - 1;
    }

    private int Host(HostOperation operation, HostKind kind, string text, IOperation at, params ReadOnlySpan<int> operands) =>
        Emit(Opcode.Host, at, text, EquatableArray.Create(operands), host: operation, kind: kind);

    private int Torch(string operation, IOperation at, params ReadOnlySpan<(string Name, int Register)> arguments)
    {
        var registers = new int[arguments.Length];
        var names = new string[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
            (names[i], registers[i]) = arguments[i];
        return Emit(Opcode.Torch, at, operation, registers.ToEquatableArray(), names.ToEquatableArray());
    }

    private int Truth(bool value, IOperation at) => Emit(Opcode.Literal, at, value ? "true" : "false", kind: HostKind.Bool);

    private int Whole(long value, IOperation at) => Emit(Opcode.Literal, at, HostTypes.Whole(value), kind: HostKind.Int64);

    private Label NewLabel()
    {
        var label = new Label();
        labels.Add(label);
        return label;
    }

    private void Mark(Label label) => label.Position = code.Count;

    private void Jump(Label label, IOperation at)
    {
        // Nothing passes a return: a jump behind it would only be noise in the text.
        var position = code.Count;
        if (position > 0 && code[position - 1].Opcode is Opcode.Return or Opcode.Throw or Opcode.Jump && !labels.Exists(l => l.Position == position))
            return;
        label.Jumps.Add(Emit(Opcode.Jump, at));
    }

    private void BranchFalse(int condition, Label label, IOperation at) =>
        label.Jumps.Add(Emit(Opcode.BranchFalse, at, arguments: [condition]));

    private int NewLocal() => locals++;

    private static string LocalText(int local) => local.ToString(System.Globalization.CultureInfo.InvariantCulture);

    private int Load(int local, IOperation at) => Emit(Opcode.Load, at, LocalText(local));

    private void Store(int local, int value, IOperation at) => Emit(Opcode.Store, at, LocalText(local), [value]);

    private void StoreTo(ISymbol symbol, int value, IOperation at)
    {
        if (!rewritten.Contains(symbol))
        {
            registers[symbol] = value;
            return;
        }

        if (!storage.TryGetValue(symbol, out var local))
            storage.Add(symbol, local = NewLocal());
        Store(local, value, at);
    }

    private int Report(string diagnostic, IOperation at, params ReadOnlySpan<string> arguments)
    {
        session.Report(diagnostic, at.Syntax.GetLocation(), id, code.Count, arguments);
        return Poison;
    }

    /// <summary>A construct that the C# compiler rejects itself: nothing is generated, and its error is enough.</summary>
    private int Invalid()
    {
        session.DoesNotCompile = true;
        return Poison;
    }

    private void Enter()
    {
        session.Cancellation.ThrowIfCancellationRequested();
        // A body of thousands of nested operators must end in a diagnostic, not in the compiler's death.
        RuntimeHelpers.EnsureSufficientExecutionStack();
    }
}
