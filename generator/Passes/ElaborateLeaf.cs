using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>What a path came to: its trace and the results, from which the program is built when all paths are known.</summary>
internal sealed class ElaborateLeaf
{
    private readonly ElaboratePath path;
    private readonly EquatableArray<ProgramOutput> outputs;
    private readonly HashSet<int> live = [];

    private ElaborateLeaf(ElaboratePath path, EquatableArray<ProgramOutput> outputs)
    {
        (this.path, this.outputs) = (path, outputs);
        live.UnionWith(outputs.Select(o => o.Variable));
        foreach (var equation in path.Trace.Equations.Reverse())
            if (equation.Results.Any(live.Contains))
                live.UnionWith(equation.Operands.Where(o => o.IsVariable).Select(o => o.Id));
        Uses = path.Inputs.Where(i => live.Contains(i.Value)).Select(i => i.Key).ToArray();
    }

    /// <summary>The parameters that the results depend on, as the kinds they are read.</summary>
    public IReadOnlyList<(string Name, ElementKind Kind)> Uses { get; }

    /// <summary>The leaf whose results are <paramref name="value"/>; null where they are not tensors, which is reported.</summary>
    public static ElaborateLeaf? Of(Function function, ElaboratePath path, ElaborateTensors algebra, ElaborateValue value, Action<Diagnosis> report)
    {
        var values = function.ResultNames.Count == 1 && value is not ElaborateValue.Tuple ? [value] : value is ElaborateValue.Tuple tuple ? tuple.Items : [];
        if (value is ElaborateValue.Poison || values.Any(v => v is ElaborateValue.Poison))
            return null;
        var outputs = new List<ProgramOutput>();
        for (var i = 0; i < function.ResultNames.Count; i++)
        {
            var result = i < values.Count ? values[i] : ElaborateValue.Null.Instance;
            if (result is ElaborateValue.Optional optional && path.Present(optional) is { } parameter)
                result = optional.IsStopped ? algebra.Stop(path.Parameter(parameter)) : path.Parameter(parameter);
            if (result is not ElaborateTensor tensor)
            {
                report(new Diagnosis("DPO0037", [function.ResultNames[i], function.Name], function.Id, -1));
                return null;
            }

            if (tensor.Extents.Any(e => e.HasProduct))
            {
                report(new Diagnosis("DPO0034", ["result '" + function.ResultNames[i] + "' of " + tensor, "return it under its own axes: `view` it as they were"], function.Id, -1));
                return null;
            }

            outputs.Add(new ProgramOutput(function.ResultNames[i], tensor.As(ElaborateTensors.KindOf(tensor) ?? ElementKind.Real), OutputRole.Result, default, tensor.DType));
        }

        return new ElaborateLeaf(path, outputs.ToEquatableArray());
    }

    /// <summary>The program of what is live, with the host scalars that it reads.</summary>
    /// <param name="function">The objective.</param>
    /// <param name="host">Its host expressions.</param>
    /// <param name="isNumber">Whether a parameter is read as a number by some path, so that it has a gradient on this one too.</param>
    public Program Build(Function function, ElaborateHost host, Func<string, bool> isNumber)
    {
        var builder = new ProgramBuilder(function.Name);
        var trace = path.Trace;
        var variables = new Dictionary<int, int>();
        var places = new Dictionary<int, int>();
        foreach (var parameter in function.Parameters.Where(p => p.Kind == ParameterKind.Tensor))
        {
            for (var kind = ElementKind.Real; kind <= ElementKind.Boolean; kind++)
            {
                var isRead = path.Inputs.TryGetValue((parameter.Name, kind), out var variable) && live.Contains(variable);
                var hasGradient = kind == ElementKind.Real && !parameter.NoGrad && isNumber(parameter.Name) && (!parameter.Nullable || path.IsPresent(parameter.Name));
                if (!isRead && !hasGradient)
                    continue;
                var input = builder.Input(parameter.Name, new TensorType(kind, AxisNames.Extents(parameter)), kind == ElementKind.Real && !parameter.NoGrad);
                if (isRead)
                    variables[variable] = input;
            }
        }

        foreach (var equation in trace.Equations.Where(e => e.Results.Any(live.Contains)))
        {
            var operands = equation.Operands.Select(Copied).ToArray();
            var results = builder.Copy(equation, operands, equation.Results.Select(trace.TypeOf).ToArray());
            for (var i = 0; i < results.Count; i++)
                variables[equation.Results[i]] = results[i];
        }

        foreach (var output in outputs)
            builder.Output(output.Name, variables[output.Variable], output.Role, default, output.DType);
        var program = builder.Build();
        var reached = Differentiate.Reached(program);
        return program with { Outputs = program.Outputs.Select(o => o with { Reached = reached[o.Variable] }).ToEquatableArray() };

        Atom Copied(Atom atom) => atom switch
        {
            { IsVariable: true } => Atom.Variable(variables[atom.Id]),
            { IsHost: true } => Atom.Host(host.CopyTo(builder, atom.Id, places)),
            _ => atom,
        };
    }
}
