using System.Globalization;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// Writes the body of one generated method. What it needs at its head (buffers, sizes, scalars, flags) is noted as it is used, so only
/// that is declared.
/// </summary>
internal sealed partial class SimdMethod
{
    private const string Unsafe = "global::System.Runtime.CompilerServices.Unsafe";

    private readonly SimdKernel kernel;
    private readonly LoopProgram program;
    private SourceWriter writer = new();
    private readonly SimdNames names = new();
    private readonly SortedDictionary<(HeadGroup Group, int Id, ElementKind Kind), (string Name, string Declaration)> head = [];
    private readonly Dictionary<int, Code> values = [];
    private readonly Dictionary<int, (Code Code, bool Loads)> pending = [];
    private readonly Dictionary<int, string> loopNames = [];
    private readonly List<SimdLoop> open = [];
    private readonly HashSet<int> declared = [];
    private readonly HashSet<int> laneValues = [];

    /// <summary>What stands at the head of a method, in this order.</summary>
    private enum HeadGroup
    {
        Extent,
        Needs,
        Allocation,
        Buffer,
        Streams,
        Scalar,
        Row,
    }

    private HashSet<Primitive> calls = [];
    private SimdLogistic? logistic;
    private Dictionary<string, (string Name, bool IsMirrored)> logistics = [];
    private Dictionary<int, int> uses = [];
    private Dictionary<int, List<SimdNode>> useLists = [];

    /// <param name="kernel">The kernel.</param>
    /// <param name="name">What the methods of its own begin with, that this one calls.</param>
    public SimdMethod(SimdKernel kernel, string name = "")
    {
        this.kernel = kernel;
        this.name = name;
        program = kernel.Program;
    }

    private bool InLanes => open.Any(l => l.Variable.IsVector);

    private SimdLoop? VectorLoop => open.FirstOrDefault(l => l.Variable.IsVector);

    /// <summary>Counts uses below the nodes, which decide what is named and what is written where it is used.</summary>
    public void Survey(IReadOnlyList<List<SimdNode>> lists)
    {
        uses = [];
        useLists = [];
        Budget(lists.SelectMany(Own).ToArray());
        foreach (var list in lists)
            Survey(list);
    }

    /// <summary>Which functions are shared or called where only these nodes are in one method.</summary>
    private void Budget(IReadOnlyList<SimdNode> nodes)
    {
        logistic = new(nodes, program);
        calls = SimdBudget.Calls(nodes, program, logistic);
    }

    private void Survey(List<SimdNode> list)
    {
        foreach (var node in list)
        {
            if (node is SimdLoop loop)
            {
                if (loop.When is { } when)
                    Use(when.Value, list, mentions: 2);
                Survey(loop.Prologue);
                Survey(loop.Body);
                continue;
            }

            var statement = ((SimdStatement)node).Node;
            foreach (var value in LoopStatements.Uses(statement))
                Use(value, list);

            // What says where or whether is mentioned more than once.
            foreach (var value in LoopStatements.AddressUses(statement))
                uses[value]++;
        }
    }

    private void Use(int value, List<SimdNode> list, int mentions = 1)
    {
        uses[value] = uses.TryGetValue(value, out var count) ? count + mentions : mentions;
        useLists[value] = list;
    }

    /// <summary>The declarations, then the body, into the class that is being written.</summary>
    public void WriteTo(SourceWriter target)
    {
        FlushPending(loadsOnly: false);
        foreach (var declaration in head.Values)
            target.Line(declaration.Declaration);
        var body = writer.ToString();
        if (body.Length > 0)
            target.Line(body.Substring(0, body.Length - 1));
    }

