using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>Reductions: accumulators while a loop runs, and what becomes of them when it ends.</summary>
internal sealed partial class SimdMethod
{
    private const string Reduction = SimdExpressions.Namespace + "LaneReduction";

    // By buffer: the accumulators that are declared and not yet gone.
    private readonly Dictionary<int, SimdAccumulator> accumulators = [];

    // Register buffers that are to be initialised but are not declared yet: that comes right before the first loop that needs them, so
    // that no call lies between. Across a call no vector stays in its register, and then not in the loop either.
    private readonly SortedDictionary<int, SimdAccumulator> undeclared = [];

    private void DeclareRegister(int buffer)
    {
        if (!undeclared.TryGetValue(buffer, out var register))
            return;
        undeclared.Remove(buffer);
        DeclareAccumulator(register);
    }

    private void DeclareRegisters()
    {
        foreach (var buffer in undeclared.Keys.ToArray())
            DeclareRegister(buffer);
    }

    private void DeclareAccumulators(SimdLoop loop)
    {
        foreach (var buffer in SimdTree.Statements(loop).SelectMany(s => LoopStatements.Accesses(s.Node)).Select(a => a.Buffer).Distinct().ToArray())
            DeclareRegister(buffer);
        foreach (var accumulator in loop.Accumulators)
            DeclareAccumulator(accumulator);
    }

    private void DeclareAccumulator(SimdAccumulator accumulator)
    {
        accumulator.Name = names.Take(kernel.AccumulatorName(accumulator));
        accumulators[accumulator.Buffer] = accumulator;
        var start = (accumulator.Monoid, accumulator.Kind) switch
        {
            (Monoid.ArgMax, _) => $"default({SimdExpressions.Namespace}VectorArgMax<T, V>)",
            (Monoid.Sum, ElementKind.Real) when kernel.IsAssigned(accumulator.Buffer) => "V.Create(0)",
            (Monoid.Sum, ElementKind.Real) => $"default({SimdExpressions.Namespace}VectorSum<T, V>)",
            (Monoid.Max, ElementKind.Real) => "V.Create(double.NegativeInfinity)",
            (Monoid.Min, ElementKind.Real) => "V.Create(double.PositiveInfinity)",
            (Monoid.All, _) => "V.Condition(true)",
            (Monoid.Any, _) or (_, ElementKind.Boolean) => "V.Condition(false)",
            (Monoid.Max, _) => IsLanes(accumulator) ? $"{SimdExpressions.Lanes}.Create(long.MinValue)" : "long.MinValue",
            (Monoid.Min, _) => IsLanes(accumulator) ? $"{SimdExpressions.Lanes}.Create(long.MaxValue)" : "long.MaxValue",
            _ => IsLanes(accumulator) ? $"default({SimdExpressions.Lanes})" : "0L",
        };
        writer.Line($"var {accumulator.Name} = {start};");
        types[accumulator.Name] = (accumulator.Monoid, accumulator.Kind) switch
        {
            (Monoid.ArgMax, _) => SimdExpressions.Namespace + "VectorArgMax<T, V>",
            (Monoid.Sum, ElementKind.Real) when !kernel.IsAssigned(accumulator.Buffer) => SimdExpressions.Namespace + "VectorSum<T, V>",
            (_, ElementKind.Integer) => IsLanes(accumulator) ? SimdExpressions.Lanes : "long",
            _ => "V",
        };
    }

    // Whether whole numbers are kept as lanes.
    private static bool IsLanes(SimdAccumulator accumulator) => accumulator.IsPerLane || accumulator.CombinesLanes;

    // Whether the lanes are added together in the end.
    private static bool Reduces(SimdAccumulator accumulator) => accumulator.CombinesLanes && !accumulator.IsPerLane;

    private void Combine(LoopNode.Combine combine)
    {
        if (kernel.Accumulators.TryGetValue(combine, out var accumulator))
            Accumulate(accumulator, combine);
        else
            CombineInMemory(combine);
    }

