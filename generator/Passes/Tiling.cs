using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Passes;

/// <summary>
/// Cuts a program at the tiles of an axis, so that a wide product of matrices is never whole. In: a lowered program. Out: the three parts
/// of <see cref="TiledLoops"/>, or null where there is no such product, or where something of its size is needed of all tiles at once (a
/// gradient that depends on a statistic of the whole batch).
/// </summary>
public sealed class Tiling
{
    private readonly Program program;
    private readonly string axis;
    private readonly Equation product;
    private readonly Place[] places;
    private readonly bool[] depends;
    private readonly Equation?[] definitions;
    private readonly Dictionary<int, int> handed = [];
    private readonly List<TensorType> handedTypes = [];

    private Tiling(Program program, Equation product, string axis)
    {
        (this.program, this.product, this.axis) = (program, product, axis);
        places = new Place[program.Types.Count];
        depends = new bool[program.Types.Count];
        definitions = program.Definitions();
    }

    /// <summary>What a value is to the tiles.</summary>
    private enum Place
    {
        /// <summary>The same for all, known before them.</summary>
        Uniform,

        /// <summary>Known before them, and computed whole.</summary>
        Whole,

        /// <summary>A tile's own: its first axis is the one that is cut, and each tile can compute its stretch.</summary>
        Local,

        /// <summary>A sum over all tiles.</summary>
        Sum,

        /// <summary>Known after them.</summary>
        After,
    }

    public static TiledLoops? Run(Program program, string kernelName)
    {
        foreach (var equation in program.Equations.Where(e => e.Primitive == Primitive.Contract))
        {
            var extents = program.Types[equation.Result].Extents;
            if (extents.Count >= 2 && extents[0] is { Constant: 0, Terms: { Count: 1 } terms, HasProduct: false } && terms[0].Coefficient == 1
                && ((Parameters.Contract)equation.Parameters) is var contract && contract.Left.Count > 0 && contract.Left[0] == 0 && !contract.Right.Contains(0)
                && new Tiling(program, equation, terms[0].Name).Cut(kernelName) is { } tiled)
                return tiled;
        }

        return null;
    }

    private TiledLoops? Cut(string kernelName)
    {
        foreach (var input in program.Inputs)
            places[input.Variable] = !Mentions(program.Types[input.Variable]) ? Place.Uniform : IsStretch(program.Types[input.Variable]) ? Place.Local : Place.Whole;
        foreach (var equation in program.Equations)
        {
            var place = Of(equation);
            foreach (var result in equation.Results)
            {
                places[result] = place;
                depends[result] = Variables(equation).Any(v => depends[v]) || (equation.Primitive == Primitive.Contract && place == Place.Local);
            }
        }

        if (places[product.Result] != Place.Local)
            return null;

        // Gradients that add products of tiles are added to by each.
        var tileOutputs = new List<ProgramOutput>();
        var afterOutputs = new List<ProgramOutput>();
        foreach (var output in program.Outputs)
        {
            if (depends[output.Variable] && places[output.Variable] is Place.Local or Place.Sum)
                tileOutputs.Add(output);
            else if (output.Role == OutputRole.Gradient && Products(output.Variable) is { } products)
                tileOutputs.AddRange(products.Select(p => output with { Variable = p }));
            else
                afterOutputs.Add(output);
        }

        var after = Needed(afterOutputs.Select(o => o.Variable), e => places[e.Result] == Place.After || !depends[e.Result]);
        foreach (var variable in after.Inputs.Where(v => depends[v]))
        {
            if (IsWide(program.Types[variable]))
                return null;
            tileOutputs.Add(new(Hand(variable), variable, OutputRole.Residual));
        }

        var tile = Needed(tileOutputs.Select(o => o.Variable), e => places[e.Result] is Place.Local or Place.Sum);
        var before = tile.Inputs.Where(v => definitions[v] is not null).Select(v => new ProgramOutput(Hand(v), v, OutputRole.Residual)).ToArray();
        if (before.Any(o => places[o.Variable] == Place.Whole && !IsStretch(program.Types[o.Variable]))
            || tile.Inputs.Any(v => definitions[v] is null && places[v] == Place.Whole)
            || !tile.Equations.Contains(product))
            return null;
        var rows = ((Parameters.Contract)product.Parameters).Left.Count(a => a < ((Parameters.Contract)product.Parameters).Rank);
        return new(
            axis,
            program.Types[product.Result].Extents,
            rows,
            tile.Equations.Count(e => e.Primitive == Primitive.Contract && program.Types[e.Result] == program.Types[product.Result]),
            handedTypes.ToEquatableArray(),
            before.Length == 0 ? null : Part(kernelName + "Before", Needed(before.Select(o => o.Variable), _ => true), before),
            Part(kernelName + "Tile", tile, tileOutputs) with { TiledAxis = axis },
            afterOutputs.Count == 0 ? null : Part(kernelName + "After", after, afterOutputs));
    }

