namespace Dpo.Autodiff;

/// <summary>An argument of a fused objective that it cannot work with: a wrong shape, dtype or device, a disposed tensor, an index out of range.</summary>
public sealed class ObjectiveArgumentException : ArgumentException
{
    /// <summary>An exception without details.</summary>
    public ObjectiveArgumentException()
    {
    }

    /// <summary>An exception with a message.</summary>
    public ObjectiveArgumentException(string message)
        : base(message)
    {
    }

    /// <summary>An exception with a message and its cause.</summary>
    public ObjectiveArgumentException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>An exception about one parameter of an objective. Its message reads <c>Objective: problem</c>.</summary>
    /// <param name="objective">The objective's name.</param>
    /// <param name="parameter">The parameter's name.</param>
    /// <param name="problem">What is wrong, naming axis, expected and found.</param>
    public ObjectiveArgumentException(string objective, string parameter, string problem)
        : base($"{objective}: {problem}", parameter) => Objective = objective;

    /// <summary>The objective that was called.</summary>
    public string? Objective { get; }
}
