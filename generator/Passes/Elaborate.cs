using System.Globalization;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// From an untyped function to typed programs. In: what the front end read, with jumps, calls and null. Out: a decision tree over host
/// conditions whose leaves are forward programs: callees are inlined, every axis has its extent, every broadcast is an equation, every
/// torch operation is primitives; or findings, each at its instruction.
/// </summary>
/// <remarks>
/// The body is interpreted once for each path through its open conditions (<see cref="ElaboratePath"/>); paths whose programs come out
/// equal share one, and so do those that an optional scalar alone parts (<see cref="ElaborateJoin"/>). It never throws, whatever the function.
/// </remarks>
public static class Elaborate
{
    /// <summary>Kernels of one objective: beyond, it is several objectives.</summary>
    private const int MostLeaves = 64;

    /// <summary>Interpretations of one objective: what bounds the time in the editor.</summary>
    private const int MostPaths = 1024;

    public static Elaboration Run(ObjectiveModel model)
    {
        try
        {
            return Settle(model);
        }
        catch (InsufficientExecutionStackException)
        {
            return Failed(model, "DPO0026", model.Function.Name);
        }
        catch (Exception fault) when (fault is InvalidOperationException or ArgumentException or KeyNotFoundException)
        {
            return Failed(model, "DPO0059", model.Function.Name, fault.Message);
        }
    }

    private static Elaboration Failed(ObjectiveModel model, string diagnostic, params string[] arguments) =>
        new(null, EquatableArray<Program>.Empty, [new Diagnosis(diagnostic, arguments.ToEquatableArray(), model.Function.Id, -1)]);

    private static Elaboration Settle(ObjectiveModel model)
    {
        var uses = new HashSet<(string, ElementKind)>();
        while (true)
        {
            var search = new Search(model, uses);
            var result = search.Run();
            // What is an index somewhere is compared as one everywhere, and so with conditions: what an earlier path read is read again.
            var news = search.Found.Except(uses).ToArray();
            if (!news.Any(search.Asked.Contains))
                return result;
            uses.UnionWith(news);
        }
    }

    private sealed class Search(ObjectiveModel model, HashSet<(string, ElementKind)> uses)
    {
        private readonly Function function = model.Function;
        private readonly Dictionary<string, Function> callees = model.Callees.GroupBy(c => c.Id, StringComparer.Ordinal).ToDictionary(c => c.Key, c => c.First(), StringComparer.Ordinal);
        private readonly ElaborateHost host = new();
        private readonly List<Diagnosis> diagnoses = [];
        private readonly List<ElaborateLeaf> leaves = [];
        private int paths;

        /// <summary>The parameters as the kinds that they are read as.</summary>
        public HashSet<(string, ElementKind)> Found { get; } = [];

        /// <summary>What a comparison or a logical operation would have read a parameter as, had it been known to be read so.</summary>
        public HashSet<(string, ElementKind)> Asked { get; } = [];

        public Elaboration Run()
        {
            var tree = Explore([]);
            if (tree is null || diagnoses.Count > 0)
                return new(null, EquatableArray<Program>.Empty, diagnoses.ToEquatableArray());
            var programs = new List<Program>();
            var numbers = new List<int>();
            var reals = new HashSet<string>(leaves.SelectMany(l => l.Uses.Where(u => u.Kind == ElementKind.Real).Select(u => u.Name)), StringComparer.Ordinal);
            var others = new HashSet<string>(leaves.SelectMany(l => l.Uses.Select(u => u.Name)), StringComparer.Ordinal);
            foreach (var leaf in leaves)
            {
                // A parameter that no path uses is a number with gradient zero.
                var program = leaf.Build(function, host, name => reals.Contains(name) || !others.Contains(name));
                var number = programs.IndexOf(program);
                numbers.Add(number < 0 ? programs.Count : number);
                if (number < 0)
                    programs.Add(program);
            }

            var (joined, kept) = new ElaborateJoin(function, programs).Run(Numbered(tree, numbers));
            if (kept.Count > MostLeaves)
                return TooMany(kept.Count.ToString(CultureInfo.InvariantCulture) + " kernels");
            return new(joined, kept, EquatableArray<Diagnosis>.Empty);
        }

