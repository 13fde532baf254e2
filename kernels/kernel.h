// The dialect: one kernel text, two compilers. This is the only file that knows that a kernel is compiled twice.
//
//   NVRTC            a team is a warp or a block; loops stride the grid; neighbours lie on neighbouring lanes
//   clang++ / g++    a worker takes one contiguous run of the teams; a lane loop is a vector loop
//
// What a team wrote in one loop word, every lane sees in the next loop word. A loop word visits each index exactly once for any launch
// shape. `real` is the storage type of the compilation, `acc` the type of sums and temporaries.
#pragma once

#if defined(__CUDACC_RTC__) || defined(__CUDA_ARCH__)
#define CODETR_GPU 1
#else
#define CODETR_GPU 0
#endif

#if CODETR_GPU
typedef long long int64_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef unsigned short uint16_t;
typedef unsigned char uint8_t;
typedef unsigned long long uint64_t;
#define INFINITY __int_as_float(0x7f800000)
#define NAN __int_as_float(0x7fffffff)
#define FN static __device__ __forceinline__
#define METHOD __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define RESTRICT __restrict__
#else
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utility>
#define FN static inline
#define METHOD inline
#define UNROLL
#define RESTRICT __restrict__
#endif

typedef int64_t index_t;  // every index that is a product of sizes

// ---- storage types: bf16 and f16 are two bytes of our own, so that no SDK header is needed
#if CODETR_GPU
struct bf16 {
    uint16_t bits;
    bf16() = default;
    METHOD bf16(float v) {  // round to nearest even; NaN stays NaN
        const uint32_t u = __float_as_uint(v);
        bits = (u & 0x7fffffffu) > 0x7f800000u ? (uint16_t)((u >> 16) | 0x40u) : (uint16_t)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
    }
    METHOD operator float() const { return __uint_as_float((uint32_t)bits << 16); }
};
struct f16 {
    uint16_t bits;
    f16() = default;
    METHOD f16(float v) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(v)); }
    METHOD operator float() const {
        float v;
        asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(bits));
        return v;
    }
};
#endif
#ifndef REAL
#define REAL float
#endif
typedef REAL real;
#ifdef REAL_IS_DOUBLE
typedef double acc;
#else
typedef float acc;
#endif

#if CODETR_GPU
// ---- GPU half. A team of up to 32 lanes is one warp, several to a block (threadIdx.y); a wider team is the whole block, so its barrier is
// uniform.
#define KERNEL(name, ...) extern "C" __global__ void name(__VA_ARGS__)

FN void team_sync() {
    if (blockDim.x <= 32) __syncwarp();
    else __syncthreads();
}

extern __shared__ double team_memory[];
struct Scratch {
    char* at;
    METHOD Scratch() {
        unsigned bytes;
        asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
        at = (char*)team_memory + ((bytes / blockDim.y) & ~7u) * threadIdx.y;
    }
    template <class T>
    METHOD T* take(index_t n) {
        T* p = (T*)at;
        at += (n * sizeof(T) + 7) & ~(index_t)7;
        return p;
    }
};

