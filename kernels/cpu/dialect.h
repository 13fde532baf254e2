// The CPU half of the dialect, for clang++ and g++. A worker takes one contiguous run, a team has one lane, a lane loop is a vector loop.
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utility>

typedef int64_t index_t;  // every index that is a product of sizes

#define FN static inline __attribute__((always_inline))
#define METHOD inline
#define UNROLL
#define RESTRICT __restrict__

#define EXPORT __attribute__((visibility("default")))

struct Launch {  // one worker's share of a launch; mirrored in CpuDevice.cs
    int32_t index, count;
    char* scratch;
    int64_t scratch_bytes;
};
static thread_local Launch launch_;
FN index_t run_begin(index_t n, int index) { return n * index / launch_.count; }
// A compiler may round the rest of a vector loop differently than its body: runs of elements begin at multiples of any vector's width, so
// that each element falls into the same one for every number of workers.
FN index_t element_begin(index_t n, int index) { return index == launch_.count ? n : run_begin(n, index) & ~(index_t)63; }
FN index_t owned_begin(index_t n, index_t group, int index) {  // runs end at multiples of group only: one writer per group
    const index_t at = (n + group - 1) / group * index / launch_.count * group;
    return at < n ? at : n;
}
FN void team_sync() {}

struct Scratch {
    char* at = launch_.scratch;
    // Teams stay apart: a compiler that made one vector of several would round the ones left over at a worker's end differently.
    Scratch() { asm volatile(""); }
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

#define ELEMENT_LOOP(i, n) \
    for (index_t i = element_begin(n, launch_.index), i##_end = element_begin(n, launch_.index + 1); i < i##_end; ++i)
#define TEAM_LOOP(t, n)                                                                                        \
    for (index_t t = run_begin(n, launch_.index), t##_end = run_begin(n, launch_.index + 1); t < t##_end; ++t) \
        if ([[maybe_unused]] Scratch scratch_; true)
#define TEAM_LOOP_OWNING(t, n, group)                                                                                            \
    for (index_t t = owned_begin(n, group, launch_.index), t##_end = owned_begin(n, group, launch_.index + 1); t < t##_end; ++t) \
        if ([[maybe_unused]] Scratch scratch_; true)
#define LANE_LOOP(c, n) _Pragma("omp simd") for (int c = 0; c < (n); ++c)
#define GROUP_LOOP(g, groups, size) for (int g = 0; g < (groups); ++g)
#define GROUP_LANES(i, size, g) LANE_LOOP (i, size)
#define ROW_STEP(n) (n)
#define LANE_ZERO if (true)

template <class T>
FN void scatter_add(T* p, T v) {
    *p += v;
}  // legal in TEAM_LOOP_OWNING only
template <class T>
FN void scatter_add_weighted(T* p, T w, T v) {  // p += w * v
    *p += w * v;
}

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
    const float clamped = x > -87.3f ? (x < 88.7f ? x : 88.7f) : -87.3f;  // NaN becomes a number here
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
    uint32_t bits;
    const float normal = x < 1.17549435e-38f ? x * 8388608.0f : x;  // subnormal numbers
    memcpy(&bits, &normal, 4);
    const int32_t shifted = (int32_t)(bits - 0x3f3504f3u);  // mantissa in [sqrt(1/2), sqrt(2))
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

#include "team_product.h"
