using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>Loads and stores: where they go, and in which of five ways (one element, a vector, a masked one, a gather, a scatter).</summary>
internal sealed partial class SimdMethod
{
    private Dictionary<(int Buffer, string Base), string> rows = [];
    private Dictionary<(int Buffer, string Base), string> rowStreams = [];
    private Dictionary<(int Value, string Extent, int Predicate), string> checkedIndices = [];
    private readonly Dictionary<(int Buffer, string Base), string> storedRows = [];
    private readonly Dictionary<SimdLoop, List<string>> flushes = [];

    // The rows that loops under a condition have read in a body, each in braces of its own.
    private readonly HashSet<(SimdLoop Body, LoopCondition When, int Buffer, string Base)> conditionalRows = [];

    // The loops that read a row, by the body that they are in, its buffer and where it begins.
    private readonly Dictionary<(SimdLoop Body, int Buffer, string Base), HashSet<SimdLoop>> readers = [];

    /// <summary>A place in memory.</summary>
    /// <param name="Reference">The buffer, or a row of it, as the operand of <c>ref</c>; of a stored one its name.</param>
    /// <param name="Index">The element of it: of type nint, or lanes.</param>
    /// <param name="Lanes">How the vector's lanes lie in memory.</param>
    /// <param name="Streaming">A flag that says whether to store past the cache, or empty.</param>
    /// <param name="IsRow">Whether the reference is a row.</param>
    /// <param name="IsInForm">Whether it is one in the form that the stage is compiled for.</param>
    private readonly record struct Place(string Reference, string Index, LaneLayout Lanes, string Streaming = "", bool IsRow = false, bool IsInForm = false)
    {
        /// <summary>What reads and writes neighbours there.</summary>
        public string Access => IsInForm ? "L" : "V";
    }

    private enum LaneLayout
    {
        /// <summary>All lanes the same element, or no lanes at all.</summary>
        One,

        /// <summary>Neighbours.</summary>
        Contiguous,

        /// <summary>Found by index.</summary>
        Scattered,
    }

    /// <summary>Braces whose names end with them.</summary>
    private ScopeEnd Scope(string header)
    {
        var end = new ScopeEnd(this, writer.Block(header), rows, rowStreams, checkedIndices, logistics);
        rows = new(rows);
        rowStreams = new(rowStreams);
        checkedIndices = new(checkedIndices);
        logistics = new(logistics);
        return end;
    }

    private readonly struct ScopeEnd(
        SimdMethod method,
        SourceWriter.Scope braces,
        Dictionary<(int Buffer, string Base), string> rows,
        Dictionary<(int Buffer, string Base), string> rowStreams,
        Dictionary<(int Value, string Extent, int Predicate), string> checkedIndices,
        Dictionary<string, (string Name, bool IsMirrored)> logistics) : IDisposable
    {
        public void Dispose()
        {
            braces.Dispose();
            method.rows = rows;
            method.rowStreams = rowStreams;
            method.checkedIndices = checkedIndices;
            method.logistics = logistics;
        }
    }

