// Arithmetic of f16 and bf16, single and in pairs.
#include "decoders.h"
#include "lanes.h"
#include "real.h"

namespace softgpu {
namespace {

struct F16 {
    static float read(uint16_t h) { return from_f16(h); }
    static uint16_t round(float f) { return to_f16(f); }
    static uint16_t round(double d) { return round_f16(d, Rounding::nearest); }
    static constexpr float smallest = 0x1p-14f;
};
struct Bf16 {
    static float read(uint16_t h) { return from_bf16(h); }
    static uint16_t round(float f) { return to_bf16(f); }
    static uint16_t round(double d) { return round_bf16(d, Rounding::nearest); }
    static constexpr float smallest = 0x1p-126f;
};

// A sum of two in f32, and a product of two f16, are rounded to 24 bits at most once more than the result needs, which changes nothing.
// A bf16 product may be subnormal in f32, a fused sum has too many bits: those go through double.
struct Add {
    template <class H>
    static uint16_t apply(float a, float b, float) {
        return H::round(a + b);
    }
};
struct Subtract {
    template <class H>
    static uint16_t apply(float a, float b, float) {
        return H::round(a - b);
    }
};
struct Multiply {
    template <class H>
    static uint16_t apply(float a, float b, float) {
        return H::round(static_cast<double>(a) * b);
    }
};
struct FusedMultiplyAdd {
    template <class H>
    static uint16_t apply(float a, float b, float c) {
        return H::round(fma_to_odd(a, b, c));
    }
};
template <bool propagates, bool largest>
struct Extreme {
    template <class H>
    static uint16_t apply(float a, float b, float) {
        if (a != a || b != b) return propagates || (a != a && b != b) ? 0x7fff : H::round(a != a ? b : a);
        if (a == b) return H::round(std::signbit(a) == largest ? b : a);
        return H::round((a < b) == largest ? b : a);
    }
};
enum : uint8_t { relu = 1 };

template <class Op, class H>
uint16_t one(uint16_t a, uint16_t b, uint16_t c, const Instruction& i) {
    const auto read = [&](uint16_t h) {
        const float f = H::read(h);
        return i.flush && std::fabs(f) < H::smallest ? std::copysign(0.0f, f) : f;
    };
    uint16_t r = Op::template apply<H>(read(a), read(b), read(c));
    if (i.flush || i.saturate || (i.mode & relu)) {
        float f = read(r);
        if (f != f) return i.saturate ? 0 : 0x7fff;
        if (i.saturate) f = f > 0 ? (f < 1 ? f : 1) : 0;
        if (i.mode & relu) f = f > 0 ? f : 0;
        r = H::round(f);
    }
    return r;
}

template <class Op, class H>
void singles(Warp& w, const Instruction& i, uint32_t mask) {
    const uint16_t *a = w.at<uint16_t>(i.a), *b = w.at<uint16_t>(i.b), *c = w.at<uint16_t>(i.c);
    uint16_t* d = w.at<uint16_t>(i.d);
    for_lanes(mask, [&](unsigned l) { d[l] = one<Op, H>(a[l], b[l], c[l], i); });
}
template <class Op, class H>
void pairs(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t *a = w.at<uint32_t>(i.a), *b = w.at<uint32_t>(i.b), *c = w.at<uint32_t>(i.c);
    uint32_t* d = w.at<uint32_t>(i.d);
    for_lanes(mask, [&](unsigned l) {
        const uint32_t low = one<Op, H>(static_cast<uint16_t>(a[l]), static_cast<uint16_t>(b[l]), static_cast<uint16_t>(c[l]), i);
        const uint32_t high =
            one<Op, H>(static_cast<uint16_t>(a[l] >> 16), static_cast<uint16_t>(b[l] >> 16), static_cast<uint16_t>(c[l] >> 16), i);
        d[l] = low | high << 16;
    });
}
template <class Op>
Execute of_type(Type t) {
    switch (t) {
        case Type::f16:
            return singles<Op, F16>;
        case Type::bf16:
            return singles<Op, Bf16>;
        case Type::f16x2:
            return pairs<Op, F16>;
        case Type::bf16x2:
            return pairs<Op, Bf16>;
        default:
            return nullptr;
    }
}

template <bool clears, class T>
void signs(Warp& w, const Instruction& i, uint32_t mask) {  // abs, neg
    const T* a = w.at<T>(i.a);
    constexpr T bits = static_cast<T>(0x80008000u);
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) { return static_cast<T>(clears ? a[l] & ~bits : a[l] ^ bits); });
}

}  // namespace

bool half_arithmetic(Decoder& d, std::string_view operation) {
    d.rounding();
    if (d.i.rounding != Rounding::nearest) return false;
    d.i.flush = d.has("ftz");
    d.i.saturate = d.has("sat");
    if (d.has("relu")) d.i.mode = relu;
    const bool propagates = d.has("NaN");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    if (operation == "abs" || operation == "neg") {
        d.i.d = d.target(0, t);
        const bool pair = bytes_of(t) == 4;
        return d.emit(operation == "abs" ? pair ? signs<true, uint32_t> : signs<true, uint16_t>
                      : pair ? signs<false, uint32_t>
                                         : signs<false, uint16_t>,
                      Kind::half);
    }
    d.i.b = d.source(2, t);
    d.i.c = operation == "fma" ? d.source(3, t) : d.i.a;
    d.i.d = d.target(0, t);
    Execute e = nullptr;
    if (operation == "add") e = of_type<Add>(t);
    if (operation == "sub") e = of_type<Subtract>(t);
    if (operation == "mul") e = of_type<Multiply>(t);
    if (operation == "fma") e = of_type<FusedMultiplyAdd>(t);
    if (operation == "min") e = propagates ? of_type<Extreme<true, false>>(t) : of_type<Extreme<false, false>>(t);
    if (operation == "max") e = propagates ? of_type<Extreme<true, true>>(t) : of_type<Extreme<false, true>>(t);
    return d.emit(e, Kind::half);
}

}  // namespace softgpu
