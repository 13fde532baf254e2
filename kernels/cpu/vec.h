// One vector of floats, as wide as the target has it. Only kernels/cpu may know it.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t IntVec __attribute__((vector_size(kLanes * sizeof(int32_t))));

inline Vec splat(float x) { return x - Vec{}; }  // x + 0 would not do: it is 0 for x = -0, and costs an addition

inline Vec load(const float* from) {
    Vec v;
    std::memcpy(&v, from, sizeof v);
    return v;
}

inline void store(float* to, Vec v) { std::memcpy(to, &v, sizeof v); }

// The first `count` < kLanes lanes, the others 0: the memory behind them is not touched.
inline Vec load_first(const float* from, int64_t count) {
    float lanes[kLanes] = {};
    for (int64_t i = 0; i < count; i++) lanes[i] = from[i];
    return load(lanes);
}

inline void store_first(float* to, Vec v, int64_t count) {
    float lanes[kLanes];
    store(lanes, v);
    for (int64_t i = 0; i < count; i++) to[i] = lanes[i];
}

// Both compilers contract this to one fused instruction where the target has it, everywhere alike: sums keep their bits whatever tile they
// lie in.
inline Vec multiply_add(Vec a, Vec b, Vec c) { return a * b + c; }

inline Vec max(Vec a, Vec b) { return a < b ? b : a; }  // NaN in a stays
