using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Tests.Emit;

/// <summary>Random programs over [pair item] and its parts, made with the builder; values stay tame.</summary>
internal sealed class RandomProgram
{
    private static readonly Extent Pair = Extent.Named("pair");
    private static readonly Extent Item = Extent.Named("item");

    private static readonly Primitive[] Functions =
    [
        Primitive.Negate, Primitive.Absolute, Primitive.Sign, Primitive.ExpM1, Primitive.Square, Primitive.Sigmoid, Primitive.LogSigmoid,
        Primitive.Softplus, Primitive.Tanh, Primitive.Relu, Primitive.Erf, Primitive.Exp, Primitive.StopGradient,
    ];

    private static readonly Primitive[] Operators =
    [
        Primitive.Add, Primitive.Subtract, Primitive.Multiply, Primitive.Minimum, Primitive.Maximum, Primitive.ClampMin, Primitive.ClampMax,
    ];

    private static readonly Primitive[] Comparisons =
        [Primitive.Less, Primitive.LessOrEqual, Primitive.Greater, Primitive.GreaterOrEqual, Primitive.Equal, Primitive.NotEqual];

    private readonly Random random;
    private readonly PrimitivePrograms.Draft draft;
    private readonly ProgramBuilder builder;
    private readonly List<int> matrices = [];
    private readonly List<int> rows = [];
    private readonly List<int> masks = [];

    private RandomProgram(int seed)
    {
        random = new Random(seed);
        draft = new PrimitivePrograms.Draft("Random" + seed);
        builder = draft.Builder;
        matrices.AddRange([draft.X.Id, draft.Z.Id]);
        masks.Add(draft.Mask.Id);
        rows.Add(builder.Sum(draft.X.Id, 1));
    }

    public static Program Draw(int seed)
    {
        var draw = new RandomProgram(seed);
        for (var i = 0; i < 12; i++)
            draw.Step();
        var loss = draw.builder.Sum(draw.Tame(draw.matrices[^1]), 0, 1);
        draw.builder.Output("loss", loss, OutputRole.Result, ["x"]);
        draw.builder.Output("row", draw.rows[^1], OutputRole.Result, ["x"]);
        draw.builder.Output("mask", draw.masks[^1], OutputRole.Result);
        return draw.builder.Build();
    }

    private void Step()
    {
        var (x, z) = (Pick(matrices), Pick(matrices));
        switch (random.Next(12))
        {
            case 0 or 1:
                matrices.Add(builder.Emit(Pick(Functions), Atom.Variable(Tame(x))));
                break;
            case 2 or 3:
                matrices.Add(builder.Emit(Pick(Operators), Atom.Variable(x), Operand(z)));
                break;
            case 4:
                masks.Add(builder.Emit(Pick(Comparisons), Atom.Variable(x), Operand(z)));
                break;
            case 5:
                matrices.Add(builder.Emit(Primitive.Where, Atom.Variable(Pick(masks)), Atom.Variable(x), Operand(z)));
                break;
            case 6:
                rows.Add(builder.Emit(Pick([Primitive.Sum, Primitive.Max, Primitive.Min, Primitive.LogSumExp]), new Parameters.Reduce([1]), Atom.Variable(x)));
                break;
            case 7:
                matrices.Add(builder.Emit(Pick([Primitive.Softmax, Primitive.LogSoftmax, Primitive.Flip]), new Parameters.Axis(random.Next(2)), Atom.Variable(x)));
                break;
            case 8:
                matrices.Add(builder.Emit(Pick([Primitive.CumSum, Primitive.LogCumSumExp]), new Parameters.Scan(random.Next(2), random.Next(2) == 0), Atom.Variable(x)));
                break;
            case 9:
                matrices.Add(builder.Gather(x, draft.Index.Id, 1, [0, -1]));
                break;
            case 10:
                matrices.Add(builder.Rearrange(Pick(rows), [0, -1], [Pair, Item]));
                break;
            default:
                matrices.Add(builder.Pad(builder.Slice(x, 1, Extent.One, Item - Extent.One), 1, Extent.Fixed(0), Item));
                break;
        }
    }

    private int Tame(int x) => builder.Emit(Primitive.Tanh, Atom.Variable(x));

    private Atom Operand(int z) => random.Next(4) switch { 0 => draft.Half, 1 => draft.Beta, _ => Atom.Variable(z) };

    private T Pick<T>(IReadOnlyList<T> choices) => choices[random.Next(choices.Count)];
}
