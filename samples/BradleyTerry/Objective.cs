using Dpo.Autodiff;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace BradleyTerry;

/// <summary>The model of Bradley and Terry (1952): the log-odds that one player beats another are the difference of their strengths.</summary>
internal static partial class PairedComparison
{
    /// <summary>The negative log-likelihood of a table of games, without the binomial coefficients.</summary>
    /// <param name="strength">The log-strength of each player.</param>
    /// <param name="home">What playing at home adds to the first player's log-odds (Agresti 2002, section 10.6.2); null for neutral ground.</param>
    /// <param name="first">The first player of each row of games, who plays at home if anyone does.</param>
    /// <param name="second">The second player of each row.</param>
    /// <param name="firstWins">How often the first player won.</param>
    /// <param name="secondWins">How often the second player won.</param>
    [Objective]
    public static Tensor NegativeLogLikelihood(
        [Axes("player")] Tensor strength,
        [Axes("")] Tensor? home,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins)
    {
        var margin = strength[first] - strength[second];
        if (home is not null)
            margin = margin + home;
        return -(firstWins * logsigmoid(margin) + secondWins * logsigmoid(-margin)).sum();
    }
}