    private void Accumulate(SimdAccumulator accumulator, LoopNode.Combine combine)
    {
        DeclareRegister(accumulator.Buffer);
        usedLoads = false;
        var kind = accumulator.Monoid == Monoid.ArgMax ? OperandKinds.Of(program, combine.Operand, ElementKind.Real) : accumulator.Kind;
        var value = Operand(combine.Operand, kind).Code;
        var condition = combine.Predicate is { } p ? Value(p, named: true).Text : null;
        var name = accumulator.Name;

        // Lanes that count, where not all do: in the vector loop the first ones; outside of it one of the equal lanes.
        var isWhole = accumulator.IsPerLane || (!accumulator.CombinesLanes && accumulator.Index.Count == 0 && accumulator.IsRegister);
        var count = InLanes ? "count" : "1";
        var text = (accumulator.Monoid, accumulator.Kind) switch
        {
            (Monoid.ArgMax, _) => $"{name}.Add({ArgMaxOperand(value, kind)}, {Position(combine.Position!.Value)}, {condition ?? "V.Condition(true)"}, {(accumulator.IsPerLane ? "V.Count" : count)});",
            (Monoid.Sum, ElementKind.Real) when kernel.IsAssigned(accumulator.Buffer) => $"{name} += {And(value, condition).Operand};",
            (Monoid.Sum, ElementKind.Real) => $"{name}.Add({And(value, condition).Text}{(isWhole ? "" : ", " + count)});",
            (Monoid.Max or Monoid.Min, ElementKind.Real) => Extreme(accumulator, value, condition, isWhole || !InLanes ? null : count),
            (Monoid.Any, _) when isWhole || !InLanes => $"{name} |= {And(value, condition).Operand};",
            (Monoid.Any, _) => $"{name} = {Reduction}.Any<T, V>({name}, {And(value, condition).Text}, {count});",
            (Monoid.All, _) when isWhole || !InLanes => $"{name} &= {Or(value, condition).Operand};",
            (Monoid.All, _) => $"{name} = {Reduction}.All<T, V>({name}, {Or(value, condition).Text}, {count});",
            _ => Whole(accumulator, value, condition, isWhole, count),
        };
        writer.Line(text);
    }

    private string Extreme(SimdAccumulator accumulator, Code value, string? condition, string? count)
    {
        var operation = accumulator.Monoid.ToString();
        var bound = accumulator.Monoid == Monoid.Max ? "double.NegativeInfinity" : "double.PositiveInfinity";
        var operand = condition is null ? value.Text : $"V.Where({condition}, {value.Text}, V.Create({bound}))";
        return count is null
            ? $"{accumulator.Name} = V.{operation}({accumulator.Name}, {operand});"
            : $"{accumulator.Name} = {Reduction}.{operation}<T, V>({accumulator.Name}, {operand}, {count});";
    }

    private string Whole(SimdAccumulator accumulator, Code value, string? condition, bool isWhole, string count)
    {
        var (name, operation) = (accumulator.Name, accumulator.Monoid.ToString());
        if (!IsLanes(accumulator))
        {
            var sum = accumulator.Monoid == Monoid.Sum ? $"unchecked({name} + {value.Operand})" : $"global::System.Math.{operation}({name}, {value.Text})";
            return condition is null ? $"{name} = {sum};" : $"{name} = V.AnyLane({condition}) ? {sum} : {name};";
        }

        var operand = InLanes ? value.Text : $"{SimdExpressions.Lanes}.Create({value.Text})";
        if (condition is not null)
        {
            var identity = accumulator.Monoid switch { Monoid.Sum => "default", Monoid.Max => $"{SimdExpressions.Lanes}.Create(long.MinValue)", _ => $"{SimdExpressions.Lanes}.Create(long.MaxValue)" };
            operand = $"{SimdExpressions.Lanes}.Where(V.ToCondition({condition}), {operand}, {identity})";
        }

        if (!isWhole)
            return $"{name} = {Reduction}.{operation}({name}, {operand}, {count});";
        return accumulator.Monoid == Monoid.Sum ? $"{name} += {operand};" : $"{name} = {SimdExpressions.Lanes}.{operation}({name}, {operand});";
    }

    private string ArgMaxOperand(Code value, ElementKind kind) => kind switch
    {
        ElementKind.Real => value.Text,
        ElementKind.Boolean => $"{value.Operand} & V.Create(1)",
        _ => InLanes ? $"V.FromInt64({value.Text})" : $"V.Broadcast(T.CreateTruncating({value.Text}))",
    };

    private string Position(LoopAtom atom)
    {
        var code = Operand(atom, ElementKind.Integer).Code;
        return InLanes ? code.Text : $"{SimdExpressions.Lanes}.Create({code.Text})";
    }

    private static Code And(Code value, string? condition) => condition is null ? value : Code.Compound($"{value.Operand} & {condition}");

    private static Code Or(Code value, string? condition) => condition is null ? value : Code.Compound($"{value.Operand} | ~{condition}");

