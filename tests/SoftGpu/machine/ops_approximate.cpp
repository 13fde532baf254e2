// The .approx instructions: the true result, displaced within the PTX manual's bound by a hash of the seed and the input. What the
// manual's tables of special cases fix stays exact.
#include <cmath>

#include "decoders.h"
#include "lanes.h"
#include "real.h"

namespace softgpu {

namespace {

// In [-1, 1).
inline double displacement(uint32_t bits, uint32_t seed) {
    uint32_t x = bits ^ seed;
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    x ^= x >> 16;
    return static_cast<double>(static_cast<int32_t>(x)) * 0x1p-31;
}

constexpr double rounding_error = 0x1p-24;  // of the last step, to f32

inline double displaced(double y, double relative, uint32_t bits, uint32_t seed) {
    return y + y * (displacement(bits, seed) * (relative - rounding_error));
}

// 2^x, good to far more than f32, as a vector loop.
inline double power_of_two(double x) {
    x = x < -200 ? -200 : x > 200 ? 200 : x;
    const double n = std::floor(x + 0.5), t = (x - n) * 0.69314718055994530942;
    double p = 1.0 / 40320;
    p = p * t + 1.0 / 5040;
    p = p * t + 1.0 / 720;
    p = p * t + 1.0 / 120;
    p = p * t + 1.0 / 24;
    p = p * t + 1.0 / 6;
    p = p * t + 0.5;
    p = p * t + 1;
    p = p * t + 1;
    return p * bits_as<double>((static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(n)) + 1023)) << 52);
}

struct Power {  // whole powers are exact: the compiler's own exp and tanh of doubles rest on it
    static float apply(float a, uint32_t seed) {
        const double y = power_of_two(a);
        const auto r = static_cast<float>(a == std::floor(a) ? y : displaced(y, 0x1p-22, bits_as<uint32_t>(a), seed));
        return a != a ? a : std::fabs(a) < 0x1p-126f ? 1.0f : std::isinf(a) ? (a > 0 ? a : 0.0f) : r;
    }
};
struct Logarithm {
    static float apply(float a, uint32_t seed) {
        if (!(a > 0) || std::isinf(a)) return a == 0 ? -INFINITY : a > 0 ? a : NAN;
        const double y = std::log2(static_cast<double>(a));
        // Near 1 the bound is absolute. 2^-22.6
        const bool near = a > 0.5f && a < 2.0f;
        const double bound = 0x1p-22 * 0.65975;
        return near ? static_cast<float>(y + displacement(bits_as<uint32_t>(a), seed) * (bound - rounding_error))
                    : static_cast<float>(displaced(y, bound, bits_as<uint32_t>(a), seed));
    }
};
struct Reciprocal {  // 1 ulp
    static float apply(float a, uint32_t seed) {
        const float exact = 1.0f / a;
        const auto r = static_cast<float>(displaced(1.0 / a, 0x1p-23, bits_as<uint32_t>(a), seed));
        return a == 0 || std::isinf(a) || a != a ? exact : r;
    }
};
struct SquareRoot {  // 2^-23
    static float apply(float a, uint32_t seed) {
        const double y = __builtin_sqrt(static_cast<double>(a));
        return a == 0 ? a : a < 0 ? NAN : std::isinf(a) ? a : static_cast<float>(displaced(y, 0x1p-23, bits_as<uint32_t>(a), seed));
    }
};
struct ReciprocalRoot {  // 2^-22.4
    static float apply(float a, uint32_t seed) {
        const double y = 1.0 / __builtin_sqrt(static_cast<double>(a));
        return a == 0          ? std::copysign(INFINITY, a)
               : a < 0         ? NAN
               : std::isinf(a) ? 0.0f
                               : static_cast<float>(displaced(y, 0x1p-22 * 0.7578, bits_as<uint32_t>(a), seed));
    }
};
template <bool cosine>
struct Wave {  // 2^-20.9, absolute, within a period
    static float apply(float a, uint32_t seed) {
        const double y = cosine ? std::cos(static_cast<double>(a)) : std::sin(static_cast<double>(a));
        if (!std::isfinite(a)) return NAN;
        if (std::fabs(a) < 0x1p-126f) return cosine ? 1.0f : a;
        return static_cast<float>(y + displacement(bits_as<uint32_t>(a), seed) * (0x1p-20 * 0.5358 - rounding_error));
    }
};
struct HyperbolicTangent {  // 2^-11
    static float apply(float a, uint32_t seed) {
        const double y = std::tanh(static_cast<double>(a));
        if (!std::isfinite(a) || a == 0) return static_cast<float>(y);
        const auto r = static_cast<float>(displaced(y, 0x1p-11, bits_as<uint32_t>(a), seed));
        return r > 1 ? 1.0f : r < -1 ? -1.0f : r;
    }
};

template <class Op>
void approximate(Warp& w, const Instruction& i, uint32_t mask) {
    const float* a = w.at<float>(i.a);
    const bool flush = i.flush;
    const auto seed = static_cast<uint32_t>(mix(w.run->seed));
    each_lane(w.at<float>(i.d), mask, [=](unsigned l) { return finished(Op::apply(flushed(a[l], flush), seed), flush, false); });
}

