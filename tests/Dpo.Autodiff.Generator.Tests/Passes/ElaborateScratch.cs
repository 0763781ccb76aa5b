using Dpo.Autodiff.Generator.IR;
using Dpo.Autodiff.Generator.Model;
using Dpo.Autodiff.Generator.Passes;
using Dpo.Autodiff.Generator.Tests.Harness;
using Xunit.Abstractions;

namespace Dpo.Autodiff.Generator.Tests.Passes;

public class ElaborateScratch(ITestOutputHelper output)
{
    [Fact]
    public void Print()
    {
        foreach (var file in Directory.GetFiles("/tmp/elab/in").OrderBy(f => f))
        {
            var text = File.ReadAllText(file);
            var name = text.Contains(" Dpo(") ? "Dpo" : "F";
            output.WriteLine("==== " + file);
            try
            {
                var e = Elaborate.Run(Reading.Model(text, name));
                output.WriteLine(Text(e.Decisions, 0));
                foreach (var p in e.Programs) output.WriteLine(ProgramPrinter.Print(p) + string.Join(";", p.Outputs.Select(o => o.Name + ":" + string.Join(",", o.DType))));
                foreach (var d in e.Diagnoses) output.WriteLine(d.Id + " " + string.Join(" | ", d.Arguments) + " @" + d.Function + ":" + d.Instruction);
            }
            catch (Exception ex) { output.WriteLine(ex.Message + (ex is Xunit.Sdk.XunitException ? "" : ex.ToString())); }
        }
    }

    private static string Text(Decision? d, int n) => new string(' ', n) + (d switch { null => "none", Decision.Leaf l => "leaf " + l.Variant, Decision.Throw t => "throw " + t.Exception + " " + t.Message, Decision.Branch b => "if " + string.Join("; ", b.Host.Select((h, i) => "$" + i + ": " + ProgramPrinter.Print(h))) + "\n" + Text(b.WhenTrue, n + 2) + "\n" + Text(b.WhenFalse, n + 2), _ => "?" });
}
