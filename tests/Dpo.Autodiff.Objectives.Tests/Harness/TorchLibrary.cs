using System.Runtime.CompilerServices;

namespace Dpo.Autodiff.Objectives.Tests.Harness;

internal static class TorchLibrary
{
    /// <summary>Before the first use of TorchSharp, which here may come before any call of the library under test.</summary>
    [ModuleInitializer]
    internal static void Load() => Native.NativeLibraries.Load();
}
