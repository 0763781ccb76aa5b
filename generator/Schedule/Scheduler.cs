using Dpo.Autodiff.Generator.IR;

namespace Dpo.Autodiff.Generator.Schedule;

/// <summary>
/// From a program to loops. In: a lowered program (no Softmax, LogSoftmax, LogSumExp). Out: a loop program that computes its outputs:
/// stages that a barrier separates, each a nest of loops that reads its inputs once, with nothing stored that is cheaper to evaluate again.
/// </summary>
public static class Scheduler
{
    public static LoopProgram Run(Program loweredProgram, string kernelName)
    {
        var program = Materialisation.Of(loweredProgram, []);
        foreach (var statement in program.Statements)
            statement.Reads = Footprint.Of(program, statement);
        var tree = Fusion.Group(program);
        var plain = LoopWriter.Write(program, tree, new HashSet<LoopGroup>(), kernelName);
        var vectors = VectorLoops.Choose(plain);
        return LoopWriter.Write(program, tree, new HashSet<LoopGroup>(Groups(tree).Where(g => vectors.Contains(g.Id))), kernelName);
    }

    private static IEnumerable<LoopGroup> Groups(IEnumerable<LoopItem> items) =>
        items.OfType<LoopGroup>().SelectMany(g => Groups(g.Body).Concat([g]));
}