    /// <summary>What an accumulator holds, as a value of the kind where it is read.</summary>
    private Code Result(SimdAccumulator accumulator)
    {
        var name = accumulator.Name;
        var code = (accumulator.Monoid, accumulator.Kind) switch
        {
            (Monoid.ArgMax, _) => new Code(accumulator.IsPerLane ? $"{name}.Lanes" : $"{name}.First"),
            (Monoid.Sum, ElementKind.Real) when kernel.IsAssigned(accumulator.Buffer) => new(name),
            (Monoid.Sum, ElementKind.Real) => new(Reduces(accumulator) ? $"V.Create({SimdExpressions.Namespace}VectorSum<T, V>.Total({name}))" : $"{name}.Lanes"),
            (Monoid.Max or Monoid.Min, ElementKind.Real) => new(Reduces(accumulator) ? $"{Reduction}.{accumulator.Monoid}<T, V>({name})" : name),
            (Monoid.Any, _) => new(Reduces(accumulator) ? $"V.Condition(V.AnyLane({name}))" : name),
            (Monoid.All, _) => new(Reduces(accumulator) ? $"V.Condition(!V.AnyLane(~{name}))" : name),
            _ => new(Reduces(accumulator) ? $"{Reduction}.{accumulator.Monoid}({name})" : name),
        };
        var isWhole = accumulator.Monoid == Monoid.ArgMax || accumulator.Kind == ElementKind.Integer;
        return isWhole && InLanes && !accumulator.IsPerLane ? new($"{SimdExpressions.Lanes}.Create({code.Text})") : code;
    }

    /// <summary>At a loop's end its accumulators go to memory: a block's to its partial results, others to their places.</summary>
    private void FlushAccumulators(SimdLoop loop, SimdGate known)
    {
        for (var i = 0; i < loop.Accumulators.Count; i++)
        {
            var accumulator = loop.Accumulators[i];
            accumulators.Remove(accumulator.Buffer);
            if (kernel.IsBlock(loop))
            {
                Line(ToPartial(accumulator, $"frame.Partial({Text(i)}, block)"), kernel.Gates.Buffer(accumulator.Buffer), known);
                continue;
            }

            var place = PlaceOf(accumulator.Buffer, accumulator.Index, null);
            var kind = program.Buffers[accumulator.Buffer].Kind;
            var text = accumulator.Monoid == Monoid.ArgMax
                ? StoreText(kind, place, Result(accumulator), null)
                : CombineText(accumulator.Monoid, kind, place, Result(accumulator), null);
            Line(text, kernel.Gates.Buffer(accumulator.Buffer), known);
        }
    }

    private static string ToPartial(SimdAccumulator accumulator, string partial)
    {
        var name = accumulator.Name;
        return (accumulator.Monoid, accumulator.Kind) switch
        {
            (Monoid.ArgMax, _) => $"{name}.WriteTo(ref {partial});",
            (Monoid.Sum, ElementKind.Real) => $"{SimdExpressions.Namespace}VectorSum<T, V>.AddTo({name}, ref {partial});",
            (Monoid.Max or Monoid.Min, ElementKind.Real) => $"{partial}.Value = double.CreateTruncating(V.Element({Reduction}.{accumulator.Monoid}<T, V>({name}), 0));",
            (Monoid.Any, _) => $"{partial}.Value = V.AnyLane({name}) ? 1 : 0;",
            (Monoid.All, _) => $"{partial}.Value = V.AnyLane(~{name}) ? 1 : 0;",
            _ => $"{partial}.Position = {(IsLanes(accumulator) ? $"{Reduction}.{accumulator.Monoid}({name})" : name)};",
        };
    }

