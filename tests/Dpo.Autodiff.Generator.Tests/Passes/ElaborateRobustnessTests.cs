using System.Globalization;
using Dpo.Autodiff.Generator.Diagnostics;
using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Rules;
using Dpo.Autodiff.Generator.Tests.Harness;
using Dpo.Autodiff.Generator.Tests.RandomPrograms;

namespace Dpo.Autodiff.Generator.Tests.Passes;

/// <summary>Whatever the function, elaboration answers with programs or with findings, and soon.</summary>
public sealed class ElaborateRobustnessTests
{
    private static readonly string[] Operations = [.. TorchOperations.Table.Keys, "nothing of the kind"];
    private static readonly string[] Names = ["self", "other", "dim", "dims", "size", "shape", "keepdim", "index", "indices", "condition", "target", "min", "max", "tensors", "source", "src", "k", "q", "chunks", "dtype", "value", "mask", "exponent", "start", "end", "dim0", "dim1", "sizes", "reduction", "weight"];
    private static readonly string[] Literals = ["0L", "1L", "-1L", "2L", "7L", "0.5", "double.NaN", "true", "false", "global::Kind.Plain", "global::TorchSharp.torch.ScalarType.Float32", "global::TorchSharp.torch.ScalarType.Int64", "9223372036854775807L", "not a number"];

    [Fact]
    public void A_random_function_gives_programs_or_findings()
    {
        var programs = 0;
        for (var seed = 0; seed < 500; seed++)
        {
            var random = new Random(seed);
            var result = Elaborate.Run(Model(Function(random), Function(random, calls: false)));
            programs += result.Programs.Count;
            Assert.True(result.Decisions is null ? result.Diagnoses.Count > 0 : result.Diagnoses.Count == 0, $"seed {seed}");
            Assert.All(result.Diagnoses, d => Assert.True(d.Id == "DPO0059" || Descriptors.ById.ContainsKey(d.Id), d.Id));
            foreach (var program in result.Programs)
                ProgramVerifier.Verify(program);
        }

        Assert.True(programs > 10, $"Only {programs} programs came out.");
    }

    [Fact]
    public void Random_objectives_elaborate()
    {
        var drawn = Enumerable.Range(0, 60).Select(seed => RandomObjectives.Draw(seed, "R" + seed)).ToArray();
        var project = new InMemoryProject([InMemoryProject.Usings + "public static partial class C\n{\n" + string.Join("\n", drawn.Select(d => d.Print())) + "\n}\n"]);
        foreach (var objective in drawn)
        {
            var result = Elaborate.Run(Reading.Model(project, objective.Name));
            Assert.True(result.Decisions is not null, objective.Print() + "\n" + string.Join("\n", result.Diagnoses.Select(d => d.Id + " " + d.Arguments)));
        }
    }

    [Fact]
    public void Twenty_independent_conditions_end_in_a_finding()
    {
        var body = string.Concat(Enumerable.Range(0, 20).Select(k => $"if (b{k}) x = x * {k};\n"));
        var parameters = string.Concat(Enumerable.Range(0, 20).Select(k => $", bool b{k} = false"));
        var result = Elaborate.Run(Reading.Model($$"""[Objective] public static Tensor F([Axes("pair")] Tensor x{{parameters}}) { {{body}} return x.sum(); }"""));
        Assert.Equal("DPO0036", Assert.Single(result.Diagnoses).Id);
    }

    [Fact]
    public void A_long_chain_of_numbers_and_of_undecided_tensors_ends()
    {
        var instructions = new List<Instruction> { new(Opcode.Parameter, [], "n"), new(Opcode.Parameter, [], "x") };
        for (var k = 0; k < 3000; k++)
        {
            instructions.Add(new(Opcode.Host, [instructions.Count - 2, instructions.Count - 2], "+", Host: HostOperation.Binary, Kind: HostKind.Int32));
            instructions.Add(new(Opcode.Torch, [instructions.Count - 2, instructions.Count - 1], "mul", ["self", "other"]));
        }

        instructions.Add(new(Opcode.Return, [instructions.Count - 1]));
        var function = new Function("M:C.F", "F", [new("x", ParameterKind.Tensor, Axes: "pair"), new("n", ParameterKind.Int32)], ["Value"], 0, instructions.ToEquatableArray());
        var result = Elaborate.Run(Model(function));
        Assert.True(result.Decisions is not null || result.Diagnoses.Count > 0);
    }

