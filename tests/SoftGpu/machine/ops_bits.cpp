// Logic, shifts and bit fields.
#include "decode.h"
#include "lanes.h"

namespace softgpu {
namespace {

struct And {
    template <class T>
    static T apply(T a, T b) {
        return a & b;
    }
};
struct Or {
    template <class T>
    static T apply(T a, T b) {
        return a | b;
    }
};
struct Xor {
    template <class T>
    static T apply(T a, T b) {
        return a ^ b;
    }
};
struct Not {
    template <class T>
    static T apply(T a) {
        return static_cast<T>(~a);
    }
};
struct LogicalNot {
    template <class T>
    static T apply(T a) {
        return a == 0;
    }
};

// Shift counts beyond the width are clamped to it.
struct ShiftLeft {
    template <class T>
    static T apply(T a, uint32_t n) {
        return n >= 8 * sizeof(T) ? T(0) : static_cast<T>(static_cast<uint64_t>(a) << n);
    }
};
struct ShiftRight {
    template <class T>
    static T apply(T a, uint32_t n) {
        if (std::is_signed_v<T>) return static_cast<T>(a >> (n >= 8 * sizeof(T) ? 8 * sizeof(T) - 1 : n));
        return n >= 8 * sizeof(T) ? T(0) : static_cast<T>(a >> n);
    }
};
template <bool left, bool wrap>
struct Funnel {
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
        const uint32_t n = wrap ? c & 31 : c > 32 ? 32 : c;
        const uint64_t both = static_cast<uint64_t>(b) << 32 | a;
        return static_cast<uint32_t>(left ? (both << n) >> 32 : both >> n);
    }
};
template <>
struct Funnel<true, false> {  // a shift by 32 loses the high word
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t c) {
        return c >= 32 ? a : static_cast<uint32_t>(((static_cast<uint64_t>(b) << 32 | a) << c) >> 32);
    }
};

void three_inputs(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t *a = w.at<uint32_t>(i.a), *b = w.at<uint32_t>(i.b), *c = w.at<uint32_t>(i.c);
    const unsigned table = i.mode;
    each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned l) {
        uint32_t r = 0;
        for (unsigned row = 0; row < 8; ++row) {
            const uint32_t chosen = 0u - ((table >> row) & 1);
            r |= chosen & (row & 4 ? a[l] : ~a[l]) & (row & 2 ? b[l] : ~b[l]) & (row & 1 ? c[l] : ~c[l]);
        }
        return r;
    });
}

// The bytes of b:a that a selector's nibbles name; a nibble's high bit spreads the byte's sign.
struct Permute {
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t selector) {
        const uint64_t bytes = static_cast<uint64_t>(b) << 32 | a;
        uint32_t r = 0;
        for (unsigned byte = 0; byte < 4; ++byte) {
            const uint32_t nibble = selector >> (4 * byte), chosen = static_cast<uint32_t>(bytes >> (8 * (nibble & 7))) & 0xff;
            r |= (nibble & 8 ? (chosen & 0x80 ? 0xffu : 0u) : chosen) << (8 * byte);
        }
        return r;
    }
};
template <int mode>  // f4e b4e rc8 ecl ecr rc16: the selector's low two bits say how
struct PermuteMode {
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t selector) {
        const uint32_t n = selector & 3;
        uint32_t s = 0;
        for (uint32_t byte = 0; byte < 4; ++byte) {
            const uint32_t from = mode == 0   ? n + byte
                                  : mode == 1 ? (n + 8 - byte) & 7
                                  : mode == 2 ? n
                                  : mode == 3 ? (byte < n ? n : byte)
                                  : mode == 4 ? (byte < n ? byte : n)
                                              : (n & 1) * 2 + (byte & 1);
            s |= (from & 7) << (4 * byte);
        }
        return Permute::apply(a, b, s);
    }
};

