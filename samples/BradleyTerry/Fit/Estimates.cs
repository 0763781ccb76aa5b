using BradleyTerry.Data;

namespace BradleyTerry.Fit;

/// <summary>A number estimated from data.</summary>
/// <param name="Value">The maximum-likelihood estimate.</param>
/// <param name="StandardError">The square root of its variance by the observed information.</param>
internal readonly record struct Estimate(double Value, double StandardError);

/// <summary>A fitted model.</summary>
/// <param name="Comparisons">The games.</param>
/// <param name="Reference">Position of the player whose strength is zero.</param>
/// <param name="Strengths">The log-strength of each player.</param>
/// <param name="Home">The home effect, if the model has one.</param>
/// <param name="LogLikelihood">The maximum, without the binomial coefficients.</param>
/// <param name="GradientNorm">The largest component of the gradient there.</param>
/// <param name="Evaluations">How often the objective was evaluated.</param>
internal sealed record Estimates(
    Comparisons Comparisons,
    int Reference,
    IReadOnlyList<Estimate> Strengths,
    Estimate? Home,
    double LogLikelihood,
    double GradientNorm,
    int Evaluations)
{
    /// <summary>The probability that one player beats another: at home against it if the model has a home effect.</summary>
    public double WinProbability(int player, int opponent) =>
        1 / (1 + Math.Exp(Strengths[opponent].Value - Strengths[player].Value - (Home?.Value ?? 0)));

    /// <summary>The estimate of a player's strength, or of the home effect, by its published name.</summary>
    public Estimate? Find(string name) =>
        name == PublishedEstimate.HomeEffect ? Home : Comparisons.IndexOf(name) is >= 0 and var player ? Strengths[player] : null;
}
