// cvt, cvta, mov and the packing of registers.
#include <cmath>

#include "decode.h"
#include "lanes.h"
#include "real.h"
#include "rounding.h"
#include "windows.h"

namespace softgpu {
namespace {

// A lane of each type: how it is stored and what it means.
template <Type t>
struct Lane;
#define LANE(type, storage, meaning)                                       \
    template <>                                                            \
    struct Lane<Type::type> {                                              \
        using stored = storage;                                            \
        static meaning read(storage s) { return static_cast<meaning>(s); } \
    };
LANE(u8, uint16_t, uint8_t)
LANE(s8, uint16_t, int8_t)
LANE(u16, uint16_t, uint16_t)
LANE(s16, uint16_t, int16_t)
LANE(u32, uint32_t, uint32_t)
LANE(s32, uint32_t, int32_t)
LANE(u64, uint64_t, uint64_t)
LANE(s64, uint64_t, int64_t)
LANE(f32, float, float)
LANE(f64, double, double)
#undef LANE
template <>
struct Lane<Type::f16> {
    using stored = uint16_t;
    static float read(uint16_t s) { return from_f16(s); }
};
template <>
struct Lane<Type::bf16> {
    using stored = uint16_t;
    static float read(uint16_t s) { return from_bf16(s); }
};

template <class I>
constexpr I lowest() {
    return std::numeric_limits<I>::min();
}
template <class I>
constexpr I highest() {
    return std::numeric_limits<I>::max();
}

template <class F>
F to_integral(F x, Rounding r) {
    switch (r) {
        case Rounding::zero:
            return std::trunc(x);
        case Rounding::down:
            return std::floor(x);
        case Rounding::up:
            return std::ceil(x);
        default:
            return std::nearbyint(x);
    }
}

// Out of range: the nearest integer; NaN: 0.
template <class I, class F>
I clamp_to(F x) {
    constexpr F above = static_cast<F>(highest<I>() / 2 + 1) * 2;  // 2^n, exact
    if (x != x) return 0;
    if (x >= above) return highest<I>();
    if (x <= static_cast<F>(lowest<I>())) return lowest<I>();
    return static_cast<I>(x);
}
template <class D, class S>
D clamp_integer(S x) {
    if constexpr (std::is_signed_v<S>) {
        if (x < 0)
            return std::is_signed_v<D> ? (static_cast<int64_t>(x) < static_cast<int64_t>(lowest<D>()) ? lowest<D>() : static_cast<D>(x))
                                       : D(0);
    }
    return static_cast<uint64_t>(x) > static_cast<uint64_t>(highest<D>()) ? highest<D>() : static_cast<D>(x);
}

template <Type to, Type from>
void convert(Warp& w, const Instruction& i, uint32_t mask) {  // mode 1: to an integral value
    using S = Lane<from>;
    using D = Lane<to>;
    using stored = typename D::stored;
    const auto* a = w.at<typename S::stored>(i.a);
    stored* d = w.at<stored>(i.d);
    using Source = decltype(S::read(0));
    using Meaning = decltype(D::read(0));
    const Rounding rounding = i.rounding;
    const bool flush = i.flush, saturate = i.saturate, integral = i.mode == 1;
    if constexpr (!is_float_type(from) && !is_float_type(to)) {
        if (saturate) {
            each_lane(d, mask, [=](unsigned l) { return static_cast<stored>(clamp_integer<Meaning>(S::read(a[l]))); });
        } else {
            each_lane(d, mask, [=](unsigned l) { return static_cast<stored>(static_cast<Meaning>(S::read(a[l]))); });
        }
    } else if constexpr (!is_float_type(to)) {
        if (rounding == Rounding::zero) {
            each_lane(d, mask, [=](unsigned l) { return static_cast<stored>(clamp_to<Meaning>(flushed(S::read(a[l]), flush))); });
        } else {
            each_lane(d, mask, [=](unsigned l) {
                return static_cast<stored>(clamp_to<Meaning>(to_integral(flushed(S::read(a[l]), flush), rounding)));
            });
        }
    } else if constexpr (to == Type::f16 || to == Type::bf16) {
        const auto round = [](double x, Rounding r) { return to == Type::f16 ? round_f16(x, r) : round_bf16(x, r); };
        if constexpr (std::is_same_v<Source, float>) {
            if (rounding == Rounding::nearest && !saturate && !integral && i.c == 0) {
                each_lane(d, mask, [=](unsigned l) {
                    return to == Type::f16 ? to_f16(flushed(S::read(a[l]), flush)) : to_bf16(flushed(S::read(a[l]), flush));
                });
                return;
            }
        }
        const bool relu = i.c != 0;
        for_lanes(mask, [&](unsigned l) {
            auto x = static_cast<double>(S::read(a[l]));
            if (integral) x = to_integral(x, rounding);
            if (saturate) x = saturated(x, true);
            if (relu && x < 0) x = 0;
            d[l] = round(x, rounding);
        });
    } else if constexpr (is_float_type(from)) {
        if (integral) {
            each_lane(d, mask, [=](unsigned l) {
                return finished(static_cast<stored>(to_integral(flushed(S::read(a[l]), flush), rounding)), flush, saturate);
            });
        } else {
            const RoundingMode mode(rounding);
            each_lane(d, mask, [=](unsigned l) { return finished(static_cast<stored>(flushed(S::read(a[l]), flush)), flush, saturate); });
        }
    } else {
        const RoundingMode mode(rounding);
        each_lane(d, mask, [=](unsigned l) { return saturated(static_cast<stored>(S::read(a[l])), saturate); });
    }
}

constexpr Type convertible[] = {Type::u8,  Type::s8,  Type::u16, Type::s16,  Type::u32, Type::s32,
                                Type::u64, Type::s64, Type::f16, Type::bf16, Type::f32, Type::f64};
template <Type to, size_t... k>
Execute from_type(Type from, std::index_sequence<k...>) {
    Execute e = nullptr;
    ((from == convertible[k] ? (void)(e = convert<to, convertible[k]>) : (void)0), ...);
    return e;
}
template <size_t... k>
Execute to_type(Type to, Type from, std::index_sequence<k...>) {
    Execute e = nullptr;
    ((to == convertible[k] ? (void)(e = from_type<convertible[k]>(from, std::make_index_sequence<std::size(convertible)>())) : (void)0),
     ...);
    return e;
}

// cvt.rn.f16x2.f32 d, a, b: a is the high half.
template <bool is_bf16>
void convert_pair(Warp& w, const Instruction& i, uint32_t mask) {
    const float *a = w.at<float>(i.a), *b = w.at<float>(i.b);
    const bool relu = i.mode == 1;
    const Rounding rounding = i.rounding;
    each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned l) {
        const auto one = [=](float f) -> uint32_t {
            if (relu && f < 0) f = 0;
            if (rounding != Rounding::nearest) return is_bf16 ? round_bf16(f, rounding) : round_f16(f, rounding);
            return is_bf16 ? to_bf16(f) : to_f16(f);
        };
        return one(a[l]) << 16 | one(b[l]);
    });
}

