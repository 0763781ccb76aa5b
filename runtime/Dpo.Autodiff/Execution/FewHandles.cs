using System.Runtime.CompilerServices;
using Dpo.Autodiff.Cpu;

namespace Dpo.Autodiff.Execution;

/// <summary>
/// Room for the handles or addresses of a call: more take an array. Not by <c>stackalloc</c>, which keeps its method out of the
/// just-in-time compiler's last tier, where the entry points of the native library are constants.
/// </summary>
[InlineArray(Length)]
internal struct FewHandles
{
    internal const int Length = 32;

    private nint first;
}

/// <summary>Room for the buffers of a call.</summary>
[InlineArray(FewHandles.Length)]
internal struct FewBuffers
{
    private KernelBuffer first;
}

/// <summary>Room for the sizes of a tensor.</summary>
[InlineArray(Length)]
internal struct FewSizes
{
    internal const int Length = 16;

    private long first;
}

/// <summary>Room for the dtypes of a call.</summary>
[InlineArray(FewHandles.Length)]
internal struct FewDTypes
{
    private sbyte first;
}
