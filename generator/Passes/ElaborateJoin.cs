using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Rules;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Optional scalars without kernels of their own. In: a decision tree and its programs. Out: the same, but where two leaves differ only in
/// scalars, as by <c>normaliser ?? count</c>, they are one program that reads <c>where(present(normaliser), normaliser, count)</c>. Where the
/// tensor is absent, the runtime has any number read in its place.
/// </summary>
/// <remarks>
/// What is chosen between has no gradient, so that nothing is multiplied by what was not chosen, and both sides are computed, so they are
/// scalars, or counts of whole numbers and conditions. Everything else keeps a kernel for each case.
/// </remarks>
internal sealed class ElaborateJoin(Function function, IReadOnlyList<Program> programs)
{
    private readonly List<Program> all = [.. programs];

    /// <summary>The joined tree, and the programs that it still has, in the order of its leaves' first mention.</summary>
    public (Decision Tree, EquatableArray<Program> Programs) Run(Decision tree)
    {
        var joined = Joined(tree);
        var kept = new List<int>();
        Keep(joined);
        kept.Sort();
        return (Renumbered(joined), kept.Select(k => all[k]).ToEquatableArray());

        void Keep(Decision decision)
        {
            if (decision is Decision.Leaf leaf && !kept.Contains(leaf.Variant))
                kept.Add(leaf.Variant);
            if (decision is not Decision.Branch branch)
                return;
            Keep(branch.WhenTrue);
            Keep(branch.WhenFalse);
        }

        Decision Renumbered(Decision decision) => decision switch
        {
            Decision.Leaf leaf => new Decision.Leaf(kept.IndexOf(leaf.Variant)),
            Decision.Branch branch => branch with { WhenTrue = Renumbered(branch.WhenTrue), WhenFalse = Renumbered(branch.WhenFalse) },
            _ => decision,
        };
    }

    private Decision Joined(Decision tree)
    {
        if (tree is not Decision.Branch branch)
            return tree;
        var (whenTrue, whenFalse) = (Joined(branch.WhenTrue), Joined(branch.WhenFalse));
        return OptionalScalar(branch) is { } optional && Joined(whenTrue, whenFalse, optional) is { } joined
            ? joined
            : branch with { WhenTrue = whenTrue, WhenFalse = whenFalse };
    }

    /// <summary>The tensor without axes and gradient whose presence is all that a branch asks for.</summary>
    private string? OptionalScalar(Decision.Branch branch) =>
        branch.Host[branch.Condition] is { Operation: HostOperation.IsPresent } present
        && function.Parameters.Any(p => p.Name == present.Text && p.Kind == ParameterKind.Tensor && p.NoGrad && AxisNames.Extents(p).Count == 0)
            ? present.Text
            : null;

    private Decision? Joined(Decision given, Decision absent, string optional)
    {
        switch (given, absent)
        {
            case (Decision.Throw, _) when given == absent:
                return given;
            case (Decision.Branch left, Decision.Branch right) when left.Host == right.Host && left.Condition == right.Condition:
                return Joined(left.WhenTrue, right.WhenTrue, optional) is { } whenTrue && Joined(left.WhenFalse, right.WhenFalse, optional) is { } whenFalse
                    ? left with { WhenTrue = whenTrue, WhenFalse = whenFalse }
                    : null;
            case (Decision.Leaf left, Decision.Leaf right):
                if (left == right)
                    return left;
                if (new Pair(function, all[left.Variant], all[right.Variant], optional).Join() is not { } program)
                    return null;
                if (!all.Contains(program))
                    all.Add(program);
                return new Decision.Leaf(all.IndexOf(program));
            default:
                return null;
        }
    }

    /// <summary>The programs of two leaves in one builder, in which what they have in common is there once.</summary>
    private sealed class Pair
    {
        private readonly Function function;
        private readonly Program given;
        private readonly Program absent;
        private readonly string optional;
        private readonly RewritingBuilder builder;
        private readonly Dictionary<(string, ElementKind), int> inputs = [];
        private readonly HashSet<int> active = [];
        private readonly HashSet<int> common = [];
        private readonly Dictionary<(int, int), int?> joined = [];
        private readonly Dictionary<int, bool> choosable = [];

