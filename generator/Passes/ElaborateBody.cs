using System.Globalization;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>Interprets functions along one path: instruction by instruction, callees in place.</summary>
internal sealed class ElaborateBody(ElaboratePath path, IReadOnlyDictionary<string, Function> callees, Action<Diagnosis> report)
{
    /// <summary>Far beyond any body that was written: a body that goes in circles is not the front end's.</summary>
    private const int MostSteps = 50_000;

    private const int DeepestCall = 100;

    /// <summary>Findings after which the rest of a path says nothing new.</summary>
    private const int MostFindings = 50;

    private readonly ElaborateTensors algebra = new(path);
    private int steps;
    private int depth;
    private int findings;

    public ElaborateTensors Algebra => algebra;

    /// <summary>Runs a function; its value is what it returns.</summary>
    public ElaborateValue Run(Function function, IReadOnlyDictionary<string, ElaborateValue> arguments)
    {
        var registers = new ElaborateValue?[function.Instructions.Count];
        var locals = new Dictionary<string, ElaborateValue>(StringComparer.Ordinal);
        var next = 0;
        while (true)
        {
            var at = next++;
            if (++steps > MostSteps || at < 0 || at >= registers.Length)
                throw Malformed(function, at, "it does not come to an end");
            var instruction = function.Instructions[at];
            try
            {
                switch (instruction.Opcode)
                {
                    case Opcode.Store:
                        locals[instruction.Text] = Argument(0);
                        break;
                    case Opcode.Load:
                        registers[at] = locals.TryGetValue(instruction.Text, out var local) ? local : throw Unreadable("a local is read before it is written");
                        break;
                    case Opcode.Jump:
                        next = instruction.Target;
                        break;
                    case Opcode.BranchFalse:
                        if (!Decide(Argument(0)))
                            next = instruction.Target;
                        break;
                    case Opcode.Return:
                        return Argument(0);
                    case Opcode.Throw:
                        throw new ElaborateStop.Thrown(instruction.Text, instruction.Arguments.Count > 0 ? function.Instructions[instruction.Arguments[0]].Text : null);
                    default:
                        registers[at] = Evaluate(function, instruction, arguments, Argument);
                        break;
                }
            }
            catch (ElaborateStop.Refused refused)
            {
                report(new Diagnosis(refused.Diagnostic, refused.Arguments, function.Id, at));
                registers[at] = ElaborateValue.Poison.Instance;
                if (++findings > MostFindings || instruction.Opcode is Opcode.Return or Opcode.BranchFalse)
                    throw new ElaborateStop.Aborted();
            }
            catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or IndexOutOfRangeException or InvalidCastException
                or KeyNotFoundException or NullReferenceException or OverflowException or NotSupportedException)
            {
                // A fault of the compiler's own must not take the user's build down with it.
                report(new Diagnosis("DPO0059", [function.Name, fault.Message], function.Id, at));
                registers[at] = ElaborateValue.Poison.Instance;
            }

            ElaborateValue Argument(int index)
            {
                var register = index < instruction.Arguments.Count ? instruction.Arguments[index] : -1;
                return register >= 0 && register < registers.Length && registers[register] is { } value ? value : throw Unreadable("a value is used that is not there");
            }
        }
    }

    /// <summary>A host condition; what was refused ends the path.</summary>
    private bool Decide(ElaborateValue condition) => condition switch
    {
        ElaborateValue.Host host => path.Decide(host.Id),
        ElaborateValue.Poison => throw new ElaborateStop.Aborted(),
        _ => throw Unreadable("it branches on what is no condition"),
    };

    private ElaborateValue Evaluate(Function function, Instruction instruction, IReadOnlyDictionary<string, ElaborateValue> arguments, Func<int, ElaborateValue> argument)
    {
        if (instruction.Opcode == Opcode.Parameter)
            return arguments.TryGetValue(instruction.Text, out var given) ? given : throw Unreadable("it names a parameter that it does not have");
        if (instruction.Opcode == Opcode.Literal)
            return new ElaborateValue.Host(path.Host.Make(new HostEquation(HostOperation.Literal, instruction.Kind, [], instruction.Text, null, instruction.EnumType)));
        if (instruction.Opcode == Opcode.Null)
            return ElaborateValue.Null.Instance;
        // A pure switch leaves the test of its last arm out.
        var values = Enumerable.Range(0, instruction.Arguments.Count).Select(argument).ToArray();
        if (instruction.Opcode == Opcode.Tuple)
            return new ElaborateValue.Tuple(values);
        if (values.Any(v => v is ElaborateValue.Poison))
            return ElaborateValue.Poison.Instance;
        switch (instruction.Opcode)
        {
            case Opcode.Item:
                return values[0] is ElaborateValue.Tuple tuple && Place(instruction.Text, tuple.Items.Count) is { } item
                    ? tuple.Items[item]
                    : throw new ElaborateStop.Refused("DPO0031", "element " + instruction.Text, values[0] is ElaborateValue.Tuple { Items.Count: var count } ? "an array of " + count.ToString(CultureInfo.InvariantCulture) : "this value");
            case Opcode.Range:
                return new ElaborateValue.Range(instruction.Text, values.Select((v, i) => (v, Name: i < instruction.Names.Count ? instruction.Names[i] : "")).GroupBy(p => p.Name).ToDictionary(p => p.Key, p => p.First().v));
            case Opcode.IsNull:
                return new ElaborateValue.Host(IsNull(values[0]));
            case Opcode.Host:
                return HostValue(instruction, values);
            case Opcode.Invoke:
                return Invoke(function, instruction, values);
            case Opcode.Torch:
                return TorchOperations.Table.TryGetValue(instruction.Text, out var rule)
                    ? rule(new TorchOperationCall(path, algebra, instruction.Text, instruction.Names, values))
                    : throw new ElaborateStop.Refused("DPO0032", instruction.Text, "write it with the operations of the README's table");
            default:
                throw Unreadable("it has an instruction out of place");
        }
    }

    /// <summary>The place that an index names, <c>^1</c> from the end; null where there is none.</summary>
    private static int? Place(string text, int count)
    {
        var isFromEnd = text.StartsWith("^", StringComparison.Ordinal);
        if (!int.TryParse(text.TrimStart('^'), NumberStyles.None, CultureInfo.InvariantCulture, out var place))
            return null;
        place = isFromEnd ? count - place : place;
        return place >= 0 && place < count ? place : null;
    }

    private int IsNull(ElaborateValue value) => value switch
    {
        ElaborateValue.Null => path.Host.Truth(true),
        ElaborateValue.Optional optional => path.Host.Not(path.Host.IsPresent(optional.Parameter.Name)),
        ElaborateValue.Host { Nullable: { } parameter } => path.Host.Not(path.Host.IsPresent(parameter)),
        _ => path.Host.Truth(false),
    };

    private ElaborateValue HostValue(Instruction instruction, ElaborateValue[] values)
    {
        // Indices in brackets are converted to whole numbers, whatever they are.
        if (instruction.Host == HostOperation.Convert && values is [ElaborateTensor or ElaborateValue.Range or ElaborateValue.Null or ElaborateValue.Optional])
            return values[0];
        // `given ?? standard` reads both sides; a callee whose number is null has nothing on the one that is not chosen.
        if (instruction.Host == HostOperation.Select && values is [ElaborateValue.Host condition, var whenTrue, var whenFalse] && path.Host.AsTruth(condition.Id) is { } truth)
            return truth ? whenTrue : whenFalse;
        var operands = new int[values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            operands[i] = values[i] switch
            {
                ElaborateValue.Host host => host.Id,
                ElaborateValue.StorageType => throw new ElaborateStop.Refused("DPO0033", "the dtype of a tensor", "a branch", "dtypes are known only at the call; branch on an enum parameter"),
                _ => throw new ElaborateStop.Refused("DPO0039", "a number"),
            };
        }

        return new ElaborateValue.Host(path.Host.Make(new HostEquation(instruction.Host, instruction.Kind, operands.ToEquatableArray(), instruction.Text, null, instruction.EnumType)));
    }

    private ElaborateValue Invoke(Function caller, Instruction instruction, ElaborateValue[] values)
    {
        if (!callees.TryGetValue(instruction.Text, out var callee) || callee.Parameters.Count > values.Length)
            throw Unreadable("it calls what is not there: " + instruction.Text);
        if (++depth > DeepestCall)
            throw Malformed(caller, -1, "its calls have no end");
        var arguments = new Dictionary<string, ElaborateValue>(StringComparer.Ordinal);
        var axes = new ElaborateAxes(callee);
        for (var i = 0; i < callee.Parameters.Count; i++)
        {
            var parameter = callee.Parameters[i];
            var value = values[i];
            if (parameter.Kind == ParameterKind.Tensor && value is ElaborateValue.Host number)
                value = algebra.Of(number.Id);
            axes.Unify(parameter, value);
            arguments[parameter.Name] = !parameter.NoGrad ? value : value switch
            {
                ElaborateTensor tensor => algebra.Stop(tensor),
                ElaborateValue.Optional optional => new ElaborateValue.Optional(optional.Parameter, true),
                _ => value,
            };
        }

        var result = Run(callee, arguments);
        depth--;
        return result;
    }

    private static ElaborateStop.Refused Unreadable(string why) => new("DPO0059", "this function", why);

    private ElaborateStop.Aborted Malformed(Function function, int at, string why)
    {
        report(new Diagnosis("DPO0059", [function.Name, why], function.Id, at < function.Instructions.Count ? at : -1));
        return new ElaborateStop.Aborted();
    }
}