    /// <summary>Statements in order; those that only some gradients need, under the condition that one of them is wanted.</summary>
    public void Body(List<SimdNode> nodes, SimdGate known)
    {
        for (var i = 0; i < nodes.Count;)
        {
            if (IsOpen(nodes[i], known))
            {
                Node(nodes[i++], nodes, known);
                continue;
            }

            var end = i;
            var union = SimdGate.Never;
            for (; end < nodes.Count && !IsOpen(nodes[end], known); end++)
                union |= nodes[end].Gate;
            if (!nodes.GetRange(i, end - i).Any(n => n.Gate == union))
            {
                for (end = i + 1; end < nodes.Count && nodes[end].Gate == nodes[i].Gate && !IsOpen(nodes[end], known); end++)
                {
                }

                union = nodes[i].Gate;
            }

            var run = nodes.GetRange(i, end - i);
            DeclareEscaping(run);
            DeclareRegisters();
            using (Scope($"if ({Condition(union)})"))
            {
                Within(run, nodes, union);
                FlushPending(loadsOnly: false, definedIn: run);
            }

            i = end;
        }
    }

    // Registers are declared for all that follows, and cost nothing; scalars in memory are initialised where they are first needed.
    private bool IsOpen(SimdNode node, SimdGate known) => node.Gate.Contains(known)
        || (node is SimdStatement { Node: LoopNode.Initialise initialise }
            && (program.Buffers[initialise.Buffer].Scope == BufferScope.Register || (stages is not null && program.Buffers[initialise.Buffer].Extents.Count == 0)));

    private void Within(List<SimdNode> run, List<SimdNode> list, SimdGate known)
    {
        // The run is part of a list: single uses later in the list still count as uses in it.
        foreach (var value in useLists.Where(u => u.Value == list).Select(u => u.Key).ToArray())
            useLists[value] = run;
        Body(run, known);
        foreach (var value in useLists.Where(u => u.Value == run).Select(u => u.Key).ToArray())
            useLists[value] = list;
    }

    /// <summary>Values that are computed under a condition and used after it are declared before.</summary>
    private void DeclareEscaping(List<SimdNode> run)
    {
        var inside = new Dictionary<int, int>();
        var addressed = SimdTree.Statements(run).SelectMany(s => LoopStatements.AddressUses(s.Node)).Concat(SimdTree.Loops(run).Where(l => l.When is not null).Select(l => l.When!.Value.Value));
        foreach (var value in SimdTree.Uses(run).Concat(addressed))
            inside[value] = inside.TryGetValue(value, out var count) ? count + 1 : 1;
        foreach (var statement in run.OfType<SimdStatement>().Where(s => s.Defines >= 0))
        {
            var total = uses.TryGetValue(statement.Defines, out var count) ? count : 0;
            if (declared.Contains(statement.Defines) || total == (inside.TryGetValue(statement.Defines, out var within) ? within : 0))
                continue;
            var name = names.Take("v" + Text(statement.Defines));
            writer.Line($"var {name} = default({TypeOf(statement.Defines)});");
            types[name] = TypeOf(statement.Defines);
            values[statement.Defines] = new(name);
            declared.Add(statement.Defines);
        }
    }

    private void Node(SimdNode node, List<SimdNode> list, SimdGate known)
    {
        if (stages is not null && RootNode(node, known))
            return;
        if (node is SimdLoop loop)
        {
            Body(loop.Prologue, known);
            FlushPending(loadsOnly: false);
            Loop(loop, known);
            return;
        }

        switch (((SimdStatement)node).Node)
        {
            case LoopNode.Load load:
                usedLoads = true;
                Define(load.Value, Load(load), list);
                break;
            case LoopNode.Compute compute:
                usedLoads = false;
                Define(compute.Value, Compute(compute), list);
                break;
            case LoopNode.Store store:
                Store(store);
                break;
            case LoopNode.Initialise initialise:
                Initialise(initialise);
                break;
            case LoopNode.Combine combine:
                Combine(combine);
                break;
            case LoopNode.Extern call:
                Extern(call);
                break;
            case LoopNode.Contract contract:
                Contract(contract);
                break;
        }
    }

    private void Loop(SimdLoop loop, SimdGate known)
    {
        DeclareAccumulators(loop);
        if (loop.When is { } when)
            using (Scope($"if ({(when.IsNegated ? "!" : "")}V.AnyLane({Value(when.Value, named: true).Text}))"))
                Run(loop, known);
        else
            Run(loop, known);
        FlushAccumulators(loop, known);
    }