    private Code Load(LoopNode.Load load)
    {
        var buffer = program.Buffers[load.Buffer];
        DeclareRegister(load.Buffer);
        if (accumulators.TryGetValue(load.Buffer, out var accumulator))
            return Result(accumulator);
        var place = PlaceOf(load.Buffer, load.Index, load.Predicate);
        var predicate = load.Predicate is { } p ? Value(p, named: true).Text : null;
        var isUniform = load.Predicate is { } q && !IsLanes(q);
        var (reference, index) = (place.Reference, place.Index);
        var code = (buffer.Kind, place.Lanes) switch
        {
            _ when kernel.IsStored(load.Buffer) && !place.IsRow => StoredLoad(buffer.Kind, place, predicate, isUniform),
            (ElementKind.Real, LaneLayout.One) => new Code($"V.Broadcast(ref {reference}, {index})"),
            (ElementKind.Integer, LaneLayout.One) => InLanes ? new($"{SimdExpressions.Lanes}.Create({Element(reference, index)})") : new(Element(reference, index)),
            (ElementKind.Boolean, LaneLayout.One) => new($"V.Condition({Element(reference, index)} != 0)"),
            (ElementKind.Real, LaneLayout.Contiguous) => Neighbours(load.Buffer, place, Masked(predicate, isUniform)),
            (ElementKind.Integer, LaneLayout.Contiguous) when predicate is null || isUniform => new($"{SimdExpressions.Lanes}.Load(ref {reference}, {index}, count)"),
            (ElementKind.Boolean, LaneLayout.Contiguous) when predicate is null || isUniform => new($"V.LoadCondition(ref {reference}, {index}, count)"),
            (ElementKind.Integer, LaneLayout.Contiguous) => new($"{SimdExpressions.Namespace}LaneMemory.Gather(ref {reference}, {Where(predicate, $"{SimdExpressions.Lanes}.Sequence({index})")}, count)"),
            (ElementKind.Boolean, LaneLayout.Contiguous) => new($"{SimdExpressions.Namespace}LaneMemory.Gather<T, V>(ref {reference}, {Where(predicate, $"{SimdExpressions.Lanes}.Sequence({index})")}, count)"),
            (ElementKind.Real, _) => new($"V.Gather(ref {reference}, {Where(isUniform ? null : predicate, index)}, count)"),
            (ElementKind.Integer, _) => new($"{SimdExpressions.Namespace}LaneMemory.Gather(ref {reference}, {Where(isUniform ? null : predicate, index)}, count)"),
            _ => new($"{SimdExpressions.Namespace}LaneMemory.Gather<T, V>(ref {reference}, {Where(isUniform ? null : predicate, index)}, count)"),
        };
        if (predicate is null || (place.Lanes != LaneLayout.One && !isUniform))
            return code;
        return isUniform
            ? Code.Compound($"V.AnyLane({predicate}) ? {code.Text} : default")
            : buffer.Kind == ElementKind.Integer
                ? new($"{SimdExpressions.Lanes}.Where(V.ToCondition({predicate}), {code.Text}, default)")
                : Code.Compound($"V.AnyLane({predicate}) ? {code.Text} & {predicate} : default");
    }

    private Code Neighbours(int buffer, Place place, string condition)
    {
        if (place.IsInForm)
            Prefetch(buffer, place);
        return new($"{place.Access}.Load{(place.IsInForm ? "<T, V>" : "")}(ref {place.Reference}, {place.Index}, count{condition})");
    }

    /// <summary>
    /// A loop that finds its row in the cache, because another has read it, leaves the memory idle: the second to read it fetches the row
    /// that comes next, which the first then finds there too.
    /// </summary>
    private void Prefetch(int buffer, Place place)
    {
        var vector = open.IndexOf(VectorLoop!);
        var row = (open[Math.Max(vector - 1, 0)], buffer, rows.First(r => r.Value == place.Reference).Key.Base);
        if (!readers.TryGetValue(row, out var loops))
            readers[row] = loops = [];
        if (loops.Add(open[vector]) && loops.Count == 2)
            writer.Line($"L.Prefetch(ref {place.Reference}, {place.Index} + {ExtentOf(program.Buffers[buffer].Extents.Last(e => !e.IsOne)).Operand});");
    }

    /// <summary>Whether the buffer's rows are taken in the form that the stage is compiled for.</summary>
    private bool InForm(int buffer) => open.Count > 0 && kernel.RowsIn(open[0]).Contains(buffer);

    /// <summary>What the frame is asked for a buffer in.</summary>
    private string Form(int buffer) => InForm(buffer) ? "T, L" : "T";

