using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit.Cuda;

/// <summary>A result whose parts the blocks of a launch leave in a workspace; a later kernel adds them in order.</summary>
/// <param name="Buffer">The buffer that it belongs in.</param>
/// <param name="Monoid">How parts combine.</param>
/// <param name="Kind">The kind of what is combined.</param>
/// <param name="Parts">The workspace of the parts.</param>
/// <param name="Positions">For argmax, that of their positions.</param>
internal sealed record CudaTotal(int Buffer, Monoid Monoid, ElementKind Kind, int Parts, int Positions);

/// <summary>Accumulators: a thread's own, combined over the block where threads share a loop, and over the grid by way of workspaces.</summary>
internal sealed partial class CudaMethod
{
    private readonly Dictionary<int, string> registers = [];
    private readonly Dictionary<int, (string Name, LoopNode.Combine Combine, bool IsShared)> parts = [];
    private readonly List<(int Buffer, LoopNode.Combine Combine)> totals = [];

    private readonly HashSet<int> finishedOnline = [];

    // By the accumulator of the maximum.
    private readonly Dictionary<int, CudaOnline> online = [];

    /// <summary>The results whose parts the kernel leaves.</summary>
    public List<CudaTotal> Totals { get; } = [];

    /// <summary>An accumulator that begins in a list.</summary>
    /// <param name="Buffer">The register.</param>
    /// <param name="Last">The last node that combines into it.</param>
    /// <param name="Combine">How; null where nothing does.</param>
    /// <param name="IsShared">Whether it does so in a loop that threads share.</param>
    private readonly record struct Accumulator(int Buffer, int Last, LoopNode.Combine? Combine, bool IsShared);

    private IEnumerable<Accumulator> Accumulators(List<SimdNode> nodes)
    {
        for (var i = 0; i < nodes.Count; i++)
        {
            if (nodes[i] is not SimdStatement { Node: LoopNode.Initialise initialise } || program.Buffers[initialise.Buffer].Scope != BufferScope.Register)
                continue;
            bool Combines(SimdNode node) => SimdTree.Statements(node).Any(s => s.Node is LoopNode.Combine combine && combine.Buffer == initialise.Buffer);
            var combine = nodes.SelectMany(SimdTree.Statements).Select(s => s.Node).OfType<LoopNode.Combine>().FirstOrDefault(c => c.Buffer == initialise.Buffer);
            var isShared = nest is not null && nodes.OfType<SimdLoop>().SelectMany(Inside).Where(nest.IsLane).Any(Combines);
            yield return new(initialise.Buffer, Math.Max(i, nodes.FindLastIndex(Combines)), combine, isShared);
        }
    }

    /// <summary>The nodes of a list that all threads run after which the block combines what its threads have.</summary>
    public IEnumerable<int> Reductions(List<SimdNode> nodes) => Accumulators(nodes).Where(a => a is { Combine: not null, IsShared: true }).Select(a => a.Last);

    private void Declare(LoopNode.Initialise initialise, CudaPlace place)
    {
        var name = program.Buffers[initialise.Buffer].Name;
        if (online.Values.Any(o => o.Sum == initialise.Buffer) || finishedOnline.Contains(initialise.Buffer))
            return;
        if (!parts.TryGetValue(initialise.Buffer, out var part))
        {
            registers[initialise.Buffer] = Identity(initialise.Monoid, program.Buffers[initialise.Buffer].Kind);
            return;
        }

        part = part with { Name = names.Take(name + "Part"), IsShared = part.IsShared && place != CudaPlace.Lane };
        parts[initialise.Buffer] = part;
        writer.Line(online.ContainsKey(initialise.Buffer) ? $"dpo_logsumexp {part.Name};" : Begin(part.Name, part.Combine));
    }

    /// <summary>An accumulator that has nothing yet.</summary>
    private string Begin(string name, LoopNode.Combine combine)
    {
        var kind = KindOf(combine);
        return (combine.Monoid, kind) switch
        {
            (Monoid.Sum, ElementKind.Real) => $"dpo_sum {name};",
            (Monoid.ArgMax, _) => $"dpo_argmax<{Compared(kind)}> {name};",
            _ => $"{CudaExpressions.TypeOf(kind)} {name} = {Identity(combine.Monoid, kind)};",
        };
    }

    // Conditions are compared as whole numbers.
    private static string Compared(ElementKind kind) => CudaExpressions.TypeOf(kind == ElementKind.Boolean ? ElementKind.Integer : kind);

    // What is combined has the accumulator's kind, but for the values of an argmax.
    private ElementKind KindOf(LoopNode.Combine combine) =>
        combine.Monoid == Monoid.ArgMax ? OperandKinds.Of(program, combine.Operand, ElementKind.Real) : program.Buffers[combine.Buffer].Kind;

