using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Schedule;
using Dpo.Autodiff.Generator.Tests.Schedule;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>A forward that keeps and a backward that reads it mean what the whole program means, also where gradients take their inputs' places.</summary>
public class ResidualsTests
{
    private static int Seeds => int.TryParse(Environment.GetEnvironmentVariable("DPO_AUTODIFF_SEEDS"), out var seeds) ? seeds : 300;

    [Fact]
    public void Both_halves_mean_what_the_whole_means()
    {
        var (kept, donated) = (0, 0);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var forward = Differentiable(RandomLoweredProgram.Of(seed, 3 + (seed % 25), isMasked: seed % 2 == 1));
            if (!forward.Outputs.Any(o => o.Differentiable))
                continue;
            try
            {
                var (residuals, donations) = Check(Scheduled.Clean(Lower.Run(Scheduled.Clean(Differentiate.Whole(forward)))), seed);
                kept += residuals;
                donated += donations;
            }
            catch (Exception failure) when (failure is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"Seed {seed}: {failure.Message}\n{ProgramPrinter.Print(forward)}", failure);
            }
        }

        Assert.True(kept > Seeds / 10, $"{kept} values were kept");
        Assert.True(donated > Seeds / 10, $"{donated} gradients could be donated");
    }

    [Fact]
    public void Row_statistics_are_kept_and_logits_are_read_once_each_way()
    {
        var (logits, label) = (new TensorType(ElementKind.Real, [Sample.Token, Sample.Vocab]), new TensorType(ElementKind.Integer, [Sample.Token]));
        var builder = new ProgramBuilder("loss");
        var x = builder.Input("logits", logits, differentiable: true);
        var index = builder.Rearrange(builder.Input("label", label, differentiable: false), [0, -1], [Sample.Token, Extent.One]);
        var all = builder.Emit(Primitive.LogSoftmax, new Parameters.Axis(1), Atom.Variable(x));
        var picked = builder.Rearrange(builder.Gather(all, index, 1, [0, -1]), [0], [Sample.Token]);
        builder.Output("loss", builder.Emit(Primitive.Sum, new Parameters.Reduce([0]), Atom.Variable(picked)), OutputRole.Result, ["logits"]);
        var whole = Scheduled.Clean(Lower.Run(Scheduled.Clean(Differentiate.Whole(Scheduled.Clean(builder.Build())))));
        var (keeping, remaining) = Residuals.Split(whole);
        Assert.All(keeping.Outputs.Where(o => o.Role == OutputRole.Residual), o => Assert.Equal([Sample.Token], keeping.Types[o.Variable].Extents));
        var (forward, backward) = (Scheduler.Run(keeping, "forward"), Scheduler.Run(remaining, "backward"));
        foreach (var loops in new[] { forward, backward })
            Assert.Equal(1, LoopTraffic.Of(loops).Fetches[0].Terms[0].Coefficient);
        Assert.Equal(1UL, Donation.Of(backward));
        Assert.DoesNotContain(forward.Buffers.Concat(backward.Buffers), b => b.Role is BufferRole.Workspace or BufferRole.Residual && b.Extents.Contains(Sample.Vocab));
    }

    [Fact]
    public void A_gradient_does_not_take_the_place_of_what_is_read_later()
    {
        // Each place of the gradient needs the neighbour that may have been overwritten.
        var builder = new ProgramBuilder("loss");
        var x = builder.Input("x", new TensorType(ElementKind.Real, [Sample.Token]), differentiable: true);
        var turned = builder.Emit(Primitive.Flip, new Parameters.Axis(0), Atom.Variable(x));
        var product = builder.Emit(Primitive.Multiply, Atom.Variable(x), Atom.Variable(turned));
        builder.Output("loss", builder.Emit(Primitive.Sum, new Parameters.Reduce([0]), Atom.Variable(product)), OutputRole.Result, ["x"]);
        var (_, remaining) = Residuals.Split(Scheduled.Clean(Lower.Run(Scheduled.Clean(Differentiate.Whole(Scheduled.Clean(builder.Build()))))));
        Assert.Equal(0UL, Donation.Of(Scheduler.Run(remaining, "backward")));
    }

    [Fact]
    public void A_gradient_does_not_take_the_place_of_what_is_read_as_another_kind()
    {
        // The same tensor once more as whole numbers, of which each place of the gradient needs another one.
        var builder = new ProgramBuilder("loss");
        var x = builder.Input("x", new TensorType(ElementKind.Real, [Sample.Token]), differentiable: true);
        var whole = builder.Input("x", new TensorType(ElementKind.Integer, [Sample.Token]), differentiable: false);
        var turned = builder.Convert(builder.Emit(Primitive.Flip, new Parameters.Axis(0), Atom.Variable(whole)), ElementKind.Real);
        var product = builder.Emit(Primitive.Multiply, Atom.Variable(x), Atom.Variable(turned));
        builder.Output("loss", builder.Emit(Primitive.Sum, new Parameters.Reduce([0]), Atom.Variable(product)), OutputRole.Result, ["x"]);
        var (_, remaining) = Residuals.Split(Scheduled.Clean(Lower.Run(Scheduled.Clean(Differentiate.Whole(Scheduled.Clean(builder.Build()))))));
        Assert.Equal(0UL, Donation.Of(Scheduler.Run(remaining, "backward")));
    }

    private static (int Kept, int Donated) Check(Program whole, int seed)
    {
        var extents = RandomLoweredProgram.Extents(seed);
        var inputs = RandomLoweredProgram.Draw(whole, seed, extents);
        double[] Scalars(Program program) => HostEvaluator.Run(program.Host, RandomLoweredProgram.Parameters, extents);
        var expected = ProgramEvaluator.Run(whole, inputs, Scalars(whole), extents);
        var byName = whole.Inputs.Select((input, i) => (Key: (input.Name, whole.Types[input.Variable].Kind), Value: inputs[i])).ToDictionary(p => p.Key, p => p.Value);

        var (keeping, remaining) = Residuals.Split(whole);
        ProgramVerifier.Verify(keeping);
        ProgramVerifier.Verify(remaining);
        var forward = ProgramEvaluator.Run(keeping, Inputs(keeping), Scalars(keeping), extents);
        for (var o = 0; o < keeping.Outputs.Count; o++)
            if (keeping.Outputs[o].Role == OutputRole.Residual)
                byName[(keeping.Outputs[o].Name, keeping.Types[keeping.Outputs[o].Variable].Kind)] = forward[o];
        var loops = Scheduled.Check(remaining, Inputs(remaining), extents, RandomLoweredProgram.Parameters);
        Scheduled.Check(keeping, Inputs(keeping), extents, RandomLoweredProgram.Parameters);

        var donations = Donation.Of(loops);
        foreach (var backwards in new[] { false, true })
        {
            var gradients = LoopInterpreter.Run(loops, Inputs(remaining), Scalars(remaining), extents, backwards, donations).Outputs;
            for (var o = 0; o < gradients.Length; o++)
            {
                var wanted = expected[whole.Outputs.ToList().FindIndex(w => w.Role == OutputRole.Gradient && w.Name == remaining.Outputs[o].Name)];
                for (var i = 0; i < wanted.Length; i++)
                    Assert.True(
                        wanted[i].Equals(gradients[o][i]) || Math.Abs(wanted[i] - gradients[o][i]) <= 1e-9 * Math.Max(1, Math.Abs(wanted[i])),
                        $"seed {seed}: {remaining.Outputs[o].Name}[{i}] is {gradients[o][i]:R}, not {wanted[i]:R}\n{ProgramPrinter.Print(whole)}\n{LoopPrinter.Print(loops)}");
            }
        }

        return (keeping.Outputs.Count(o => o.Role == OutputRole.Residual), System.Numerics.BitOperations.PopCount(donations));

        double[][] Inputs(Program program) => [.. program.Inputs.Select(i => byName[(i.Name, program.Types[i.Variable].Kind)])];
    }

    /// <summary>The same program with its real inputs and what they reach marked differentiable.</summary>
    private static Program Differentiable(Program program)
    {
        var marked = program with { Inputs = program.Inputs.Select(i => i with { Differentiable = program.Types[i.Variable].Kind == ElementKind.Real }).ToEquatableArray() };
        var reached = Differentiate.Reached(marked);
        return marked with { Outputs = marked.Outputs.Select(o => o with { Role = OutputRole.Result, Reached = reached[o.Variable] }).ToEquatableArray() };
    }
}