    private Code StoredLoad(ElementKind kind, Place place, string? predicate, bool isUniform)
    {
        var (name, index) = (place.Reference, place.Index);
        var type = kind == ElementKind.Real ? "<V>" : "";
        return (kind, place.Lanes) switch
        {
            (ElementKind.Real, LaneLayout.One) => new($"{name}.Broadcast<V>({index})"),
            (_, LaneLayout.One) => InLanes ? new($"{SimdExpressions.Lanes}.Create({name}[{index}])") : new($"{name}[{index}]"),
            (ElementKind.Real, LaneLayout.Contiguous) => new($"{name}.Gather<V>({Where(isUniform ? null : predicate, $"{SimdExpressions.Lanes}.Sequence({index})")}, count)"),
            (_, LaneLayout.Contiguous) when predicate is null || isUniform => new($"{name}.Load({index}, count)"),
            (_, LaneLayout.Contiguous) => new($"{name}.Gather({Where(predicate, $"{SimdExpressions.Lanes}.Sequence({index})")}, count)"),
            _ => new($"{name}.Gather{type}({Where(isUniform ? null : predicate, index)}, count)"),
        };
    }

    private static string Masked(string? predicate, bool isUniform) => predicate is null || isUniform ? "" : ", " + predicate;

    private static string Where(string? predicate, string indices) =>
        predicate is null ? indices : $"{SimdExpressions.Lanes}.Where(V.ToCondition({predicate}), {indices}, {SimdExpressions.Lanes}.Create(-1))";

    private static string Element(string reference, string index) => index == "0" ? reference : $"{Unsafe}.Add(ref {reference}, {index})";

    private void Store(LoopNode.Store store)
    {
        var buffer = program.Buffers[store.Buffer];
        DeclareRegister(store.Buffer);
        var value = Operand(store.Operand, buffer.Kind).Code;
        if (accumulators.TryGetValue(store.Buffer, out var accumulator))
        {
            FlushPending(loadsOnly: true);
            writer.Line($"{accumulator.Name} = {value.Text};");
            return;
        }

        var place = PlaceOf(store.Buffer, store.Index, store.Predicate);
        var predicate = store.Predicate is { } p ? Value(p, named: true).Text : null;
        var isUniform = store.Predicate is { } q && !IsLanes(q);
        FlushPending(loadsOnly: true);
        var condition = isUniform ? null : predicate;
        var text = kernel.IsStored(store.Buffer) && !place.IsRow ? StoredStore(place, value, condition) : StoreText(buffer.Kind, place, value, condition);
        if (predicate is not null && (isUniform || place.Lanes == LaneLayout.One))
            writer.Line($"if (V.AnyLane({predicate}))\n    {text}");
        else
            writer.Line(text);
    }

    private string StoreText(ElementKind kind, Place place, Code value, string? predicate)
    {
        var (reference, index) = (place.Reference, place.Index);
        switch (kind, place.Lanes)
        {
            // In lanes, the last one that counts is the one that stays: the same value, unless the program races with itself.
            case (ElementKind.Real, LaneLayout.One):
                return $"{Element(reference, index)} = V.Element({value.Text}, 0);";
            case (ElementKind.Integer, LaneLayout.One):
                return $"{Element(reference, index)} = {(InLanes ? value.Operand + "[0]" : value.Text)};";
            case (ElementKind.Boolean, LaneLayout.One):
                return $"{Element(reference, index)} = V.AnyLane({value.Text}) ? (byte)1 : (byte)0;";
            case (ElementKind.Real, LaneLayout.Contiguous):
                var last = predicate ?? place.Streaming;
                return $"{place.Access}.Store({value.Text}, ref {reference}, {index}, count{(last.Length > 0 ? ", " + last : "")});";
            case (ElementKind.Integer, LaneLayout.Contiguous) when predicate is null:
                return $"{SimdExpressions.Lanes}.Store({value.Text}, ref {reference}, {index}, count);";
            case (ElementKind.Boolean, LaneLayout.Contiguous) when predicate is null:
                return $"V.StoreCondition({value.Text}, ref {reference}, {index}, count);";
            default:
                var indices = place.Lanes == LaneLayout.Contiguous ? $"{SimdExpressions.Lanes}.Sequence({index})" : index;
                var types = kind == ElementKind.Integer ? "" : "<T, V>";
                return $"{SimdExpressions.Namespace}LaneMemory.Scatter{types}({value.Text}, ref {reference}, {Where(predicate, indices)}, count);";
        }
    }

