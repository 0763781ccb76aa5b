using System.Runtime.CompilerServices;
using TorchSharp;

namespace Dpo.Autodiff.Align.Tests.Harness;

/// <summary>
/// Models of a few thousand weights are slower on two threads than on one, and many times slower where other programs want the processors too: libtorch's
/// threads wait for each other at every operation.
/// </summary>
internal static class OneThread
{
    [ModuleInitializer]
    internal static void Set()
    {
        Native.NativeLibraries.Load();
        torch.set_num_threads(1);
    }
}