    /// <summary>The equations behind some variables as far as a part may hold them, and what they read of elsewhere.</summary>
    private (HashSet<Equation> Equations, SortedSet<int> Inputs) Needed(IEnumerable<int> variables, Func<Equation, bool> isOfPart)
    {
        var equations = new HashSet<Equation>();
        var inputs = new SortedSet<int>();
        var open = new Stack<int>(variables);
        while (open.Count > 0)
        {
            var variable = open.Pop();
            if (definitions[variable] is not { } equation || !isOfPart(equation))
                inputs.Add(variable);
            else if (equations.Add(equation))
                foreach (var operand in Variables(equation))
                    open.Push(operand);
        }

        return (equations, inputs);
    }

    private LoopProgram Part(string name, (HashSet<Equation> Equations, SortedSet<int> Inputs) needed, IEnumerable<ProgramOutput> outputs) => Scheduler.Run(
        DeadCode.Run(program with
        {
            Inputs = program.Inputs.Where(i => needed.Inputs.Contains(i.Variable))
                .Concat(needed.Inputs.Where(v => definitions[v] is not null).Select(v => new ProgramInput(v, Hand(v), false, InputRole.Residual))).ToEquatableArray(),
            Equations = program.Equations.Where(needed.Equations.Contains).ToEquatableArray(),
            Outputs = outputs.ToEquatableArray(),
        }),
        name);

    /// <summary>The name under which a value is handed from part to part.</summary>
    private string Hand(int variable)
    {
        if (!handed.TryGetValue(variable, out var number))
        {
            handed.Add(variable, number = handedTypes.Count);
            handedTypes.Add(program.Types[variable]);
        }

        return Residuals.NameOf(number);
    }

    /// <summary>The products that a sum of them adds, each used for nothing else; null where it is not such a sum.</summary>
    private List<int>? Products(int variable)
    {
        if (definitions[variable] is not { } equation || !depends[variable])
            return null;
        if (equation.Primitive == Primitive.Contract && places[variable] == Place.Sum)
            return [variable];
        if (equation.Primitive != Primitive.Add || equation.Operands.Any(o => !o.IsVariable || Uses(o.Id) != 1))
            return null;
        return Products(equation.Operands[0].Id) is { } left && Products(equation.Operands[1].Id) is { } right ? [.. left, .. right] : null;
    }

    private int Uses(int variable) =>
        program.Equations.Sum(e => e.Operands.Count(o => o == Atom.Variable(variable))) + program.Outputs.Count(o => o.Variable == variable);

    private Place Of(Equation equation)
    {
        var operands = Variables(equation).ToArray();
        if (operands.Any(o => places[o] is Place.Sum or Place.After))
            return Place.After;
        var types = equation.Results.Select(r => program.Types[r]).ToArray();
        if (!operands.Any(IsTiled))
        {
            if (!types.Any(Mentions))
                return Place.Uniform;
            return operands.All(o => places[o] == Place.Uniform) && types.All(IsStretch) && IsSpread(equation) ? Place.Local : Place.Whole;
        }

        var isDependent = operands.Any(o => depends[o]);
        if (operands.All(o => IsTiled(o) || places[o] == Place.Uniform))
        {
            if (types.All(IsStretch) && KeepsAxis(equation))
                return Place.Local;
            if (isDependent && !types.Any(Mentions) && IsSum(equation))
                return Place.Sum;
        }

        return isDependent ? Place.After : types.Any(Mentions) ? Place.Whole : Place.Uniform;
    }

