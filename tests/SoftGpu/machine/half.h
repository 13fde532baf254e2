// f16 and bf16 as bits, and their rounding.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "program.h"

namespace softgpu {

template <class To, class From>
inline To bits_as(From from) {
    static_assert(sizeof(To) == sizeof(From));
    To to;
    std::memcpy(&to, &from, sizeof to);
    return to;
}

inline float from_f16(uint16_t h) {
    const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
    const uint32_t normal = (rest << 13) + (rest >= 0x7c00 ? 0x70000000u : 0x38000000u);
    const uint32_t small = bits_as<uint32_t>(static_cast<float>(static_cast<int32_t>(rest)) * 0x1p-24f);
    return bits_as<float>(sign | (rest < 0x400 ? small : normal));
}

inline float from_bf16(uint16_t h) { return bits_as<float>(static_cast<uint32_t>(h) << 16); }

// To nearest even; every NaN becomes 0x7fff.
inline uint16_t to_f16(float f) {
    const uint32_t u = bits_as<uint32_t>(f), sign = (u >> 16) & 0x8000, a = u & 0x7fffffff;
    const uint32_t small = bits_as<uint32_t>(bits_as<float>(a) + 0.5f) - 0x3f000000u;  // one unit of 0.5f is the smallest f16
    const uint32_t normal = (a + 0x0fff + ((a >> 13) & 1) - 0x38000000u) >> 13;
    const uint32_t big = a >= 0x477ff000u ? 0x7c00u : normal;
    const uint32_t finite = a < 0x38800000u ? small : big;
    return static_cast<uint16_t>(a > 0x7f800000u ? 0x7fffu : sign | finite);
}

inline uint16_t to_bf16(float f) {
    const uint32_t u = bits_as<uint32_t>(f);
    return static_cast<uint16_t>((u & 0x7fffffff) > 0x7f800000u ? 0x7fffu : (u + 0x7fffu + ((u >> 16) & 1)) >> 16);
}

// Rounds a double once to a short format of `fraction` bits whose smallest normal number is 2^smallest.
inline uint16_t round_short(double x, int fraction, int smallest, Rounding rounding) {
    const auto u = bits_as<uint64_t>(x);
    const bool negative = (u >> 63) != 0;
    const auto sign = static_cast<uint16_t>(negative ? 0x8000 : 0);
    const auto infinity = static_cast<uint32_t>(0x7fff >> fraction << fraction);
    if (x != x) return 0x7fff;
    if (std::isinf(x)) return static_cast<uint16_t>(sign | infinity);
    int exponent = static_cast<int>((u >> 52) & 0x7ff);
    uint64_t m = u & ((1ull << 52) - 1);
    if (exponent != 0) m |= 1ull << 52;
    exponent = (exponent ? exponent : 1) - 1023;
    int shift = 52 - fraction;
    if (exponent < smallest) {
        shift += smallest - exponent;
        exponent = smallest;
    }
    if (shift > 62) shift = 62;  // what is left is below half a unit, and m < 2^53
    uint64_t kept = m >> shift;
    const uint64_t rest = m & ((1ull << shift) - 1), half = 1ull << (shift - 1);
    const bool away = rounding == Rounding::nearest            ? rest > half || (rest == half && (kept & 1))
                      : rounding == Rounding::zero             ? false
                      : (rounding == Rounding::up) != negative ? rest != 0
                                                               : false;
    kept += away;
    const uint64_t result = (static_cast<uint64_t>(exponent - smallest) << fraction) + kept;
    if (result >= infinity) {
        const bool to_infinity = rounding == Rounding::nearest || (rounding != Rounding::zero && (rounding == Rounding::up) != negative);
        return static_cast<uint16_t>(sign | (to_infinity ? infinity : infinity - 1));
    }
    return static_cast<uint16_t>(sign | result);
}
inline uint16_t round_f16(double x, Rounding rounding) { return round_short(x, 10, -14, rounding); }
inline uint16_t round_bf16(double x, Rounding rounding) { return round_short(x, 7, -126, rounding); }

// a × b + c for short formats, whose product is exact in double: the sum is rounded to odd, so that rounding it again is right.
inline double fma_to_odd(double a, double b, double c) {
    const double p = a * b, sum = p + c;
    if (!std::isfinite(sum)) return sum;
    const double t = sum - p, error = (p - (sum - t)) + (c - t);
    auto u = bits_as<uint64_t>(sum);
    if (error == 0 || (u & 1)) return sum;
    u = (error > 0) == (sum > 0) ? u + 1 : u - 1;
    return bits_as<double>(u);
}

}  // namespace softgpu