        public Pair(Function function, Program given, Program absent, string optional)
        {
            (this.function, this.given, this.absent, this.optional) = (function, given, absent, optional);
            builder = RewritingBuilder.Continue(new Program(function.Name, [], [], [], [], []), []);
        }

        public Program? Join()
        {
            if (given.Inputs.Any(i => i.Name == optional && given.Types[i.Variable].Kind != ElementKind.Real))
                return null;
            foreach (var parameter in function.Parameters)
                for (var kind = ElementKind.Real; kind <= ElementKind.Boolean; kind++)
                    if (Inputs(given).Concat(Inputs(absent)).FirstOrDefault(i => i.Input.Name == parameter.Name && i.Type.Kind == kind) is { Input: not null } read)
                        inputs[(parameter.Name, kind)] = builder.Input(parameter.Name, read.Type, read.Input.Differentiable);
            var (left, right) = (Copied(given), Copied(absent));
            common.UnionWith(left);
            common.IntersectWith(right);
            for (var k = 0; k < given.Outputs.Count; k++)
            {
                var (with, without) = (given.Outputs[k], absent.Outputs[k]);
                if (Join(left[with.Variable], right[without.Variable]) is not { } variable || Promoted(with.DType, without.DType) is not { } dtype)
                    return null;
                builder.Output(with.Name, variable, with.Role, Reached(with, without), dtype);
            }

            return DeadCode.Run(builder.Build());
        }

        private EquatableArray<string> Reached(ProgramOutput with, ProgramOutput without) =>
            function.Parameters.Select(p => p.Name).Where(p => with.Reached.Contains(p) || without.Reached.Contains(p)).ToEquatableArray();

        private static IEnumerable<(ProgramInput Input, TensorType Type)> Inputs(Program program) => program.Inputs.Select(i => (i, program.Types[i.Variable]));

        /// <summary>What the results of a program promote from, whichever of both it is; null where that cannot be said.</summary>
        private EquatableArray<DTypeTerm>? Promoted(EquatableArray<DTypeTerm> with, EquatableArray<DTypeTerm> without)
        {
            if (with.Any(t => !without.Contains(t) && !(t.IsParameter && t.Source == optional)))
                return null;
            var ofAbsent = without.Where(t => !with.Contains(t)).ToArray();
            return ofAbsent.Any(t => t.WithoutParameter is not null) ? null : with.Concat(ofAbsent.Select(t => t with { WithoutParameter = optional })).ToEquatableArray();
        }

        private int[] Copied(Program program)
        {
            var isActive = Differentiate.Active(program);
            var scalars = new int[program.Host.Count];
            for (var i = 0; i < scalars.Length; i++)
                scalars[i] = builder.Host(program.Host[i] with { Operands = program.Host[i].Operands.Select(o => scalars[o]).ToEquatableArray() });
            var variables = new int[program.Types.Count];
            foreach (var input in program.Inputs)
                variables[input.Variable] = inputs[(input.Name, program.Types[input.Variable].Kind)];
            foreach (var equation in program.Equations)
            {
                var operands = equation.Operands.Select(o => o.IsVariable ? Atom.Variable(variables[o.Id]) : o.IsHost ? Atom.Host(scalars[o.Id]) : o).ToArray();
                var results = builder.Copy(equation, operands, equation.Results.Select(r => program.Types[r]).ToArray());
                for (var i = 0; i < results.Count; i++)
                    variables[equation.Results[i]] = results[i];
            }

            active.UnionWith(variables.Where((_, v) => isActive[v]));
            return variables;
        }

        /// <summary>A variable that is the first where the tensor is given and the second where it is not; null where there is none.</summary>
        private int? Join(int x, int z)
        {
            if (x == z)
                return x;
            if (!joined.TryGetValue((x, z), out var variable))
                joined[(x, z)] = variable = Deeper(x, z) ?? (IsScalar(x) && IsScalar(z) ? Choice(Atom.Variable(x), Atom.Variable(z)) : null);
            return variable;
        }

