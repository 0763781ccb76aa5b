using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Generator.Tests.Emit;

public class TorchEmitterTests
{
    private static readonly Dictionary<string, long> Sizes = new() { ["pair"] = 4, ["item"] = 3, ["player"] = 5 };

    private static readonly (Primitive[] Primitives, Program[] Programs, Program[] Gradients) Samples = AllSamples();

    /// <summary>The samples, then their gradients: one compilation for all.</summary>
    private static readonly Lazy<TorchCode> Code = new(() => new TorchCode([.. Samples.Programs, .. Samples.Gradients], PrimitivePrograms.Axes));

    public static TheoryData<Primitive> Primitives => new(Enum.GetValues<Primitive>());

    [Theory]
    [MemberData(nameof(Primitives))]
    public void Every_primitive_computes_what_the_evaluator_does(Primitive primitive)
    {
        for (var i = 0; i < Samples.Programs.Length; i++)
            if (Samples.Primitives[i] == primitive)
                AssertEqual(Samples.Programs[i], Code.Value, i);
    }

    [Fact]
    public void Random_programs_compute_what_the_evaluator_does()
    {
        var forwards = Enumerable.Range(0, 60).Select(RandomProgram.Draw).ToArray();
        Program[] programs =
        [
            .. forwards,
            .. forwards.Select(Differentiate.Joint),
            .. forwards.Select(p => Lower.Run(Cse.Run(Simplify.Run(Differentiate.Backward(p))))),
        ];
        var code = new TorchCode(programs, PrimitivePrograms.Axes);
        for (var i = 0; i < programs.Length; i++)
            AssertEqual(programs[i], code, i);
    }

    /// <summary>Autograd through the emitted forward against the program that Differentiate makes, itself emitted.</summary>
    [Theory]
    [MemberData(nameof(Primitives))]
    public void Autograd_through_the_forward_agrees_with_the_emitted_gradient(Primitive primitive)
    {
        for (var i = 0; i < Samples.Programs.Length; i++)
        {
            if (Samples.Primitives[i] != primitive || !IsDifferentiable(Samples.Programs[i]))
                continue;
            using var scope = NewDisposeScope();
            var (program, gradient) = (Samples.Programs[i], Samples.Gradients[i]);
            var inputs = Inputs(program);
            var leaves = program.Inputs.Select((x, k) => (x.Differentiable, Tensor: inputs[k])).Where(x => x.Differentiable).Select(x => x.Tensor.requires_grad_()).ToArray();
            var y = Code.Value.Run(i, inputs, Sizes, Scalars(program))[0];
            var upstream = Draw("upstream", program.Types[program.Outputs[0].Variable]);
            if (y.requires_grad)
                y.backward([upstream]);
            var given = gradient.Inputs.Select(x => x.Name == "d_y" ? upstream : inputs[program.Inputs.ToList().FindIndex(p => p.Name == x.Name)]).ToArray();
            var computed = Code.Value.Run(Samples.Programs.Length + i, given, Sizes, Scalars(gradient));
            for (var k = 0; k < leaves.Length; k++)
            {
                var expected = leaves[k].grad ?? zeros_like(leaves[k]);
                var difference = (expected - computed[k]).abs().max().ToDouble();
                Assert.True(difference <= 1e-12, $"{difference:g3} in the gradient of {program.Inputs[k].Name}\n{Code.Value.Texts[i]}\n{Code.Value.Texts[Samples.Programs.Length + i]}");
            }
        }
    }

