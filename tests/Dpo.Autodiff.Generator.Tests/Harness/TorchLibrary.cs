using System.Runtime.CompilerServices;
using Dpo.Autodiff.Native;

namespace Dpo.Autodiff.Generator.Tests.Harness;

/// <summary>Makes TorchSharp loadable before the first test touches it; users' projects get the same line generated.</summary>
internal static class TorchLibrary
{
    [ModuleInitializer]
    internal static void Load() => NativeLibraries.Load();
}