    private void Run(SimdLoop loop, SimdGate known)
    {
        DeclareRows(loop);
        var variable = loop.Variable;
        var name = names.TakeLoop(variable.Name, open.Select(l => loopNames[l.Variable.Id]));
        loopNames[variable.Id] = name;
        types[name] = "nint";
        if (IsMethod(loop, open.Count > 0))
            Apart(loop, () => For(loop, name, known));
        else
            For(loop, name, known);
        FlushRows(loop);
    }

    private void For(SimdLoop loop, string name, SimdGate known)
    {
        var variable = loop.Variable;
        var end = kernel.IsBlock(loop) ? "end" : ExtentOf(variable.Extent).Text;
        var begin = kernel.IsBlock(loop) ? $"var {name} = begin" : $"nint {name} = 0";
        using (Scope($"for ({begin}; {name} < {end}; {(variable.IsVector ? $"{name} += V.Count" : name + "++")})"))
        {
            open.Add(loop);
            if (!InLanes)
                DeclareStoredRows(loop, known);
            if (variable.IsVector)
            {
                var limit = kernel.IsBlock(loop) ? new Code("end") : ExtentOf(variable.Extent);
                writer.Line($"var count = L.Of({limit.Operand} - {name}, V.Count);");
            }

            Body(loop.Body, known);
            FlushPending(loadsOnly: false);
            open.RemoveAt(open.Count - 1);
        }
    }

    /// <summary>A line under the condition that its gate is open, where that is not known.</summary>
    private void Line(string text, SimdGate gate, SimdGate known) => writer.Line(gate.Contains(known) ? text : $"if ({Condition(gate)})\n    {text}");

    private void Define(int value, Code code, List<SimdNode> list)
    {
        if (InLanes)
            laneValues.Add(value);
        var isSingle = uses.TryGetValue(value, out var count) && count == 1 && useLists.TryGetValue(value, out var where) && where == list;
        if (declared.Contains(value))
            writer.Line($"{values[value].Text} = {code.Text};");
        else if (isSingle && code.Text.Length < 90)
            pending[value] = (code, usedLoads);
        else if (count > 0)
            Name(value, code);
    }

    private void Name(int value, Code code)
    {
        if (code.IsPrimary && code.Text.All(c => char.IsLetterOrDigit(c) || c is '_' or '@'))
        {
            values[value] = code;
            return;
        }

        var name = names.Take(kernel.NameOf(value));
        writer.Line($"var {name} = {code.Text};");
        types[name] = TypeOf(value);
        values[value] = new(name);
    }

    /// <summary>Gives names to what waits for its use: before memory is written, loads; before a loop, everything.</summary>
    private void FlushPending(bool loadsOnly, List<SimdNode>? definedIn = null)
    {
        foreach (var value in pending.Keys.OrderBy(v => v).ToArray())
        {
            var (code, loads) = pending[value];
            if ((loadsOnly && !loads) || (definedIn is not null && !definedIn.OfType<SimdStatement>().Any(s => s.Defines == value)))
                continue;
            pending.Remove(value);
            Name(value, code);
        }
    }

    private Code Value(int value, bool named = false)
    {
        if (pending.TryGetValue(value, out var waiting))
        {
            pending.Remove(value);
            if (!named)
            {
                usedLoads |= waiting.Loads;
                return waiting.Code;
            }

            Name(value, waiting.Code);
        }

        return values[value];
    }

    // Whether the expression under construction contains a load that was not given a name.
    private bool usedLoads;

    private Code Compute(LoopNode.Compute compute)
    {
        var result = program.Values[compute.Value];
        if (compute.Primitive == Primitive.Convert)
        {
            var from = OperandKinds.Of(program, compute.Operands[0], result);
            var named = from == ElementKind.Boolean;
            return SimdExpressions.Convert(from, result, (compute.Parameters as Parameters.Convert)?.DType, InLanes, Operand(compute.Operands[0], from, named).Code);
        }

        if (LaneComparison(compute) is { } comparison)
            return comparison;
        if (!calls.Contains(compute.Primitive) && logistic?.Of(compute.Value) is { } form)
            return Logistic(compute, form.Root, form.IsMirrored);
        var kind = OperandKinds.Of(program, compute);
        var repeats = SimdExpressions.Repeats(compute.Primitive, kind);
        var operands = compute.Operands.Select((o, i) => Operand(o, compute.Primitive == Primitive.Where && i == 0 ? ElementKind.Boolean : kind, repeats)).ToArray();
        return SimdExpressions.Of(compute.Primitive, kind, InLanes, operands, calls.Contains(compute.Primitive));
    }

