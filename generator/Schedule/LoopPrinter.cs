using System.Globalization;
using System.Text;
using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>The plan: a loop program as text, with its buffers, its barriers and what it moves.</summary>
public sealed class LoopPrinter
{
    private readonly LoopProgram program;
    private readonly StringBuilder text = new();

    private LoopPrinter(LoopProgram program) => this.program = program;

    public static string Print(LoopProgram program)
    {
        var printer = new LoopPrinter(program);
        printer.Print();
        return printer.text.ToString();
    }

    private void Print()
    {
        text.Append("kernel ").Append(program.Name).Append('\n');
        foreach (var buffer in program.Buffers)
            Line(1, $"{buffer.Name}: {Kind(buffer.Kind)}[{string.Join(" ", buffer.Extents)}] {buffer.Scope.ToString().ToLowerInvariant()} {buffer.Role.ToString().ToLowerInvariant()}{(buffer.Over >= 0 ? " over " + program.Buffers[buffer.Over].Name : "")}");
        for (var i = 0; i < program.Stages.Count; i++)
        {
            var stage = program.Stages[i];
            text.Append("stage ").Append(Number(i + 1)).Append('\n');
            foreach (var line in stage.Comment.Split('\n'))
                Line(1, "// " + line);
            Print(stage.Body, 1);
            if (stage.Barrier.Length > 0)
                text.Append("barrier: ").Append(stage.Barrier).Append('\n');
        }

        Summary();
    }

    private void Summary()
    {
        var traffic = LoopTraffic.Of(program);
        text.Append("summary (float32)\n");
        Line(1, $"stages: {Number(program.Stages.Count)}");
        Line(1, $"bytes read: {traffic.BytesRead(program)}");
        Line(1, $"bytes written: {traffic.BytesWritten(program)}");
        Line(1, $"kept: {LoopTraffic.Kept(program)}");
        Line(1, $"workspace: {LoopTraffic.Workspace(program)}");
        foreach (var buffer in program.Buffers)
            if (buffer.Role == BufferRole.Input)
                Line(1, $"reads of {buffer.Name}: {traffic.Fetches[buffer.Id]}{Cached(traffic, buffer.Id)}");
    }

    private static string Cached(LoopTraffic traffic, int buffer) =>
        traffic.Loads[buffer] == traffic.Fetches[buffer] ? "" : $" from memory, {traffic.Loads[buffer]} with the cache";

    private void Print(LoopNode node, int indent)
    {
        switch (node)
        {
            case LoopNode.Sequence sequence:
                foreach (var child in sequence.Children)
                    Print(child, indent);
                break;
            case LoopNode.Loop loop:
                var variable = program.Loops[loop.Variable];
                var lanes = variable.IsVector ? " vector" : "";
                Line(indent, $"{variable.Iterator.ToString().ToLowerInvariant()}{lanes} {variable.Name} < {variable.Extent}{When(loop.When)}");
                Print(loop.Body, indent + 1);
                break;
            case LoopNode.Load load:
                Line(indent, $"v{load.Value} = {Place(load.Buffer, load.Index)}{When(load.Predicate)}");
                break;
            case LoopNode.Store store:
                Line(indent, $"{Place(store.Buffer, store.Index)} = {Atom(store.Operand)}{When(store.Predicate)}");
                break;
            case LoopNode.Compute compute:
                var dtype = compute.Parameters is Parameters.Convert { DType: { } name } ? " " + name : "";
                Line(indent, $"v{compute.Value} = {ProgramPrinter.Name(compute.Primitive)} {string.Join(" ", compute.Operands.Select(Atom))}{dtype}");
                break;
            case LoopNode.Initialise initialise:
                Line(indent, $"{program.Buffers[initialise.Buffer].Name} = {Identity(initialise.Monoid)}");
                break;
            case LoopNode.Combine combine:
                var position = combine.Position is { } at ? " at " + Atom(at) : "";
                Line(indent, $"{Place(combine.Buffer, combine.Index)} {combine.Monoid.ToString().ToLowerInvariant()}= {Atom(combine.Operand)}{position}{When(combine.Predicate)}");
                break;
            case LoopNode.Contract contract:
                Line(indent, $"{Operand(contract.Result)} = contract {Operand(contract.Left)}, {Operand(contract.Right)}");
                break;
            case LoopNode.Extern row:
                var results = string.Join(", ", row.Operands.Where(o => o.IsWritten).Select(Row));
                var operands = string.Join(", ", row.Operands.Where(o => !o.IsWritten).Select(Row));
                Line(indent, $"{results} = {row.Name}{Direction(row.Parameters)} {operands} < {row.Length}");
                break;
        }
    }

    private string Operand(ContractOperand operand) => $"{program.Buffers[operand.Buffer].Name}[{string.Join(", ", operand.Axes.Select(a => ProgramPrinter.Axes([a])))}]";

    private string Row(ExternOperand operand)
    {
        var index = operand.Start.Select((e, p) => p == operand.Position ? ":" : Index(e));
        return $"{program.Buffers[operand.Buffer].Name}[{string.Join(", ", index)}]";
    }

    private static string Direction(Parameters parameters) => parameters switch
    {
        Parameters.Scan { Reverse: true } => " reverse",
        Parameters.Sort { Descending: true } => " descending",
        _ => "",
    };

    private static string Identity(Monoid monoid) => monoid switch
    {
        Monoid.Max => "-inf",
        Monoid.Min => "inf",
        Monoid.Any => "false",
        Monoid.All => "true",
        _ => "0",
    };

    private string Place(int buffer, EquatableArray<IndexExpression> index) =>
        program.Buffers[buffer].Name + (index.Count == 0 ? "" : $"[{string.Join(", ", index.Select(Index))}]");

    private string Index(IndexExpression index)
    {
        if (index is IndexExpression.Indirect indirect)
            return "v" + Number(indirect.Value);
        var affine = (IndexExpression.Affine)index;
        var terms = string.Concat(affine.Terms.Select((t, i) => Term(t, first: i == 0)));
        if (terms.Length == 0)
            return affine.Offset.ToString();
        var offset = affine.Offset.ToString();
        return offset == "0" ? terms : offset[0] == '-' ? terms + offset : terms[0] == '-' ? offset + terms : terms + "+" + offset;
    }

    private string Term(IndexTerm term, bool first)
    {
        var sign = term.Stride < 0 ? "-" : first ? "" : "+";
        var magnitude = Math.Abs(term.Stride);
        return sign + (magnitude == 1 ? "" : magnitude.ToString(CultureInfo.InvariantCulture) + "*") + program.Loops[term.Loop].Name;
    }

    private string Atom(LoopAtom atom) => atom.Kind switch
    {
        LoopAtomKind.Value => "v" + Number(atom.Id),
        LoopAtomKind.Host => "$" + Number(atom.Id),
        LoopAtomKind.Coordinate => program.Loops[atom.Id].Name,
        LoopAtomKind.Size => $"|{program.Sizes[atom.Id]}|",
        _ => Literals.Shortest(atom.Number),
    };

    private static string When(LoopCondition? condition) => condition is { } when ? $" if {(when.IsNegated ? "not " : "")}v{Number(when.Value)}" : "";

    private static string When(int? predicate) => predicate is { } value ? " if v" + Number(value) : "";

    private static string Kind(ElementKind kind) => kind switch { ElementKind.Real => "real", ElementKind.Integer => "int", _ => "bool" };

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private void Line(int indent, string line) => text.Append(' ', 2 * indent).Append(line).Append('\n');
}