    /// <summary>After a parallel loop, the blocks' partial results are combined in order into the accumulators' places.</summary>
    public void CombineBlocks(SimdLoop loop)
    {
        for (var i = 0; i < loop.Accumulators.Count; i++)
        {
            var accumulator = loop.Accumulators[i];
            var kind = program.Buffers[accumulator.Buffer].Kind;
            var isFresh = fresh.Remove(accumulator.Buffer);
            var place = PlaceOf(accumulator.Buffer, accumulator.Index, null);
            var target = Element(place.Reference, place.Index);
            var k = Text(i);
            var text = (accumulator.Monoid, kind) switch
            {
                (Monoid.ArgMax, _) => $"{target} = frame.ArgMax({k});",
                (Monoid.Sum, ElementKind.Real) => $"{target} {(isFresh ? "=" : "+=")} T.CreateTruncating(frame.Sum({k}));",
                (Monoid.Max or Monoid.Min, ElementKind.Real) when isFresh => $"{target} = T.CreateTruncating(frame.{accumulator.Monoid}({k}));",
                (Monoid.Max or Monoid.Min, ElementKind.Real) => $"{target} = T.{accumulator.Monoid}({target}, T.CreateTruncating(frame.{accumulator.Monoid}({k})));",
                (Monoid.Any, _) when isFresh => $"{target} = frame.Any({k}) ? (byte)1 : (byte)0;",
                (Monoid.Any, _) => $"{target} = frame.Any({k}) ? (byte)1 : {target};",
                (Monoid.All, _) when isFresh => $"{target} = frame.Any({k}) ? (byte)0 : (byte)1;",
                (Monoid.All, _) => $"{target} = frame.Any({k}) ? (byte)0 : {target};",
                (Monoid.Sum, _) => isFresh ? $"{target} = frame.SumInt64({k});" : $"{target} = unchecked({target} + frame.SumInt64({k}));",
                _ => isFresh ? $"{target} = frame.{accumulator.Monoid}Int64({k});" : $"{target} = global::System.Math.{accumulator.Monoid}({target}, frame.{accumulator.Monoid}Int64({k}));",
            };
            Line(text, kernel.Gates.Buffer(accumulator.Buffer), loop.Gate);
        }
    }

    private void CombineInMemory(LoopNode.Combine combine)
    {
        usedLoads = false;
        var buffer = program.Buffers[combine.Buffer];
        var value = Operand(combine.Operand, buffer.Kind, named: true).Code;
        var place = PlaceOf(combine.Buffer, combine.Index, combine.Predicate);
        var condition = combine.Predicate is { } p ? Value(p, named: true).Text : null;
        FlushPending(loadsOnly: true);
        if (condition is not null && !InLanes)
            writer.Line($"if (V.AnyLane({condition}))\n    {CombineText(combine.Monoid, buffer.Kind, place, value, null)}");
        else
            writer.Line(CombineText(combine.Monoid, buffer.Kind, place, value, condition));
    }

    private string CombineText(Monoid monoid, ElementKind kind, Place place, Code value, string? condition)
    {
        var (reference, index) = (place.Reference, place.Index);
        var element = Element(reference, index);
        var bound = monoid == Monoid.Max ? "double.NegativeInfinity" : "double.PositiveInfinity";
        switch (place.Lanes)
        {
            case LaneLayout.One when !InLanes:
                return (monoid, kind) switch
                {
                    (Monoid.Sum, ElementKind.Real) => $"{element} += V.Element({value.Text}, 0);",
                    (_, ElementKind.Real) => $"{element} = T.{monoid}({element}, V.Element({value.Text}, 0));",
                    (Monoid.Any, _) => $"{element} = V.AnyLane({value.Text}) ? (byte)1 : {element};",
                    (Monoid.All, _) => $"{element} = V.AnyLane({value.Text}) ? {element} : (byte)0;",
                    (Monoid.Sum, _) => $"{element} = unchecked({element} + {value.Operand});",
                    _ => $"{element} = global::System.Math.{monoid}({element}, {value.Text});",
                };
            case LaneLayout.Contiguous when kind == ElementKind.Real:
                var combined = monoid == Monoid.Sum
                    ? $"V.Load(ref {reference}, {index}, count) + {And(value, condition).Operand}"
                    : $"V.{monoid}(V.Load(ref {reference}, {index}, count), {(condition is null ? value.Text : $"V.Where({condition}, {value.Text}, V.Create({bound}))")})";
                return $"V.Store({combined}, ref {reference}, {index}, count);";
            case LaneLayout.Contiguous when kind == ElementKind.Boolean:
                var both = monoid == Monoid.Any ? $"| {And(value, condition).Operand}" : $"& {Or(value, condition).Operand}";
                return $"V.StoreCondition(V.LoadCondition(ref {reference}, {index}, count) {both}, ref {reference}, {index}, count);";
            default:
                var indices = place.Lanes switch
                {
                    LaneLayout.One => $"{SimdExpressions.Lanes}.Create({index})",
                    LaneLayout.Contiguous => $"{SimdExpressions.Lanes}.Sequence({index})",
                    _ => index,
                };
                var operation = monoid switch { Monoid.Sum => "Add", Monoid.Max => "Max", Monoid.Min => "Min", Monoid.Any => "Any", _ => "All" };
                var types = kind == ElementKind.Integer ? "" : "<T, V>";
                return $"{SimdExpressions.Namespace}LaneMemory.Scatter{operation}{types}({value.Text}, ref {reference}, {Where(condition, indices)}, count);";
        }
    }
}
