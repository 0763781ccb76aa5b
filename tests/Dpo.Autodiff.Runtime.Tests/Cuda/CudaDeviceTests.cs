using Dpo.Autodiff.Cuda;

namespace Dpo.Autodiff.Runtime.Tests.Cuda;

/// <summary>What the driver and NVRTC are asked for, and what comes of their refusals.</summary>
public sealed unsafe class CudaDeviceTests
{
    private const string Source = """
        DPO_KERNEL(first)(const void *x, long long count, double scale)
        {
        }

        DPO_KERNEL(second)(const void *x, long long count, double scale)
        {
        }
        """;

    [SkippableFact]
    public void KernelsAreCompiledForTheCardAndLaunchedWithTheirArguments()
    {
        using var cuda = new FakeCuda();
        var device = cuda.Start().Device(1)!;
        Assert.Equal(("Fake 1", 8, 256), (device.Name, device.Multiprocessors, device.BlockSize(256)));
        Assert.Equal((0L, 0L), (((long*)device.Faults)[0], ((long*)device.Faults)[1]));

        var module = device.Load("Test.Loss", Source, "#define real float", ["first", "second"]);
        Assert.Equal("--gpu-architecture=sm_80 --std=c++17 ", cuda.Options);
        module.Launch(module.Function("second"), 12, 128, 64, [42, ulong.MaxValue, BitConverter.DoubleToUInt64Bits(0.5)]);
        Assert.Equal("second on 1101", cuda.LastFunction);
        Assert.Equal((12L, 128L, 64L, 0L), (cuda.Now->Grid, cuda.Now->Block, cuda.Now->Shared, cuda.Now->LastStream));
        Assert.Equal((42L, -1L, 0.5), (cuda.Now->Parameters[0], cuda.Now->Parameters[1], BitConverter.Int64BitsToDouble(cuda.Now->Parameters[2])));
        Assert.Empty(cuda.Reports);
    }

    [SkippableFact]
    public void TheThreadsContextIsPutBack()
    {
        using var cuda = new FakeCuda();
        var machine = cuda.Start();
        var module = machine.Device(1)!.Load("Test.Loss", Source, "", ["first"]);
        cuda.Now->Current = 1100;
        var changes = cuda.Now->ContextChanges;
        module.Launch(module.Function("first"), 1, 32, 0, [0, 0, 0]);
        Assert.Equal("first on 1101", cuda.LastFunction);
        Assert.Equal((1100L, changes + 2), (cuda.Now->Current, cuda.Now->ContextChanges));

        // In its own context there is nothing to change.
        cuda.Now->Current = 1101;
        module.Launch(module.Function("first"), 1, 32, 0, [0, 0, 0]);
        Assert.Equal((1101L, changes + 2), (cuda.Now->Current, cuda.Now->ContextChanges));
    }

    [SkippableFact]
    public void ATextIsCompiledOnce()
    {
        using var cuda = new FakeCuda();
        var machine = cuda.Start();
        var module = machine.Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal(1, cuda.Now->Compilations);
        machine.Device(0)!.Load("Test.Loss", Source, "", ["second"]);
        Assert.Equal(1, cuda.Now->Compilations);
        Assert.Equal(module.Function("first"), module.Function("first"));

        // Another device loads the same binary, another dtype is another text.
        machine.Device(1)!.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal((1L, 2L), (cuda.Now->Compilations, cuda.Now->Loads));
        machine.Device(1)!.Load("Test.Loss", Source, "#define real double", ["first"]);
        Assert.Equal(2, cuda.Now->Compilations);
    }

    [SkippableFact]
    public void WhatWasCompiledIsFoundByTheNextProgramUnlessItIsDamaged()
    {
        using var cuda = new FakeCuda();
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal((1L, 2L), (cuda.Now->Compilations, cuda.Now->Loads));
        var file = Assert.Single(Directory.GetFiles(cuda.CacheFolder));
        foreach (var damage in new Func<byte[], byte[]>[] { b => b[..^1], b => [], b => [.. b[..^2], (byte)(b[^2] ^ 1), b[^1]], b => [(byte)(b[0] ^ 1), .. b[1..]] })
        {
            var before = cuda.Now->Compilations;
            File.WriteAllBytes(file, damage(File.ReadAllBytes(file)));
            cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
            Assert.Equal(before + 1, cuda.Now->Compilations);
            cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
            Assert.Equal(before + 1, cuda.Now->Compilations);
        }

        // For another card it is another file.
        cuda.Now->Capability = 90;
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal(2, Directory.GetFiles(cuda.CacheFolder).Length);
    }

    [SkippableFact]
    public void WithoutAFolderToWriteToKernelsAreCompiledEachTime()
    {
        using var cuda = new FakeCuda();
        Directory.CreateDirectory(Path.GetDirectoryName(cuda.CacheFolder)!);
        File.WriteAllText(cuda.CacheFolder, "a file where the folder would be");
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal(2, cuda.Now->Compilations);
    }

    [SkippableFact]
    public void ACardThatNvrtcDoesNotKnowGetsThePtxOfAnOlderOne()
    {
        using var cuda = new FakeCuda();
        cuda.Now->Capability = 120;
        var device = cuda.Start().Device(0)!;
        var module = device.Load("Test.Loss", Source, "", ["first"]);
        Assert.Equal("--gpu-architecture=compute_90 --std=c++17 ", cuda.Options);
        module.Launch(module.Function("first"), 1, 32, 0, [0, 0, 0]);
    }

