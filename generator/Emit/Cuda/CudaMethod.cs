using System.Globalization;
using System.Text.RegularExpressions;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>Where the code under construction runs, which decides who writes.</summary>
internal enum CudaPlace
{
    /// <summary>Every thread of a block has the same values; the first writes.</summary>
    Uniform,

    /// <summary>Every thread has an iteration of its own.</summary>
    Lane,

    /// <summary>Every thread has the same values and writes what it owns.</summary>
    Owner,
}

/// <summary>
/// Writes one kernel. Its parameters are noted as they are used, in the order of <see cref="CudaArgument"/>; collective operations stand
/// only where all threads of the block come by.
/// </summary>
internal sealed partial class CudaMethod
{
    private readonly CudaMemory memory;
    private readonly LoopProgram program;
    private readonly CudaNames names;
    private readonly SortedDictionary<CudaArgument, string> arguments = [];
    private readonly List<string> head = [];
    private readonly List<string> foot = [];
    private readonly Dictionary<int, Code> values = [];
    private readonly Dictionary<int, Code> pending = [];
    private readonly Dictionary<int, string> loopNames = [];
    private readonly Dictionary<int, int> uses = [];
    private readonly Dictionary<int, List<SimdNode>> useLists = [];
    private readonly List<CudaWorkspace> workspaces;
    private SourceWriter writer = new();
    private CudaHazards? hazards;
    private CudaGrid grid;
    private CudaNest? nest;

    public CudaMethod(CudaMemory memory, List<CudaWorkspace> workspaces, int step)
    {
        this.memory = memory;
        this.workspaces = workspaces;
        this.step = step;
        program = memory.Program;
        names = new(memory.Names);
    }

    private readonly int step;

    public IEnumerable<CudaArgument> Arguments => arguments.Keys;

    /// <summary>An outermost loop.</summary>
    /// <param name="loop">How it is spread.</param>
    /// <param name="scalars">What is computed before the loops of its stage and used in it.</param>
    /// <param name="gate">When it is launched.</param>
    public void Loop(CudaNest loop, List<SimdNode> scalars, SimdGate gate)
    {
        nest = loop;
        grid = loop.Grid;
        if (grid == CudaGrid.Rows)
            Join(loop.Body);
        Survey([scalars, loop.Prologue, loop.Body]);
        hazards = new(memory, this, [loop.Prologue, loop.Body], loop.Items.Count > 0, gate);
        var place = grid switch { CudaGrid.Elements => CudaPlace.Lane, CudaGrid.Owners => CudaPlace.Owner, _ => CudaPlace.Uniform };
        Nodes(scalars, CudaPlace.Uniform, gate);
        DeclareTotals(loop.Body);
        if (loop.Items.Count > 0)
            EachItem(loop, place, gate);
        else
            Nodes(loop.Body, place, gate);
        StoreTotals();
    }

    /// <summary>Statements outside loops, and what one block does alone.</summary>
    /// <param name="nodes">The statements.</param>
    /// <param name="totals">The results whose parts earlier launches left.</param>
    /// <param name="readLater">The buffers that later steps read.</param>
    public void Block(List<SimdNode> nodes, IReadOnlyList<CudaTotal> totals, ISet<int> readLater)
    {
        grid = CudaGrid.Block;
        Survey([nodes]);
        hazards = new(memory, this, [nodes], areItems: false, SimdGate.Always);
        foreach (var total in totals)
            Add(total, isKept: program.Buffers[total.Buffer].Role != BufferRole.Workspace || readLater.Contains(total.Buffer));
        Nodes(nodes, CudaPlace.Uniform, SimdGate.Always);
    }

    /// <summary>Every element of a buffer becomes the identity of a monoid.</summary>
    public void Clear(LoopNode.Initialise initialise)
    {
        grid = CudaGrid.Elements;
        var buffer = program.Buffers[initialise.Buffer];
        var count = Product(buffer.Extents);
        using (writer.Block(Strided("i", count.Text, isGrid: true)))
            writer.Line(Assign(initialise.Buffer, "i", Identity(initialise.Monoid, buffer.Kind)));
    }

    /// <summary>The kernel's text.</summary>
    public string Text(string name, string comment)
    {
        var text = new SourceWriter();
        if (comment.Length > 0)
            text.Comment(comment);
        using (text.Block($"DPO_KERNEL({name})({string.Join(", ", arguments.Select(a => Declaration(a.Key, a.Value)))})"))
        {
            foreach (var line in head)
                text.Line(line);
            text.Line(writer.ToString().TrimEnd('\n'));
            foreach (var line in foot)
                text.Line(line);
        }

        return text.ToString();
    }