    [Fact]
    public void Nothing_is_left_alive_but_the_outputs()
    {
        var program = PrimitivePrograms.Of(Primitive.LogSumExp)[0];
        var code = new TorchCode([program], PrimitivePrograms.Axes);
        var inputs = Inputs(program);
        var before = DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;
        var outputs = code.Run(0, inputs, Sizes, Scalars(program));
        Assert.Equal(before + outputs.Length, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
        Assert.All(inputs, x => Assert.False(x.IsInvalid));
        foreach (var tensor in outputs.Concat(inputs))
            tensor.Dispose();
    }

    [Fact]
    public void A_gradient_that_is_not_needed_is_not_computed()
    {
        var program = Differentiate.Backward(PrimitivePrograms.Of(Primitive.Multiply)[0]);
        var code = new TorchCode([program], PrimitivePrograms.Axes);
        using var scope = NewDisposeScope();
        var outputs = code.Run(0, Inputs(program), Sizes, [], needs: 2);
        Assert.Null(outputs[0]);
        Assert.NotNull(outputs[1]);
    }

    [Fact]
    public void A_product_of_spread_factors_that_is_summed_is_a_matrix_product()
    {
        var (pair, item, player) = (Extent.Named("pair"), Extent.Named("item"), Extent.Named("player"));
        var builder = new ProgramBuilder("Linear");
        var x = builder.Input("x", new TensorType(ElementKind.Real, [pair, item]), true);
        var head = builder.Input("head", new TensorType(ElementKind.Real, [player, item]), true);
        var product = builder.Emit(
            Primitive.Multiply,
            Atom.Variable(builder.Rearrange(x, [0, -1, 1], [pair, player, item])),
            Atom.Variable(builder.Rearrange(head, [-1, 0, 1], [pair, player, item])));
        builder.Output("logits", builder.Sum(product, 2), OutputRole.Result, ["x"]);
        var program = builder.Build();
        var code = new TorchCode([program], PrimitivePrograms.Axes);
        Assert.Contains("einsum(\"ac,bc->ab\", x, head)", code.Texts[0], StringComparison.Ordinal);
        using var scope = NewDisposeScope();
        var inputs = Inputs(program);
        var expected = inputs[0].matmul(inputs[1].transpose(0, 1));
        Assert.True((expected - code.Run(0, inputs, Sizes, [])[0]).abs().max().ToDouble() < 1e-12);
    }

    private static (Primitive[] Primitives, Program[] Programs, Program[] Gradients) AllSamples()
    {
        var samples = Enum.GetValues<Primitive>().SelectMany(p => PrimitivePrograms.Of(p).Select(program => (Primitive: p, Program: program))).ToArray();
        return (samples.Select(s => s.Primitive).ToArray(), samples.Select(s => s.Program).ToArray(), samples.Select(s => Differentiate.Backward(s.Program)).ToArray());
    }

    /// <summary>Values to 1e-12 of the scale, conditions and whole numbers exactly, types as declared.</summary>
    private static void AssertEqual(Program program, TorchCode code, int number)
    {
        using var scope = NewDisposeScope();
        var inputs = Inputs(program);
        var computed = code.Run(number, inputs, Sizes, Scalars(program));
        var expected = ProgramEvaluator.Run(program, inputs.Select(Elements).ToArray(), Scalars(program), Sizes);
        for (var k = 0; k < expected.Length; k++)
        {
            var type = program.Types[program.Outputs[k].Variable];
            Assert.Equal(type.Extents.Select(Size), computed[k].shape);
            Assert.Equal(type.Kind switch { ElementKind.Real => ScalarType.Float64, ElementKind.Integer => ScalarType.Int64, _ => ScalarType.Bool }, computed[k].dtype);
            var elements = Elements(computed[k]);
            var tolerance = type.Kind == ElementKind.Real ? 1e-12 * expected[k].Where(double.IsFinite).Select(Math.Abs).Append(1).Max() : 0;
            for (var e = 0; e < elements.Length; e++)
                Assert.True(
                    elements[e].Equals(expected[k][e]) || Math.Abs(elements[e] - expected[k][e]) <= tolerance,
                    $"{program.Outputs[k].Name}[{e}] is {elements[e]:r}, not {expected[k][e]:r}\n{ProgramPrinter.Print(program)}\n{code.Texts[number]}");
        }
    }

    private static double[] Elements(Tensor tensor) => tensor.to_type(ScalarType.Float64).contiguous().data<double>().ToArray();

    [Fact]
    public void Outputs_share_no_memory_with_inputs_or_each_other()
    {
        var (pair, item) = (Extent.Named("pair"), Extent.Named("item"));
        var builder = new ProgramBuilder("Views");
        var x = builder.Input("x", new TensorType(ElementKind.Real, [pair, item]), true);
        var doubled = builder.Emit(Primitive.Add, Atom.Variable(x), Atom.Variable(x));
        builder.Output("input", x, OutputRole.Result);
        builder.Output("detachedInput", builder.Emit(Primitive.StopGradient, Atom.Variable(x)), OutputRole.Result);
        builder.Output("turned", builder.Rearrange(x, [1, 0], [item, pair]), OutputRole.Result);
        builder.Output("doubled", doubled, OutputRole.Result);
        builder.Output("again", doubled, OutputRole.Result);
        builder.Output("detached", builder.Emit(Primitive.StopGradient, Atom.Variable(doubled)), OutputRole.Result);
        var program = builder.Build();
        var code = new TorchCode([program], PrimitivePrograms.Axes);
        using var scope = NewDisposeScope();
        var inputs = Inputs(program);
        var tensors = code.Run(0, inputs, Sizes, []).Concat(inputs).ToArray();
        var before = tensors.Select(t => t.clone()).ToArray();
        for (var i = 0; i < tensors.Length; i++)
        {
            tensors[i].add_(1);
            for (var j = i + 1; j < tensors.Length; j++)
                Assert.True(tensors[j].allclose(before[j]), $"{i} and {j}");
        }
    }

    private static bool IsDifferentiable(Program program) => program.Types[program.Outputs[0].Variable].Kind == ElementKind.Real
        // Rounding in between is exact in the value, but autograd rounds the gradient, too.
        && !program.Equations.Any(e => e.Parameters is Parameters.Convert { DType: not null })
        && program.Inputs.Any(i => i.Differentiable);

    private static long Size(Extent extent) => extent.Constant + extent.Terms.Sum(t => t.Coefficient * Sizes[t.Name]);

    private static double[] Scalars(Program program) => program.Host.Select(h => h.Operation == HostOperation.Size ? Size(h.Extent!) : 0.3).ToArray();

    private static Tensor[] Inputs(Program program) => program.Inputs.Select(x => Draw(x.Name, program.Types[x.Variable])).ToArray();

    private static Tensor Draw(string name, TensorType type)
    {
        var random = new Random(name.Sum(c => c) * 7919);
        var shape = type.Extents.Select(Size).ToArray();
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        double Real() => name switch { "positive" => 0.5 + random.NextDouble(), "negative" => -0.1 - random.NextDouble(), _ => (4 * random.NextDouble()) - 2 };
        return type.Kind switch
        {
            ElementKind.Boolean => tensor(Enumerable.Range(0, count).Select(_ => random.Next(2) == 0).ToArray()).reshape(shape),
            ElementKind.Integer => tensor(Enumerable.Range(0, count).Select(_ => (long)random.Next(name == "player" ? 5 : 3)).ToArray()).reshape(shape),
            _ => tensor(Enumerable.Range(0, count).Select(_ => Real()).ToArray()).reshape(shape),
        };
    }
}