    [SkippableFact]
    public void ACardThatIsTooOldFallsBackWithOneMessage()
    {
        using var cuda = new FakeCuda();
        cuda.Now->Capability = 61;
        var machine = cuda.Start();
        Assert.Null(machine.Device(0));
        Assert.Null(machine.Device(1));
        Assert.Null(machine.Device(5));
        Assert.Equal(
            "Dpo.Autodiff: CUDA tensors are computed by TorchSharp's operations, because NVRTC 12.8 compiles for compute capability 7.0 and newer; the card has 6.1.",
            Assert.Single(cuda.Reports));
    }

    [SkippableFact]
    public void WithoutDriverOrCompilerThereIsOneMessage()
    {
        using var cuda = new FakeCuda();
        Assert.Null(CudaMachine.Find(() => 0, () => cuda.Library, cuda.Reports.Add));
        Assert.Null(CudaMachine.Find(() => cuda.Library, () => 0, cuda.Reports.Add));
        Assert.Collection(
            cuda.Reports,
            r => Assert.Contains("because there is no CUDA driver", r, StringComparison.Ordinal),
            r => Assert.Contains("because there is no NVRTC", r, StringComparison.Ordinal));
    }

    [SkippableFact]
    public void ARefusalNamesTheKernelItsLineAndTheLog()
    {
        using var cuda = new FakeCuda();
        var device = cuda.Start().Device(0)!;
        var broken = Source.Replace("second)(const void *x, long long count, double scale)\n{", "second)(const void *x, long long count, double scale)\n{\n    no_such_function(x);", StringComparison.Ordinal);
        var error = Assert.Throws<CudaException>(() => device.Load("Test.Loss", broken, "#define real float", ["first"]));
        Assert.Equal("second", error.Kernel);
        Assert.Contains("identifier \"no_such_function\" is undefined", error.Log, StringComparison.Ordinal);
        Assert.Matches(@"^NVRTC 12\.8 refuses kernel second of Test\.Loss for sm_80, at line \d+:\n    no_such_function\(x\);\nTest\.Loss\.cu\(\d+\): error: identifier", error.Message);

        // Once is enough to know.
        Assert.Throws<CudaException>(() => device.Load("Test.Loss", broken, "#define real float", ["first"]));
        Assert.Equal(1, cuda.Now->Compilations);
    }

    [SkippableFact]
    public void LaunchesThatFailNameTheKernel()
    {
        using var cuda = new FakeCuda();
        var device = cuda.Start().Device(0)!;
        var module = device.Load("Test.Loss", Source, "", ["first"]);
        var function = module.Function("first");
        cuda.Now->LaunchResult = 701;
        var error = Assert.Throws<CudaException>(() => module.Launch(function, 3, 1024, 0, [0, 0, 0]));
        Assert.Equal("Kernel first with 3 blocks of 1024 threads cannot be launched: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (too many resources requested for launch).", error.Message);
        Assert.Equal("first", error.Kernel);
        Assert.Throws<CudaException>(() => module.Launch(function, 0, 32, 0, [0, 0, 0]));
        Assert.Throws<CudaException>(() => module.Launch(function, 1L << 31, 32, 0, [0, 0, 0]));
        Assert.Equal("third", Assert.Throws<CudaException>(() => module.Function("third")).Kernel);
        cuda.Now->SynchroniseResult = 700;
        Assert.Contains("CUDA_ERROR_ILLEGAL_ADDRESS", Assert.Throws<CudaException>(device.Synchronize).Message, StringComparison.Ordinal);
    }

    [SkippableFact]
    public void MuchSharedMemoryIsAskedFor()
    {
        using var cuda = new FakeCuda();
        var module = cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);
        module.Launch(module.Function("first"), 1, 32, 48 * 1024, [0, 0, 0]);
        Assert.Equal(0, cuda.Now->Attribute);
        module.Launch(module.Function("first"), 1, 32, 96 * 1024, [0, 0, 0]);
        Assert.Equal(8_000_000 + (96 * 1024), cuda.Now->Attribute);
    }

    [SkippableFact]
    public void ABinaryThatTheDriverRefusesIsCompiledAgain()
    {
        using var cuda = new FakeCuda();
        cuda.Now->Capability = 120;
        cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]);

        // The image kept is PTX, which this driver no longer takes; nor does it take the new one.
        cuda.Now->RefusesBinaries = 1;
        var error = Assert.Throws<CudaException>(() => cuda.Start().Device(0)!.Load("Test.Loss", Source, "", ["first"]));
        Assert.Equal(2, cuda.Now->Compilations);
        Assert.Contains("cannot be loaded on Fake 0", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NvrtcIsFoundBesideLibtorch()
    {
        if (OperatingSystem.IsWindows())
            return;
        var folder = Directory.CreateTempSubdirectory("dpo-nvrtc");
        try
        {
            foreach (var name in new[] { "libnvrtc-builtins-0b91.so.12.8", "libnvrtc-9f31ab.so.12", "libnvrtc.alt.so.12", "libtorch_cpu.so" })
                File.WriteAllText(Path.Combine(folder.FullName, name), "");
            Assert.Equal(Path.Combine(folder.FullName, "libnvrtc-9f31ab.so.12"), Assert.Single(CudaLibraries.Candidates([folder.FullName, folder.FullName, "/no such folder"])));
        }
        finally
        {
            folder.Delete(true);
        }
    }

    [Fact]
    public void KeysDependOnEveryPart()
    {
        string[] keys = [KernelCache.Key("a", "b"), KernelCache.Key("ab", ""), KernelCache.Key("", "ab"), KernelCache.Key("a"), KernelCache.Key("a", "b", "")];
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(KernelCache.Key("a", "b"), KernelCache.Key("a", "b"));
    }
}
