// setp, set, selp, slct, testp.
#include <cmath>

#include "decode.h"
#include "half.h"
#include "lanes.h"

namespace softgpu {
namespace {

enum Comparison : uint8_t { eq, ne, lt, le, gt, ge, equ, neu, ltu, leu, gtu, geu, num, nan_, comparison_count };
enum Combine : uint8_t { alone, with_and, with_or, with_xor };

template <int c, class T>
bool compare(T a, T b) {
    const bool unordered = a != a || b != b;
    switch (c) {
        case eq:
            return a == b;
        case ne:
            return !unordered && a != b;
        case lt:
            return a < b;
        case le:
            return a <= b;
        case gt:
            return a > b;
        case ge:
            return a >= b;
        case equ:
            return unordered || a == b;
        case neu:
            return a != b;
        case ltu:
            return !(a >= b);
        case leu:
            return !(a > b);
        case gtu:
            return !(a <= b);
        case geu:
            return !(a < b);
        case num:
            return !unordered;
        default:
            return unordered;
    }
}

template <class T>
struct Lane {
    using stored = T;
    static T get(T v, bool) { return v; }
};
template <>
struct Lane<float> {
    using stored = float;
    static float get(float v, bool flush) { return flush && std::fabs(v) < 0x1p-126f ? std::copysign(0.0f, v) : v; }
};
struct F16 {};
struct Bf16 {};
template <>
struct Lane<F16> {
    using stored = uint16_t;
    static float get(uint16_t v, bool) { return from_f16(v); }
};
template <>
struct Lane<Bf16> {
    using stored = uint16_t;
    static float get(uint16_t v, bool) { return from_bf16(v); }
};

template <int c, class T>
uint32_t compared(Warp& w, const Instruction& i) {
    using S = typename Lane<T>::stored;
    const S *a = w.at<S>(i.a), *b = w.at<S>(i.b);
    const bool flush = i.flush;
    return mask_where([=](unsigned l) { return compare<c>(Lane<T>::get(a[l], flush), Lane<T>::get(b[l], flush)); });
}

uint32_t combine(uint32_t r, uint32_t p, unsigned how) {
    return how == alone ? r : how == with_and ? r & p : how == with_or ? r | p : r ^ p;
}

// mode: how the result is combined with predicate c; list[0], if there, gets what the complement gives.
template <int c, class T>
void set_predicate(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t r = compared<c, T>(w, i);
    const uint32_t p = i.mode == alone ? 0 : w.predicate(i.c) ^ (i.negated ? all_lanes : 0);
    if (i.list) {
        uint32_t& q = w.predicate(i.list[0]);
        q = (q & ~mask) | (combine(~r, p, i.mode) & mask);
    }
    uint32_t& d = w.predicate(i.d);
    d = (d & ~mask) | (combine(r, p, i.mode) & mask);
}

// set: the result as a number, 1.0f or all ones.
template <int c, class T>
void set_number(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t p = (i.mode & 3) == alone ? 0 : w.predicate(i.c) ^ (i.negated ? all_lanes : 0);
    const uint32_t r = combine(compared<c, T>(w, i), p, i.mode & 3), yes = i.mode & 4 ? 0x3f800000u : 0xffffffffu;
    each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned l) { return (r >> l) & 1 ? yes : 0u; });
}

template <class T, template <int, class> class Op, int... c>
Execute pick(unsigned comparison, std::integer_sequence<int, c...>) {
    static constexpr Execute all[] = {&Op<c, T>::run...};
    return all[comparison];
}
template <int c, class T>
struct ToPredicate {
    static void run(Warp& w, const Instruction& i, uint32_t mask) { set_predicate<c, T>(w, i, mask); }
};
template <int c, class T>
struct ToNumber {
    static void run(Warp& w, const Instruction& i, uint32_t mask) { set_number<c, T>(w, i, mask); }
};

template <template <int, class> class Op>
Execute comparison_of(Type t, unsigned c) {
    const auto integers = std::make_integer_sequence<int, 6>();
    const auto all = std::make_integer_sequence<int, comparison_count>();
    if (!is_float(t) && c >= 6) return nullptr;
    switch (t) {
        case Type::u16:
        case Type::b16:
            return pick<uint16_t, Op>(c, integers);
        case Type::s16:
            return pick<int16_t, Op>(c, integers);
        case Type::u32:
        case Type::b32:
            return pick<uint32_t, Op>(c, integers);
        case Type::s32:
            return pick<int32_t, Op>(c, integers);
        case Type::u64:
        case Type::b64:
            return pick<uint64_t, Op>(c, integers);
        case Type::s64:
            return pick<int64_t, Op>(c, integers);
        case Type::f16:
            return pick<F16, Op>(c, all);
        case Type::bf16:
            return pick<Bf16, Op>(c, all);
        case Type::f32:
            return pick<float, Op>(c, all);
        case Type::f64:
            return pick<double, Op>(c, all);
        default:
            return nullptr;
    }
}

