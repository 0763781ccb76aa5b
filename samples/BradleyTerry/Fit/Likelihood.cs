using BradleyTerry.Data;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace BradleyTerry.Fit;

/// <summary>The negative log-likelihood of a table of games as a function of parameters that an optimiser moves, in double precision.</summary>
internal sealed class Likelihood : IDisposable
{
    private readonly Tensor first;
    private readonly Tensor second;
    private readonly Tensor firstWins;
    private readonly Tensor secondWins;

    /// <summary>Parameters at zero: all players equal, no home effect.</summary>
    public Likelihood(Comparisons comparisons, bool withHome)
    {
        first = tensor(comparisons.Matches.Select(m => (long)m.First).ToArray());
        second = tensor(comparisons.Matches.Select(m => (long)m.Second).ToArray());
        firstWins = tensor(comparisons.Matches.Select(m => m.FirstWins).ToArray());
        secondWins = tensor(comparisons.Matches.Select(m => m.SecondWins).ToArray());
        Strength = new Parameter(zeros(comparisons.Players.Count, dtype: float64));
        Home = withHome ? new Parameter(zeros([], dtype: float64)) : null;
    }

    /// <summary>The log-strength of each player.</summary>
    public Parameter Strength { get; }

    /// <summary>The home effect; null if the model has none.</summary>
    public Parameter? Home { get; }

    /// <summary>How often the objective was evaluated.</summary>
    public int Evaluations { get; private set; }

    /// <summary>What the optimiser moves.</summary>
    public IEnumerable<Parameter> Parameters => Home is null ? [Strength] : [Strength, Home];

    /// <summary>The objective, part of the autograd graph: for optimisers that want <c>backward</c>.</summary>
    public Tensor Loss()
    {
        Evaluations++;
        return PairedComparison.Fused.NegativeLogLikelihood(Strength, Home, first, second, firstWins, secondWins);
    }

    /// <summary>The objective and its gradient in one call, without a graph: strengths, then the home effect.</summary>
    public (double Value, Tensor Gradient) LossAndGradient()
    {
        Evaluations++;
        using var result = PairedComparison.Fused.NegativeLogLikelihoodWithGrad(Strength, Home, first, second, firstWins, secondWins);
        Tensor[] gradients = result.GradHome is { } home ? [result.GradStrength!, home.reshape(1)] : [result.GradStrength!];
        return (result.Value.item<double>(), cat(gradients));
    }

    /// <summary>
    /// The observed information, the second derivatives of the objective: each row of games adds n p (1 - p) x x', where x is 1 for the
    /// first player, -1 for the second, and 1 for the home effect.
    /// </summary>
    public Tensor Information()
    {
        using var scope = NewDisposeScope();
        using var noGrad = no_grad();
        var players = Strength.size(0);
        var margin = Strength[first] - Strength[second];
        if (Home is not null)
            margin += Home;
        var weight = (firstWins + secondWins) * margin.sigmoid() * (-margin).sigmoid();
        var size = players + (Home is null ? 0 : 1);
        var information = zeros(size * size, dtype: float64);
        void Add(Tensor row, Tensor column, Tensor value) => information.index_add_(0, row * size + column, value, 1);
        Add(first, first, weight);
        Add(second, second, weight);
        Add(first, second, -weight);
        Add(second, first, -weight);
        if (Home is not null)
        {
            var home = full_like(first, players);
            Add(first, home, weight);
            Add(home, first, weight);
            Add(second, home, -weight);
            Add(home, second, -weight);
            Add(home, home, weight);
        }

        return information.reshape(size, size).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var owned in (Tensor?[])[first, second, firstWins, secondWins, Strength, Home])
            owned?.Dispose();
    }
}