    /// <summary>Whether a tile can have its stretch of a value.</summary>
    private bool IsTiled(int variable) => places[variable] == Place.Local || (places[variable] == Place.Whole && IsStretch(program.Types[variable]));

    /// <summary>Whether an equation over values that all tiles share gives each tile the same along the axis.</summary>
    private bool IsSpread(Equation equation) => equation.Primitive switch
    {
        Primitive.Fill => true,
        Primitive.Iota => ((Parameters.Axis)equation.Parameters).Position != 0,
        Primitive.Rearrange => true,
        _ => false,
    };

    /// <summary>Whether each place along the axis follows from that place of the operands.</summary>
    private bool KeepsAxis(Equation equation)
    {
        switch (equation.Parameters)
        {
            case Parameters.Reduce reduce:
                return !reduce.Positions.Contains(0);
            case Parameters.Axis one:
                return one.Position != 0;
            case Parameters.Slice slice:
                return slice.Position != 0;
            case Parameters.Scan scan:
                return scan.Position != 0;
            case Parameters.Sort sort:
                return sort.Position != 0;
            case Parameters.Rearrange rearrange:
                return rearrange.Source[0] == 0;
            case Parameters.Gather gather when equation.Primitive == Primitive.Gather:
                // Where, is the tiles' own; what is looked up there may be theirs or common to them.
                return IsTiled(equation.Operands[1].Id) && (IsTiled(equation.Operands[0].Id) ? gather.Position != 0 && gather.Map[0] == 0 : !gather.Map.Contains(0));
            case Parameters.Gather gather:
                return equation.Operands.All(o => IsTiled(o.Id)) && gather.Position != 0 && gather.Map[0] == 0;
            case Parameters.Contract contract:
                return AxisOf(equation, contract) is 0;
            default:
                return true;
        }
    }

    /// <summary>Whether tiles add up to the result.</summary>
    private bool IsSum(Equation equation) => equation.Parameters switch
    {
        Parameters.Reduce reduce => equation.Primitive == Primitive.Sum && reduce.Positions.Contains(0) && program.Types[equation.Result].Kind == ElementKind.Real,
        Parameters.Contract contract => AxisOf(equation, contract) is { } summed && contract.IsSummed(summed),
        _ => false,
    };

    /// <summary>The axis of a product that the cut axis is, where it is the same and first in every operand that has it.</summary>
    private int? AxisOf(Equation equation, Parameters.Contract contract)
    {
        var (left, right) = (IsTiled(equation.Operands[0].Id) ? contract.Left[0] : -1, IsTiled(equation.Operands[1].Id) ? contract.Right[0] : -1);
        if (left >= 0 && right >= 0)
            return left == right ? left : null;
        return Math.Max(left, right);
    }

    private static IEnumerable<int> Variables(Equation equation) => equation.Operands.Where(o => o.IsVariable).Select(o => o.Id);

    private bool Mentions(TensorType type) => type.Extents.Any(Mentions);

    private bool Mentions(Extent extent) => extent.Terms.Any(t => t.Name == axis || t.Factors.Any(Mentions));

    /// <summary>Whether the axis is the first of a type, and nowhere else in it.</summary>
    private bool IsStretch(TensorType type) => type.Rank > 0 && type.Extents[0] == Extent.Named(axis) && !type.Extents.Skip(1).Any(Mentions);

    /// <summary>Whether a type has all the axes of the product that is never to be whole.</summary>
    private bool IsWide(TensorType type) => program.Types[product.Result].Extents.All(type.Extents.Contains);
}
