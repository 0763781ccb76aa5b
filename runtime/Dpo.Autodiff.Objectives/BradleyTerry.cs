using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Dpo.Autodiff.Objectives;

/// <summary>Strengths of players from the outcomes of their games, as negative log-likelihoods to be minimised.</summary>
/// <remarks>
/// <list type="table">
/// <item><term><see cref="Wins"/></term><description>a list of games: who beat whom (Bradley and Terry 1952)</description></item>
/// <item><term><see cref="Games"/></term><description>a table of pairings with counts, and home advantage</description></item>
/// <item><term><see cref="Davidson"/></term><description>with ties (Davidson 1970)</description></item>
/// <item><term><see cref="RaoKupper"/></term><description>with ties (Rao and Kupper 1967)</description></item>
/// </list>
/// <para>
/// A strength is the logarithm of the paper's worth. Players are whole numbers that index <c>strength</c>; only differences of strengths
/// matter, so one may be held at 0. Losses are sums over the games, so that their second derivative is the observed information. An
/// advantage is what playing at home adds to the first player's log-odds (Davidson and Beaver 1977).
/// </para>
/// </remarks>
public static partial class BradleyTerry
{
    /// <summary>Bradley and Terry 1952: minus the sum of <c>n log sigmoid(s[winner] - s[loser])</c>.</summary>
    /// <param name="strength">The log-worth of each player, [player].</param>
    /// <param name="winner">Who won each game, [game], whole numbers.</param>
    /// <param name="loser">Who lost it.</param>
    /// <param name="count">How often it ended so; once where null.</param>
    /// <returns>The loss, and the share of the games that the stronger player won.</returns>
    [Objective]
    public static (Tensor loss, Tensor accuracy) Wins(
        [Axes("player")] Tensor strength,
        [Axes("game")] Tensor winner,
        [Axes("game")] Tensor loser,
        [Axes("game"), NoGrad] Tensor? count = null)
    {
        var margin = strength[winner] - strength[loser];
        var expected = (margin > 0).type_as(margin);
        return count is null
            ? (-logsigmoid(margin).sum(), expected.mean())
            : (-(count * logsigmoid(margin)).sum(), (count * expected).sum() / count.sum());
    }

    /// <summary>Bradley and Terry 1952 over a table of pairings, with home advantage (Agresti 2002, section 10.6).</summary>
    /// <param name="strength">The log-worth of each player, [player].</param>
    /// <param name="first">The first player of each pairing, at home if anyone is, [game].</param>
    /// <param name="second">The second player.</param>
    /// <param name="firstWins">How often the first player won.</param>
    /// <param name="secondWins">How often the second player won.</param>
    /// <param name="advantage">What playing at home adds to the first player's log-odds, a scalar tensor; neutral ground where null.</param>
    /// <returns>The loss, and the chance that the first player wins.</returns>
    [Objective]
    public static (Tensor loss, Tensor chance) Games(
        [Axes("player")] Tensor strength,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins,
        [Axes("")] Tensor? advantage = null)
    {
        var margin = Margin(strength, first, second, advantage);
        return (Decided(margin, firstWins, secondWins).sum(), margin.sigmoid().detach());
    }

    /// <summary>
    /// Davidson 1970, eq. 2.5: the chance of a tie is <c>nu sqrt(p q)</c> in proportion to p and q. Given that a game is decided, the model
    /// is Bradley and Terry's.
    /// </summary>
    /// <param name="strength">The log-worth of each player, [player].</param>
    /// <param name="tie">log nu, a scalar tensor: 0 makes a tie of equals as likely as either's win.</param>
    /// <param name="first">The first player of each pairing, at home if anyone is, [game].</param>
    /// <param name="second">The second player.</param>
    /// <param name="firstWins">How often the first player won.</param>
    /// <param name="secondWins">How often the second player won.</param>
    /// <param name="ties">How often they tied.</param>
    /// <param name="advantage">What playing at home adds to the first player's log-odds, a scalar tensor; neutral ground where null.</param>
    /// <returns>The loss, the chance that the first player wins, and that of a tie.</returns>
    [Objective]
    public static (Tensor loss, Tensor chance, Tensor tieChance) Davidson(
        [Axes("player")] Tensor strength,
        [Axes("")] Tensor tie,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins,
        [Axes("game"), NoGrad] Tensor ties,
        [Axes("")] Tensor? advantage = null)
    {
        var margin = Margin(strength, first, second, advantage);
        var decided = DavidsonLogOdds(margin, tie);
        var losses = Decided(margin, firstWins, secondWins) - (firstWins + secondWins) * logsigmoid(decided) - ties * logsigmoid(-decided);
        return (losses.sum(), (margin.sigmoid() * decided.sigmoid()).detach(), (-decided).sigmoid().detach());
    }