    /// <summary>A function of an argument that others have too: the first makes what they share.</summary>
    private Code Logistic(LoopNode.Compute compute, string root, bool isMirrored)
    {
        if (!logistics.TryGetValue(root, out var known))
        {
            known = (names.Take("logistic"), isMirrored);
            writer.Line($"var {known.Name} = {SimdExpressions.Namespace}Logistic<T, V>.Of({Operand(compute.Operands[0], ElementKind.Real).Text});");
            logistics[root] = known;
            types[known.Name] = SimdExpressions.Namespace + "Logistic<T, V>";
            usedLoads = false;
        }

        return new($"{known.Name}.{SimdLogistic.Member(compute.Primitive, isMirrored ^ known.IsMirrored)}");
    }

    /// <summary>
    /// The vector loop's variable compared with a number that is the same in all lanes (a label, the bound of a pad): which lanes, without
    /// whole numbers in lanes. Null where that is not what is compared.
    /// </summary>
    private Code? LaneComparison(LoopNode.Compute compute)
    {
        if (VectorLoop is not { } loop || compute.Primitive is < Primitive.Equal or > Primitive.GreaterOrEqual)
            return null;
        var (left, right) = (compute.Operands[0], compute.Operands[1]);
        var isLeft = left == LoopAtom.Coordinate(loop.Variable.Id);
        if (!isLeft && right != LoopAtom.Coordinate(loop.Variable.Id))
            return null;
        var other = isLeft ? right : left;
        string number;
        switch (other.Kind)
        {
            case LoopAtomKind.Value when !IsLanes(other.Id):
                number = Value(other.Id, named: true).Text;
                break;
            case LoopAtomKind.Size:
                number = ExtentOf(program.Sizes[other.Id]).Text;
                break;
            case LoopAtomKind.Host:
                number = HostScalar(other.Id, ElementKind.Integer);
                break;
            case LoopAtomKind.Literal when other.Number == Math.Floor(other.Number) && Math.Abs(other.Number) < 1e15:
                number = Text((long)other.Number);
                break;
            default:
                return null;
        }

        var arguments = $"{loopNames[loop.Variable.Id]}, {number}";
        return (compute.Primitive, isLeft) switch
        {
            (Primitive.Equal, _) => new($"V.IsEqual({arguments})"),
            (Primitive.NotEqual, _) => new($"~V.IsEqual({arguments})"),
            (Primitive.Less, true) or (Primitive.Greater, false) => new($"V.IsLess({arguments})"),
            (Primitive.LessOrEqual, true) or (Primitive.GreaterOrEqual, false) => new($"V.IsAtMost({arguments})"),
            (Primitive.Greater, true) or (Primitive.Less, false) => new($"~V.IsAtMost({arguments})"),
            _ => new($"~V.IsLess({arguments})"),
        };
    }

    /// <summary>An operand as an expression of the kind; in lanes where the statement is.</summary>
    private SimdOperand Operand(LoopAtom atom, ElementKind kind, bool named = false)
    {
        var isInteger = kind == ElementKind.Integer;
        switch (atom.Kind)
        {
            case LoopAtomKind.Value:
                var code = Value(atom.Id, named);
                return new(isInteger && InLanes && !IsLanes(atom.Id) ? new($"{SimdExpressions.Lanes}.Create({code.Text})") : code);
            case LoopAtomKind.Coordinate:
                return new(Coordinate(atom.Id));
            case LoopAtomKind.Host:
                var host = HostScalar(atom.Id, kind);
                return new(isInteger && InLanes ? new($"{SimdExpressions.Lanes}.Create({host})") : new(host));
            case LoopAtomKind.Size:
                var size = ExtentOf(program.Sizes[atom.Id]).Text;
                return new(isInteger && InLanes ? new($"{SimdExpressions.Lanes}.Create({size})") : Code.Compound($"(long)({size})"));
            default:
                return Literal(atom.Number, kind);
        }
    }

