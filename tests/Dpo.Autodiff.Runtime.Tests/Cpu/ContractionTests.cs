using Dpo.Autodiff.Cpu;
using Dpo.Autodiff.Execution;
using Dpo.Autodiff.Native;
using Dpo.Autodiff.Runtime.Tests.Execution;
using TorchSharp;
using static TorchSharp.torch;

namespace Dpo.Autodiff.Runtime.Tests.Cpu;

/// <summary>Products on raw memory against torch's own, for every order of the axes.</summary>
[Collection(Route.Collection)]
public class ContractionTests
{
    /// <summary>Einstein's notation, letters of the result first.</summary>
    public static TheoryData<string, bool> Products
    {
        get
        {
            var products = new TheoryData<string, bool>();
            foreach (var exports in new[] { true, false })
                foreach (var product in new[]
                {
                    "ac,cb->ab", "ca,cb->ab", "ac,bc->ab", "cb,ac->ab", "abd,cd->abc", "acd,cdb->ab", "adc,cdb->ab", "abd,adc->abc", "bad,dca->abc", "cad,bda->abc", "abd,d->ab", "a,a->",
                    "dace,bcde->abc",
                })
                    products.Add(product, exports);
            return products;
        }
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void It_is_torchs_product(string product, bool exports)
    {
        using var scope = NewDisposeScope();
        using var route = new Route(Backend.Automatic, exports);
        foreach (var sizes in new nint[][] { [3, 4, 5, 2, 3], [1, 7, 1, 2, 1], [0, 2, 3, 4, 2], [2, 3, 0, 0, 2], [33, 1, 17, 9, 2] })
        {
            Compare<double>(product, sizes, ScalarType.Float64, 1e-12);
            Compare<float>(product, sizes, ScalarType.Float32, 1e-4);
        }
    }

    private static void Compare<T>(string product, nint[] sizes, ScalarType dtype, double tolerance)
        where T : unmanaged
    {
        var (left, right, result) = (product.Split(',')[0], product.Split(',')[1].Split("->")[0], product.Split("->")[1]);
        Tensor Draw(string letters) => randn(letters.Select(l => (long)sizes[l - 'a']).ToArray(), dtype);
        var (x, z) = (Draw(left), Draw(right));
        var wanted = einsum(product, x, z);

        // What was there before does not count, be it NaN.
        var got = full(wanted.shape, double.NaN, dtype);
        var extents = sizes[..(product.Where(char.IsLetter).Max() - 'a' + 1)];
        Contraction.Run(ref First<T>(x), Axes(left), ref First<T>(z), Axes(right), ref First<T>(got), result.Length, extents);

        Assert.Equal(0, (got - wanted).abs().sum().ToDouble(), tolerance * Math.Max(1, wanted.numel()));
    }

    private static int[] Axes(string letters) => letters.Select(l => l - 'a').ToArray();

    private static unsafe ref T First<T>(Tensor tensor)
        where T : unmanaged => ref System.Runtime.CompilerServices.Unsafe.AsRef<T>((void*)TensorHandle.Data(tensor.Handle));
}
