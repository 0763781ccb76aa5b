using static TorchSharp.torch;

namespace Dpo.Autodiff.Objectives;

/// <summary>Comparisons of normally distributed impressions (Thurstone 1927): the normal distribution in place of the logistic one.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="CaseFive"/></term><description>strengths of players from a table of games</description></item>
/// <item><term><see cref="Pairwise"/></term><description>a reward model's pairs</description></item>
/// </list>
/// </remarks>
public static partial class Thurstone
{
    /// <summary>
    /// Thurstone 1927, case V (eq. 1 with equal and uncorrelated dispersions): the first player wins with chance
    /// <c>Phi(s[first] - s[second])</c>; the unit is the standard deviation of the difference.
    /// </summary>
    /// <param name="strength">The mean impression of each player, [player].</param>
    /// <param name="first">The first player of each pairing, at home if anyone is, [game].</param>
    /// <param name="second">The second player.</param>
    /// <param name="firstWins">How often the first player won.</param>
    /// <param name="secondWins">How often the second player won.</param>
    /// <param name="advantage">What playing at home adds to the first player's impression, a scalar tensor; neutral ground where null.</param>
    /// <returns>The negative log-likelihood, summed, and the chance that the first player wins.</returns>
    [Objective]
    public static (Tensor loss, Tensor chance) CaseFive(
        [Axes("player")] Tensor strength,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins,
        [Axes("")] Tensor? advantage = null)
    {
        var margin = strength[first] - strength[second];
        if (advantage is not null)
            margin += advantage;
        var win = LogNormalCdf(margin);
        var loss = LogNormalCdf(-margin);
        return (-(firstWins * win + secondWins * loss).sum(), exp(win).detach());
    }

    /// <summary>The probit form of the reward model's loss: the mean of <c>-log Phi((chosen - rejected) / scale)</c>.</summary>
    /// <param name="chosen">The reward of the preferred response, [pair].</param>
    /// <param name="rejected">The reward of the other one.</param>
    /// <param name="scale">The standard deviation of the difference of two impressions.</param>
    /// <param name="normaliser">What the sum is divided by, a scalar tensor: the number of pairs of the whole batch. Their number here where null.</param>
    /// <returns>The loss, the mean margin, and the share of pairs in the right order.</returns>
    [Objective]
    public static (Tensor loss, Tensor margin, Tensor accuracy) Pairwise(
        [Axes("pair")] Tensor chosen,
        [Axes("pair")] Tensor rejected,
        double scale = 1.0,
        [Axes(""), NoGrad] Tensor? normaliser = null)
    {
        var loss = -Preference.Mean(LogNormalCdf((chosen - rejected) / scale), normaliser);
        var (margin, accuracy) = Preference.Comparison(chosen, rejected);
        return (loss, margin, accuracy);
    }

    /// <summary>
    /// The logarithm of the normal distribution function, exact to a few units in the last place, and its derivative to 1e-14: for z = |x| / sqrt(2), <c>log erfc(z) = log t - z^2 + p(t)</c>
    /// with t = 2 / (2 + z) and p a polynomial in 2t - 1 through the values at Chebyshev points, computed with 50 digits. <c>log((1 + erf(z)) / 2)</c> has
    /// lost a third of its digits at x = -4, and all of them at -9.
    /// </summary>
    [ObjectiveFunction]
    public static Tensor LogNormalCdf(Tensor x)
    {
        // Not abs: at 0 its derivative would be 0.
        var isNegative = x < 0;
        var z = where(isNegative, -x, x) * Math.Sqrt(0.5);
        var t = 2 / (2 + z);
        var lower = log(t) - z.square() + LogErfcPolynomial(2 * t - 1) - Math.Log(2);
        return where(isNegative, lower, log1p(-exp(lower)));
    }

    private static Tensor LogErfcPolynomial(Tensor u)
    {
        var p = u * -1.2776086554968603e-08 + 2.9805133645151254e-08;
        p = p * u + 7.745572408758508e-08;
        p = p * u - 2.895626567435503e-07;
        p = p * u - 4.1468537546637246e-08;
        p = p * u + 1.2833949153561942e-06;
        p = p * u - 1.4094459914335285e-06;
        p = p * u - 2.9634842309596933e-06;
        p = p * u + 8.662535397475535e-06;
        p = p * u + 1.3989370477610615e-07;
        p = p * u - 3.0237840540071368e-05;
        p = p * u + 3.174693542327236e-05;
        p = p * u + 7.141810433422301e-05;
        p = p * u - 0.00017430412986925938;
        p = p * u - 9.373894767667295e-05;
        p = p * u + 0.0006736791352568864;
        p = p * u - 0.00014624628742128406;
        p = p * u - 0.002345812552995894;
        p = p * u + 0.0017589335074028032;
        p = p * u + 0.008824938561312326;
        p = p * u - 0.009872689364099222;
        p = p * u - 0.04689561023132892;
        p = p * u + 0.047343306841863525;
        p = p * u + 0.6726432239776583;
        return p * u - 0.6717940840566922;
    }
}
