using Dpo.Autodiff.Execution;

namespace Dpo.Autodiff.Cuda;

/// <summary>Sees a call of a program before it runs.</summary>
internal delegate void CudaObserver(CudaProgram program, in KernelCall call);
