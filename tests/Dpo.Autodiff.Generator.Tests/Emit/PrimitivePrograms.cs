using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Small programs that use one primitive each, in every form that it has: kinds, positions, numbers as operands.</summary>
internal static class PrimitivePrograms
{
    private static readonly Extent Pair = Extent.Named("pair");
    private static readonly Extent Item = Extent.Named("item");
    private static readonly Extent Player = Extent.Named("player");

    public static readonly string[] Axes = ["pair", "item", "player"];

    /// <summary>The programs of one primitive.</summary>
    public static IReadOnlyList<Program> Of(Primitive primitive)
    {
        var programs = new List<Program>();
        void Add(Func<Draft, int> body)
        {
            var draft = new Draft(primitive + programs.Count.ToString());
            _ = draft.X; // the compute dtype is that of the real inputs
            var result = body(draft);
            draft.Builder.Output("y", result, OutputRole.Result, ["x"]);
            programs.Add(draft.Builder.Build());
        }

        switch (primitive)
        {
            case Primitive.Exp or Primitive.ExpM1 or Primitive.Sigmoid or Primitive.LogSigmoid or Primitive.Softplus or Primitive.Tanh or Primitive.Erf:
                Add(d => d.Of(primitive, d.X));
                Add(d => d.Of(primitive, d.Half));
                break;
            case Primitive.Negate or Primitive.Absolute or Primitive.Sign or Primitive.Square or Primitive.Relu:
                Add(d => d.Of(primitive, d.X));
                Add(d => d.Of(primitive, d.Index));
                break;
            case Primitive.Log or Primitive.Log1P or Primitive.Log2 or Primitive.Sqrt or Primitive.SqrtZero or Primitive.Rsqrt or Primitive.Reciprocal:
                Add(d => d.Of(primitive, d.Positive));
                break;
            case Primitive.Log1MExp:
                Add(d => d.Of(primitive, d.Negative));
                break;
            case Primitive.Add or Primitive.Subtract or Primitive.Multiply or Primitive.Minimum or Primitive.Maximum or Primitive.ClampMin or Primitive.ClampMax:
                Add(d => d.Of(primitive, d.X, d.Z));
                Add(d => d.Of(primitive, d.X, d.Half));
                Add(d => d.Of(primitive, d.Half, d.X));
                Add(d => d.Of(primitive, d.X, d.Beta));
                Add(d => d.Of(primitive, d.Beta, d.Half));
                Add(d => d.Of(primitive, d.Index, d.Two));
                Add(d => d.Of(primitive, d.PairSize, d.Index));
                break;
            case Primitive.Divide:
                Add(d => d.Of(primitive, d.X, d.Positive));
                Add(d => d.Of(primitive, d.X, d.PairSize));
                Add(d => d.Of(primitive, d.Beta, d.Positive));
                break;
            case Primitive.Power:
                Add(d => d.Of(primitive, d.Positive, d.Z));
                Add(d => d.Of(primitive, d.Positive, d.Half));
                Add(d => d.Of(primitive, d.X, d.Two));
                Add(d => d.Of(primitive, d.Two, d.X));
                break;
            case Primitive.Equal or Primitive.NotEqual or Primitive.Less or Primitive.LessOrEqual or Primitive.Greater or Primitive.GreaterOrEqual:
                Add(d => d.Of(primitive, d.X, d.Z));
                Add(d => d.Of(primitive, d.X, d.Half));
                Add(d => d.Of(primitive, d.Beta, d.X));
                Add(d => d.Of(primitive, d.Index, d.Index2));
                Add(d => d.Of(primitive, d.Index, d.Two));
                Add(d => d.Of(primitive, d.Two, d.Index));
                break;
            case Primitive.And or Primitive.Or or Primitive.Xor:
                Add(d => d.Of(primitive, d.Mask, d.Mask2));
                break;
            case Primitive.Not:
                Add(d => d.Of(primitive, d.Mask));
                break;
            case Primitive.IsNaN or Primitive.IsInfinite or Primitive.IsFinite:
                Add(d => d.Of(primitive, d.X));
                Add(d => d.Of(primitive, Atom.Variable(d.Of(Primitive.Divide, d.X, Atom.Variable(d.Of(Primitive.Relu, d.X))))));
                break;
            case Primitive.Where:
                Add(d => d.Of(primitive, d.Mask, d.X, d.Z));
                Add(d => d.Of(primitive, d.Mask, d.X, d.Half));
                Add(d => d.Of(primitive, d.Mask, d.Beta, d.Half));
                Add(d => d.Of(primitive, d.Mask, d.Index, d.Two));
                Add(d => d.Of(primitive, d.Mask, d.Mask2, d.Literal(0)));
                break;
            case Primitive.StopGradient:
                Add(d => d.Of(primitive, d.X));
                break;
            case Primitive.Convert:
                Add(d => d.Builder.Convert(d.Mask.Id, ElementKind.Real));
                Add(d => d.Builder.Convert(d.Index.Id, ElementKind.Real));
                Add(d => d.Builder.Convert(d.X.Id, ElementKind.Integer));
                Add(d => d.Builder.Convert(d.X.Id, ElementKind.Boolean));
                Add(d => d.Builder.Convert(d.Mask.Id, ElementKind.Integer));
                Add(d => d.Builder.Convert(d.X.Id, ElementKind.Real, "Float32"));
                Add(d => d.Builder.Convert(d.X.Id, ElementKind.Real, "BFloat16"));
                Add(d => d.Builder.Convert(d.Index.Id, ElementKind.Integer, "Int32"));
                break;
            case Primitive.Fill:
                Add(d => d.Builder.Fill(d.Beta, [Pair, Extent.Fixed(2), Item - Extent.One]));
                Add(d => d.Builder.Fill(d.Two, [Pair], ElementKind.Integer));
                Add(d => d.Builder.Fill(d.Literal(1), [], ElementKind.Boolean));
                Add(d => d.Builder.Fill(Atom.Variable(d.Builder.Sum(d.X.Id, 0, 1)), [Pair]));
                break;
            case Primitive.Iota:
                Add(d => d.Builder.Iota(0, [Item * 2]));
                Add(d => d.Builder.Iota(1, [Pair, Item, Extent.One]));
                break;
            case Primitive.Rearrange:
                Add(d => d.Builder.Rearrange(d.X.Id, [1, 0], [Item, Pair]));
                Add(d => d.Builder.Rearrange(d.X.Id, [1, -1, 0], [Item, Player, Pair]));
                Add(d => d.Builder.Rearrange(d.Builder.Rearrange(d.X.Id, [-1, 0, -1, 1], [Extent.One, Pair, Extent.One, Item]), [3, 2, 1], [Item, Player, Pair]));
                break;
            case Primitive.Slice:
                Add(d => d.Builder.Slice(d.X.Id, 1, Extent.One, Item - Extent.One));
                Add(d => d.Builder.Slice(d.X.Id, 0, Pair - Extent.One, Extent.One));
                Add(d => d.Builder.Slice(d.Wide.Id, 0, Extent.One, Pair, 2));
                break;
            case Primitive.Pad:
                Add(d => d.Builder.Pad(d.X.Id, 1, Extent.One, Item + Extent.Fixed(3)));
                Add(d => d.Builder.Pad(d.X.Id, 0, Extent.One, Pair * 2, 2));
                Add(d => d.Builder.Pad(d.Mask.Id, 0, Pair, Pair * 2));
                break;
            case Primitive.Flip:
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(1), d.X));
                break;
            case Primitive.Sum or Primitive.Max or Primitive.Min or Primitive.LogSumExp:
                Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([0]), d.X));
                Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([0, 1]), d.X));
                Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([]), d.X));
                if (primitive != Primitive.LogSumExp)
                    Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([1]), d.Index));
                break;
            case Primitive.Any or Primitive.All:
                Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([0]), d.Mask));
                Add(d => d.Builder.Emit(primitive, new Parameters.Reduce([0, 1]), d.Mask));
                break;
            case Primitive.ArgMax:
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(0), d.X));
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(1), d.Index));
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(1), d.Mask));
                break;
            case Primitive.Softmax or Primitive.LogSoftmax:
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(0), d.X));
                Add(d => d.Builder.Emit(primitive, new Parameters.Axis(1), d.X));
                break;
            case Primitive.Contract:
                Add(d => d.Builder.Contract(d.X.Id, d.Z.Id, 2, [0, 2], [1, 2]));
                Add(d => d.Builder.Contract(d.X.Id, d.Z.Id, 2, [2, 1], [2, 0]));
                Add(d => d.Builder.Contract(d.X.Id, d.Builder.Contract(d.Z.Id, d.Strength.Id, 3, [0, 1], [2]), 3, [0, 3], [1, 3, 2]));
                Add(d => d.Builder.Contract(d.X.Id, d.Builder.Contract(d.Z.Id, d.Strength.Id, 3, [0, 1], [2]), 2, [0, 2], [0, 2, 1]));
                Add(d => d.Builder.Contract(d.X.Id, d.Builder.Contract(d.Z.Id, d.Strength.Id, 3, [1, 0], [2]), 1, [2, 1], [1, 2, 0]));
                Add(d => d.Builder.Contract(d.X.Id, d.Z.Id, 0, [0, 1], [0, 1]));
                break;
            case Primitive.Gather:
                // strength[player], index [pair item] and [pair]; x[pair item] by columns, rows, one a row, and over further positions.
                Add(d => d.Builder.Gather(d.Strength.Id, d.PlayerIndex.Id, 0, [-1]));
                Add(d => d.Builder.Gather(d.Strength.Id, d.Column(d.PlayerIndex), 0, [-1]));
                Add(d => d.Builder.Gather(d.X.Id, d.Index.Id, 1, [0, -1]));
                Add(d => d.Builder.Gather(d.X.Id, d.Index.Id, 0, [-1, 1]));
                Add(d => d.Builder.Gather(d.X.Id, d.Column(d.Index), 1, [0, -1]));
                Add(d => d.Builder.Gather(d.X.Id, d.Builder.Rearrange(d.Index.Id, [1, -1, 0], [Item, Player, Pair]), 1, [2, -1]));
                Add(d => d.Builder.Gather(d.Mask.Id, d.Index.Id, 1, [0, -1]));
                break;
            case Primitive.ScatterAdd:
                Add(d => d.Builder.ScatterAdd(d.X.Id, d.PlayerIndex.Id, 0, [-1], [Player]));
                Add(d => d.Builder.ScatterAdd(d.Column(d.X), d.Column(d.PlayerIndex), 0, [-1], [Player]));
                Add(d => d.Builder.ScatterAdd(d.X.Id, d.Index.Id, 1, [0, -1], [Pair, Item]));
                Add(d => d.Builder.ScatterAdd(d.X.Id, d.Index.Id, 0, [-1, 1], [Pair, Item]));
                Add(d => d.Builder.ScatterAdd(d.Column(d.X), d.Column(d.Index), 1, [0, -1], [Pair, Item]));
                Add(d => d.Builder.ScatterAdd(
                    d.Builder.Rearrange(d.X.Id, [1, -1, 0], [Item, Player, Pair]), d.Builder.Rearrange(d.Index.Id, [1, -1, 0], [Item, Player, Pair]), 0, [-1, 2], [Item, Pair]));
                break;
            case Primitive.CumSum or Primitive.LogCumSumExp:
                Add(d => d.Builder.Emit(primitive, new Parameters.Scan(0, false), d.X));
                Add(d => d.Builder.Emit(primitive, new Parameters.Scan(1, true), d.X));
                break;
            case Primitive.Sort:
                Add(d => d.Builder.Sort(d.X.Id, 1, descending: false).Values);
                Add(d => d.Builder.Sort(d.X.Id, 0, descending: true).Order);
                Add(d => d.Builder.Sort(d.Index.Id, 1, descending: true).Order);
                break;
            default:
                throw new InvalidOperationException($"{primitive} has no sample program.");
        }

        return programs;
    }

    /// <summary>A program in the making, with inputs that are declared when first used.</summary>
    internal sealed class Draft(string name)
    {
        private readonly Dictionary<string, int> inputs = [];

        public ProgramBuilder Builder { get; } = new(name);

        public Atom X => Input("x", ElementKind.Real, true, Pair, Item);

        public Atom Z => Input("z", ElementKind.Real, true, Pair, Item);

        /// <summary>Drawn above 0.5.</summary>
        public Atom Positive => Input("positive", ElementKind.Real, true, Pair, Item);

        /// <summary>Drawn below -0.1.</summary>
        public Atom Negative => Input("negative", ElementKind.Real, true, Pair, Item);

        public Atom Wide => Input("wide", ElementKind.Real, true, Pair * 2, Item);

        public Atom Strength => Input("strength", ElementKind.Real, true, Player);

        public Atom Mask => Input("mask", ElementKind.Boolean, false, Pair, Item);

        public Atom Mask2 => Input("mask2", ElementKind.Boolean, false, Pair, Item);

        /// <summary>Drawn below the smallest of pair and item.</summary>
        public Atom Index => Input("index", ElementKind.Integer, false, Pair, Item);

        public Atom Index2 => Input("index2", ElementKind.Integer, false, Pair, Item);

        public Atom PlayerIndex => Input("player", ElementKind.Integer, false, Pair, Item);

        public Atom Half => Atom.Literal(0.5);

        public Atom Two => Atom.Literal(2);

        public Atom Beta => Atom.Host(Builder.HostParameter("beta", HostKind.Double));

        public Atom PairSize => Atom.Host(Builder.HostSize(Pair));

        public Atom Literal(double number) => Atom.Literal(number);

        public int Of(Primitive primitive, params Atom[] operands) => Builder.Emit(primitive, operands);

        /// <summary>The first item: [pair item] to [pair].</summary>
        public int Column(Atom variable) =>
            Builder.Rearrange(Builder.Slice(variable.Id, 1, Extent.Fixed(0), Extent.One), [0], [Pair]);

        private Atom Input(string input, ElementKind kind, bool differentiable, params Extent[] extents)
        {
            if (!inputs.TryGetValue(input, out var variable))
                inputs[input] = variable = Builder.Input(input, new TensorType(kind, extents.ToEquatableArray()), differentiable);
            return Atom.Variable(variable);
        }
    }
}
