namespace Dpo.Autodiff.Execution;

/// <summary>What went wrong inside a backward: libtorch's own exception cannot carry it.</summary>
internal static class BackwardFailure
{
    /// <summary>The last one of the process.</summary>
    internal static Exception? Last { get; private set; }

    internal static void Note(Exception exception) => Last = exception;
}
