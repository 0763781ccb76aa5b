using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Passes;

namespace Dpo.Autodiff.Generator.Tests.Rules;

/// <summary>A program's gradients against central differences of the program, both in float64.</summary>
internal static class Derivatives
{
    private const double Step = 1e-3;

    /// <summary>The largest difference, over all gradients, relative to the largest element of what differences give.</summary>
    /// <param name="forward">The program.</param>
    /// <param name="backward">Its gradients, perhaps wrong.</param>
    /// <param name="seed">Of inputs and upstream.</param>
    /// <param name="draw">Where real inputs are drawn from.</param>
    public static double Error(Program forward, Program backward, int seed, Func<Random, double> draw)
    {
        var inputs = Sample.Draw(forward, seed, draw);
        var upstream = Sample.Draw(Upstreams(forward), seed + 1000);
        double Objective() => Sample.Run(forward, inputs)
            .Zip(forward.Outputs).Where(o => o.Second.Differentiable).Select(o => o.First)
            .Zip(upstream, (y, g) => y.Zip(g, (a, b) => a * b).Sum()).Sum();

        var byName = forward.Inputs.Select((input, i) => (input.Name, inputs[i]))
            .Concat(forward.Outputs.Where(o => o.Differentiable).Select((o, i) => ("d_" + o.Name, upstream[i])))
            .ToDictionary(pair => pair.Item1, pair => pair.Item2);
        var gradients = Sample.Run(backward, backward.Inputs.Select(i => byName[i.Name]).ToArray());
        var (error, scale) = (0.0, 0.0);
        foreach (var (output, gradient) in backward.Outputs.Zip(gradients))
        {
            var values = byName[output.Name];
            for (var i = 0; i < values.Length; i++)
            {
                var at = values[i];
                double Slope(double step)
                {
                    values[i] = at + step;
                    var above = Objective();
                    values[i] = at - step;
                    var below = Objective();
                    values[i] = at;
                    return (above - below) / (2 * step);
                }

                // Richardson: the error is of fourth order in the step.
                var difference = ((4 * Slope(Step)) - Slope(2 * Step)) / 3;
                scale = Math.Max(scale, Math.Abs(difference));
                error = Math.Max(error, double.IsNaN(gradient[i]) ? double.PositiveInfinity : Math.Abs(gradient[i] - difference));
            }
        }

        return error / Math.Max(scale, 1e-3);
    }

    public static double Error(Program forward, int seed, Func<Random, double> draw) => Error(forward, Differentiate.Backward(forward), seed, draw);

    private static Program Upstreams(Program forward)
    {
        var builder = new ProgramBuilder("upstreams");
        foreach (var output in forward.Outputs.Where(o => o.Differentiable))
            builder.Input(output.Name, forward.Types[output.Variable], false);
        return builder.Build();
    }
}
