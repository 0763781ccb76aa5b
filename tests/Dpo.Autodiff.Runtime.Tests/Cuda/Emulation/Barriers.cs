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

    /// <summary>The text of the kernel that a barrier is in, and which of the kernel's it is.</summary>
    internal static (string Text, int Number) KernelOf(string text, int barrier)
    {
        var place = PlaceOf(text, barrier);
        var begin = text.LastIndexOf("DPO_KERNEL", place, StringComparison.Ordinal);
        return (text[begin..text.IndexOf("\n}", place, StringComparison.Ordinal)], Count(text[begin..place]));
    }

    internal static int PlaceOf(string text, int barrier) => string.Join(Call, text.Split(Call)[..(barrier + 1)]).Length;

    internal static string Without(string text, int barrier)
    {
        var parts = text.Split(Call);
        return string.Join(Call, parts[..(barrier + 1)]) + ";" + string.Join(Call, parts[(barrier + 1)..]);
    }
}