    private static string StoredStore(Place place, Code value, string? predicate) => place.Lanes switch
    {
        LaneLayout.One => $"{place.Reference}.Set({place.Index}, V.Element({value.Text}, 0));",
        LaneLayout.Contiguous => $"{place.Reference}.Scatter({value.Text}, {Where(predicate, $"{SimdExpressions.Lanes}.Sequence({place.Index})")}, count);",
        _ => $"{place.Reference}.Scatter({value.Text}, {Where(predicate, place.Index)}, count);",
    };

    private void Initialise(LoopNode.Initialise initialise)
    {
        var buffer = program.Buffers[initialise.Buffer];
        if (buffer.Scope == BufferScope.Register)
        {
            undeclared[initialise.Buffer] = kernel.Registers[initialise.Buffer];
            return;
        }

        FlushPending(loadsOnly: true);
        var identity = Identity(initialise.Monoid, buffer.Kind);
        if (buffer.Extents.Count == 0)
            writer.Line($"{BufferName(buffer.Id)} = {identity};");
        else
            writer.Line($"{SimdExpressions.Namespace}LaneMemory.Fill(ref {BufferName(buffer.Id)}, {Length(buffer).Text}, {identity});");
    }

    private static string Identity(Monoid monoid, ElementKind kind) => (monoid, kind) switch
    {
        (Monoid.Max, ElementKind.Real) => "T.NegativeInfinity",
        (Monoid.Min, ElementKind.Real) => "T.PositiveInfinity",
        (Monoid.Max, ElementKind.Integer) => "long.MinValue",
        (Monoid.Min, ElementKind.Integer) => "long.MaxValue",
        (_, ElementKind.Real) => "T.Zero",
        (_, ElementKind.Integer) => "0L",
        (Monoid.All, _) => "(byte)1",
        _ => "(byte)0",
    };

    private void Extern(LoopNode.Extern call)
    {
        var arguments = new List<string>();
        foreach (var operand in call.Operands)
        {
            var place = PlaceOf(operand.Buffer, operand.Start, null);
            arguments.Add("ref " + Element(place.Reference, place.Index));
            arguments.Add(Product(program.Buffers[operand.Buffer].Extents.Skip(operand.Position + 1)).Text);
        }

        arguments.Add(ExtentOf(call.Length).Text);
        arguments.Add(call.Parameters is Parameters.Scan { Reverse: true } or Parameters.Sort { Descending: true } ? "true" : "false");
        FlushPending(loadsOnly: true);
        var routine = call.Name switch { "sort" => "Sort", "cumsum" => "CumSum", _ => "LogCumSumExp" };
        writer.Line($"{SimdExpressions.Namespace}RowRoutines.{routine}({string.Join(", ", arguments)});");
    }

    /// <summary>The reference that stands for a buffer in this method: declared at its head.</summary>
    private string BufferName(int id)
    {
        var buffer = program.Buffers[id];
        var number = Text(id);
        var (call, type) = buffer.Kind switch { ElementKind.Real => ($"Real<T>({number})", "T"), ElementKind.Integer => ($"Index({number})", "long"), _ => ($"Boolean({number})", "byte") };
        if (buffer.Scope is BufferScope.Row or BufferScope.Tile)
        {
            var length = Length(buffer).Text;
            return Head(HeadGroup.Row, id, buffer.Kind, kernel.BufferName(id), "ref " + type, n => $"ref var {n} = ref frame.Take<{type}>({length});");
        }

        return kernel.IsStored(id)
            ? Head(HeadGroup.Buffer, id, buffer.Kind, kernel.BufferName(id), SimdExpressions.Namespace + (buffer.Kind == ElementKind.Real ? "StoredReals<T>" : "StoredIntegers"), n => $"var {n} = frame.{(buffer.Kind == ElementKind.Real ? "Reals<T>" : "Integers")}({number});")
            : Head(HeadGroup.Buffer, id, buffer.Kind, kernel.BufferName(id), "ref " + type, n => $"ref var {n} = ref frame.{call};");
    }

