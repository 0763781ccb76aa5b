using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>Loads, stores and rows: where a place is, whether it exists, and who writes it.</summary>
internal sealed partial class CudaMethod
{
    private readonly Dictionary<int, (string First, string Last, int Position)> owned = [];
    private readonly Dictionary<int, string> rows = [];
    private readonly Dictionary<int, Code> known = [];

    // Where values were read, in their buffers.
    private readonly Dictionary<int, string> positions = [];

    /// <summary>Whether all threads of a block run a loop's iterations one after the other, and may wait for each other there.</summary>
    public bool IsUniform(SimdLoop loop) => nest is not null && !nest.IsLane(loop) && !IsOwned(loop);

    /// <summary>Whether threads share a loop's iterations.</summary>
    public bool IsShared(SimdLoop loop) => nest?.IsLane(loop) == true;

    /// <summary>Whether every thread runs all of a loop.</summary>
    public bool IsOwned(SimdLoop loop) => nest is not null && loop.Variable.Iterator == IteratorType.Segment && !Inside(loop).Any(nest.IsLane);

    private void Load(LoopNode.Load load)
    {
        var buffer = program.Buffers[load.Buffer];
        if (buffer.Scope == BufferScope.Register)
        {
            values[load.Value] = new(registers[load.Buffer]);
            return;
        }

        if (buffer.Extents.Count == 0 && known.TryGetValue(load.Buffer, out var scalar))
        {
            values[load.Value] = scalar;
            return;
        }

        if (elements.TryGetValue(load, out var element))
        {
            Name(load.Value, Code.Compound(element));
            return;
        }

        var predicate = load.Predicate is { } holds ? Value(holds, named: true).Operand : "";
        var exists = Exists(load.Buffer, load.Index, predicate);
        var offset = positions[load.Value] = Offset(load.Buffer, load.Index);
        var code = Read(load.Buffer, offset);
        if (memory.IsOptionalUpstream(load.Buffer))
            code = Code.Compound($"{Buffer(load.Buffer)} ? {code.Operand} : (real){Argument(CudaArgumentKind.AbsentUpstream)}");
        if (exists.Length > 0)
            code = Code.Compound($"{exists} ? {code.Operand} : {(buffer.Kind == ElementKind.Real ? "dpo_nan((real)0)" : CudaExpressions.Literal(0, buffer.Kind).Text)}");
        if (predicate.Length > 0)
            code = Code.Compound($"{predicate} ? {code.Operand} : {CudaExpressions.Literal(0, buffer.Kind).Text}");
        Name(load.Value, code);
    }

    /// <summary>An element of a buffer.</summary>
    private Code Read(int buffer, string offset)
    {
        var name = Memory(buffer);
        return program.Buffers[buffer].Kind switch
        {
            ElementKind.Boolean => Code.Compound($"{name}[{offset}] != 0"),
            ElementKind.Integer => new(memory.IsStored(buffer) ? $"dpo_load_integer({name}, {offset})" : $"{name}[{offset}]"),
            _ => new(memory.IsStored(buffer) ? $"dpo_load({name}, {offset})" : $"{name}[{offset}]"),
        };
    }

    private string Assign(int buffer, string offset, string value)
    {
        var name = Memory(buffer);
        return program.Buffers[buffer].Kind switch
        {
            ElementKind.Boolean => $"{name}[{offset}] = {value} ? 1 : 0;",
            _ when memory.IsStored(buffer) => $"dpo_store({name}, {offset}, {value});",
            _ => $"{name}[{offset}] = {value};",
        };
    }

    /// <summary>The address of a buffer; of a row, in the block's own workspace.</summary>
    private string Memory(int id)
    {
        var buffer = program.Buffers[id];
        if (buffer.Scope != BufferScope.Row)
            return Buffer(id);
        if (rows.TryGetValue(id, out var known))
            return known;
        var name = names.Take(buffer.Name);
        var workspace = Workspace(buffer.Name + "Rows", buffer.Kind, buffer.Extents);
        var type = CudaMemory.ElementOf(buffer.Kind);
        names.Keep(name);
        head.Add($"{type} *{name} = {workspace} + dpo_block() * {Product(buffer.Extents).Operand};");
        return rows[id] = name;
    }

    private string Workspace(string name, ElementKind kind, EquatableArray<Extent> extents)
    {
        workspaces.Add(new(memory.Names.Take(name), kind, extents, step));
        return Argument(CudaArgumentKind.Workspace, workspaces.Count - 1);
    }

