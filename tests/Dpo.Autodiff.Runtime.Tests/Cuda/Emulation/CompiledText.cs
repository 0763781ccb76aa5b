using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Testing;

/// <summary>One text that a device was asked to load: the kernels of an objective for some storage types.</summary>
internal sealed record KernelText(string Objective, string Source, string Defines, string Kernels)
{
    internal static KernelText Of(string objective, string source, string defines, ReadOnlySpan<string> kernels) => new(objective, source, defines, string.Join(' ', kernels));

    internal string[] Names => Kernels.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>The lines of the defines that hold for a whole translation unit.</summary>
    internal string Common => string.Concat(Defines.Split('\n').Where(l => !l.StartsWith("#define STORE_", StringComparison.Ordinal)).Select(l => l + "\n")).TrimEnd('\n');

    /// <summary>What comes between the prelude and the next text of the same translation unit.</summary>
    internal string Own
    {
        get
        {
            var stores = Defines.Split('\n').Where(l => l.StartsWith("#define STORE_", StringComparison.Ordinal)).ToArray();
            var names = Regex.Matches(Source + "\n" + Defines, @"#define (STORE_\w+)").Select(m => m.Groups[1].Value).Distinct();
            return string.Concat(stores.Select(l => l + "\n")) + Source + "\n" + string.Concat(names.Select(n => $"#undef {n}\n"));
        }
    }
}

/// <summary>Texts compiled by g++: several in one library, each in its own namespace after one prelude.</summary>
internal static class CompiledText
{
    private const int TextsOfOneLibrary = 24;

    private static readonly string[] Options =
    [
        "-x", "c++", "-std=c++17", "-march=native", "-ffp-contract=off", "-fno-strict-aliasing", "-fvisibility=hidden", "-fPIC", "-shared",
        "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter", "-Wno-unknown-pragmas",
    ];

    private static readonly string Folder = Path.Combine(Path.GetTempPath(), "dpo-autodiff-emulation");
    private static readonly ConcurrentDictionary<(KernelText Text, string Variant), EmulatedLibrary> Libraries = new();

    /// <summary>The library of a text, compiled alone if it was not compiled before.</summary>
    internal static EmulatedLibrary Library(KernelText text, Machine machine)
    {
        if (!Libraries.TryGetValue((text, machine.Key), out var library))
            Compile([text], machine, "-O1");
        return library ?? Libraries[(text, machine.Key)];
    }

    /// <summary>Compiles texts that will be asked for, many at once, two compilers beside each other, and fast rather than well.</summary>
    internal static void Prepare(IEnumerable<KernelText> texts, Machine machine)
    {
        var batches = texts.Distinct().Where(t => !Libraries.ContainsKey((t, machine.Key))).GroupBy(t => t.Common).SelectMany(g => g.Chunk(TextsOfOneLibrary));
        Parallel.ForEach(batches, new ParallelOptions { MaxDegreeOfParallelism = 2 }, batch => Compile(batch, machine, "-O0"));
    }

    private static void Compile(KernelText[] texts, Machine machine, string optimisation)
    {
        var whole = new StringBuilder().Append(machine.Defines).Append(texts[0].Common).Append('\n').Append(machine.Change(CudaPrelude.Text)).Append('\n');
        for (var i = 0; i < texts.Length; i++)
        {
            whole.Append($"namespace text{i}\n{{\n").Append(machine.Change(texts[i].Own));
            foreach (var kernel in texts[i].Names)
                whole.Append($"DPO_EXPORT(dpo_run_{i}_{kernel}, {kernel})\n");
            whole.Append("}\n");
        }

        var library = NativeLibrary.Load(Built(whole.ToString(), [optimisation, .. machine.Options]));
        var gate = new Lock();
        for (var i = 0; i < texts.Length; i++)
            Libraries[(texts[i], machine.Key)] = new(library, $"dpo_run_{i}_", gate);
    }

    // What was compiled once, by this run or an earlier one, is loaded.
    private static string Built(string text, string[] options)
    {
        var header = Toolchain.Header("Emulation.h");
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(header + text + string.Join(' ', [.. Options, .. options]))))[..32];
        var library = Path.Combine(Folder, hash + ".so");
        if (File.Exists(library))
            return library;
        Directory.CreateDirectory(Folder);
        var place = Path.Combine(Folder, $"{hash}.{Environment.ProcessId}");
        File.WriteAllText(place + ".h", header);
        File.WriteAllText(place + ".cu", text);
        if (Toolchain.Run(Toolchain.Gcc, [.. Options, .. options, "-include", place + ".h", place + ".cu", "-o", place + ".so"]) is { } errors)
            throw new InvalidOperationException($"g++ refuses {place}.cu:\n{string.Join('\n', errors.Split('\n').Take(40))}");
        File.Move(place + ".so", library, true);
        File.Delete(place + ".h");
        File.Delete(place + ".cu");
        return library;
    }
}

/// <summary>A library, and what the names of a text's kernels begin with in it. Launches take turns: shared memory and fibers are the library's own.</summary>
internal sealed record EmulatedLibrary(nint Handle, string Prefix, Lock Gate);

/// <summary>How texts are compiled.</summary>
/// <param name="Defines">Lines before everything.</param>
/// <param name="Options">Further options of the compiler.</param>
/// <param name="Change">What is done to a text: a mutation.</param>
/// <param name="Key">Tells machines apart.</param>
internal sealed record Machine(string Defines, string[] Options, Func<string, string> Change, string Key)
{
    /// <summary>The usual one.</summary>
    internal static Machine Usual { get; } = new("", [], static text => text, "");

    /// <summary>Blocks of one thread.</summary>
    internal static Machine OneThread { get; } = Usual with { Defines = "#define DPO_WARP 1\n", Key = "one thread" };

    /// <summary>Blocks of one thread, and an eye on every access.</summary>
    internal static Machine Sanitised { get; } = OneThread with { Options = ["-fsanitize=address", "-g"], Key = "sanitised" };
}