    private Code Length(LoopBuffer buffer) => Product(buffer.Extents);

    private Code Product(IEnumerable<Extent> extents)
    {
        var factors = extents.Where(e => !e.IsOne).Select(ExtentOf).ToArray();
        return factors.Length switch
        {
            0 => new("1"),
            1 => factors[0],
            _ => Code.Compound(string.Join(" * ", factors.Select(f => f.Operand))),
        };
    }

    /// <summary>Rows that begin where an open loop stands, for the loop that is about to run over them.</summary>
    private void DeclareRows(SimdLoop loop)
    {
        var path = new List<SimdLoop>(open) { loop };
        DeclareRows(loop, path, _ => true);
    }

    /// <summary>
    /// Rows of tensors of other dtypes, for the loops in the body that is about to be written: converting one is a call, across which no
    /// vector stays in its register, so it comes before anything is computed. Where the loop may not run it does not come at all.
    /// </summary>
    private void DeclareStoredRows(SimdLoop loop, SimdGate known)
    {
        foreach (var inner in loop.Body.OfType<SimdLoop>().Where(l => l.When is null && l.Gate.Contains(known)))
            DeclareRows(inner, [.. open, inner], kernel.IsStored);
    }

    private void DeclareRows(SimdLoop loop, List<SimdLoop> path, Func<int, bool> includes)
    {
        foreach (var node in loop.Prologue.Concat(loop.Body))
        {
            if (node is SimdLoop inner)
            {
                path.Add(inner);
                DeclareRows(inner, path, includes);
                path.RemoveAt(path.Count - 1);
                continue;
            }

            var statement = ((SimdStatement)node).Node;
            foreach (var (buffer, index) in LoopStatements.Accesses(statement).Where(a => includes(a.Buffer)))
                if (!accumulators.ContainsKey(buffer) && !(statement is LoopNode.Combine combine && kernel.Accumulators.ContainsKey(combine)))
                    DeclareRow(buffer, index, path, LoopStatements.Predicate(statement), statement is LoopNode.Store { Predicate: null });
        }
    }

    private void DeclareRow(int buffer, EquatableArray<IndexExpression> index, List<SimdLoop> path, int? predicate, bool streams)
    {
        if (program.Buffers[buffer].Scope == BufferScope.Register)
            return;
        var inner = path.FirstOrDefault(l => l.Variable.IsVector) ?? path[path.Count - 1];
        if (Split(buffer, index, inner, checkedOnly: true, predicate) is not { } split || split.Base is not { } start || split.Inner.Length == 0)
            return;
        var isStored = kernel.IsStored(buffer);
        if (isStored && (!inner.Variable.IsVector || split.Stride != "1" || program.Buffers[buffer].Kind == ElementKind.Integer))
            return;
        if (isStored && program.Buffers[buffer].Role != BufferRole.Input)
            FlushAfter(inner, $"{StoredRows(buffer, start.Text)}.Flush<V>({start.Text});");
        if (rows.ContainsKey((buffer, start.Text)))
            return;
        var name = names.Take(kernel.BufferName(buffer) + "Row");
        var number = Text(buffer);
        var isFrame = program.Buffers[buffer].Scope is not (BufferScope.Row or BufferScope.Tile);
        var access = program.Buffers[buffer].Role != BufferRole.Input ? "Write" : IsReadBefore(buffer, start.Text, inner) ? "Again" : "Read<V>";
        var row = isStored ? $"{StoredRows(buffer, start.Text)}.{access}({start.Text})" : !isFrame ? $"{Unsafe}.Add(ref {BufferName(buffer)}, {start.Text})" : program.Buffers[buffer].Kind switch
        {
            ElementKind.Real => $"frame.Real<T>({number}, {start.Text})",
            ElementKind.Integer => $"frame.Index({number}, {start.Text})",
            _ => $"frame.Boolean({number}, {start.Text})",
        };
        writer.Line($"ref var {name} = ref {row};");
        types[name] = program.Buffers[buffer].Kind switch { ElementKind.Real => "ref T", ElementKind.Integer => "ref long", _ => "ref byte" };
        rows[(buffer, start.Text)] = name;
        if (streams && inner.Variable.IsVector && kernel.MayStream(buffer))
        {
            var flag = names.Take("streams" + SimdNames.Capital(name));
            writer.Line($"var {flag} = {Streams(buffer)} && {SimdExpressions.Namespace}KernelFrame.IsAligned(ref {name});");
            rowStreams[(buffer, start.Text)] = flag;
            types[flag] = "bool";
        }
    }

