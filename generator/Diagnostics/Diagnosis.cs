using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Diagnostics;

/// <summary>A finding of the compiler, without a location: the analyzer finds the place from the function and the instruction.</summary>
/// <param name="Id">The descriptor (<c>DPO0001</c>).</param>
/// <param name="Arguments">What fills its message.</param>
/// <param name="Function">The documentation id of the function it is in.</param>
/// <param name="Instruction">The instruction, or -1 for the method itself.</param>
public sealed record Diagnosis(string Id, EquatableArray<string> Arguments, string Function, int Instruction);
