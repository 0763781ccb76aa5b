namespace Dpo.Autodiff.Objectives.Tests.Cuda;

/// <summary>What this assembly does as a program.</summary>
internal static class EntryPoint
{
    public static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case [SanitisedRun.Catalogue or SanitisedRun.Planted]:
                SanitisedRun.Run(arguments[0]);
                return 0;
            case ["export", var file]:
                CardExport.Write(file);
                return 0;
            default:
                Console.Error.WriteLine("export FILE: writes the catalogue's kernels, their launches, inputs and results for tests/Dpo.Autodiff.Gpu");
                return 2;
        }
    }
}