    /// <summary>Whether a loop under the same condition has read the row already.</summary>
    private bool IsReadBefore(int buffer, string start, SimdLoop loop) => loop.When is { } when && open.Count > 0 && !conditionalRows.Add((open[open.Count - 1], when, buffer, start));

    /// <summary>The rows of a buffer that is of its tensor's dtype: declared at the head, each kind of row with workspace of its own.</summary>
    private string StoredRows(int buffer, string start)
    {
        if (storedRows.TryGetValue((buffer, start), out var known))
            return known;
        var extents = program.Buffers[buffer].Extents;
        var length = ExtentOf(extents.Last(e => !e.IsOne)).Text;
        var written = program.Buffers[buffer].Role == BufferRole.Input ? "" : ", " + Length(program.Buffers[buffer]).Text;
        return storedRows[(buffer, start)] = Head(
            HeadGroup.Row, -1 - storedRows.Count, ElementKind.Real, kernel.BufferName(buffer) + "Rows", SimdExpressions.Namespace + "StoredRows<T>", n => $"var {n} = frame.Rows<{Form(buffer)}>({Text(buffer)}, {length}{written});");
    }

    private void FlushAfter(SimdLoop loop, string line)
    {
        if (!flushes.TryGetValue(loop, out var lines))
            flushes[loop] = lines = [];
        if (!lines.Contains(line))
            lines.Add(line);
    }

    /// <summary>After a vector loop, the rows that it wrote go to tensors of other dtypes.</summary>
    private void FlushRows(SimdLoop loop)
    {
        if (!flushes.TryGetValue(loop, out var lines))
            return;
        flushes.Remove(loop);
        foreach (var line in lines)
            writer.Line(line);
    }

    private string Streams(int buffer) => Head(
        HeadGroup.Streams, buffer, ElementKind.Real, "streams" + SimdNames.Capital(kernel.BufferName(buffer)), "bool", WithLength(buffer));

    private Func<string, string> WithLength(int buffer)
    {
        var length = Length(program.Buffers[buffer]).Text;
        var streams = kernel.StreamsBeside(buffer) is > 1 and var count ? ", streams: " + Text(count) : "";
        return n => $"var {n} = frame.Streams<{Form(buffer)}>({Text(buffer)}, {length}{streams});";
    }

    private Place PlaceOf(int buffer, EquatableArray<IndexExpression> index, int? predicate)
    {
        var lanes = LaneIndices(buffer, index, predicate);
        var inner = VectorLoop ?? (open.Count > 0 ? open[open.Count - 1] : null);
        var split = Split(buffer, index, inner, checkedOnly: false, predicate)!.Value;
        var isNeighbours = VectorLoop is not null && lanes is null && split.Stride == "1";
        var reference = BufferReference(buffer, split.Base, isNeighbours || !kernel.IsStored(buffer), out var rest, out var streaming, out var isRow);
        if (VectorLoop is null)
            return new(reference, Sum(rest, split.Inner), LaneLayout.One);
        if (lanes is null && split.Stride is null)
            return new(reference, Sum(rest, split.Inner), LaneLayout.One);
        if (isNeighbours)
        {
            var isRowStart = rest is null && split.IsPlain;
            return new(reference, Sum(rest, split.Inner), LaneLayout.Contiguous, isRowStart && kernel.MayStream(buffer) ? streaming : "", isRow, isRow && InForm(buffer));
        }

        var start = Sum(rest, split.Inner);
        var sequence = split.Stride is null ? null : $"{SimdExpressions.Lanes}.Sequence({start}{(split.Stride == "1" ? "" : ", " + split.Stride)})";
        if (lanes is null)
            return new(reference, sequence!, LaneLayout.Scattered);
        if (sequence is null && start != "0")
            sequence = $"{SimdExpressions.Lanes}.Create({start})";
        return new(reference, sequence is null ? lanes : $"{sequence} + {lanes}", LaneLayout.Scattered);
    }

