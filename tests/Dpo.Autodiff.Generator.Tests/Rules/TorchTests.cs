using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Passes;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>Values and gradients at kinks, ties, zeros, infinities and NaN are torch's.</summary>
public class TorchTests
{
    private const double Inf = double.PositiveInfinity;

    private static readonly double[] Places = [double.NaN, -Inf, -1e4, -800, -40, -1, -1e-9, 0, 1e-9, 0.5, 1, 40, 800, 1e4, Inf];

    private static readonly Dictionary<Primitive, Func<Tensor, Tensor>> Unary = new()
    {
        [Primitive.Negate] = x => -x,
        [Primitive.Absolute] = abs,
        [Primitive.Sign] = sign,
        [Primitive.Exp] = exp,
        [Primitive.ExpM1] = expm1,
        [Primitive.Log] = log,
        [Primitive.Log1P] = log1p,
        [Primitive.Log2] = log2,
        [Primitive.Sqrt] = sqrt,
        [Primitive.Rsqrt] = rsqrt,
        [Primitive.Square] = square,
        [Primitive.Reciprocal] = x => x.reciprocal(),
        [Primitive.Sigmoid] = x => x.sigmoid(),
        [Primitive.LogSigmoid] = nn.functional.logsigmoid,
        [Primitive.Softplus] = x => nn.functional.softplus(x),
        [Primitive.Tanh] = x => x.tanh(),
        [Primitive.Relu] = x => nn.functional.relu(x),
        [Primitive.Erf] = x => x.erf(),
        [Primitive.ClampMin] = x => x.clamp_min(0.5),
        [Primitive.ClampMax] = x => x.clamp_max(0.5),
    };

    private static readonly Dictionary<Primitive, Func<Tensor, Tensor, Tensor>> Binary = new()
    {
        [Primitive.Add] = (x, z) => x + z,
        [Primitive.Subtract] = (x, z) => x - z,
        [Primitive.Multiply] = (x, z) => x * z,
        [Primitive.Divide] = (x, z) => x / z,
        [Primitive.Power] = pow,
        [Primitive.Minimum] = minimum,
        [Primitive.Maximum] = maximum,
    };

    private static readonly Dictionary<Primitive, Func<Tensor, Tensor>> AlongRows = new()
    {
        [Primitive.Sum] = x => x.sum(1),
        [Primitive.Max] = x => x.amax([1]),
        [Primitive.Min] = x => x.amin([1]),
        [Primitive.LogSumExp] = x => x.logsumexp(1),
        [Primitive.Softmax] = x => x.softmax(1),
        [Primitive.LogSoftmax] = x => nn.functional.log_softmax(x, 1),
        [Primitive.CumSum] = x => x.cumsum(1),
        [Primitive.LogCumSumExp] = x => logcumsumexp(x, 1),
        [Primitive.Sort] = x => x.sort(1).Values,
    };

    public static TheoryData<Primitive> UnaryPrimitives => new(Unary.Keys);

    public static TheoryData<Primitive> BinaryPrimitives => new(Binary.Keys);

    public static TheoryData<Primitive> RowPrimitives => new(AlongRows.Keys);

    [Theory]
    [MemberData(nameof(UnaryPrimitives))]
    public void OfOneNumber(Primitive primitive)
    {
        var s = new Sample();
        var x = s.Input("x", Extent.Fixed(Places.Length));
        var program = s.Result(primitive is Primitive.ClampMin or Primitive.ClampMax ? x.Of(primitive, x.Number(0.5)) : x.Of(primitive));

        AssertSame(program, [Places], tensors => Unary[primitive](tensors[0]), i => $"{primitive}({Places[i]})");
    }

    [Theory]
    [MemberData(nameof(BinaryPrimitives))]
    public void OfTwoNumbers(Primitive primitive)
    {
        var pairs = Places.SelectMany(x => Places, (x, z) => (x, z)).ToArray();
        var s = new Sample();
        var size = Extent.Fixed(pairs.Length);
        var program = s.Result(s.Input("x", size).Of(primitive, s.Input("z", size)));

        AssertSame(
            program, [pairs.Select(p => p.x).ToArray(), pairs.Select(p => p.z).ToArray()], x => Binary[primitive](x[0], x[1]), i => $"{primitive}({pairs[i].x}, {pairs[i].z})");
    }