#define ELEMENT_LOOP(i, n)                                                                                 \
    for (index_t i = ((index_t)blockIdx.x * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x; i < (n); \
         i += (index_t)gridDim.x * blockDim.y * blockDim.x)
#define TEAM_LOOP(t, n)                                                                                             \
    for (index_t t = (index_t)blockIdx.x * blockDim.y + threadIdx.y; t < (n); t += (index_t)gridDim.x * blockDim.y) \
        if (Scratch scratch_; true)
#define TEAM_LOOP_OWNING(t, n, group) TEAM_LOOP (t, n)
#define LANE_LOOP(c, n) for (int c = (team_sync(), (int)threadIdx.x); c < (n); c += blockDim.x)
#define LANE_ZERO for (bool once_ = (team_sync(), threadIdx.x == 0); once_; once_ = false)

FN void scatter_add(float* p, float v) { atomicAdd(p, v); }
FN void scatter_add(double* p, double v) {
    unsigned long long *q = (unsigned long long*)p, old = *q, seen;
    do {
        seen = old;
        old = atomicCAS(q, seen, (unsigned long long)__double_as_longlong(v + __longlong_as_double((long long)seen)));
    } while (old != seen);
}

// Combines one value per lane into one value that every lane gets. `op` is associative and commutative.
template <class T, class Op>
FN T team_combine(T v, Op op) {
    for (int offset = 16; offset; offset >>= 1) {
        T other;
        for (int w = 0; w < (int)(sizeof(T) / 4); ++w) ((int*)&other)[w] = __shfl_xor_sync(0xffffffffu, ((int*)&v)[w], offset);
        v = op(v, other);
    }
    if (blockDim.x <= 32) return v;
    __shared__ double row[64];  // a value of up to 16 bytes from each warp
    T* rows = (T*)row;
    __syncthreads();
    if ((threadIdx.x & 31) == 0) rows[threadIdx.x >> 5] = v;
    __syncthreads();
    T all = rows[0];
    for (int w = 1; w < (int)(blockDim.x + 31) >> 5; ++w) all = op(all, rows[w]);
    return all;
}

FN float m_exp(float x) { return expf(x); }
FN float m_log(float x) { return logf(x); }
FN float m_sqrt(float x) { return sqrtf(x); }
FN float m_abs(float x) { return fabsf(x); }
FN float m_floor(float x) { return floorf(x); }
#else
// ---- CPU half. A worker takes one contiguous run, a team has one lane, a lane loop is a vector loop.
#define EXPORT __attribute__((visibility("default")))

struct Launch {  // one worker's share of a launch; mirrored in CpuDevice.cs
    int32_t index, count;
    char* scratch;
    int64_t scratch_bytes;
};
static thread_local Launch launch_;
FN index_t run_begin(index_t n, int index) { return n * index / launch_.count; }
FN index_t owned_begin(index_t n, index_t group, int index) {  // runs end at multiples of group only: one writer per group
    const index_t at = (n + group - 1) / group * index / launch_.count * group;
    return at < n ? at : n;
}
FN void team_sync() {}

struct Scratch {
    char* at = launch_.scratch;
    template <class T>
    T* take(index_t n) {
        T* p = (T*)at;
        at += (n * (index_t)sizeof(T) + 7) & ~(index_t)7;
        if (at - launch_.scratch > launch_.scratch_bytes) {
            fprintf(stderr, "TEAM_SCRATCH: a kernel takes more scratch than its launch declared (%lld bytes)\n",
                    (long long)launch_.scratch_bytes);
            abort();
        }
        return p;
    }
};

#define ELEMENT_LOOP(i, n) for (index_t i = run_begin(n, launch_.index), i##_end = run_begin(n, launch_.index + 1); i < i##_end; ++i)
#define TEAM_LOOP(t, n) \
    ELEMENT_LOOP (t, n) \
        if ([[maybe_unused]] Scratch scratch_; true)
#define TEAM_LOOP_OWNING(t, n, group)                                                                                            \
    for (index_t t = owned_begin(n, group, launch_.index), t##_end = owned_begin(n, group, launch_.index + 1); t < t##_end; ++t) \
        if ([[maybe_unused]] Scratch scratch_; true)
#define LANE_LOOP(c, n) _Pragma("omp simd") for (int c = 0; c < (n); ++c)
#define LANE_ZERO if (true)

template <class T>
FN void scatter_add(T* p, T v) {
    *p += v;
}  // legal in TEAM_LOOP_OWNING only

template <class... A, size_t... I>
FN void call_kernel(void (*kernel)(A...), void** args, std::index_sequence<I...>) {
    kernel(*static_cast<A*>(args[I])...);
}
template <class... A>
FN void call_kernel(void (*kernel)(A...), void** args) {
    call_kernel(kernel, args, std::make_index_sequence<sizeof...(A)>{});
}

// A kernel becomes a static function and one exported entry that takes the same void** as cuLaunchKernel.
#define KERNEL(name, ...)                                                   \
    static void name(__VA_ARGS__);                                          \
    extern "C" EXPORT void host_##name(void** args, const Launch* launch) { \
        launch_ = *launch;                                                  \
        call_kernel(&name, args);                                           \
    }                                                                       \
    static void name(__VA_ARGS__)

// Branch-free, so that a lane loop over them stays a vector loop (libm's are calls). Relative error below 2e-7.
FN float m_exp(float x) {
    const float clamped = x < -87.3f ? -87.3f : x > 88.7f ? 88.7f : x;
    const float k = __builtin_rintf(clamped * 1.44269504f);
    const float r = clamped - k * 0.693359375f - k * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    const int32_t half = (int32_t)k >> 1, rest = (int32_t)k - half;  // two factors: 2^128 does not fit one exponent
    const int32_t a = (half + 127) << 23, b = (rest + 127) << 23;
    float fa, fb;
    memcpy(&fa, &a, 4);
    memcpy(&fb, &b, 4);
    return x < -87.3f ? 0.0f : x > 88.7f ? INFINITY : x != x ? x : p * fa * fb;
}
FN float m_log(float x) {
    int32_t bits;
    const float normal = x < 1.17549435e-38f ? x * 8388608.0f : x;  // subnormal numbers
    memcpy(&bits, &normal, 4);
    const int32_t shifted = bits - 0x3f3504f3;  // mantissa in [sqrt(1/2), sqrt(2))
    const float e = (float)(shifted >> 23) - (x < 1.17549435e-38f ? 23.0f : 0.0f);
    const int32_t mantissa = (shifted & 0x7fffff) + 0x3f3504f3;
    float m;
    memcpy(&m, &mantissa, 4);
    const float f = m - 1.0f, z = f * f;
    float p = 7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    const float y = f + (z * f * p - 0.5f * z + e * -2.12194440e-4f) + e * 0.693359375f;
    return x == 0.0f ? -INFINITY : x < 0.0f ? (float)NAN : x == INFINITY || x != x ? x : y;
}
FN float m_sqrt(float x) { return sqrtf(x); }
FN float m_abs(float x) { return fabsf(x); }
FN float m_floor(float x) { return floorf(x); }
#endif
FN double m_exp(double x) { return exp(x); }
FN double m_log(double x) { return log(x); }
FN double m_sqrt(double x) { return sqrt(x); }
FN double m_abs(double x) { return fabs(x); }
FN double m_floor(double x) { return floor(x); }

// ---- the same words on both
#define TEAM_SCRATCH(type, name, n) type* const name = scratch_.template take<type>(n)

// Sum of f(0) … f(n-1); every lane gets it.
template <class F>
FN acc team_sum(int n, F f) {
    acc v = 0;
#if CODETR_GPU
    LANE_LOOP (c, n) v += f(c);
    return team_combine(v, [](acc a, acc b) { return a + b; });
#else
    _Pragma("omp simd reduction(+ : v)") for (int c = 0; c < n; ++c) v += f(c);
    return v;
#endif
}

// The largest of f(0) … f(n-1), -infinity for none; every lane gets it.
template <class F>
FN acc team_max(int n, F f) {
    acc v = -(acc)INFINITY;
#if CODETR_GPU
    LANE_LOOP (c, n) v = v < f(c) ? f(c) : v;
    return team_combine(v, [](acc a, acc b) { return a < b ? b : a; });
#else
    _Pragma("omp simd reduction(max : v)") for (int c = 0; c < n; ++c) {
        const acc x = f(c);
        v = v < x ? x : v;
    }
    return v;
#endif
}

template <class T>
struct MinIndex {
    T value;
    int index;  // the first index that has the value; -1 if no value is below +infinity
};

// The smallest f(c) and the first c that has it; every lane gets it. f is pure; NaN and +infinity never win.
template <class T, class F>
FN MinIndex<T> team_min_index(int n, F f) {
#if CODETR_GPU
    struct alignas(8) Pair {
        T value;
        int index;
    };
    Pair v = {(T)INFINITY, -1};
    LANE_LOOP (c, n)
        if (f(c) < v.value) {
            v.value = f(c);
            v.index = c;
        }
    v = team_combine(v, [](const Pair& a, const Pair& b) {
        return b.value < a.value || (b.value == a.value && (unsigned)b.index < (unsigned)a.index) ? b : a;
    });
    return {v.value, v.index};
#else
    T v = (T)INFINITY;
    _Pragma("omp simd reduction(min : v)") for (int c = 0; c < n; ++c) {
        const T x = f(c);
        v = x < v ? x : v;
    }
    if (!(v < (T)INFINITY)) return {v, -1};
    int at = 0;
    while (!(f(at) == v)) ++at;
    return {v, at};
#endif
}

// Calls emit(c, f(0) + … + f(c-1)) for each c; every lane gets the total. f counts: small non-negative integers.
template <class F, class Emit>
FN int team_scan(int n, F f, Emit emit) {
    int before = 0;
#if CODETR_GPU
    __shared__ int warp_totals[32];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = (blockDim.x + 31) >> 5;
    for (int base = 0; base < n; base += blockDim.x) {
        team_sync();
        const int c = base + threadIdx.x, own = c < n ? f(c) : 0;
        int sum = own;
        for (int offset = 1; offset < 32; offset <<= 1) {
            const int other = __shfl_up_sync(0xffffffffu, sum, offset);
            if (lane >= offset) sum += other;
        }
        int total = __shfl_sync(0xffffffffu, sum, 31), start = 0;
        if (warps > 1) {
            if (lane == 31) warp_totals[warp] = sum;
            __syncthreads();
            total = 0;
            for (int w = 0; w < warps; ++w) {
                if (w == warp) start = total;
                total += warp_totals[w];
            }
        }
        if (c < n) emit(c, before + start + sum - own);
        before += total;
    }
#else
    for (int c = 0; c < n; ++c) {
        const int own = f(c);
        emit(c, before);
        before += own;
    }
#endif
    return before;
}

// A row of up to `max` values: registers spread over the lanes of a one-warp team, on the CPU the stack.
template <int max, class T = acc>
struct LaneRow {
#if CODETR_GPU
    T v[(max + 31) / 32];
    METHOD LaneRow() { UNROLL for (int j = 0; j < (max + 31) / 32; ++j) v[j] = T(0); }
    template <class F>
    METHOD void each(int n, F f) {
        UNROLL for (int j = 0; j < (max + 31) / 32; ++j) {
            const int c = threadIdx.x + 32 * j;
            if (c < n) f(c, v[j]);
        }
    }
#else
    T v[max] = {};
    template <class F>
    void each(int n, F f) {
        _Pragma("omp simd") for (int c = 0; c < n; ++c) f(c, v[c]);
    }
#endif
};

FN acc m_sigmoid(acc x) { return acc(1) / (acc(1) + m_exp(-x)); }
template <class T>
FN T m_min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
FN T m_max(T a, T b) {
    return a < b ? b : a;
}
template <class T>
FN T m_clamp(T x, T low, T high) {
    return x < low ? low : high < x ? high : x;
}
