using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// From a program to loops. In: a lowered program (no Softmax, LogSoftmax, LogSumExp). Out: a loop program that computes its outputs:
/// stages that a barrier separates, each a nest of loops that reads its inputs once, with nothing stored that is cheaper to evaluate again.
/// </summary>
/// <remarks>
/// The steps, each a class: <see cref="Materialisation"/> (what is stored, as statements), <see cref="Footprint"/> (what each reads),
/// <see cref="Fusion"/> (which loops they share), <see cref="StorageMap"/> (where values live), <see cref="LoopWriter"/> (the bodies),
/// <see cref="VectorLoops"/> (what runs in lanes); <see cref="Recomputation"/> tries what else to store, by cost;
/// <see cref="Unswitch"/> does nothing for rows that a mask discards; <see cref="Donation"/> says which memory is used twice.
/// </remarks>
public static class Scheduler
{
    public static LoopProgram Run(Program loweredProgram, string kernelName) =>
        Donation.ShareWorkspace(Unswitch.Run(Recomputation.Reduce(loweredProgram, kernelName).Quoted()));
}
