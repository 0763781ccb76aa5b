// The card, played by one thread of the processor: a block is a set of fibers, its warps run in random order, barriers and shuffles
// are waited for by exactly the threads that must meet them. Shared memory is undefined when a block begins. Two seeds stand for the
// orders that are furthest apart: of the warps and lanes that can run, the first one always does, or the last one.
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <utility>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline __attribute__((always_inline))
#define __align__(n) alignas(n)
#define __shared__ __attribute__((section("dpo_shared"))) static
#define DPO_KERNEL(name) static void name
#define DPO_EXP2(x) __builtin_exp2f(x)

struct dpo_index
{
    unsigned int x;
};

static dpo_index threadIdx, blockIdx, blockDim, gridDim;

extern char __start_dpo_shared[] __attribute__((weak, visibility("hidden")));
extern char __stop_dpo_shared[] __attribute__((weak, visibility("hidden")));

namespace dpo_emulation
{
enum
{
    most_threads = 1024,
    warp = 32,
    stack_bytes = 128 * 1024
};

enum state
{
    ready,
    at_shuffle,
    at_barrier,
    done
};

static char *stacks;
static state states[most_threads];
static int parity[most_threads];
static unsigned long long exchange[2][most_threads];
static const unsigned long long first_ahead = ~0ULL, last_ahead = ~0ULL - 1;
static unsigned long long seed, random_state;
static void (*body)();
static char message[256];
static int fault;

static inline unsigned int draw()
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned int)(random_state >> 32);
}

static void report(const char *text)
{
    if (!fault)
        snprintf(message, sizeof message, "%s (block %u, thread %u)", text, blockIdx.x, threadIdx.x);
    fault = 1;
}

#if defined(__x86_64__)
// Keeps the registers that a call keeps, and changes stacks: as a function call would, at a tenth of swapcontext's price.
extern "C" __attribute__((visibility("hidden"))) void dpo_switch(void **from, void *to);
__asm__(".text\n.hidden dpo_switch\n.type dpo_switch,@function\ndpo_switch:\n"
        "pushq %rbp\npushq %rbx\npushq %r12\npushq %r13\npushq %r14\npushq %r15\n"
        "movq %rsp,(%rdi)\nmovq %rsi,%rsp\n"
        "popq %r15\npopq %r14\npopq %r13\npopq %r12\npopq %rbx\npopq %rbp\nret\n"
        ".size dpo_switch,.-dpo_switch\n");

static void *fibers[most_threads];
static void *scheduler;

static void to_scheduler() { dpo_switch(&fibers[threadIdx.x], scheduler); }
static void to_fiber(int thread) { dpo_switch(&scheduler, fibers[thread]); }

static void enter()
{
    body();
    states[threadIdx.x] = done;
    to_scheduler();
}

static void prepare(int thread)
{
    // As after a call: 8 bytes beyond a multiple of 16.
    void **top = (void **)(stacks + (size_t)(thread + 1) * stack_bytes) - 3;
    *--top = (void *)enter;
    for (int i = 0; i < 6; i++)
        *--top = nullptr;
    fibers[thread] = top;
}
#else
static ucontext_t fibers[most_threads];
static ucontext_t scheduler;

static void to_scheduler() { swapcontext(&fibers[threadIdx.x], &scheduler); }
static void to_fiber(int thread) { swapcontext(&scheduler, &fibers[thread]); }

static void enter()
{
    body();
    states[threadIdx.x] = done;
    to_scheduler();
}

static void prepare(int thread)
{
    getcontext(&fibers[thread]);
    fibers[thread].uc_stack.ss_sp = stacks + (size_t)thread * stack_bytes;
    fibers[thread].uc_stack.ss_size = stack_bytes;
    fibers[thread].uc_link = nullptr;
    makecontext(&fibers[thread], enter, 0);
}
#endif

static __attribute__((noinline)) void wait(state at)
{
    states[threadIdx.x] = at;
    to_scheduler();
}

// Lets the lanes of a warp run until each waits, in any order; true if one could.
static bool run_warp(int first, int lanes)
{
    bool ran = false;
    int start = seed < last_ahead ? (int)(draw() % (unsigned int)lanes) : 0;
    for (int i = 0; i < lanes; i++)
    {
        int thread = first + (seed == last_ahead ? lanes - 1 - i : (start + i) % lanes);
        if (states[thread] != ready)
            continue;
        threadIdx.x = (unsigned int)thread;
        to_fiber(thread);
        ran = true;
    }

    int waiting = 0;
    for (int i = 0; i < lanes; i++)
        waiting += states[first + i] == at_shuffle;
    if (waiting == lanes)
        for (int i = 0; i < lanes; i++)
            states[first + i] = ready;
    return ran;
}