bool comparison(Decoder& d, unsigned& c) {
    static constexpr std::string_view names[] = {"eq",  "ne",  "lt",  "le",  "gt",  "ge",  "equ",
                                                 "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
    for (c = 0; c < comparison_count; ++c) {
        if (d.has(names[c])) return true;
    }
    static constexpr std::string_view unsigned_names[] = {"lo", "ls", "hi", "hs"};
    for (unsigned k = 0; k < 4; ++k) {
        if (d.has(unsigned_names[k])) {
            c = lt + k;
            return true;
        }
    }
    return false;
}

uint8_t combination(Decoder& d) { return d.has("and") ? with_and : d.has("or") ? with_or : d.has("xor") ? with_xor : alone; }

bool decode_setp(Decoder& d) {
    unsigned c;
    if (!comparison(d, c)) return false;
    d.i.mode = combination(d);
    d.i.flush = d.has("ftz");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    if (d.i.mode != alone) d.i.c = d.predicate(3, d.i.negated);
    if (d.operand(0).form == Written::pair) {
        d.i.d = d.target_predicate(d.operand(0).parts[0]);
        d.i.list = d.list({d.target_predicate(d.operand(0).parts[1])});
    } else {
        d.i.d = d.target_predicate(d.operand(0));
    }
    return d.emit(comparison_of<ToPredicate>(t, c), is_float(t) ? t == Type::f64 ? Kind::real64 : Kind::real32 : Kind::integer);
}

bool decode_set(Decoder& d) {
    unsigned c;
    if (!comparison(d, c)) return false;
    d.i.mode = combination(d);
    d.i.flush = d.has("ftz");
    const Type to = d.type(), t = d.type();
    if (bytes_of(to) != 4) return false;
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    if (d.i.mode != alone) d.i.c = d.predicate(3, d.i.negated);
    if (to == Type::f32) d.i.mode |= 4;
    d.i.d = d.target(0, to);
    return d.emit(comparison_of<ToNumber>(t, c), is_float(t) ? Kind::real32 : Kind::integer);
}

template <class T>
void select(Warp& w, const Instruction& i, uint32_t mask) {
    const T *a = w.at<T>(i.a), *b = w.at<T>(i.b);
    const uint32_t p = w.predicate(i.c) ^ (i.negated ? all_lanes : 0);
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) { return (p >> l) & 1 ? a[l] : b[l]; });
}
bool decode_selp(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.c = d.predicate(3, d.i.negated);
    d.i.d = d.target(0, t);
    const unsigned n = bytes_of(t);
    return d.emit(n == 2 ? select<uint16_t> : n == 4 ? select<uint32_t> : n == 8 ? select<uint64_t> : nullptr, Kind::integer);
}

template <class T, class C>
void select_by_sign(Warp& w, const Instruction& i, uint32_t mask) {
    const T *a = w.at<T>(i.a), *b = w.at<T>(i.b);
    const C* c = w.at<C>(i.c);
    const bool flush = i.flush;
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) { return Lane<C>::get(c[l], flush) >= 0 ? a[l] : b[l]; });
}
bool decode_slct(Decoder& d) {
    d.i.flush = d.has("ftz");
    const Type t = d.type(), by = d.type();
    if (by != Type::s32 && by != Type::f32) return false;
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.c = d.source(3, by);
    d.i.d = d.target(0, t);
    const unsigned n = bytes_of(t);
    const bool real = by == Type::f32;
    return d.emit(n == 2   ? real ? select_by_sign<uint16_t, float> : select_by_sign<uint16_t, int32_t>
                    : n == 4 ? real ? select_by_sign<uint32_t, float> : select_by_sign<uint32_t, int32_t>
                    : n == 8 ? real ? select_by_sign<uint64_t, float> : select_by_sign<uint64_t, int32_t>
                             : nullptr,
                  Kind::integer);
}

enum Test : uint8_t { finite, infinite, number, not_number, normal, subnormal };
template <class T>
void test(Warp& w, const Instruction& i, uint32_t mask) {
    const T* a = w.at<T>(i.a);
    const unsigned what = i.mode;
    uint32_t r = 0;
    for_lanes(mask, [&](unsigned l) {
        const int kind = std::fpclassify(a[l]);
        const bool yes = what == finite       ? kind != FP_INFINITE && kind != FP_NAN
                         : what == infinite   ? kind == FP_INFINITE
                         : what == number     ? kind != FP_NAN
                         : what == not_number ? kind == FP_NAN
                         : what == normal     ? kind == FP_NORMAL || kind == FP_ZERO
                                              : kind == FP_SUBNORMAL;
        r |= static_cast<uint32_t>(yes) << l;
    });
    uint32_t& d = w.predicate(i.d);
    d = (d & ~mask) | r;
}
bool decode_testp(Decoder& d) {
    static constexpr std::string_view names[] = {"finite", "infinite", "number", "notanumber", "normal", "subnormal"};
    unsigned what = 0;
    while (what < 6 && !d.has(names[what])) ++what;
    if (what == 6) return false;
    d.i.mode = static_cast<uint8_t>(what);
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target_predicate(d.operand(0));
    return d.emit(t == Type::f32 ? test<float> : t == Type::f64 ? test<double> : nullptr, Kind::real32);
}

}  // namespace

void add_compare(DecodeTable& table) {
    table["setp"] = decode_setp;
    table["set"] = decode_set;
    table["selp"] = decode_selp;
    table["slct"] = decode_slct;
    table["testp"] = decode_testp;
}

}  // namespace softgpu