// Half the precision: the result of f32 is good enough, and displaced by the bound of the type.
template <class Op, bool is_bf16>
uint16_t approximate_short(uint16_t h, double bound, uint32_t seed) {
    const float a = is_bf16 ? from_bf16(h) : from_f16(h), exact = Op::apply(a, seed);
    if (!std::isfinite(exact) || exact == 0 || a == 0) return is_bf16 ? to_bf16(exact) : to_f16(exact);
    const double unit = is_bf16 ? 0x1p-9 : 0x1p-12;
    const double y = exact + exact * (displacement(h, seed) * (bound > 2 * unit ? bound - 2 * unit : 0));
    return is_bf16 ? round_bf16(y, Rounding::nearest) : round_f16(y, Rounding::nearest);
}
template <class Op, bool is_bf16, class T>
void approximate_shorts(Warp& w, const Instruction& i, uint32_t mask) {
    const T* a = w.at<T>(i.a);
    T* d = w.at<T>(i.d);
    const auto seed = static_cast<uint32_t>(mix(w.run->seed));
    const double bound = is_bf16 ? 0x1p-8 : 0x1p-10 * 1.07;  // 2^-9.9; tanh: 2^-10.987
    for_lanes(mask, [&](unsigned l) {
        T r = 0;
        for (unsigned part = 0; part < sizeof(T) / 2; ++part) {
            r |= static_cast<T>(static_cast<T>(approximate_short<Op, is_bf16>(static_cast<uint16_t>(a[l] >> (16 * part)), bound / 2, seed))
                                << (16 * part));
        }
        d[l] = r;
    });
}

// rcp and rsqrt .approx.ftz.f64: the upper half of the result, the lower is zero.
template <bool root>
void coarse(Warp& w, const Instruction& i, uint32_t mask) {
    const double* a = w.at<double>(i.a);
    const auto seed = static_cast<uint32_t>(mix(w.run->seed));
    each_lane(w.at<double>(i.d), mask, [=](unsigned l) {
        const double x = flushed(a[l], true), y = root ? 1.0 / __builtin_sqrt(x) : 1.0 / x;
        const bool special = x == 0 || x != x || std::isinf(x) || y != y;
        const double moved = y + y * displacement(static_cast<uint32_t>(bits_as<uint64_t>(x) >> 32), seed) * 0x1p-21;
        return special ? y : flushed(bits_as<double>(bits_as<uint64_t>(moved) & 0xffffffff00000000ull), true);
    });
}

void divide(Warp& w, const Instruction& i, uint32_t mask) {  // 2 ulp; mode 1: .full, whose range is all of f32
    const float *a = w.at<float>(i.a), *b = w.at<float>(i.b);
    const bool flush = i.flush, full = i.mode == 1;
    const auto seed = static_cast<uint32_t>(mix(w.run->seed));
    each_lane(w.at<float>(i.d), mask, [=](unsigned l) {
        const float x = flushed(a[l], flush), y = flushed(b[l], flush), exact = x / y;
        const bool special = !std::isfinite(exact) || exact == 0 || std::fabs(exact) < 0x1p-125f;
        const auto near =
            static_cast<float>(displaced(static_cast<double>(x) / y, 0x1p-23, bits_as<uint32_t>(x) * 31 + bits_as<uint32_t>(y), seed));
        const bool beyond = !full && std::fabs(y) > 0x1p126f && !std::isinf(y);  // the manual: 0, or NaN for an infinite dividend
        return finished(beyond ? x * std::copysign(0.0f, y) : special ? exact : near, flush, false);
    });
}

template <class Op>
bool decode(Decoder& d) {
    if (!d.has("approx")) return false;
    d.i.flush = d.has("ftz");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::f32 ? approximate<Op> : nullptr, Kind::special);
}
template <class Op>
bool decode_also_short(Decoder& d) {
    if (is_float(d.last_type()) && d.last_type() == Type::f32) return decode<Op>(d);
    if (!d.has("approx")) return false;
    d.has("ftz");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::f16      ? approximate_shorts<Op, false, uint16_t>
                  : t == Type::f16x2  ? approximate_shorts<Op, false, uint32_t>
                  : t == Type::bf16   ? approximate_shorts<Op, true, uint16_t>
                  : t == Type::bf16x2 ? approximate_shorts<Op, true, uint32_t>
                                      : nullptr,
                  Kind::special);
}

bool decode_coarse(Decoder& d, Execute e) {
    if (!d.has("approx")) return false;
    d.has("ftz");
    d.type();
    d.i.a = d.source(1, Type::f64);
    d.i.d = d.target(0, Type::f64);
    return d.emit(e, Kind::special);
}

}  // namespace

bool approximate_divide(Decoder& d) {
    const std::string_view how = d.any({"approx", "full"});
    if (how.empty()) return false;
    d.i.mode = how == "full";
    d.i.flush = d.has("ftz");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::f32 ? divide : nullptr, Kind::special);
}

void add_approximate(DecodeTable& table) {
    table["ex2"] = decode_also_short<Power>;
    table["tanh"] = decode_also_short<HyperbolicTangent>;
    table["lg2"] = decode<Logarithm>;
    table["sin"] = decode<Wave<false>>;
    table["cos"] = decode<Wave<true>>;
    table["rcp"] = [](Decoder& d) {
        if (d.last_type() == Type::f64) return decode_coarse(d, coarse<false>) || exact_reciprocal(d);
        return decode<Reciprocal>(d) || exact_reciprocal(d);
    };
    table["sqrt"] = [](Decoder& d) { return decode<SquareRoot>(d) || exact_square_root(d); };
    table["rsqrt"] = [](Decoder& d) { return d.last_type() == Type::f64 ? decode_coarse(d, coarse<true>) : decode<ReciprocalRoot>(d); };
}

}  // namespace softgpu