    private string Declaration(CudaArgument argument, string name) => argument.Kind switch
    {
        CudaArgumentKind.Buffer => $"{(memory.IsWritten(argument.Id) && program.Buffers[argument.Id].Role != BufferRole.Input ? "" : "const ")}{memory.ElementOf(argument.Id)} *{name}",
        CudaArgumentKind.Workspace => $"{CudaMemory.ElementOf(workspaces[argument.Id].Kind)} *{name}",
        CudaArgumentKind.Scalar or CudaArgumentKind.AbsentUpstream => "double " + name,
        CudaArgumentKind.Faults => "long long *" + name,
        _ => "long long " + name,
    };

    private string Argument(CudaArgumentKind kind, int id = 0)
    {
        var argument = new CudaArgument(kind, id);
        if (arguments.TryGetValue(argument, out var known))
            return known;
        var name = kind switch
        {
            CudaArgumentKind.Buffer => memory.BufferNames[id],
            CudaArgumentKind.Workspace => workspaces[id].Name,
            CudaArgumentKind.Blocks => names.Take("parts"),
            CudaArgumentKind.Axis => names.Take(memory.AxisNames[id] + "Size"),
            CudaArgumentKind.Scalar => names.Take(memory.HostName(id)),
            CudaArgumentKind.AbsentUpstream => names.Take("absentUpstream"),
            CudaArgumentKind.Faults => names.Take("faults"),
            _ => names.Take("faultCode"),
        };
        names.Keep(name);
        return arguments[argument] = name;
    }

    private string Buffer(int id) => Argument(CudaArgumentKind.Buffer, id);

    /// <summary>Rows that are read for a maximum and again for a sum of exponentials are read once.</summary>
    private void Join(List<SimdNode> nodes)
    {
        foreach (var pair in CudaOnline.Join(program, nodes, nest!.IsLane))
            online[pair.Max] = pair;
        foreach (var inner in nodes.OfType<SimdLoop>().Where(l => !nest.IsLane(l)))
            Join(inner.Body);
    }

    private void Survey(IReadOnlyList<List<SimdNode>> lists)
    {
        foreach (var list in lists)
            foreach (var node in list)
            {
                if (node is SimdLoop loop)
                {
                    if (loop.When is { } when)
                        Use(when.Value, list);
                    Survey([loop.Body]);
                    continue;
                }

                foreach (var value in LoopStatements.Uses(((SimdStatement)node).Node))
                    Use(value, list);
            }
    }

    private void Use(int value, List<SimdNode> list)
    {
        uses[value] = uses.TryGetValue(value, out var count) ? count + 1 : 1;
        useLists[value] = list;
    }

    /// <summary>The items, each a thread's or a block's.</summary>
    private void EachItem(CudaNest loop, CudaPlace place, SimdGate gate)
    {
        var isGrid = grid == CudaGrid.Elements;
        var scope = names.Scope;
        foreach (var item in loop.Items)
            loopNames[item.Variable.Id] = names.Take(item.Variable.Name);
        var single = loop.Items.Count == 1;
        var name = single ? loopNames[loop.Items[0].Variable.Id] : names.Take(isGrid ? "element" : "row");
        items = single ? null : name;
        var count = single ? ExtentOf(loop.Items[0].Variable.Extent) : Product(loop.Items.Select(l => l.Variable.Extent));
        if (isGrid && Streams(loop) is { Count: > 0 } streams)
        {
            FewItems(loop, streams, name, count, gate);
            names.Close(scope);
            return;
        }

        var header = isGrid ? Strided(name, count.Text, isGrid) : $"for (long long {name} = dpo_block(); {name} < {count.Text}; {name} += dpo_blocks())";
        var outer = writer;
        writer = new();
        Nodes(loop.Prologue, place, gate);
        Nodes(loop.Body, place, gate);
        var body = writer.ToString();
        writer = outer;
        using (writer.Block(header))
        {
            if (!single)
                Coordinates(loop, name, body);
            writer.Line(body.TrimEnd('\n'));
        }

        names.Close(scope);
    }