static void run_block(int threads)
{
    int warps = (threads + warp - 1) / warp;
    for (int i = 0; i < threads; i++)
    {
        states[i] = ready;
        prepare(i);
    }

    while (true)
    {
        // Half of the time a warp runs as far as it can while the others stand still: far enough for what it does next to meet what
        // they have not done yet.
        bool ran = false;
        int start = seed < last_ahead ? (int)(draw() % (unsigned int)warps) : 0;
        bool isLong = seed >= last_ahead || draw() % 2 == 0;
        for (int i = 0; i < warps && !ran; i++)
            while (run_warp((seed == last_ahead ? warps - 1 - i : (start + i) % warps) * warp, warp))
            {
                ran = true;
                if (!isLong)
                    break;
            }

        if (ran)
            continue;
        int finished = 0, waiting = 0;
        for (int i = 0; i < threads; i++)
        {
            finished += states[i] == done;
            waiting += states[i] == at_barrier;
        }

        if (finished == threads)
            return;
        if (waiting < threads)
            return report("a barrier or shuffle that not all threads meet");
        for (int i = 0; i < threads; i++)
            states[i] = ready;
    }
}

template <class... A> struct call
{
    static void (*kernel)(A...);
    static const unsigned long long *arguments;

    template <class T> static T argument(size_t i)
    {
        static_assert(sizeof(T) == 8, "a kernel's parameters have 8 bytes each");
        T value;
        memcpy(&value, &arguments[i], 8);
        return value;
    }

    template <size_t... I> static void apply(std::index_sequence<I...>) { kernel(argument<A>(I)...); }
    static void run() { apply(std::index_sequence_for<A...>()); }
};

template <class... A> void (*call<A...>::kernel)(A...);
template <class... A> const unsigned long long *call<A...>::arguments;

template <class... A> static const char *launch(void (*kernel)(A...), long long grid, int block, const unsigned long long *arguments, unsigned long long order)
{
    seed = order;
    call<A...>::kernel = kernel;
    call<A...>::arguments = arguments;
    body = call<A...>::run;
    random_state = seed * 0x9e3779b97f4a7c15ULL + 0x2545f4914f6cdd1dULL;
    fault = 0;
    blockDim.x = (unsigned int)block;
    gridDim.x = (unsigned int)grid;
    if (grid <= 0 || grid > 0x7fffffffLL || block <= 0 || block > most_threads || (block > 1 && block % warp != 0))
        report("no such grid or block");
    if (!stacks && block > 1)
        stacks = (char *)mmap(nullptr, (size_t)most_threads * stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    for (long long i = 0; i < grid && !fault; i++)
    {
        blockIdx.x = (unsigned int)i;
        memset(__start_dpo_shared, 0xff, (size_t)(__stop_dpo_shared - __start_dpo_shared));
        threadIdx.x = 0;
        if (block == 1)
            body();
        else
            run_block(block);
    }

    return fault ? message : nullptr;
}
}

static inline void __syncthreads()
{
    if (blockDim.x > 1)
        dpo_emulation::wait(dpo_emulation::at_barrier);
}

template <class T> static inline T __shfl_xor_sync(unsigned int mask, T value, int laneMask)
{
    using namespace dpo_emulation;
    if (mask != 0xffffffffu || laneMask <= 0 || laneMask >= warp)
        report("a shuffle of part of a warp");

    // A lane may be at the next shuffle already when another reads, but not at the one after it.
    int slot = parity[threadIdx.x] ^= 1;
    memcpy(&exchange[slot][threadIdx.x], &value, sizeof value);
    wait(at_shuffle);
    memcpy(&value, &exchange[slot][threadIdx.x ^ (unsigned int)laneMask], sizeof value);
    return value;
}

static inline float __fmaf_rn(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return __builtin_fma(a, b, c); }
static inline float __fmul_rn(float a, float b) { return a * b; }
static inline double __dmul_rn(double a, double b) { return a * b; }
static inline float __fsqrt_rn(float x) { return __builtin_sqrtf(x); }
static inline double __dsqrt_rn(double x) { return __builtin_sqrt(x); }

template <class To, class From> static inline To dpo_reinterpreted(From from)
{
    To to;
    memcpy(&to, &from, sizeof to);
    return to;
}

static inline unsigned int __float_as_uint(float x) { return dpo_reinterpreted<unsigned int>(x); }
static inline float __uint_as_float(unsigned int x) { return dpo_reinterpreted<float>(x); }
static inline long long __double_as_longlong(double x) { return dpo_reinterpreted<long long>(x); }
static inline double __longlong_as_double(long long x) { return dpo_reinterpreted<double>(x); }

#define DPO_EXPORT(symbol, kernel)                                                                                                             \
    extern "C" __attribute__((visibility("default"))) const char *symbol(long long grid, int block, const unsigned long long *arguments, unsigned long long seed) \
    {                                                                                                                                          \
        return dpo_emulation::launch(kernel, grid, block, arguments, seed);                                                                    \
    }