    [Theory]
    [MemberData(nameof(RowPrimitives))]
    public void OfARow(Primitive primitive)
    {
        double[][] rows =
        [
            [1, 2, 3], [3, 3, 1], [2, 2, 2], [0, 0, 0], [-Inf, 1, 2], [1, -Inf, 2], [-Inf, -Inf, -Inf], [1, Inf, 2], [Inf, Inf, -Inf], [1, double.NaN, 2], [1e4, -1e4, 1e4], [-800, 0, 800],
        ];
        var s = new Sample();
        var x = s.Input("x", Extent.Fixed(rows.Length), Extent.Fixed(3));
        Parameters parameters = primitive switch
        {
            Primitive.Softmax or Primitive.LogSoftmax => new Parameters.Axis(1),
            Primitive.CumSum or Primitive.LogCumSumExp => new Parameters.Scan(1, false),
            Primitive.Sort => new Parameters.Sort(1, false),
            _ => new Parameters.Reduce([1]),
        };
        var program = s.Result(primitive == Primitive.Sort
            ? new Term(s.Builder, Atom.Variable(s.Builder.Sort(x.Variable, 1, false).Values))
            : x.Of(primitive, parameters));
        var perRow = program.Types[program.Outputs[0].Variable].Rank;

        AssertSame(
            program, [rows.SelectMany(r => r).ToArray()], t => AlongRows[primitive](t[0].reshape(-1, 3)), i => $"{primitive} of [{string.Join(" ", rows[i / 3])}] at {i % 3}", valueOf: i => perRow == 1 ? i : i / 3);
    }

    private static void AssertSame(Program program, double[][] inputs, Func<Tensor[], Tensor> eager, Func<int, string> describe, Func<int, int>? valueOf = null)
    {
        var tensors = inputs.Select(x => tensor(x, requires_grad: true)).ToArray();
        var value = eager(tensors);
        var upstream = ones_like(value);
        value.backward([upstream]);

        var joint = Differentiate.Backward(program);
        var forward = Sample.Run(program, inputs)[0];
        var lowered = Sample.Run(Lower.Run(program), inputs)[0];
        var expected = value.detach().reshape(-1).data<double>().ToArray();
        var messages = new List<string>();
        for (var i = 0; i < expected.Length; i++)
        {
            if (!IsSame(expected[i], forward[i]))
                messages.Add($"{describe(i)} is {forward[i]:R}, not {expected[i]:R}");
            if (!IsSame(expected[i], lowered[i]))
                messages.Add($"{describe(i)} lowered is {lowered[i]:R}, not {expected[i]:R}");
        }

        var gradients = Sample.Run(joint, joint.Inputs.Select(n => n.Name.StartsWith("d_", StringComparison.Ordinal)
            ? forward.Select(_ => 1.0).ToArray() : inputs[program.Inputs.Select(m => m.Name).ToList().IndexOf(n.Name)]).ToArray());
        for (var k = 0; k < gradients.Length; k++)
        {
            var index = program.Inputs.Select(m => m.Name).ToList().IndexOf(joint.Outputs[k].Name);
            var reference = tensors[index].grad is { } grad ? grad.reshape(-1).data<double>().ToArray() : new double[inputs[index].Length];
            for (var i = 0; i < reference.Length; i++)
                if (!IsSame(reference[i], gradients[k][i]))
                    messages.Add($"the gradient {k} of {describe(i)} is {gradients[k][i]:R}, not {reference[i]:R}");
        }

        Assert.True(messages.Count == 0, string.Join("\n", messages));
    }

    private static bool IsSame(double expected, double actual) =>
        expected.Equals(actual) || (double.IsFinite(expected) && Math.Abs(expected - actual) <= 1e-14 * Math.Max(Math.Abs(expected), Math.Abs(actual)) + 2e-16);
}
