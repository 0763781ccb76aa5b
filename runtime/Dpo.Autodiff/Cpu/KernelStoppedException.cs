namespace Dpo.Autodiff.Cpu;

/// <summary>Ends a kernel whose indexed axis is empty: there is no element to go on with. The launcher answers with the fault that was noted.</summary>
internal sealed class KernelStoppedException : Exception;
