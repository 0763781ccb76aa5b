using BradleyTerry.Data;
using static TorchSharp.torch;

namespace BradleyTerry.Fit;

/// <summary>Fits by maximum likelihood: Adam on the fused objective, then Newton steps with the observed information.</summary>
internal static class MaximumLikelihood
{
    private const int AdamSteps = 300;
    private const int NewtonSteps = 100;
    private const double Tolerance = 1e-11;

    /// <summary>Fits a table of games.</summary>
    /// <param name="comparisons">The games.</param>
    /// <param name="withHome">Whether the first player's home advantage is estimated.</param>
    /// <param name="reference">The player whose strength is zero; the first one where null.</param>
    /// <param name="progress">Told what is done, before each step.</param>
    /// <exception cref="DataException">The estimates do not exist, the reference is unknown, or the optimiser does not converge.</exception>
    public static Estimates Fit(Comparisons comparisons, bool withHome, string? reference = null, Action<string>? progress = null)
    {
        var zero = reference is null ? 0 : comparisons.IndexOf(reference);
        if (zero < 0)
            throw new DataException($"{comparisons.Title}: no player is called \"{reference}\".");
        if (withHome && !comparisons.FirstIsHome)
            throw new DataException($"{comparisons.Title}: a home effect needs the columns home,away,home_wins,away_wins.");
        if (Identifiability.Problems(comparisons, withHome) is { Count: > 0 } problems)
            throw new DataException($"{comparisons.Title}: the estimates do not exist.\n{string.Join("\n", problems.Select(p => "  " + p))}");

        using var scope = NewDisposeScope();
        using var likelihood = new Likelihood(comparisons, withHome);
        progress?.Invoke("Adam");
        Adam(likelihood, comparisons.Games);
        return Newton(likelihood, comparisons, zero, progress);
    }

    /// <summary>Near enough to the maximum for Newton steps: every strength's gradient under a thousandth of a game per game played.</summary>
    private static void Adam(Likelihood likelihood, double games)
    {
        using var optimiser = optim.Adam(likelihood.Parameters, lr: 0.1);
        for (var step = 0; step < AdamSteps; step++)
        {
            using var scope = NewDisposeScope();
            optimiser.zero_grad();
            likelihood.Loss().backward();
            if (likelihood.Strength.grad!.abs().max().item<double>() < 1e-3 * games)
                return;
            optimiser.step();
        }
    }

    /// <summary>The objective is convex, so Newton steps that are halved until the objective falls reach the one minimum.</summary>
    private static Estimates Newton(Likelihood likelihood, Comparisons comparisons, int reference, Action<string>? progress)
    {
        for (var step = 0; step < NewtonSteps; step++)
        {
            using var scope = NewDisposeScope();
            var (value, gradient) = likelihood.LossAndGradient();
            var norm = gradient.abs().max().item<double>();
            progress?.Invoke($"Newton step {step + 1}");
            var free = Free(likelihood, reference);
            var information = likelihood.Information();
            var factor = linalg.cholesky(information.index_select(0, free).index_select(1, free));
            var direction = zeros_like(gradient).index_copy_(0, free, -gradient[free].unsqueeze(1).cholesky_solve(factor).squeeze(1));

            // The distance to the maximum: unlike the gradient it does not grow with the number of games.
            if (direction.abs().max().item<double>() <= Tolerance)
                return Result(likelihood, comparisons, reference, -value, norm, factor);
            Move(likelihood, direction, value);
        }

        throw new DataException($"{comparisons.Title}: no convergence after {NewtonSteps} Newton steps.");
    }

    private static void Move(Likelihood likelihood, Tensor direction, double value)
    {
        using var noGrad = no_grad();
        for (var length = 1.0; ; length /= 2)
        {
            Shift(likelihood, direction, length);
            // The last steps change less than the objective's rounding.
            if (likelihood.Loss().item<double>() <= value + 1e-13 * Math.Abs(value) || length < 1e-9)
                return;
            Shift(likelihood, direction, -length);
        }
    }

    private static void Shift(Likelihood likelihood, Tensor direction, double length)
    {
        var players = likelihood.Strength.size(0);
        likelihood.Strength.add_(direction[..(int)players], alpha: length);
        likelihood.Home?.add_(direction[players], alpha: length);
    }

    /// <summary>The parameters other than the reference's strength: adding a number to all strengths changes nothing.</summary>
    private static Tensor Free(Likelihood likelihood, int reference)
    {
        var size = likelihood.Parameters.Sum(p => p.numel());
        return tensor(Enumerable.Range(0, (int)size).Where(i => i != reference).Select(i => (long)i).ToArray());
    }

    private static Estimates Result(Likelihood likelihood, Comparisons comparisons, int reference, double logLikelihood, double norm, Tensor factor)
    {
        var values = likelihood.Strength.detach().data<double>().ToArray();
        var errors = factor.cholesky_inverse().diagonal().sqrt().data<double>().ToArray();
        var strengths = new Estimate[values.Length];
        for (var player = 0; player < values.Length; player++)
        {
            if (player != reference)
                strengths[player] = new Estimate(values[player] - values[reference], errors[player < reference ? player : player - 1]);
        }

        Estimate? home = likelihood.Home is null ? null : new Estimate(likelihood.Home.item<double>(), errors[^1]);
        return new Estimates(comparisons, reference, strengths, home, logLikelihood, norm, likelihood.Evaluations);
    }
}
