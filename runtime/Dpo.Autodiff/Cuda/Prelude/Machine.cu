// What every generated kernel is written with. The text has no includes and three readers: NVRTC or nvcc for the card, clang for a
// check of the PTX, and a C++ compiler for an emulation on the processor, which brings its own threadIdx, __syncthreads and shuffles.
// Blocks and grids have one dimension; barriers and shuffles are met by all threads of a block or warp together.

// The type of arithmetic. Storage may be narrower: 2-byte floats are computed in float.
#ifndef real
#define real float
#endif

#ifndef DPO_WARP
#define DPO_WARP 32
#endif

#define DPO_DEVICE static __device__ __forceinline__

#ifndef DPO_KERNEL
#define DPO_KERNEL(name) extern "C" __global__ void name
#endif

// An index out of range, and where it was read (-1: it was computed): the host finds them at the next call. Any one will do; where
// several threads find one at once, the last word tells that those before it belong together.
#define DPO_FAULT(fault, code, index, position)         \
    do                                                  \
    {                                                   \
        const long long dpo_index = (index);            \
        const long long dpo_position = (position);      \
        (fault)[1] = dpo_index;                         \
        (fault)[2] = dpo_position;                      \
        (fault)[3] = dpo_index ^ dpo_position;          \
        (fault)[0] = (code);                            \
    } while (0)

DPO_DEVICE int dpo_thread() { return (int)threadIdx.x; }
DPO_DEVICE int dpo_threads() { return (int)blockDim.x; }
DPO_DEVICE long long dpo_block() { return (long long)blockIdx.x; }
DPO_DEVICE long long dpo_blocks() { return (long long)gridDim.x; }
DPO_DEVICE int dpo_lane() { return (int)threadIdx.x % DPO_WARP; }
DPO_DEVICE int dpo_warp() { return (int)threadIdx.x / DPO_WARP; }
DPO_DEVICE int dpo_warps() { return (int)blockDim.x / DPO_WARP; }
DPO_DEVICE void dpo_barrier() { __syncthreads(); }

// The value of the lane whose number differs in the bits of mask.
DPO_DEVICE float dpo_shuffled(float x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DPO_DEVICE double dpo_shuffled(double x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DPO_DEVICE long long dpo_shuffled(long long x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }
DPO_DEVICE int dpo_shuffled(int x, int mask) { return __shfl_xor_sync(0xffffffffu, x, mask); }

DPO_DEVICE float dpo_fma(float a, float b, float c) { return __fmaf_rn(a, b, c); }
DPO_DEVICE double dpo_fma(double a, double b, double c) { return __fma_rn(a, b, c); }

// A product that is rounded before anything is added to it.
DPO_DEVICE float dpo_product(float a, float b) { return __fmul_rn(a, b); }
DPO_DEVICE double dpo_product(double a, double b) { return __dmul_rn(a, b); }

DPO_DEVICE unsigned int dpo_bits(float x) { return __float_as_uint(x); }
DPO_DEVICE unsigned long long dpo_bits(double x) { return (unsigned long long)__double_as_longlong(x); }
DPO_DEVICE float dpo_from_bits(unsigned int bits) { return __uint_as_float(bits); }
DPO_DEVICE double dpo_from_bits(unsigned long long bits) { return __longlong_as_double((long long)bits); }

// 2^x by the card's own unit, to two units in the last place; results below the normal numbers are 0.
#ifndef DPO_EXP2
DPO_DEVICE float dpo_exp2_unit(float x)
{
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}
#else
DPO_DEVICE float dpo_exp2_unit(float x) { return DPO_EXP2(x); }
#endif
