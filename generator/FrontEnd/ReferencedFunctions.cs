using Dpo.Autodiff.Generator.Model;
using Microsoft.CodeAnalysis;

namespace Dpo.Autodiff.Generator.FrontEnd;

/// <summary>Reads the functions that referenced assemblies carry in their ObjectiveProgram attributes.</summary>
internal sealed class ReferencedFunctions(Compilation compilation)
{
    private const string AttributeName = "ObjectiveProgramAttribute";

    private readonly Dictionary<IAssemblySymbol, Dictionary<string, (int Version, string Text)>> indexes = new(SymbolEqualityComparer.Default);

    /// <summary>The function and all it reaches, or why it cannot be had.</summary>
    /// <returns>The functions, and a diagnostic id with its arguments where one is missing or unreadable.</returns>
    public (List<Function> Functions, (string Id, string[] Arguments)? Problem) Find(IAssemblySymbol assembly, string id)
    {
        var functions = new Dictionary<string, Function>(StringComparer.Ordinal);
        var pending = new Queue<(IAssemblySymbol Assembly, string Id)>();
        pending.Enqueue((assembly, id));
        while (pending.Count > 0)
        {
            var next = pending.Dequeue();
            if (functions.ContainsKey(next.Id))
                continue;
            // A function of a library may call one of a library below it.
            var (owner, entry) = Locate(next.Assembly, next.Id);
            if (owner is null)
                return ([], ("DPO0024", [next.Id, assembly.Name]));
            if (entry.Version != FunctionText.Version)
                return ([], ("DPO0025", [owner.Name, "version " + entry.Version.ToString(System.Globalization.CultureInfo.InvariantCulture)]));
            if (!FunctionText.TryParse(entry.Text, out var function))
                return ([], ("DPO0025", [owner.Name, "text that it cannot read"]));
            functions.Add(next.Id, function);
            foreach (var instruction in function.Instructions)
                if (instruction.Opcode == Opcode.Invoke)
                    pending.Enqueue((owner, instruction.Text));
        }

        return ([.. functions.Values], null);
    }

    private (IAssemblySymbol? Owner, (int Version, string Text) Entry) Locate(IAssemblySymbol first, string id)
    {
        if (Index(first).TryGetValue(id, out var entry))
            return (first, entry);
        foreach (var reference in compilation.SourceModule.ReferencedAssemblySymbols)
            if (Index(reference).TryGetValue(id, out entry))
                return (reference, entry);
        return (null, default);
    }

    private Dictionary<string, (int Version, string Text)> Index(IAssemblySymbol assembly)
    {
        if (indexes.TryGetValue(assembly, out var index))
            return index;
        indexes.Add(assembly, index = new(StringComparer.Ordinal));
        // Only assemblies that reference the runtime can carry the attribute: do not decode those of the framework.
        if (!assembly.Modules.Any(m => m.ReferencedAssemblies.Any(a => a.Name == "Dpo.Autodiff")))
            return index;
        foreach (var attribute in assembly.GetAttributes())
            if (attribute.AttributeClass?.Name == AttributeName && attribute.ConstructorArguments is [{ Value: string method }, { Value: int version }, { Value: string text }])
                index[method] = (version, text);
        return index;
    }
}
