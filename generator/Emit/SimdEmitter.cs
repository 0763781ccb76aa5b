using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Schedule;

namespace Dpo.Autodiff.Generator.Emit;

/// <summary>
/// A loop program as a C# class of vector loops on raw memory, generic over the element and the width of the vector. It runs on the
/// machine of runtime/Dpo.Autodiff/Cpu.
/// </summary>
/// <remarks>
/// Before: a verified loop program. After: one class that implements ILoopKernel; every outermost parallel loop is a nested stage, run
/// in blocks on the thread team; every other outermost loop a method.
/// </remarks>
public static class SimdEmitter
{
    internal const string Where = """
            where T : unmanaged, global::System.Numerics.IBinaryFloatingPointIeee754<T>
            where V : struct, global::Dpo.Autodiff.Cpu.IVector<V, T>
        """;

    internal const string WhereInStage = Where + "\n    where L : struct, global::Dpo.Autodiff.Cpu.ILoopForm";

    /// <summary>The text of the class.</summary>
    /// <param name="program">What it does.</param>
    /// <param name="className">Its name.</param>
    /// <param name="axisNames">The named axes in the order of the frame's extents.</param>
    public static string Emit(LoopProgram program, string className, EquatableArray<string> axisNames)
    {
        var kernel = new SimdKernel(program, axisNames);
        var writer = new SourceWriter();
        using (writer.Block($"file sealed class {className} : {SimdExpressions.Namespace}ILoopKernel"))
        {
            writer.Line($"public static void Run<T, V>(ref {SimdExpressions.Namespace}KernelFrame frame)").Line(Where);
            var stages = new List<(SimdLoop Loop, string Name, string Comment)>();
            using (writer.Block())
            {
                var run = new SimdMethod(kernel);
                run.Allocate();
                var roots = Roots(kernel);
                run.Survey(roots.Select(s => s.Where(n => n is SimdStatement).ToList()).ToArray());
                for (var i = 0; i < roots.Count; i++)
                    run.Root(roots[i], program.Stages[i], stages);
                run.WriteTo(writer);
            }

            foreach (var (loop, name, comment) in stages)
                Stage(writer.Line(), kernel, loop, name, comment);
        }

        return writer.ToString();
    }

    private static void Stage(SourceWriter writer, SimdKernel kernel, SimdLoop loop, string name, string comment)
    {
        if (comment.Length > 0)
            writer.Comment(comment);
        if (kernel.IsBlock(loop))
        {
            using (writer.Block($"private sealed class {name} : {SimdExpressions.Namespace}ILoopStage"))
            {
                writer.Line($"public static void Run<T, V, L>(ref {SimdExpressions.Namespace}KernelFrame frame, nint begin, nint end, int block)").Line(WhereInStage);
                IReadOnlyList<string> methods;
                using (writer.Block())
                    methods = Body(writer, kernel, loop, "");
                Methods(writer, methods);
            }
        }
        else
        {
            writer.Line($"private static void {name}<T, V, L>(ref {SimdExpressions.Namespace}KernelFrame frame)").Line(WhereInStage);
            IReadOnlyList<string> methods;
            using (writer.Block())
                methods = Body(writer, kernel, loop, name);
            Methods(writer, methods);
        }
    }

    private static void Methods(SourceWriter writer, IReadOnlyList<string> methods)
    {
        foreach (var method in methods)
            writer.Line().Line(method.TrimEnd('\n'));
    }

    private static IReadOnlyList<string> Body(SourceWriter writer, SimdKernel kernel, SimdLoop loop, string name)
    {
        var method = new SimdMethod(kernel, name);
        var scalars = Scalars(kernel, loop);
        method.Survey([scalars, [loop]]);
        method.Body([.. scalars, loop], loop.Gate);
        method.WriteTo(writer);
        return method.Methods;
    }

    /// <summary>The outermost nodes of each stage without the scalars that only loops need: those are computed there.</summary>
    private static List<List<SimdNode>> Roots(SimdKernel kernel)
    {
        var needed = new HashSet<int>();
        var roots = new List<List<SimdNode>>();
        foreach (var stage in kernel.Stages.Reverse())
        {
            var root = new List<SimdNode>();
            foreach (var node in stage.AsEnumerable().Reverse())
            {
                if (node is SimdStatement { Defines: >= 0 } scalar && !needed.Contains(scalar.Defines))
                    continue;
                root.Insert(0, node);
                if (node is SimdStatement statement)
                    needed.UnionWith(LoopStatements.Uses(statement.Node));
            }

            roots.Insert(0, root);
        }

        return roots;
    }

    /// <summary>What is computed before the loops and used in one: it is computed again there.</summary>
    private static List<SimdNode> Scalars(SimdKernel kernel, SimdLoop loop)
    {
        var needed = new HashSet<int>(SimdTree.Uses(loop));
        var scalars = new List<SimdNode>();
        foreach (var statement in kernel.Stages.SelectMany(s => s).Reverse().OfType<SimdStatement>())
        {
            if (statement.Defines < 0 || !needed.Contains(statement.Defines))
                continue;
            needed.UnionWith(LoopStatements.Uses(statement.Node));
            scalars.Insert(0, statement);
        }

        return scalars;
    }
}
