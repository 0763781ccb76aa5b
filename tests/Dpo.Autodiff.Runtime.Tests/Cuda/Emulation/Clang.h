// CUDA's keywords and intrinsics for clang without a CUDA toolkit: enough to compile a kernel to PTX.
#define __device__ __attribute__((device))
#define __host__ __attribute__((host))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
struct dpo_thread_index { __declspec(property(get = get_x)) unsigned int x; static __device__ unsigned int get_x() { return (unsigned int)__nvvm_read_ptx_sreg_tid_x(); } };
struct dpo_block_index { __declspec(property(get = get_x)) unsigned int x; static __device__ unsigned int get_x() { return (unsigned int)__nvvm_read_ptx_sreg_ctaid_x(); } };
struct dpo_block_size { __declspec(property(get = get_x)) unsigned int x; static __device__ unsigned int get_x() { return (unsigned int)__nvvm_read_ptx_sreg_ntid_x(); } };
struct dpo_grid_size { __declspec(property(get = get_x)) unsigned int x; static __device__ unsigned int get_x() { return (unsigned int)__nvvm_read_ptx_sreg_nctaid_x(); } };
extern const __device__ dpo_thread_index threadIdx;
extern const __device__ dpo_block_index blockIdx;
extern const __device__ dpo_block_size blockDim;
extern const __device__ dpo_grid_size gridDim;
static __device__ float __fmaf_rn(float a, float b, float c) { return __nvvm_fma_rn_f(a, b, c); }
static __device__ double __fma_rn(double a, double b, double c) { return __nvvm_fma_rn_d(a, b, c); }
static __device__ float __fmul_rn(float a, float b) { return __nvvm_mul_rn_f(a, b); }
static __device__ double __dmul_rn(double a, double b) { return __nvvm_mul_rn_d(a, b); }
static __device__ float __fsqrt_rn(float x) { return __nvvm_sqrt_rn_f(x); }
static __device__ double __dsqrt_rn(double x) { return __nvvm_sqrt_rn_d(x); }
static __device__ unsigned int __float_as_uint(float x) { return __builtin_bit_cast(unsigned int, x); }
static __device__ float __uint_as_float(unsigned int x) { return __builtin_bit_cast(float, x); }
static __device__ long long __double_as_longlong(double x) { return __builtin_bit_cast(long long, x); }
static __device__ double __longlong_as_double(long long x) { return __builtin_bit_cast(double, x); }
static __device__ int __shfl_xor_sync(unsigned int mask, int x, int lanes) { return __nvvm_shfl_sync_bfly_i32(mask, x, lanes, 0x1f); }
static __device__ float __shfl_xor_sync(unsigned int mask, float x, int lanes) { return __nvvm_shfl_sync_bfly_f32(mask, x, lanes, 0x1f); }
static __device__ long long __shfl_xor_sync(unsigned int mask, long long x, int lanes)
{
    unsigned int low = (unsigned int)__shfl_xor_sync(mask, (int)x, lanes);
    return (long long)((unsigned long long)(unsigned int)__shfl_xor_sync(mask, (int)(x >> 32), lanes) << 32 | low);
}
static __device__ double __shfl_xor_sync(unsigned int mask, double x, int lanes) { return __longlong_as_double(__shfl_xor_sync(mask, __double_as_longlong(x), lanes)); }
