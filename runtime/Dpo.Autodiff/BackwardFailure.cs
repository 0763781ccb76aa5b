namespace Dpo.Autodiff;

/// <summary>What went wrong inside a backward pass.</summary>
/// <remarks>
/// An exception must not leave an autograd callback: it would end the process. <c>backward()</c> throws an exception of libtorch's instead,
/// about a wrong number or kind of gradients, which cannot carry the reason; the reason is kept here.
/// </remarks>
public static class BackwardFailure
{
    /// <summary>The reason of the last failure in this process, of whatever thread; null where there was none.</summary>
    public static Exception? Last { get; private set; }

    internal static void Note(Exception exception) => Last = exception;
}