    private void Finish(int register)
    {
        if (!parts.TryGetValue(register, out var part))
            return;
        if (online.TryGetValue(register, out var pair))
        {
            Finish(pair, part.Name);
            parts.Remove(register);
            online.Remove(register);
            return;
        }

        var result = part.IsShared ? Shared(part.Name, part.Combine) : Own(part.Name, part.Combine);
        var kind = program.Buffers[register].Kind;
        var name = names.Take(program.Buffers[register].Name);
        writer.Line($"const {CudaExpressions.TypeOf(kind)} {name} = {result};");
        registers[register] = name;
        parts.Remove(register);
    }

    /// <summary>Both results of one reading. Relative to an infinite maximum, as to NaN, the sum is NaN.</summary>
    private void Finish(CudaOnline pair, string part)
    {
        var whole = names.Take(program.Buffers[pair.Max].Name + "Whole");
        var (max, sum) = (names.Take(program.Buffers[pair.Max].Name), names.Take(program.Buffers[pair.Sum].Name));
        writer.Line($"const dpo_logsumexp {whole} = dpo_block_logsumexp({part});");
        writer.Line($"const real {max} = dpo_isnan({whole}.sum) ? {whole}.sum : {whole}.max;");
        writer.Line($"const real {sum} = dpo_isfinite({max}) || {ExtentOf(pair.Count).Operand} == 0 ? {whole}.sum : dpo_nan((real)0);");
        (registers[pair.Max], registers[pair.Sum]) = (max, sum);
        finishedOnline.Add(pair.Sum);
    }

    private string Own(string part, LoopNode.Combine combine) => (combine.Monoid, KindOf(combine)) switch
    {
        (Monoid.Sum, ElementKind.Real) => part + ".value()",
        (Monoid.ArgMax, _) => part + ".position",
        _ => part,
    };

    private static string Shared(string part, LoopNode.Combine combine) => combine.Monoid switch
    {
        Monoid.ArgMax => $"dpo_block_argmax({part}).position",
        _ => $"dpo_block_{combine.Monoid.ToString().ToLowerInvariant()}({part})",
    };

    private static string Identity(Monoid monoid, ElementKind kind) => (monoid, kind) switch
    {
        (Monoid.Max, ElementKind.Real) => "dpo_lowest((real)0)",
        (Monoid.Min, ElementKind.Real) => "dpo_highest((real)0)",
        (Monoid.Max, ElementKind.Integer) => "dpo_lowest(0LL)",
        (Monoid.Min, ElementKind.Integer) => "dpo_highest(0LL)",
        (Monoid.All or Monoid.Min, _) => CudaExpressions.Literal(1, kind).Text,
        _ => CudaExpressions.Literal(0, kind).Text,
    };

    private static string Combined(string part, Monoid monoid, ElementKind kind, string value, string position) => (monoid, kind) switch
    {
        (Monoid.Sum, ElementKind.Real) => $"{part}.add({value});",
        (Monoid.ArgMax, _) => $"{part}.add({value}, {position});",
        (Monoid.Sum, _) => $"{part} += {value};",
        _ => $"{part} = {Merged(part, monoid, kind, value)};",
    };

    private static string Merged(string left, Monoid monoid, ElementKind kind, string right) => (monoid, kind) switch
    {
        (Monoid.Max or Monoid.Any, ElementKind.Boolean) => $"{left} || {Grouped(right)}",
        (Monoid.Min or Monoid.All, ElementKind.Boolean) => $"{left} && {Grouped(right)}",
        (Monoid.Max, _) => $"dpo_maximum({left}, {right})",
        (Monoid.Min, _) => $"dpo_minimum({left}, {right})",
        _ => $"{left} + {Grouped(right)}",
    };

    private void Combine(LoopNode.Combine combine, CudaPlace place, string gate)
    {
        var buffer = program.Buffers[combine.Buffer];
        var predicate = combine.Predicate is { } holds ? Value(holds, named: true).Operand : "";
        var kind = KindOf(combine);
        var value = Operand(combine.Operand, kind).Text;
        var position = combine.Position is { } at ? Operand(at, ElementKind.Integer).Text : "";
        if (buffer.Extents.Count > 0)
        {
            // Each place is one thread's while the loop runs.
            Write(combine.Buffer, combine.Index, place, [gate, predicate], offset => combine.Monoid == Monoid.Sum && kind != ElementKind.Boolean
                ? $"{Memory(combine.Buffer)}[{offset}] += {value};"
                : Assign(combine.Buffer, offset, Merged(Read(combine.Buffer, offset).Operand, combine.Monoid, kind, value)));
            return;
        }

        if (terms.TryGetValue(combine, out var term))
        {
            writer.Line($"{term} = {value};");
            return;
        }

        var isTotal = buffer.Scope == BufferScope.Global;
        if (isTotal && nest is null)
        {
            var before = known.TryGetValue(combine.Buffer, out var code) ? code.Text : Read(combine.Buffer, "0").Operand;
            var merged = Merged(before, combine.Monoid, kind, value);
            Write(combine.Buffer, [], place, [gate, predicate], offset => Assign(combine.Buffer, offset, merged));
            known[combine.Buffer] = Code.Compound(predicate.Length > 0 ? $"{predicate} ? {merged} : {before}" : merged);
            return;
        }

        var conditions = new List<string>();
        if (isTotal ? place != CudaPlace.Lane : place == CudaPlace.Uniform && parts[combine.Buffer].IsShared)
            conditions.Add(grid == CudaGrid.Owners ? "dpo_block() == 0 && dpo_thread() == 0" : "dpo_thread() == 0");
        if (predicate.Length > 0)
            conditions.Add(predicate);
        if (online.ContainsKey(combine.Buffer))
        {
            writer.Line($"{parts[combine.Buffer].Name}.add({value});");
            return;
        }

        var statement = Combined(isTotal ? totalNames[combine.Buffer] : parts[combine.Buffer].Name, combine.Monoid, kind, value, position);
        writer.Line(conditions.Count == 0 ? statement : $"if ({string.Join(" && ", conditions)})\n    {statement}");
    }