    private string BufferReference(int buffer, Code? start, bool takesRow, out Code? rest, out string streaming, out bool isRow)
    {
        rest = null;
        streaming = "";
        isRow = false;
        if (start is null)
        {
            if (kernel.MayStream(buffer))
                streaming = VectorLoop is null ? "" : Streams(buffer);
            return BufferName(buffer);
        }

        if (takesRow && rows.TryGetValue((buffer, start.Value.Text), out var row))
        {
            isRow = true;
            rowStreams.TryGetValue((buffer, start.Value.Text), out var flag);
            streaming = flag ?? "";
            return row;
        }

        rest = start;
        return BufferName(buffer);
    }

    private static string Sum(Code? left, string right)
    {
        if (left is null)
            return right.Length == 0 ? "0" : right;
        return right.Length == 0 ? left.Value.Text : $"{left.Value.Operand} + {right}";
    }

    /// <summary>An index in two parts: what does not depend on the innermost loop, and what does.</summary>
    /// <param name="Base">Where the row begins; null at the start of the buffer.</param>
    /// <param name="Inner">The place in the row, or empty.</param>
    /// <param name="Stride">The lanes' distance, or null where the lanes share one place.</param>
    /// <param name="IsPlain">Whether Inner is the loop variable itself.</param>
    private readonly record struct SplitIndex(Code? Base, string Inner, string? Stride, bool IsPlain);

    private SplitIndex? Split(int buffer, EquatableArray<IndexExpression> index, SimdLoop? inner, bool checkedOnly, int? predicate = null)
    {
        var extents = program.Buffers[buffer].Extents;
        Code? start = null;
        var places = new List<string>();
        var strides = new List<string>();
        var isPlain = true;
        for (var p = 0; p < extents.Count; p++)
        {
            if (start is { } before && !extents[p].IsOne)
                start = Code.Compound($"{before.Operand} * {ExtentOf(extents[p]).Operand}");
            var offset = new List<string>();
            if (index[p] is IndexExpression.Indirect indirect)
            {
                if (InLanesOf(indirect.Value, inner))
                {
                    if (checkedOnly)
                        return null;
                    continue;
                }

                if (checkedOnly && (predicate is not null || !values.ContainsKey(indirect.Value)))
                    return null;
                offset.Add(CheckedIndex(buffer, indirect.Value, extents[p], predicate));
            }
            else
            {
                var affine = (IndexExpression.Affine)index[p];
                var isInner = inner is not null && affine.Terms.Any(t => t.Loop == inner.Variable.Id);
                foreach (var term in affine.Terms.Where(t => inner is null || t.Loop != inner.Variable.Id))
                {
                    if (!loopNames.TryGetValue(term.Loop, out var name))
                    {
                        if (checkedOnly)
                            return null;
                        throw new InvalidOperationException($"Loop {term.Loop} is not open.");
                    }

                    if (checkedOnly && !open.Any(l => l.Variable.Id == term.Loop))
                        return null;
                    offset.Add(Times(name, term.Stride));
                }

                var fixedPart = affine.Offset == Extent.Fixed(0) ? null : ExtentOf(affine.Offset).Text;
                if (isInner)
                {
                    var stride = affine.Terms.Where(t => t.Loop == inner!.Variable.Id).Sum(t => t.Stride);
                    var suffix = Product(extents.Skip(p + 1));
                    var own = loopNames.TryGetValue(inner!.Variable.Id, out var loopName) ? loopName : "?";
                    var place = Times(own, stride);
                    if (fixedPart is not null)
                    {
                        // The offset stays with the variable: alone it may point outside of the buffer.
                        place = stride == -1 ? $"{fixedPart} - {own}" : place.StartsWith("-", StringComparison.Ordinal) ? $"{fixedPart} + ({place})" : $"{place} + {fixedPart}";
                        isPlain = false;
                    }

                    isPlain &= stride == 1 && suffix.Text == "1";
                    places.Add(suffix.Text == "1" ? place : $"({place}) * {suffix.Operand}".Replace($"({own})", own));
                    strides.Add(suffix.Text == "1" ? Text(stride) : stride == 1 ? suffix.Text : $"{Text(stride)} * {suffix.Operand}");
                }
                else if (fixedPart is not null)
                {
                    offset.Add(fixedPart);
                }
            }

            if (offset.Count > 0)
            {
                var text = string.Join(" + ", offset);
                var simple = offset.Count == 1 && text.All(c => char.IsLetterOrDigit(c) || c is '_' or '@');
                start = start is { } outer ? Code.Compound($"{(outer.IsPrimary ? outer.Text : "(" + outer.Text + ")")} + {(simple ? text : "(" + text + ")")}") : new Code(text, simple);
            }
        }

        if (checkedOnly && start is null)
            return null;
        return new(start, string.Join(" + ", places), strides.Count == 0 ? null : string.Join(" + ", strides), isPlain && places.Count == 1);
    }