// cvt.rna.tf32.f32: to 10 bits of fraction, ties away from zero.
void convert_tf32(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t* a = w.at<uint32_t>(i.a);
    each_lane(w.at<uint32_t>(i.d), mask,
              [=](unsigned l) { return (a[l] & 0x7f800000u) == 0x7f800000u ? a[l] : (a[l] + 0x1000u) & 0xffffe000u; });
}

bool decode_cvt(Decoder& d) {
    const std::string_view integral = d.any({"rni", "rzi", "rmi", "rpi"});
    const bool away = d.has("rna");
    if (!integral.empty()) {
        d.i.rounding = integral == "rzi"   ? Rounding::zero
                       : integral == "rmi" ? Rounding::down
                       : integral == "rpi" ? Rounding::up
                                           : Rounding::nearest;
    } else {
        d.i.rounding = d.rounding();
    }
    d.i.flush = d.has("ftz");
    d.i.saturate = d.has("sat");
    const bool relu = d.has("relu");
    const Type to = d.type(), from = d.type();
    if (from == Type::none) return false;
    if (to == Type::tf32) {
        if (!away || from != Type::f32) return false;
        d.i.a = d.source(1, Type::f32);
        d.i.d = d.target(0, Type::b32);
        return d.emit(convert_tf32, Kind::conversion);
    }
    if (to == Type::f16x2 || to == Type::bf16x2) {
        if (from != Type::f32) return false;
        d.i.mode = relu;
        d.i.a = d.source(1, Type::f32);
        d.i.b = d.source(2, Type::f32);
        d.i.d = d.target(0, to);
        return d.emit(to == Type::f16x2 ? convert_pair<false> : convert_pair<true>, Kind::conversion);
    }
    if (away) return false;
    if (relu && to != Type::f16 && to != Type::bf16) return false;
    d.i.c = relu;
    if (is_float(from) && !is_float(to) && integral.empty()) return false;
    const bool same = to == from || (is_float(to) && is_float(from) && bytes_of(to) == bytes_of(from));
    d.i.mode = is_float(to) && is_float(from) && same && !integral.empty();
    if (!integral.empty() && is_float(to) && !d.i.mode) return false;
    d.i.a = d.source(1, from);
    d.i.d = d.target(0, to);
    return d.emit(to_type(to, from, std::make_index_sequence<std::size(convertible)>()), Kind::conversion);
}