    /// <summary>Whether the places that are read from data exist, as the name of a condition; reports a fault where one does not. Empty where none is.</summary>
    private string Exists(int buffer, EquatableArray<IndexExpression> index, string predicate)
    {
        var conditions = new List<string>();
        for (var p = 0; p < index.Count; p++)
        {
            if (index[p] is not IndexExpression.Indirect indirect || !memory.NeedsCheck(indirect.Value, program.Buffers[buffer].Extents[p]))
                continue;
            var place = Value(indirect.Value, named: true).Operand;
            var name = names.Take((place.All(c => char.IsLetterOrDigit(c) || c == '_') ? place : "place") + "Exists");
            writer.Line($"const bool {name} = {place} >= 0 && {place} < {ExtentOf(program.Buffers[buffer].Extents[p]).Operand};");
            var failing = predicate.Length > 0 ? $"{predicate} && !{name}" : "!" + name;
            var code = $"{Argument(CudaArgumentKind.FaultCode)} + {Number(memory.FaultOf(indirect.Value, buffer, program.Buffers[buffer].Extents[p]))}";
            var position = memory.IndexLoad(indirect.Value) is { } load && positions.TryGetValue(load.Value, out var at) ? at : "-1";
            writer.Line($"if ({failing})\n    DPO_FAULT({Argument(CudaArgumentKind.Faults)}, {code}, {place}, {position});");
            conditions.Add(name);
        }

        return conditions.Count switch { 0 => "", 1 => conditions[0], _ => "(" + string.Join(" && ", conditions) + ")" };
    }

    private string Offset(int buffer, EquatableArray<IndexExpression> index, int from = 0)
    {
        var extents = program.Buffers[buffer].Extents;
        var text = "";
        var isCompound = false;
        var first = from;
        if (from == 0 && items is not null && Prefix(extents, index))
        {
            text = items;
            first = nest!.Items.Count;
        }

        for (var p = first; p < extents.Count; p++)
        {
            var place = Place(index[p]);
            if (text.Length > 0 && !extents[p].IsOne)
            {
                text = $"{(isCompound ? $"({text})" : text)} * {ExtentOf(extents[p]).Operand}";
                isCompound = true;
            }

            if (place.Text == "0")
                continue;
            isCompound = text.Length > 0 || !place.IsPrimary;
            text = text.Length == 0 ? place.Text : $"{text} + {place.Operand}";
        }

        return text.Length == 0 ? "0" : text;
    }

    /// <summary>Whether a buffer's first axes are those of the items, which are numbered in that order.</summary>
    private bool Prefix(EquatableArray<Extent> extents, EquatableArray<IndexExpression> index)
    {
        var loops = nest!.Items;
        if (extents.Count < loops.Count)
            return false;
        for (var i = 0; i < loops.Count; i++)
            if (extents[i] != loops[i].Variable.Extent || index[i] != IndexExpression.Of(loops[i].Variable.Id))
                return false;
        return true;
    }

    private Code Place(IndexExpression index)
    {
        if (index is IndexExpression.Indirect indirect)
            return Value(indirect.Value, named: true);
        var affine = (IndexExpression.Affine)index;
        var text = affine.Offset == Extent.Fixed(0) ? "" : ExtentOf(affine.Offset).Text;
        foreach (var term in affine.Terms)
        {
            var magnitude = Math.Abs(term.Stride);
            var product = magnitude == 1 ? loopNames[term.Loop] : $"{Number(magnitude)} * {loopNames[term.Loop]}";
            text = text.Length == 0 ? (term.Stride < 0 ? "-" : "") + product : $"{text} {(term.Stride < 0 ? "-" : "+")} {product}";
        }

        return text.Length == 0 ? new("0") : new(text, text.All(c => char.IsLetterOrDigit(c) || c == '_'));
    }

    private void Store(LoopNode.Store store, CudaPlace place, string gate)
    {
        var buffer = program.Buffers[store.Buffer];
        var predicate = store.Predicate is { } holds ? Value(holds, named: true).Operand : "";
        var value = Operand(store.Operand, buffer.Kind).Text;
        if (elements.TryGetValue(store, out var element))
        {
            writer.Line($"{element} = {value};");
            return;
        }

        if (buffer.Extents.Count == 0 && nest is null)
        {
            // Later statements of the block have it without memory.
            var name = names.Take(memory.BufferNames[store.Buffer] + "Value");
            if (!value.All(c => char.IsLetterOrDigit(c) || c == '_'))
            {
                writer.Line($"const {CudaExpressions.TypeOf(buffer.Kind)} {name} = {value};");
                value = name;
            }

            known[store.Buffer] = new(value);
        }

        Write(store.Buffer, store.Index, place, [gate, predicate], offset => Assign(store.Buffer, offset, buffer.Kind == ElementKind.Boolean ? Grouped(value) : value));
    }