        private Elaboration TooMany(string what) =>
            new(null, EquatableArray<Program>.Empty, [new Diagnosis("DPO0036", [function.Name, what], function.Id, -1)]);

        private Decision? Explore(List<bool> decisions)
        {
            if (++paths > MostPaths)
            {
                if (paths == MostPaths + 1)
                    diagnoses.AddRange(TooMany("more than " + (MostPaths / 2).ToString(CultureInfo.InvariantCulture) + " ways through its conditions").Diagnoses);
                return null;
            }

            var path = new ElaboratePath(function, host, decisions, uses);
            try
            {
                var body = new ElaborateBody(path, callees, Report);
                var result = body.Run(function, Arguments(path));
                var leaf = ElaborateLeaf.Of(function, path, body.Algebra, result, Report);
                Asked.UnionWith(path.Asked);
                if (leaf is null)
                    return null;
                Found.UnionWith(leaf.Uses);
                leaves.Add(leaf);
                return new Decision.Leaf(leaves.Count - 1);
            }
            catch (ElaborateStop.Open open)
            {
                var (table, condition) = host.Extract(open.Condition);
                var whenTrue = Explore([.. decisions, true]);
                var whenFalse = paths > MostPaths ? null : Explore([.. decisions, false]);
                return whenTrue is null || whenFalse is null ? null : new Decision.Branch(table, condition, whenTrue, whenFalse);
            }
            catch (ElaborateStop.Thrown thrown)
            {
                return new Decision.Throw(thrown.Exception, thrown.Message);
            }
            catch (ElaborateStop.Aborted)
            {
                return null;
            }
        }

        private Dictionary<string, ElaborateValue> Arguments(ElaboratePath path)
        {
            var arguments = new Dictionary<string, ElaborateValue>(StringComparer.Ordinal);
            foreach (var parameter in function.Parameters)
            {
                arguments[parameter.Name] = parameter switch
                {
                    { Kind: ParameterKind.Tensor, Nullable: true } => new ElaborateValue.Optional(parameter, false),
                    { Kind: ParameterKind.Tensor } => path.Parameter(parameter),
                    _ => new ElaborateValue.Host(
                        host.Make(new HostEquation(HostOperation.Parameter, KindOf(parameter.Kind), [], parameter.Name, null, parameter.EnumType)),
                        parameter.Nullable ? parameter.Name : null),
                };
            }

            return arguments;
        }

        private static HostKind KindOf(ParameterKind kind) => kind switch
        {
            ParameterKind.Bool => HostKind.Bool,
            ParameterKind.Int32 => HostKind.Int32,
            ParameterKind.Int64 => HostKind.Int64,
            ParameterKind.Single => HostKind.Single,
            ParameterKind.Enum => HostKind.Enum,
            _ => HostKind.Double,
        };

        private void Report(Diagnosis diagnosis)
        {
            if (!diagnoses.Contains(diagnosis))
                diagnoses.Add(diagnosis);
        }

        private static Decision Numbered(Decision tree, IReadOnlyList<int> numbers)
        {
            switch (tree)
            {
                case Decision.Leaf leaf:
                    return new Decision.Leaf(numbers[leaf.Variant]);
                case Decision.Branch branch:
                    var (whenTrue, whenFalse) = (Numbered(branch.WhenTrue, numbers), Numbered(branch.WhenFalse, numbers));
                    return whenTrue is Decision.Leaf && whenTrue == whenFalse ? whenTrue : branch with { WhenTrue = whenTrue, WhenFalse = whenFalse };
                default:
                    return tree;
            }
        }
    }
}