    // Only those that the body mentions.
    private void Coordinates(CudaNest loop, string item, string body)
    {
        for (var i = 0; i < loop.Items.Count; i++)
        {
            var name = loopNames[loop.Items[i].Variable.Id];
            if (!Regex.IsMatch(body, $@"\b{name}\b"))
                continue;
            var inner = Product(loop.Items.Skip(i + 1).Select(l => l.Variable.Extent));
            var quotient = inner.Text == "1" ? item : $"{item} / {inner.Operand}";
            writer.Line($"const long long {name} = {(i == 0 ? quotient : $"{(inner.Text == "1" ? item : $"({quotient})")} % {ExtentOf(loop.Items[i].Variable.Extent).Operand}")};");
        }
    }

    private static string Strided(string name, string count, bool isGrid) => isGrid
        ? $"for (long long {name} = dpo_block() * dpo_threads() + dpo_thread(); {name} < {count}; {name} += dpo_blocks() * dpo_threads())"
        : $"for (long long {name} = dpo_thread(); {name} < {count}; {name} += dpo_threads())";

    /// <summary>The flat number of the item where several loops became one.</summary>
    private string? items;

    private void Nodes(List<SimdNode> nodes, CudaPlace place, SimdGate known)
    {
        var begun = Accumulators(nodes).ToArray();
        foreach (var accumulator in begun)
            if (accumulator.Combine is { } combine)
                parts[accumulator.Buffer] = ("", combine, accumulator.IsShared);
        for (var i = 0; i < nodes.Count; i++)
        {
            if (place == CudaPlace.Uniform && hazards!.IsBefore(nodes[i]))
                writer.Line("dpo_barrier();");
            Node(nodes, nodes[i], place, known);
            foreach (var accumulator in begun.Where(a => a.Last == i))
                Finish(accumulator.Buffer);
        }
    }

    private void Node(List<SimdNode> list, SimdNode node, CudaPlace place, SimdGate known)
    {
        if (node is SimdLoop loop)
        {
            var isKnown = node.Gate.Contains(known);
            var conditions = new List<string>();
            if (!isKnown)
                conditions.Add(loop.When is not null && node.Gate.Numbers().Count() > 1 ? $"({Condition(node.Gate)})" : Condition(node.Gate));
            if (loop.When is { } when)
                conditions.Add((when.IsNegated ? "!" : "") + Value(when.Value, named: true).Operand);
            var within = isKnown ? known : node.Gate;
            if (conditions.Count == 0)
                Loop(loop, place, within);
            else
                using (writer.Block($"if ({string.Join(" && ", conditions)})"))
                    Loop(loop, place, within);
            return;
        }

        var isValue = ((SimdStatement)node).Defines >= 0;
        var gate = isValue || node.Gate.Contains(known) ? "" : Condition(node.Gate);
        switch (((SimdStatement)node).Node)
        {
            case LoopNode.Load load:
                if (IsUsed(load.Value))
                    Load(load);
                break;
            case LoopNode.Compute compute:
                if (IsUsed(compute.Value))
                    Define(compute.Value, Compute(compute), list);
                break;
            case LoopNode.Store store:
                Store(store, place, gate);
                break;
            case LoopNode.Combine combine:
                Combine(combine, place, gate);
                break;
            case LoopNode.Initialise initialise:
                Initialise(initialise, place, gate);
                break;
            case LoopNode.Extern call:
                Extern(call, gate);
                break;
            default:
                throw new InvalidOperationException($"{program.Name}: a contraction is no part of a kernel.");
        }
    }

    private string Condition(SimdGate gate) => string.Join(" || ", gate.Numbers().Select(k => Buffer(memory.GradientBuffer(k).Id)));

    private bool IsUsed(int value) => uses.ContainsKey(value);

    private void Loop(SimdLoop loop, CudaPlace place, SimdGate known)
    {
        var variable = loop.Variable;
        var scope = names.Scope;
        var name = loopNames[variable.Id] = names.Take(variable.Name);
        var count = ExtentOf(variable.Extent).Text;
        if (place != CudaPlace.Lane && nest?.IsLane(loop) == true)
        {
            Lanes(loop, name, count, known);
            names.Close(scope);
            return;
        }

        var inner = place == CudaPlace.Uniform && variable.Iterator == IteratorType.Segment && !Inside(loop).Any(l => nest!.IsLane(l)) ? CudaPlace.Owner : place;
        var owners = inner == CudaPlace.Owner && place == CudaPlace.Uniform ? Own(loop) : [];
        if (place == CudaPlace.Owner && grid == CudaGrid.Owners && owned.Count == 0 && !Inside(loop).Any(nest!.IsLane))
            Own(loop);
        using (writer.Block($"for (long long {name} = 0; {name} < {count}; {name}++)"))
        {
            Nodes(loop.Body, inner, known);
        }

        names.Close(scope);
        foreach (var owner in owners)
            owned.Remove(owner);
    }