    private static string Grouped(string text) => text.All(c => char.IsLetterOrDigit(c) || c == '_') ? text : $"({text})";

    /// <summary>A write by the thread whose it is, under conditions; empty ones hold.</summary>
    private void Write(int buffer, EquatableArray<IndexExpression> index, CudaPlace place, IEnumerable<string> conditions, Func<string, string> statement)
    {
        var all = conditions.Where(c => c.Length > 0).Select(Conjunct).ToList();
        var exists = Exists(buffer, index, string.Join(" && ", all));
        if (exists.Length > 0)
            all.Add(exists);
        if (place == CudaPlace.Uniform)
            all.Insert(0, "dpo_thread() == 0");
        var offset = Offset(buffer, index);
        if (place == CudaPlace.Owner && owned.TryGetValue(buffer, out var own))
        {
            var at = names.Take(memory.BufferNames[buffer] + "Place");
            writer.Line($"const long long {at} = {Offset(buffer, index, own.Position)};");
            all.Add($"{at} >= {own.First} && {at} < {own.Last}");
        }

        writer.Line(all.Count == 0 ? statement(offset) : $"if ({string.Join(" && ", all)})\n    {statement(offset)}");
    }

    private static string Conjunct(string condition) => condition.Contains("||") && condition[0] != '(' ? $"({condition})" : condition;

    /// <summary>Divides what a scatter writes among the threads. Returns the buffers that were not divided before.</summary>
    private List<int> Own(SimdLoop loop)
    {
        var inside = new HashSet<int>(Inside(loop).Select(l => l.Variable.Id));
        var divided = new List<int>();
        foreach (var statement in SimdTree.Statements(loop))
        {
            foreach (var (buffer, index) in LoopStatements.Accesses(statement.Node))
            {
                if (!LoopStatements.Writes(statement.Node).Contains(buffer) || owned.ContainsKey(buffer) || program.Buffers[buffer] is { Scope: BufferScope.Register } or { Extents.Count: 0 })
                    continue;
                var position = 0;
                while (position < index.Count - 1 && index[position] is IndexExpression.Affine affine && !affine.Terms.Any(t => inside.Contains(t.Loop)))
                    position++;
                var (first, last) = (names.Take(memory.BufferNames[buffer] + "First"), names.Take(memory.BufferNames[buffer] + "Last"));
                var size = Product(program.Buffers[buffer].Extents.Skip(position)).Operand;
                var (thread, threads) = grid == CudaGrid.Owners ? ("(dpo_block() * dpo_threads() + dpo_thread())", "(dpo_blocks() * dpo_threads())") : ("dpo_thread()", "dpo_threads()");
                writer.Line($"const long long {first} = {size} * {thread} / {threads};");
                writer.Line($"const long long {last} = {size} * ({thread} + 1) / {threads};");
                owned[buffer] = (first, last, position);
                divided.Add(buffer);
            }
        }

        return divided;
    }

    private void Initialise(LoopNode.Initialise initialise, CudaPlace place, string gate)
    {
        var buffer = program.Buffers[initialise.Buffer];
        if (buffer.Scope == BufferScope.Register)
        {
            Declare(initialise, place);
            return;
        }

        var identity = Identity(initialise.Monoid, buffer.Kind);
        if (buffer.Extents.Count == 0)
        {
            Write(initialise.Buffer, [], place, [gate], offset => Assign(initialise.Buffer, offset, identity));
            known[initialise.Buffer] = new(identity);
            return;
        }

        var count = Product(buffer.Extents).Text;
        var i = names.Take("i");
        var header = place == CudaPlace.Uniform ? Strided(i, count, isGrid: false) : $"for (long long {i} = 0; {i} < {count}; {i}++)";
        writer.Line($"{header}\n    {Assign(initialise.Buffer, i, identity)}");
    }

    private void Extern(LoopNode.Extern call, string gate)
    {
        var operands = call.Operands.Select(o =>
        {
            var start = Offset(o.Buffer, o.Start.Select((e, p) => p == o.Position ? new IndexExpression.Affine(Extent.Fixed(0), []) : e).ToEquatableArray());
            var stride = Product(program.Buffers[o.Buffer].Extents.Skip(o.Position + 1)).Text;
            return $"{Memory(o.Buffer)}{(start == "0" ? "" : " + " + start)}, {stride}";
        });
        var direction = call.Parameters switch { Parameters.Scan { Reverse: true } or Parameters.Sort { Descending: true } => "true", _ => "false" };
        var text = $"dpo_{call.Name}_row({string.Join(", ", operands)}, {ExtentOf(call.Length).Text}, {direction});";
        writer.Line(gate.Length == 0 ? text : $"if ({gate})\n    {text}");
    }
}
