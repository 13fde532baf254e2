// The shape of every instruction: a value for each lane of a mask.
#pragma once

#include <cstring>

#include "warp.h"

#define SIMD_PRAGMA(text) _Pragma(#text)
#define SIMD SIMD_PRAGMA(omp simd)
#define SIMD_OR(...) SIMD_PRAGMA(omp simd reduction(| : __VA_ARGS__))
#define SIMD_MAX(...) SIMD_PRAGMA(omp simd reduction(max : __VA_ARGS__))

namespace softgpu {

// d[lane] = value(lane) for the lanes of the mask. value may be computed for other lanes too.
template <class D, class F>
inline __attribute__((always_inline)) void each_lane(D* d, uint32_t mask, F value) {
    if (mask == all_lanes) {
        SIMD for (unsigned l = 0; l < lanes; ++l) d[l] = value(l);
    } else {
        alignas(64) D t[lanes];
        SIMD for (unsigned l = 0; l < lanes; ++l) t[l] = value(l);
        SIMD for (unsigned l = 0; l < lanes; ++l) d[l] = (mask >> l) & 1 ? t[l] : d[l];
    }
}

template <class Op, class D, class A = D>
void unary(Warp& w, const Instruction& i, uint32_t mask) {
    const A* a = w.at<A>(i.a);
    each_lane(w.at<D>(i.d), mask, [=](unsigned l) { return static_cast<D>(Op::apply(a[l])); });
}

template <class Op, class D, class A = D, class B = A>
void binary(Warp& w, const Instruction& i, uint32_t mask) {
    const A* a = w.at<A>(i.a);
    const B* b = w.at<B>(i.b);
    each_lane(w.at<D>(i.d), mask, [=](unsigned l) { return static_cast<D>(Op::apply(a[l], b[l])); });
}

template <class Op, class D, class A = D, class B = A, class C = D>
void ternary(Warp& w, const Instruction& i, uint32_t mask) {
    const A* a = w.at<A>(i.a);
    const B* b = w.at<B>(i.b);
    const C* c = w.at<C>(i.c);
    each_lane(w.at<D>(i.d), mask, [=](unsigned l) { return static_cast<D>(Op::apply(a[l], b[l], c[l])); });
}

// Calls f(lane) for each lane of the mask.
template <class F>
inline void for_lanes(uint32_t mask, F f) {
    if (mask == all_lanes) {
        for (unsigned l = 0; l < lanes; ++l) f(l);
    } else {
        for (; mask; mask &= mask - 1) f(static_cast<unsigned>(__builtin_ctz(mask)));
    }
}

// The mask of the lanes for which f holds.
template <class F>
inline __attribute__((always_inline)) uint32_t mask_where(F f) {
    uint32_t mask = 0;
    alignas(32) uint8_t t[lanes];
    SIMD for (unsigned l = 0; l < lanes; ++l) t[l] = f(l) ? 1 : 0;
    for (unsigned part = 0; part < 4; ++part) {
        uint64_t bytes;
        std::memcpy(&bytes, t + 8 * part, 8);
        mask |= static_cast<uint32_t>((bytes * 0x0102040810204080ull) >> 56) << (8 * part);  // the low bit of each byte
    }
    return mask;
}

inline uint64_t mix(uint64_t x) {  // a good hash of 64 bits
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

}  // namespace softgpu