    /// <summary>
    /// Rao and Kupper 1967, eq. 2.4: a difference below a threshold is a tie. With theta the threshold's exponential,
    /// <c>p / (p + theta q)</c> is the chance of the first player's win.
    /// </summary>
    /// <param name="strength">The log-worth of each player, [player].</param>
    /// <param name="tie">log(theta - 1), a scalar tensor, so that any number is a threshold.</param>
    /// <param name="first">The first player of each pairing, at home if anyone is, [game].</param>
    /// <param name="second">The second player.</param>
    /// <param name="firstWins">How often the first player won.</param>
    /// <param name="secondWins">How often the second player won.</param>
    /// <param name="ties">How often they tied.</param>
    /// <param name="advantage">What playing at home adds to the first player's log-odds, a scalar tensor; neutral ground where null.</param>
    /// <returns>The loss, the chance that the first player wins, and that of a tie.</returns>
    [Objective]
    public static (Tensor loss, Tensor chance, Tensor tieChance) RaoKupper(
        [Axes("player")] Tensor strength,
        [Axes("")] Tensor tie,
        [Axes("game")] Tensor first,
        [Axes("game")] Tensor second,
        [Axes("game"), NoGrad] Tensor firstWins,
        [Axes("game"), NoGrad] Tensor secondWins,
        [Axes("game"), NoGrad] Tensor ties,
        [Axes("")] Tensor? advantage = null)
    {
        var margin = Margin(strength, first, second, advantage);
        var (firstLog, secondLog, tieLog) = RaoKupperLogChances(margin, tie);
        var losses = -(firstWins * firstLog + secondWins * secondLog + ties * tieLog);
        return (losses.sum(), exp(firstLog).detach(), exp(tieLog).detach());
    }

    /// <summary>Davidson's log-odds that a game is decided: <c>log(exp(d/2) + exp(-d/2)) - log nu</c> of the difference d.</summary>
    [ObjectiveFunction]
    public static Tensor DavidsonLogOdds(Tensor margin, Tensor tie) => margin / 2 - logsigmoid(margin) - tie;

    /// <summary>Rao and Kupper's log-chances of a win, a loss and a tie, of the difference d and log(theta - 1).</summary>
    [ObjectiveFunction]
    public static (Tensor win, Tensor loss, Tensor tie) RaoKupperLogChances(Tensor margin, Tensor tie)
    {
        // softplus(x) = -logsigmoid(-x), exact where torch's softplus turns linear.
        var threshold = -logsigmoid(-tie);
        var win = logsigmoid(margin - threshold);
        var loss = logsigmoid(-margin - threshold);
        // log(theta^2 - 1) = log(theta - 1) + log(theta + 1), and theta + 1 = 2 + exp(tie).
        var log2 = Math.Log(2);
        return (win, loss, win + loss + tie + log2 - logsigmoid(log2 - tie));
    }

    private static Tensor Margin(Tensor strength, Tensor first, Tensor second, Tensor? advantage)
    {
        var margin = strength[first] - strength[second];
        return advantage is null ? margin : margin + advantage;
    }

    private static Tensor Decided(Tensor margin, Tensor firstWins, Tensor secondWins) =>
        -(firstWins * logsigmoid(margin) + secondWins * logsigmoid(-margin));
}
