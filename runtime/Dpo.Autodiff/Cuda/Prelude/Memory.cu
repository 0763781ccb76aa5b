// Storage: 2-byte floats as their bits, conversions that round to nearest even, and 16 bytes at a time where the address allows.

struct dpo_half
{
    unsigned short bits;
};

struct dpo_bfloat16
{
    unsigned short bits;
};

// float16's exponent is 112 short of float's: a multiplication puts it right, also for numbers below the normal ones.
DPO_DEVICE float dpo_to_float(dpo_half x)
{
    unsigned int magnitude = (unsigned int)(x.bits & 0x7fffu) << 13;
    unsigned int bits = magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : dpo_bits(dpo_from_bits(magnitude) * 5.192296858534828e+33f);
    return dpo_from_bits(bits | (unsigned int)(x.bits & 0x8000u) << 16);
}

DPO_DEVICE float dpo_to_float(dpo_bfloat16 x) { return dpo_from_bits((unsigned int)x.bits << 16); }

DPO_DEVICE dpo_bfloat16 dpo_to_bfloat16(float x)
{
    unsigned int bits = dpo_bits(x);
    dpo_bfloat16 result;
    result.bits = (unsigned short)(x != x ? 0x7fc0u : (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
    return result;
}

DPO_DEVICE dpo_half dpo_to_half(float x)
{
    unsigned int bits = dpo_bits(x);
    unsigned int magnitude = bits & 0x7fffffffu;
    unsigned int rounded;
    if (magnitude > 0x7f800000u)
        rounded = 0x7e00u;
    else if (magnitude >= 0x477ff000u)
        rounded = 0x7c00u;
    else if (magnitude >= 0x38800000u)
        rounded = (magnitude - 0x38000000u + 0x0fffu + (magnitude >> 13 & 1u)) >> 13;
    else
        // The addition rounds at 2^-24, the last place of float16's smallest numbers.
        rounded = dpo_bits(dpo_from_bits(magnitude) + 0.5f) - 0x3f000000u;
    dpo_half result;
    result.bits = (unsigned short)(rounded | (bits >> 16 & 0x8000u));
    return result;
}

// A double as a float that rounds further as the double would: towards zero, and odd where that was not exact.
DPO_DEVICE float dpo_to_odd(double x)
{
    float nearest = (float)x;
    if ((double)nearest == x || x != x)
        return nearest;
    unsigned int bits = dpo_bits(nearest);
    double magnitude = x < 0.0 ? -x : x;
    bits -= (double)dpo_from_bits(bits & 0x7fffffffu) > magnitude ? 1u : 0u;
    return dpo_from_bits(bits | 1u);
}

DPO_DEVICE dpo_bfloat16 dpo_to_bfloat16(double x) { return dpo_to_bfloat16(dpo_to_odd(x)); }
DPO_DEVICE dpo_half dpo_to_half(double x) { return dpo_to_half(dpo_to_odd(x)); }

// Rounded to a narrower type and back.
DPO_DEVICE float dpo_round_float32(float x) { return x; }
DPO_DEVICE double dpo_round_float32(double x) { return (double)(float)x; }
template <class T> DPO_DEVICE T dpo_round_float16(T x) { return (T)dpo_to_float(dpo_to_half(x)); }
template <class T> DPO_DEVICE T dpo_round_bfloat16(T x) { return (T)dpo_to_float(dpo_to_bfloat16(x)); }

// Truncated; what does not fit is the smallest integer.
template <class T> DPO_DEVICE long long dpo_to_integer(T x)
{
    return x >= (T)-9.2233720368547758e18 && x < (T)9.2233720368547758e18 ? (long long)x : (long long)(1ULL << 63);
}

template <class T> DPO_DEVICE real dpo_to_real(T x) { return (real)x; }
DPO_DEVICE real dpo_to_real(dpo_half x) { return (real)dpo_to_float(x); }
DPO_DEVICE real dpo_to_real(dpo_bfloat16 x) { return (real)dpo_to_float(x); }

template <class T> DPO_DEVICE real dpo_load(const T *memory, long long index) { return dpo_to_real(memory[index]); }
template <class T> DPO_DEVICE long long dpo_load_integer(const T *memory, long long index) { return (long long)memory[index]; }
template <class T> DPO_DEVICE bool dpo_load_boolean(const T *memory, long long index) { return dpo_to_real(memory[index]) != (real)0; }

DPO_DEVICE void dpo_assign(float &place, real x) { place = (float)x; }
DPO_DEVICE void dpo_assign(double &place, real x) { place = (double)x; }
DPO_DEVICE void dpo_assign(dpo_half &place, real x) { place = dpo_to_half(x); }
DPO_DEVICE void dpo_assign(dpo_bfloat16 &place, real x) { place = dpo_to_bfloat16(x); }

template <class T> DPO_DEVICE void dpo_store(T *memory, long long index, real x) { dpo_assign(memory[index], x); }
DPO_DEVICE void dpo_store_integer(long long *memory, long long index, long long x) { memory[index] = x; }
DPO_DEVICE void dpo_store_boolean(unsigned char *memory, long long index, bool x) { memory[index] = x ? 1 : 0; }

// How many elements are 16 bytes.
template <class T> __host__ __device__ constexpr int dpo_width() { return (int)(16 / sizeof(T)); }

DPO_DEVICE bool dpo_is_aligned(const void *memory) { return ((unsigned long long)memory & 15ULL) == 0; }

struct __align__(16) dpo_words
{
    unsigned int word[4];
};

// Element i of the words, and back.
DPO_DEVICE real dpo_element(const dpo_words &words, int i, const float *) { return (real)dpo_from_bits(words.word[i]); }
DPO_DEVICE real dpo_element(const dpo_words &words, int i, const dpo_bfloat16 *)
{
    return (real)dpo_from_bits(i % 2 == 0 ? words.word[i / 2] << 16 : words.word[i / 2] & 0xffff0000u);
}

DPO_DEVICE real dpo_element(const dpo_words &words, int i, const dpo_half *)
{
    dpo_half half;
    half.bits = (unsigned short)(words.word[i / 2] >> i % 2 * 16);
    return (real)dpo_to_float(half);
}

DPO_DEVICE real dpo_element(const dpo_words &words, int i, const double *)
{
    return (real)dpo_from_bits((unsigned long long)words.word[2 * i + 1] << 32 | words.word[2 * i]);
}

DPO_DEVICE void dpo_set_element(dpo_words &words, int i, real x, const float *) { words.word[i] = dpo_bits((float)x); }
DPO_DEVICE void dpo_set_bits(dpo_words &words, int i, unsigned int bits)
{
    words.word[i / 2] = i % 2 == 0 ? bits : words.word[i / 2] | bits << 16;
}

DPO_DEVICE void dpo_set_element(dpo_words &words, int i, real x, const dpo_bfloat16 *) { dpo_set_bits(words, i, dpo_to_bfloat16(x).bits); }
DPO_DEVICE void dpo_set_element(dpo_words &words, int i, real x, const dpo_half *) { dpo_set_bits(words, i, dpo_to_half(x).bits); }
DPO_DEVICE void dpo_set_element(dpo_words &words, int i, real x, const double *)
{
    unsigned long long bits = dpo_bits((double)x);
    words.word[2 * i] = (unsigned int)bits;
    words.word[2 * i + 1] = (unsigned int)(bits >> 32);
}

// The index is that of the first element; memory + index lies on 16 bytes.
template <class T> DPO_DEVICE void dpo_load_vector(const T *memory, long long index, real *elements)
{
    dpo_words words = *(const dpo_words *)(memory + index);
#pragma unroll
    for (int i = 0; i < dpo_width<T>(); i++)
        elements[i] = dpo_element(words, i, memory);
}

template <class T> DPO_DEVICE void dpo_store_vector(T *memory, long long index, const real *elements)
{
    dpo_words words;
#pragma unroll
    for (int i = 0; i < dpo_width<T>(); i++)
        dpo_set_element(words, i, elements[i], memory);
    *(dpo_words *)(memory + index) = words;
}