template <class A, class B, class C, unsigned bits>
struct Dot {
    static C apply(uint32_t a, uint32_t b, C c) {
        uint32_t sum = static_cast<uint32_t>(c);
        for (unsigned k = 0; k < 4; ++k)
            sum += static_cast<uint32_t>(static_cast<int32_t>(static_cast<A>(a >> (8 * k))) *
                                         static_cast<int32_t>(static_cast<B>(b >> (8 * k))));
        return static_cast<C>(sum);
    }
};
template <class A, class B, class C, bool high>
struct Dot2 {  // two 16-bit numbers of a with the low or high two bytes of b
    static C apply(uint32_t a, uint32_t b, C c) {
        using A2 = std::conditional_t<std::is_signed_v<A>, int16_t, uint16_t>;
        uint32_t sum = static_cast<uint32_t>(c);
        for (unsigned k = 0; k < 2; ++k) {
            sum += static_cast<uint32_t>(static_cast<A2>(a >> (16 * k))) *
                   static_cast<uint32_t>(static_cast<B>(b >> (8 * (k + (high ? 2 : 0)))));
        }
        return static_cast<C>(sum);
    }
};

template <class Op>
void predicate_logic(Warp& w, const Instruction& i, uint32_t mask) {
    uint32_t& d = w.predicate(i.d);
    const uint32_t a = w.predicate(i.a) ^ (i.mode ? all_lanes : 0), b = w.predicate(i.b) ^ (i.negated ? all_lanes : 0);
    d = (d & ~mask) | (Op::apply(a, b) & mask);
}
void predicate_not(Warp& w, const Instruction& i, uint32_t mask) {
    uint32_t& d = w.predicate(i.d);
    d = (d & ~mask) | (~(w.predicate(i.a) ^ (i.mode ? all_lanes : 0)) & mask);
}

template <class Op>
bool decode_logic(Decoder& d) {
    const Type t = d.type();
    if (t == Type::pred) {
        bool first = false;
        d.i.a = d.predicate(1, first);
        d.i.mode = first;
        d.i.b = d.predicate(2, d.i.negated);
        d.i.d = d.target_predicate(d.operand(0));
        return d.emit(predicate_logic<Op>, Kind::integer);
    }
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::b16   ? binary<Op, uint16_t>
                  : t == Type::b32 ? binary<Op, uint32_t>
                  : t == Type::b64 ? binary<Op, uint64_t>
                                   : nullptr,
                  Kind::integer);
}

template <class Op>
bool decode_not(Decoder& d) {
    const Type t = d.type();
    if (t == Type::pred) {
        bool first = false;
        d.i.a = d.predicate(1, first);
        d.i.mode = first;
        d.i.d = d.target_predicate(d.operand(0));
        return std::is_same_v<Op, Not> && d.emit(predicate_not, Kind::integer);
    }
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::b16   ? unary<Op, uint16_t>
                  : t == Type::b32 ? unary<Op, uint32_t>
                  : t == Type::b64 ? unary<Op, uint64_t>
                                   : nullptr,
                  Kind::integer);
}

bool decode_shift(Decoder& d, bool left) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, Type::u32);
    d.i.d = d.target(0, t);
    Execute e = nullptr;
    if (is_signed(t) && !left) {
        e = t == Type::s16   ? binary<ShiftRight, int16_t, int16_t, uint32_t>
            : t == Type::s32 ? binary<ShiftRight, int32_t, int32_t, uint32_t>
                             : binary<ShiftRight, int64_t, int64_t, uint32_t>;
    } else if (bytes_of(t) == 2) {
        e = left ? binary<ShiftLeft, uint16_t, uint16_t, uint32_t> : binary<ShiftRight, uint16_t, uint16_t, uint32_t>;
    } else if (bytes_of(t) == 4) {
        e = left ? binary<ShiftLeft, uint32_t, uint32_t, uint32_t> : binary<ShiftRight, uint32_t, uint32_t, uint32_t>;
    } else if (bytes_of(t) == 8) {
        e = left ? binary<ShiftLeft, uint64_t, uint64_t, uint32_t> : binary<ShiftRight, uint64_t, uint64_t, uint32_t>;
    }
    return d.emit(e, Kind::integer);
}

