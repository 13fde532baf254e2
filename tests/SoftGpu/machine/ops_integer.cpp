// Integer arithmetic.
#include "decoders.h"
#include "lanes.h"

namespace softgpu {
namespace {

template <class T>
using Unsigned = std::make_unsigned_t<T>;
template <class T>
struct Wide;
template <>
struct Wide<uint16_t> {
    using type = uint32_t;
};
template <>
struct Wide<int16_t> {
    using type = int32_t;
};
template <>
struct Wide<uint32_t> {
    using type = uint64_t;
};
template <>
struct Wide<int32_t> {
    using type = int64_t;
};
template <>
struct Wide<uint64_t> {
    using type = unsigned __int128;
};
template <>
struct Wide<int64_t> {
    using type = __int128;
};

template <class T>
T wrap(uint64_t x) {
    return static_cast<T>(x);
}

struct Add {
    template <class T>
    static T apply(T a, T b) {
        return wrap<T>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
    }
};
struct Subtract {
    template <class T>
    static T apply(T a, T b) {
        return wrap<T>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
    }
};
struct Multiply {
    template <class T>
    static T apply(T a, T b) {
        return wrap<T>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
    }
};
struct MultiplyHigh {
    template <class T>
    static T apply(T a, T b) {
        using W = typename Wide<T>::type;
        return static_cast<T>((static_cast<W>(a) * static_cast<W>(b)) >> (8 * sizeof(T)));
    }
};
template <class W>
struct MultiplyWide {
    template <class T>
    static W apply(T a, T b) {
        return static_cast<W>(static_cast<W>(a) * static_cast<W>(b));
    }
};
struct MultiplyAdd {
    template <class T>
    static T apply(T a, T b, T c) {
        return Add::apply(Multiply::apply(a, b), c);
    }
};
struct MultiplyHighAdd {
    template <class T>
    static T apply(T a, T b, T c) {
        return Add::apply(MultiplyHigh::apply(a, b), c);
    }
};
struct MultiplyHighAddSaturated {
    static int32_t apply(int32_t a, int32_t b, int32_t c) {
        const int64_t sum = static_cast<int64_t>(MultiplyHigh::apply(a, b)) + c;
        return static_cast<int32_t>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
    }
};
template <class W>
struct MultiplyWideAdd {
    template <class T>
    static W apply(T a, T b, W c) {
        return Add::apply(MultiplyWide<W>::apply(a, b), c);
    }
};
struct AddSaturated {
    static int32_t apply(int32_t a, int32_t b) {
        const int64_t sum = static_cast<int64_t>(a) + b;
        return static_cast<int32_t>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
    }
};
struct SubtractSaturated {
    static int32_t apply(int32_t a, int32_t b) {
        const int64_t sum = static_cast<int64_t>(a) - b;
        return static_cast<int32_t>(sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : sum);
    }
};
// The low 24 bits as numbers; .hi gives bits 47…16 of the product.
template <class T>
T low24(T a) {
    return std::is_signed_v<T> ? static_cast<T>(static_cast<int32_t>(static_cast<uint32_t>(a) << 8) >> 8) : static_cast<T>(a & 0xffffff);
}
template <bool high>
struct Multiply24 {
    template <class T>
    static T apply(T a, T b) {
        const auto p = static_cast<int64_t>(low24(a)) * static_cast<int64_t>(low24(b));
        return static_cast<T>(high ? p >> 16 : p);
    }
    template <class T>
    static T apply(T a, T b, T c) {
        return Add::apply(apply(a, b), c);
    }
};

// Division by zero gives what the hardware gives: all ones; the remainder is the dividend.
struct Divide {
    template <class T>
    static T apply(T a, T b) {
        if (b == 0) return static_cast<T>(~T(0));
        if constexpr (std::is_signed_v<T>) {
            if (b == -1) return wrap<T>(0 - static_cast<uint64_t>(a));
        }
        return static_cast<T>(a / b);
    }
};
struct Remainder {
    template <class T>
    static T apply(T a, T b) {
        if (b == 0) return a;
        if constexpr (std::is_signed_v<T>) {
            if (b == -1) return 0;
        }
        return static_cast<T>(a % b);
    }
};
struct Absolute {
    template <class T>
    static T apply(T a) {
        return a < 0 ? wrap<T>(0 - static_cast<uint64_t>(a)) : a;
    }
};
struct Negate {
    template <class T>
    static T apply(T a) {
        return wrap<T>(0 - static_cast<uint64_t>(a));
    }
};
struct Minimum {
    template <class T>
    static T apply(T a, T b) {
        return b < a ? b : a;
    }
};
struct Maximum {
    template <class T>
    static T apply(T a, T b) {
        return a < b ? b : a;
    }
};
struct SumOfDifference {
    template <class T>
    static T apply(T a, T b, T c) {
        return Add::apply(c, a < b ? Subtract::apply(b, a) : Subtract::apply(a, b));
    }
};

template <class Op>
Execute any_unary(Type t) {
    switch (t) {
        case Type::s16:
            return unary<Op, int16_t>;
        case Type::s32:
            return unary<Op, int32_t>;
        case Type::s64:
            return unary<Op, int64_t>;
        default:
            return nullptr;
    }
}
template <class Op>
Execute any_binary(Type t) {
    switch (t) {
        case Type::u16:
            return binary<Op, uint16_t>;
        case Type::s16:
            return binary<Op, int16_t>;
        case Type::u32:
            return binary<Op, uint32_t>;
        case Type::s32:
            return binary<Op, int32_t>;
        case Type::u64:
            return binary<Op, uint64_t>;
        case Type::s64:
            return binary<Op, int64_t>;
        default:
            return nullptr;
    }
}
template <class Op>
Execute any_ternary(Type t) {
    switch (t) {
        case Type::u16:
            return ternary<Op, uint16_t>;
        case Type::s16:
            return ternary<Op, int16_t>;
        case Type::u32:
            return ternary<Op, uint32_t>;
        case Type::s32:
            return ternary<Op, int32_t>;
        case Type::u64:
            return ternary<Op, uint64_t>;
        case Type::s64:
            return ternary<Op, int64_t>;
        default:
            return nullptr;
    }
}
Execute wide_binary(Type t) {
    switch (t) {
        case Type::u16:
            return binary<MultiplyWide<uint32_t>, uint32_t, uint16_t>;
        case Type::s16:
            return binary<MultiplyWide<int32_t>, int32_t, int16_t>;
        case Type::u32:
            return binary<MultiplyWide<uint64_t>, uint64_t, uint32_t>;
        case Type::s32:
            return binary<MultiplyWide<int64_t>, int64_t, int32_t>;
        default:
            return nullptr;
    }
}
Execute wide_ternary(Type t) {
    switch (t) {
        case Type::u16:
            return ternary<MultiplyWideAdd<uint32_t>, uint32_t, uint16_t, uint16_t>;
        case Type::s16:
            return ternary<MultiplyWideAdd<int32_t>, int32_t, int16_t, int16_t>;
        case Type::u32:
            return ternary<MultiplyWideAdd<uint64_t>, uint64_t, uint32_t, uint32_t>;
        case Type::s32:
            return ternary<MultiplyWideAdd<int64_t>, int64_t, int32_t, int32_t>;
        default:
            return nullptr;
    }
}
Type doubled(Type t) { return t == Type::u16 ? Type::u32 : t == Type::s16 ? Type::s32 : t == Type::u32 ? Type::u64 : Type::s64; }

bool is_integer(Type t) { return t >= Type::u8 && t <= Type::b64; }

bool emit2(Decoder& d, Execute e, Type t, Type result) {
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.d = d.target(0, result);
    return d.emit(e, Kind::integer);
}
bool emit3(Decoder& d, Execute e, Type t, Type result) {
    d.i.c = d.source(3, result);
    return emit2(d, e, t, result);
}

template <bool subtract>
bool decode_add(Decoder& d) {
    if (d.has("cc")) return carry_add(d, subtract, false, true);
    const bool saturated = d.has("sat");
    const Type t = d.type();
    if (saturated) return t == Type::s32 && emit2(d, subtract ? binary<SubtractSaturated, int32_t> : binary<AddSaturated, int32_t>, t, t);
    return emit2(d, any_binary<std::conditional_t<subtract, Subtract, Add>>(t), t, t);
}

bool decode_multiply(Decoder& d) {
    const bool high = d.has("hi"), wide = d.has("wide"), low = d.has("lo");
    const Type t = d.type();
    if (high + wide + low != 1) return false;
    if (wide) return is_integer(t) && emit2(d, wide_binary(t), t, doubled(t));
    return emit2(d, high ? any_binary<MultiplyHigh>(t) : any_binary<Multiply>(t), t, t);
}

bool decode_multiply_add(Decoder& d) {
    if (d.has("cc")) return carry_multiply(d, false, true);
    const bool high = d.has("hi"), wide = d.has("wide"), low = d.has("lo"), saturated = d.has("sat");
    const Type t = d.type();
    if (high + wide + low != 1) return false;
    if (saturated) return high && t == Type::s32 && emit3(d, ternary<MultiplyHighAddSaturated, int32_t>, t, t);
    if (wide) return is_integer(t) && emit3(d, wide_ternary(t), t, doubled(t));
    return emit3(d, high ? any_ternary<MultiplyHighAdd>(t) : any_ternary<MultiplyAdd>(t), t, t);
}

bool decode_multiply24(Decoder& d) {
    const bool high = d.has("hi");
    if (!high && !d.has("lo")) return false;
    const Type t = d.type();
    if (t == Type::u32) return emit2(d, high ? binary<Multiply24<true>, uint32_t> : binary<Multiply24<false>, uint32_t>, t, t);
    return t == Type::s32 && emit2(d, high ? binary<Multiply24<true>, int32_t> : binary<Multiply24<false>, int32_t>, t, t);
}
bool decode_multiply24_add(Decoder& d) {
    const bool high = d.has("hi");
    if (!high && !d.has("lo")) return false;
    const Type t = d.type();
    if (t == Type::u32) return emit3(d, high ? ternary<Multiply24<true>, uint32_t> : ternary<Multiply24<false>, uint32_t>, t, t);
    return t == Type::s32 && emit3(d, high ? ternary<Multiply24<true>, int32_t> : ternary<Multiply24<false>, int32_t>, t, t);
}

template <class Op>
bool decode2(Decoder& d) {
    const Type t = d.type();
    return emit2(d, any_binary<Op>(t), t, t);
}

template <class Op>
bool decode1(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(any_unary<Op>(t), Kind::integer);
}

bool decode_sad(Decoder& d) {
    const Type t = d.type();
    return emit3(d, any_ternary<SumOfDifference>(t), t, t);
}

}  // namespace

bool integer_add(Decoder& d) { return decode_add<false>(d); }
bool integer_subtract(Decoder& d) { return decode_add<true>(d); }
bool integer_multiply(Decoder& d) { return decode_multiply(d); }
bool integer_multiply_add(Decoder& d) { return decode_multiply_add(d); }
bool integer_divide(Decoder& d) { return decode2<Divide>(d); }
bool integer_minimum(Decoder& d) { return decode2<Minimum>(d); }
bool integer_maximum(Decoder& d) { return decode2<Maximum>(d); }
bool integer_absolute(Decoder& d) { return decode1<Absolute>(d); }
bool integer_negate(Decoder& d) { return decode1<Negate>(d); }

void add_integer(DecodeTable& table) {
    table["rem"] = decode2<Remainder>;
    table["sad"] = decode_sad;
    table["mul24"] = decode_multiply24;
    table["mad24"] = decode_multiply24_add;
    table["addc"] = [](Decoder& d) { return carry_add(d, false, true, d.has("cc")); };
    table["subc"] = [](Decoder& d) { return carry_add(d, true, true, d.has("cc")); };
    table["madc"] = [](Decoder& d) { return carry_multiply(d, true, d.has("cc")); };
}

}  // namespace softgpu