template <class To, class From>
void widen_lanes(Warp& w, const Instruction& i, uint32_t mask) {
    const From* a = w.at<From>(i.a);
    each_lane(w.at<To>(i.d), mask, [=](unsigned l) { return static_cast<To>(a[l]); });
}
template <class To>
Execute widen_from(unsigned from, bool sign) {
    switch (from) {
        case 2:
            return sign ? widen_lanes<To, int16_t> : widen_lanes<To, uint16_t>;
        case 4:
            return sign ? widen_lanes<To, int32_t> : widen_lanes<To, uint32_t>;
        default:
            return widen_lanes<To, uint64_t>;
    }
}

bool decode_cvta(Decoder& d) {
    const bool to = d.has("to");
    const std::string_view space = d.any({"global", "shared", "shared::cta", "local", "const", "param"});
    const Type t = d.type();
    if (space.empty() || space == "param" || bytes_of(t) != 8) return false;
    d.i.a = d.source(1, Type::u64);
    d.i.d = d.target(0, Type::u64);
    const uint64_t window = space == "shared" || space == "shared::cta" ? shared_window : space == "local" ? local_window : 0;
    d.i.value = static_cast<int64_t>(to ? 0 - window : window);
    return d.emit(
        [](Warp& w, const Instruction& i, uint32_t mask) {
            const uint64_t *a = w.at<uint64_t>(i.a), add = static_cast<uint64_t>(i.value);
            each_lane(w.at<uint64_t>(i.d), mask, [=](unsigned l) { return a[l] + add; });
        },
        Kind::integer);
}

void move_predicate(Warp& w, const Instruction& i, uint32_t mask) {
    uint32_t& d = w.predicate(i.d);
    d = (d & ~mask) | ((w.predicate(i.a) ^ (i.negated ? all_lanes : 0)) & mask);
}

// mov.b64 d, {a, b}: count elements of 8 × size / count bits.
template <class Whole, class Part>
void pack(Warp& w, const Instruction& i, uint32_t mask) {
    const unsigned n = i.count;
    for_lanes(mask, [&](unsigned l) {
        Whole r = 0;
        for (unsigned k = 0; k < n; ++k) r |= static_cast<Whole>(static_cast<Whole>(w.at<Part>(i.list[k])[l]) << (8 * sizeof(Part) * k));
        w.at<Whole>(i.d)[l] = r;
    });
}
template <class Whole, class Part>
void unpack(Warp& w, const Instruction& i, uint32_t mask) {
    const unsigned n = i.count;
    Whole a[lanes];
    std::memcpy(a, w.at<Whole>(i.a), sizeof a);
    for (unsigned k = 0; k < n; ++k) {
        each_lane(w.at<Part>(i.list[k]), mask, [&](unsigned l) { return static_cast<Part>(a[l] >> (8 * sizeof(Part) * k)); });
    }
}

bool decode_mov(Decoder& d) {
    const Type t = d.type();
    if (t == Type::pred) {
        d.i.a = d.predicate(1, d.i.negated);
        d.i.d = d.target_predicate(d.operand(0));
        return d.emit(move_predicate, Kind::integer);
    }
    const unsigned bytes = bytes_of(t);
    for (const bool packing : {true, false}) {
        const Written& v = d.operand(packing ? 1 : 0);
        if (v.form != Written::vector) continue;
        const auto n = static_cast<unsigned>(v.parts.size());
        if ((n != 2 && n != 4) || bytes / n < 2) return false;
        const Type part = bytes / n == 2 ? Type::b16 : Type::b32;
        std::vector<Operand> parts;
        for (const Written& each : v.parts) parts.push_back(packing ? d.source(each, part) : d.target(each, part));
        d.i.count = static_cast<uint8_t>(n);
        d.i.list = d.list(parts);
        if (packing) {
            d.i.d = d.target(0, t);
            return d.emit(bytes == 4 ? pack<uint32_t, uint16_t>
                          : n == 2   ? pack<uint64_t, uint32_t>
                                     : pack<uint64_t, uint16_t>,
                          Kind::integer);
        }
        d.i.a = d.source(1, t);
        return d.emit(bytes == 4 ? unpack<uint32_t, uint16_t>
                      : n == 2   ? unpack<uint64_t, uint32_t>
                                 : unpack<uint64_t, uint16_t>,
                      Kind::integer);
    }
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(widen(bytes, bytes, false), Kind::integer);
}

}  // namespace

Execute widen(unsigned to, unsigned from, bool sign) {
    switch (to) {
        case 2:
            return widen_from<uint16_t>(from, sign);
        case 4:
            return widen_from<uint32_t>(from, sign);
        case 8:
            return widen_from<uint64_t>(from, sign);
        default:
            return nullptr;
    }
}

void local_address(Warp& w, const Instruction& i, uint32_t mask) {
    const uint64_t address = w.local_base + static_cast<uint64_t>(i.value);
    each_lane(w.at<uint64_t>(i.d), mask, [=](unsigned) { return address; });
}

void add_convert(DecodeTable& table) {
    table["cvt"] = decode_cvt;
    table["cvta"] = decode_cvta;
}
void add_move(DecodeTable& table) { table["mov"] = decode_mov; }

}  // namespace softgpu