    private bool InLanesOf(int value, SimdLoop? inner) => inner is { Variable.IsVector: true } && IsLanes(value);

    private static string Times(string name, long stride) => stride switch
    {
        1 => name,
        -1 => "-" + name,
        _ => $"{Text(stride)} * {name}",
    };

    /// <summary>The part of an index that comes from data and differs between lanes, in elements; null where there is none.</summary>
    private string? LaneIndices(int buffer, EquatableArray<IndexExpression> index, int? predicate)
    {
        var extents = program.Buffers[buffer].Extents;
        var parts = new List<string>();
        for (var p = 0; p < extents.Count; p++)
        {
            if (index[p] is not IndexExpression.Indirect indirect || !InLanes || !IsLanes(indirect.Value))
                continue;
            var name = CheckedIndex(buffer, indirect.Value, extents[p], predicate);
            var suffix = Product(extents.Skip(p + 1));
            parts.Add(suffix.Text == "1" ? name : $"({name} * {SimdExpressions.Lanes}.Create({suffix.Text}))");
        }

        return parts.Count == 0 ? null : string.Join(" + ", parts);
    }

    /// <summary>An index that was read from data, checked once where it may be out of range.</summary>
    private string CheckedIndex(int buffer, int value, Extent extent, int? predicate)
    {
        var lanes = IsLanes(value);
        var text = Value(value, named: true).Text;
        var size = ExtentOf(extent).Text;
        if (!kernel.Origins.NeedsCheck(value, extent))
            return lanes ? text : $"(nint){text}";
        var key = (value, size, predicate ?? -1);
        if (checkedIndices.TryGetValue(key, out var known))
            return known;
        var name = names.Take(kernel.NameOf(value) + "Index");
        var source = Text(kernel.Origins.IndexBuffer(value, buffer));
        var condition = predicate is { } p
            ? ", " + (lanes ? $"V.ToCondition({Value(p, named: true).Text})" : $"V.AnyLane({Value(p, named: true).Text})")
            : "";
        writer.Line($"var {name} = frame.InRange({source}, {text}, {size}{(lanes ? ", count" : "")}{condition});");
        types[name] = lanes ? SimdExpressions.Lanes : "nint";
        return checkedIndices[key] = name;
    }
}