        private Atom? Join(Atom x, Atom z)
        {
            if (x == z)
                return x;
            var choice = x.IsVariable && z.IsVariable ? Join(x.Id, z.Id) : Scalar(x) is { } with && Scalar(z) is { } without ? Choice(with, without) : null;
            return choice is { } variable ? Atom.Variable(variable) : null;
        }

        /// <summary>What an operand is everywhere; null where it is not one number.</summary>
        private Atom? Scalar(Atom atom)
        {
            if (!atom.IsVariable || IsScalar(atom.Id))
                return atom;
            return Definition(atom.Id) is { Primitive: Primitive.Rearrange } spread && IsScalar(spread.Operands[0].Id) ? spread.Operands[0] : null;
        }

        /// <summary>The same operation, of what its operands are joined to.</summary>
        private int? Deeper(int x, int z)
        {
            var type = builder.TypeOf(x);
            if (type != builder.TypeOf(z) || Definition(x) is not { } with || Definition(z) is not { } without || with.Primitive != without.Primitive)
                return null;
            // A mean divides by one size after the other: what is divided less often is also divided by 1.
            if (with.Primitive == Primitive.Divide && type.Rank == 0)
            {
                var (left, right) = (Divisors(Atom.Variable(x)), Divisors(Atom.Variable(z)));
                while (left.Count < right.Count)
                    left.Add(Atom.Literal(1));
                while (right.Count < left.Count)
                    right.Add(Atom.Literal(1));
                var quotient = Join(left[0], right[0]);
                for (var i = 1; i < left.Count && quotient is { } dividend; i++)
                    quotient = Join(left[i], right[i]) is { } divisor ? Atom.Variable(builder.Emit(Primitive.Divide, dividend, divisor)) : null;
                return quotient?.Id;
            }

            if (with.Parameters != without.Parameters || with.Results.Count != 1 || with.Operands.Count != without.Operands.Count)
                return null;
            var operands = new Atom[with.Operands.Count];
            for (var i = 0; i < operands.Length; i++)
            {
                if (Join(with.Operands[i], without.Operands[i]) is not { } operand)
                    return null;
                var isChosen = operand.IsVariable && !(with.Operands[i].IsVariable && without.Operands[i].IsVariable);
                if (isChosen && with.Primitive > Primitive.Where)
                    return null;
                operands[i] = isChosen ? Atom.Variable(builder.Rearrange(operand.Id, Enumerable.Repeat(-1, type.Rank).ToArray(), type.Extents)) : operand;
            }

            return builder.Copy(with, operands, [type])[0];
        }

        /// <summary>The dividend and what it is divided by, in order.</summary>
        private List<Atom> Divisors(Atom atom)
        {
            if (!atom.IsVariable || Definition(atom.Id) is not { Primitive: Primitive.Divide } quotient)
                return [atom];
            var divisors = Divisors(quotient.Operands[0]);
            divisors.Add(quotient.Operands[1]);
            return divisors;
        }

        private int? Choice(Atom x, Atom z)
        {
            if (!IsChoosable(x) || !IsChoosable(z))
                return null;
            var present = builder.Host(new HostEquation(HostOperation.IsPresent, HostKind.Bool, [], optional));
            var condition = builder.Fill(Atom.Host(present), EquatableArray<Extent>.Empty, ElementKind.Boolean);
            return builder.Emit(Primitive.Where, Atom.Variable(condition), x, z);
        }

        private bool IsChoosable(Atom atom)
        {
            if (!atom.IsVariable || common.Contains(atom.Id) && !active.Contains(atom.Id))
                return true;
            if (!choosable.TryGetValue(atom.Id, out var isChoosable))
            {
                var type = builder.TypeOf(atom.Id);
                isChoosable = !active.Contains(atom.Id) && (type.Rank == 0 || type.Kind != ElementKind.Real)
                    && (Definition(atom.Id) is not { } equation || equation.Operands.All(IsChoosable));
                choosable[atom.Id] = isChoosable;
            }

            return isChoosable;
        }

        private bool IsScalar(int variable) => builder.TypeOf(variable) is { Rank: 0, Kind: ElementKind.Real };

        private Equation? Definition(int variable) => builder.DefinitionOf(Atom.Variable(variable));
    }
}