    [Fact]
    public void A_body_that_goes_in_circles_ends()
    {
        var function = new Function("M:C.F", "F", [], ["Value"], 0, [new(Opcode.Jump, [], Target: 0)]);
        Assert.NotEmpty(Elaborate.Run(Model(function)).Diagnoses);
    }

    private static ObjectiveModel Model(Function function, Function? callee = null) =>
        new(function, callee is null ? [] : [callee with { Id = "M:C.G" }], new ContainerModel("", ["static class C"], "C"), "public", new ReturnShape(false, [null], [false]));

    private static Function Function(Random random, bool calls = true)
    {
        FunctionParameter[] parameters =
        [
            new("x", ParameterKind.Tensor, Axes: "pair item"), new("y", ParameterKind.Tensor, Axes: "item"), new("o", ParameterKind.Tensor, Nullable: true, Axes: "2*pair"), new("l", ParameterKind.Tensor, Axes: "pair", NoGrad: true),
            new("c", ParameterKind.Tensor, Axes: "2 item 1"), new("n", ParameterKind.Int32), new("b", ParameterKind.Bool), new("k", ParameterKind.Enum, EnumType: "global::Kind"), new("d", ParameterKind.Double, Nullable: true),
        ];
        var instructions = parameters.Select(p => new Instruction(Opcode.Parameter, [], p.Name)).Append(new Instruction(Opcode.Store, [0], "0")).ToList();
        var tensors = new List<int> { 0, 1, 2, 3, 4 };
        var count = random.Next(2, 12);
        for (var k = 0; k < count; k++)
        {
            int Register() => random.Next(60) == 0 ? random.Next(-1, 60) : random.Next(3) == 0 ? random.Next(instructions.Count) : tensors[random.Next(tensors.Count)];
            EquatableArray<int> Registers(int most) => Enumerable.Range(0, random.Next(most + 1)).Select(_ => Register()).ToEquatableArray();
            switch (random.Next(20))
            {
                case 0:
                    instructions.Add(new(Opcode.Literal, [], Literals[random.Next(Literals.Length)], Kind: (HostKind)random.Next(6)));
                    break;
                case 1:
                    instructions.Add(new(Opcode.Tuple, Registers(3)));
                    break;
                case 2:
                    instructions.Add(new(Opcode.Item, [Register()], random.Next(3).ToString(CultureInfo.InvariantCulture)));
                    break;
                case 3:
                    instructions.Add(new(Opcode.Range, Registers(2), new[] { "..", "...", "^" }[random.Next(3)], ["start", "stop"]));
                    break;
                case 4:
                    instructions.Add(new(Opcode.IsNull, [Register()]));
                    instructions.Add(new(Opcode.BranchFalse, [instructions.Count - 1], Target: instructions.Count + random.Next(1, 4)));
                    break;
                case 5:
                    instructions.Add(new(Opcode.Host, [5, 5], new[] { "+", "==", "<", "&&", "global::System.Math.Exp", "/" }[random.Next(6)], Host: (HostOperation)random.Next(9), Kind: (HostKind)random.Next(6)));
                    break;
                case 6:
                    instructions.Add(new(Opcode.BranchFalse, [random.Next(5, 9)], Target: instructions.Count + random.Next(-1, 6)));
                    break;
                case 7:
                    instructions.Add(new(Opcode.Store, [Register()], "0"));
                    break;
                case 8:
                    instructions.Add(new(Opcode.Load, [], "0"));
                    tensors.Add(instructions.Count - 1);
                    break;
                case 9 when calls:
                    instructions.Add(new(Opcode.Invoke, [0, 1, 2, 3, 4, 5, 6, 7, 8], "M:C.G"));
                    break;
                default:
                    var extra = Registers(2);
                    instructions.Add(new(Opcode.Torch, [Register(), .. extra], Operations[random.Next(Operations.Length)], ["self", .. extra.Select((_, e) => e == 0 && random.Next(2) == 0 ? "other" : Names[random.Next(Names.Length)])]));
                    tensors.Add(instructions.Count - 1);
                    break;
            }
        }

        instructions.Add(new(Opcode.Return, [tensors[random.Next(tensors.Count)]]));
        return new Function("M:C.F", "F", parameters.ToEquatableArray(), ["Value"], 1, instructions.ToEquatableArray());
    }
}