bool emit3(Decoder& d, Execute e) {
    d.i.a = d.source(1, Type::b32);
    d.i.b = d.source(2, Type::b32);
    d.i.c = d.source(3, Type::b32);
    d.i.d = d.target(0, Type::b32);
    return d.emit(e, Kind::integer);
}

bool decode_funnel(Decoder& d) {
    const bool left = d.has("l");
    if (!left && !d.has("r")) return false;
    const bool wrap = d.has("wrap");
    if ((!wrap && !d.has("clamp")) || d.type() != Type::b32) return false;
    using T = uint32_t;
    return emit3(d, left   ? wrap ? ternary<Funnel<true, true>, T> : ternary<Funnel<true, false>, T>
                      : wrap ? ternary<Funnel<false, true>, T>
                           : ternary<Funnel<false, false>, T>);
}

bool decode_permute(Decoder& d) {
    if (d.type() != Type::b32) return false;
    using T = uint32_t;
    const std::string_view mode = d.any({"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"});
    return emit3(d, mode.empty()    ? ternary<Permute, T>
                    : mode == "f4e" ? ternary<PermuteMode<0>, T>
                    : mode == "b4e" ? ternary<PermuteMode<1>, T>
                    : mode == "rc8" ? ternary<PermuteMode<2>, T>
                    : mode == "ecl" ? ternary<PermuteMode<3>, T>
                    : mode == "ecr" ? ternary<PermuteMode<4>, T>
                                    : ternary<PermuteMode<5>, T>);
}

bool decode_three_inputs(Decoder& d) {
    if (d.type() != Type::b32 || d.operand(4).form != Written::number) return false;
    d.i.mode = static_cast<uint8_t>(d.operand(4).bits);
    return emit3(d, three_inputs);
}

template <class A, class B>
using Sum = std::conditional_t<std::is_signed_v<A> || std::is_signed_v<B>, int32_t, uint32_t>;
template <class A, class B>
Execute dot(unsigned which) {
    using C = Sum<A, B>;
    return which == 4   ? ternary<Dot<A, B, C, 8>, C, uint32_t, uint32_t>
           : which == 2 ? ternary<Dot2<A, B, C, true>, C, uint32_t, uint32_t>
                        : ternary<Dot2<A, B, C, false>, C, uint32_t, uint32_t>;
}
bool decode_dot(Decoder& d, bool four) {
    unsigned which = 4;
    if (!four) {
        which = d.has("hi") ? 2 : 0;
        if (!which && !d.has("lo")) return false;
    }
    const Type a = d.type(), b = d.type();
    const Type second = b == Type::none ? a : b;  // "s32.s32" names the type twice
    if (bytes_of(a) != 4 || bytes_of(second) != 4) return false;
    return emit3(d, is_signed(a)        ? is_signed(second) ? dot<int8_t, int8_t>(which) : dot<int8_t, uint8_t>(which)
                           : is_signed(second) ? dot<uint8_t, int8_t>(which)
                                        : dot<uint8_t, uint8_t>(which));
}

}  // namespace

void add_bits(DecodeTable& table) {
    table["and"] = decode_logic<And>;
    table["or"] = decode_logic<Or>;
    table["xor"] = decode_logic<Xor>;
    table["not"] = decode_not<Not>;
    table["cnot"] = decode_not<LogicalNot>;
    table["shl"] = [](Decoder& d) { return decode_shift(d, true); };
    table["shr"] = [](Decoder& d) { return decode_shift(d, false); };
    table["shf"] = decode_funnel;
    table["prmt"] = decode_permute;
    table["lop3"] = decode_three_inputs;
    table["dp4a"] = [](Decoder& d) { return decode_dot(d, true); };
    table["dp2a"] = [](Decoder& d) { return decode_dot(d, false); };
}

}  // namespace softgpu