    private SimdOperand Literal(double number, ElementKind kind)
    {
        if (kind == ElementKind.Boolean)
            return new(new($"V.Condition({(number != 0 ? "true" : "false")})"));
        // The largest number of the compute type, of which float has another.
        if (kind == ElementKind.Real && Math.Abs(number) == double.MaxValue)
            return new(number > 0 ? new($"{SimdExpressions.Namespace}Rounding.Largest<T, V>()") : Code.Compound($"-{SimdExpressions.Namespace}Rounding.Largest<T, V>()"));
        if (kind == ElementKind.Real)
            return new(new($"V.Create({SimdExpressions.Number(number)})"), number);
        var whole = Text((long)number) + "L";
        return new(InLanes ? new($"{SimdExpressions.Lanes}.Create({whole})") : new(whole), number);
    }

    private Code Coordinate(int loop) => open.First(l => l.Variable.Id == loop).Variable.IsVector
        ? new($"{SimdExpressions.Lanes}.Sequence({loopNames[loop]})")
        : InLanes ? new($"{SimdExpressions.Lanes}.Create({loopNames[loop]})") : new($"(long){loopNames[loop]}", false);

    private bool IsLanes(int value) => laneValues.Contains(value);

    private string TypeOf(int value) => program.Values[value] == ElementKind.Integer ? InLanes ? SimdExpressions.Lanes : "long" : "V";

    private string Condition(SimdGate gate) => string.Join(" || ", gate.Numbers().Select(Needs));

    private string Needs(int gradient) => Head(HeadGroup.Needs, gradient, ElementKind.Real, "needs" + SimdNames.Capital(kernel.GradientName(gradient)), "bool", n => $"var {n} = frame.Needs({Text(gradient)});");

    private string HostScalar(int scalar, ElementKind kind) => kind switch
    {
        ElementKind.Real => Head(HeadGroup.Scalar, scalar, kind, kernel.HostName(scalar), "V", n => $"var {n} = V.Create(frame.Scalar({Text(scalar)}));{kernel.HostComment(scalar)}"),
        ElementKind.Boolean => Head(HeadGroup.Scalar, scalar, kind, kernel.HostName(scalar) + "Holds", "V", n => $"var {n} = V.Condition(frame.Scalar({Text(scalar)}) != 0);"),
        _ => Head(HeadGroup.Scalar, scalar, kind, kernel.HostName(scalar) + "Number", "long", n => $"var {n} = (long)frame.Scalar({Text(scalar)});"),
    };

    /// <summary>The size of a named axis.</summary>
    private string AxisSize(string axis) =>
        Head(HeadGroup.Extent, kernel.AxisId(axis), ElementKind.Real, axis + "Count", "nint", n => $"var {n} = frame.Extent({Text(kernel.AxisId(axis))});");

    private string Head(HeadGroup group, int id, ElementKind kind, string wish, string type, Func<string, string> declaration)
    {
        if (head.TryGetValue((group, id, kind), out var known))
            return known.Name;
        var name = names.Take(wish);
        head[(group, id, kind)] = (name, declaration(name));
        types[name] = type;
        headNames.Add(name);
        return name;
    }

    /// <summary>An extent as an expression of type nint.</summary>
    private Code ExtentOf(Extent extent)
    {
        var text = "";
        foreach (var term in extent.Terms)
        {
            var magnitude = Math.Abs(term.Coefficient);
            var product = magnitude == 1 ? AxisSize(term.Name) : $"{Text(magnitude)} * {AxisSize(term.Name)}";
            text += text.Length == 0 ? (term.Coefficient < 0 ? "-" + (magnitude == 1 ? product : $"({product})") : product) : (term.Coefficient < 0 ? " - " : " + ") + product;
        }

        if (extent.Constant != 0 || text.Length == 0)
            text += text.Length == 0 ? Text(extent.Constant) : (extent.Constant < 0 ? " - " : " + ") + Text(Math.Abs(extent.Constant));
        return new(text, text.All(c => char.IsLetterOrDigit(c) || c is '_' or '@'));
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