    private void Lanes(SimdLoop loop, string name, string count, SimdGate known)
    {
        if (IsVectorised(loop))
            Vectors(loop, name, count, known);
        else
            using (writer.Block(Strided(name, count, isGrid: grid == CudaGrid.Owners)))
                Nodes(loop.Body, CudaPlace.Lane, known);
    }

    private static IEnumerable<SimdLoop> Inside(SimdLoop loop) => CudaNest.Loops(loop);

    /// <summary>Names a value, or leaves its expression to its only use.</summary>
    private void Define(int value, Code code, List<SimdNode> list)
    {
        if (uses[value] == 1 && useLists[value] == list && code.Text.Length < 100)
            pending[value] = code;
        else
            Name(value, code);
    }

    private void Name(int value, Code code)
    {
        if (code.IsPrimary && code.Text.All(c => char.IsLetterOrDigit(c) || c == '_'))
        {
            values[value] = code;
            return;
        }

        var name = names.Take(memory.NameOf(value));
        writer.Line($"const {CudaExpressions.TypeOf(program.Values[value])} {name} = {code.Text};");
        values[value] = new(name);
    }

    private Code Value(int value, bool named = false)
    {
        if (pending.TryGetValue(value, out var waiting))
        {
            pending.Remove(value);
            if (!named)
                return waiting;
            Name(value, waiting);
        }

        return values[value];
    }

    private Code Compute(LoopNode.Compute compute)
    {
        var result = program.Values[compute.Value];
        if (compute.Primitive == Primitive.Convert)
        {
            var from = OperandKinds.Of(program, compute.Operands[0], result);
            return CudaExpressions.Convert(from, result, (compute.Parameters as Parameters.Convert)?.DType, Operand(compute.Operands[0], from));
        }

        var kind = OperandKinds.Of(program, compute);
        return CudaExpressions.Of(compute.Primitive, kind, compute.Operands.Select((o, i) => Operand(o, compute.Primitive == Primitive.Where && i == 0 ? ElementKind.Boolean : kind)).ToArray());
    }

    private Code Operand(LoopAtom atom, ElementKind kind, bool named = false) => atom.Kind switch
    {
        LoopAtomKind.Value => Value(atom.Id, named),
        LoopAtomKind.Coordinate => new(loopNames[atom.Id]),
        LoopAtomKind.Size => ExtentOf(program.Sizes[atom.Id]),
        LoopAtomKind.Host => HostScalar(atom.Id, kind),
        _ => CudaExpressions.Literal(atom.Number, kind),
    };

    private Code HostScalar(int scalar, ElementKind kind)
    {
        var name = Argument(CudaArgumentKind.Scalar, scalar);
        return kind switch
        {
            ElementKind.Real => new($"(real){name}"),
            ElementKind.Boolean => Code.Compound(name + " != 0"),
            _ => new($"(long long){name}"),
        };
    }

    private Code ExtentOf(Extent extent)
    {
        var text = "";
        foreach (var term in extent.Terms)
        {
            var size = Argument(CudaArgumentKind.Axis, memory.AxisId(term.Name));
            var sign = term.Coefficient < 0 ? text.Length == 0 ? "-" : " - " : text.Length == 0 ? "" : " + ";
            var magnitude = Math.Abs(term.Coefficient);
            text += sign + (magnitude == 1 ? size : $"{Number(magnitude)} * {size}");
        }

        if (text.Length == 0)
            return extent.Constant < 0 ? Code.Compound(Number(extent.Constant)) : new(Number(extent.Constant));
        if (extent.Constant != 0)
            text += extent.Constant < 0 ? $" - {Number(-extent.Constant)}" : $" + {Number(extent.Constant)}";
        return new(text, text.All(c => char.IsLetterOrDigit(c) || c == '_'));
    }

    private Code Product(IEnumerable<Extent> extents)
    {
        var factors = extents.Where(e => !e.IsOne).Select(e => ExtentOf(e)).ToArray();
        return factors.Length switch
        {
            0 => new("1"),
            1 => factors[0],
            _ => Code.Compound(string.Join(" * ", factors.Select(f => f.Operand))),
        };
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
