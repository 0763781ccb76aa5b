namespace Dpo.Autodiff.Testing;

/// <summary>The barriers of a text, which a mutation leaves out one at a time.</summary>
internal static class Barriers
{
    private const string Call = "dpo_barrier();";

    internal static int Count(string text) => text.Split(Call).Length - 1;

    /// <summary>A machine that leaves a barrier of the prelude out.</summary>
    internal static Machine MachineWithout(int barrier) => Machine.Usual with
    {
        Change = text => text == Cuda.CudaPrelude.Text ? Without(text, barrier) : text,
        Key = "prelude without barrier " + barrier,
    };

    internal static string Without(string text, int barrier)
    {
        var parts = text.Split(Call);
        return string.Join(Call, parts[..(barrier + 1)]) + ";" + string.Join(Call, parts[(barrier + 1)..]);
    }
}