    private readonly Dictionary<int, string> totalNames = [];

    private void DeclareTotals(List<SimdNode> body)
    {
        foreach (var combine in SimdTree.Statements(body).Select(s => s.Node).OfType<LoopNode.Combine>())
        {
            if (program.Buffers[combine.Buffer] is not { Scope: BufferScope.Global, Extents.Count: 0 } || totalNames.ContainsKey(combine.Buffer))
                continue;
            totalNames[combine.Buffer] = names.Take(memory.BufferNames[combine.Buffer] + "Part");
            totals.Add((combine.Buffer, combine));
            writer.Line(Begin(totalNames[combine.Buffer], combine));
        }
    }

    /// <summary>The block's part of each total, for a later kernel.</summary>
    private void StoreTotals()
    {
        foreach (var (buffer, combine) in totals)
        {
            var name = memory.BufferNames[buffer];
            var kind = KindOf(combine);
            var partsId = workspaces.Count;
            var target = Workspace(name + "Parts", kind, []);
            var positionsId = -1;
            var result = names.Take(name + "Block");
            if (combine.Monoid == Monoid.ArgMax)
            {
                positionsId = workspaces.Count;
                var positions = Workspace(name + "Positions", ElementKind.Integer, []);
                writer.Line($"const dpo_argmax<{Compared(kind)}> {result} = dpo_block_argmax({totalNames[buffer]});");
                using (writer.Block("if (dpo_thread() == 0)"))
                {
                    writer.Line($"{target}[dpo_block()] = {result}.value;");
                    writer.Line($"{positions}[dpo_block()] = {result}.position;");
                }
            }
            else
            {
                writer.Line($"const {CudaExpressions.TypeOf(kind)} {result} = {Shared(totalNames[buffer], combine)};");
                writer.Line($"if (dpo_thread() == 0)\n    {target}[dpo_block()] = {result}{(kind == ElementKind.Boolean ? " ? 1 : 0" : "")};");
            }

            Totals.Add(new(buffer, combine.Monoid, kind, partsId, positionsId));
        }
    }

    /// <summary>A total of the parts that blocks left.</summary>
    private void Add(CudaTotal total, bool isKept)
    {
        var name = memory.BufferNames[total.Buffer];
        var combine = new LoopNode.Combine(total.Buffer, [], total.Monoid, default, total.Positions < 0 ? null : default(LoopAtom));
        var part = names.Take(name + "Part");
        var i = names.Take("i");
        var source = Argument(CudaArgumentKind.Workspace, total.Parts);
        var count = Argument(CudaArgumentKind.Blocks, total.Parts);
        writer.Line(total.Monoid == Monoid.ArgMax ? $"dpo_argmax<{Compared(total.Kind)}> {part};" : Begin(part, combine));
        var value = total.Kind == ElementKind.Boolean ? $"({source}[{i}] != 0)" : $"{source}[{i}]";
        var position = total.Positions < 0 ? "" : $"{Argument(CudaArgumentKind.Workspace, total.Positions)}[{i}]";
        writer.Line($"{Strided(i, count, isGrid: false)}\n    {Combined(part, total.Monoid, total.Kind, value, position)}");
        var kind = program.Buffers[total.Buffer].Kind;
        var result = names.Take(name + "Total");
        writer.Line($"const {CudaExpressions.TypeOf(kind)} {result} = {Shared(part, combine)};");
        known[total.Buffer] = new(result);
        if (isKept)
            writer.Line($"if (dpo_thread() == 0{(program.Buffers[total.Buffer].Role == BufferRole.Gradient ? " && " + Buffer(total.Buffer) : "")})\n    {Assign(total.Buffer, "0", result)}");
    }
}
