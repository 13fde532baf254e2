// Bits counted, found, reversed; bit fields.
#include "decode.h"
#include "lanes.h"

namespace softgpu {
namespace {

struct CountOnes {
    static uint32_t apply(uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }
    static uint32_t apply(uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }
};
struct LeadingZeros {
    static uint32_t apply(uint32_t a) { return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32; }
    static uint32_t apply(uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64; }
};
template <bool shift_amount>
struct FindHighest {
    template <class T>
    static uint32_t apply(T a) {
        using U = std::make_unsigned_t<T>;
        const U u = a < 0 ? static_cast<U>(~a) : static_cast<U>(a);
        if (u == 0) return 0xffffffffu;
        const uint32_t zeros = LeadingZeros::apply(u), highest = static_cast<uint32_t>(8 * sizeof(T)) - 1 - zeros;
        return shift_amount ? zeros : highest;
    }
};
struct Reverse {
    template <class T>
    static T apply(T a) {
        T r = 0;
        for (unsigned bit = 0; bit < 8 * sizeof(T); ++bit) r |= static_cast<T>((a >> bit) & 1) << (8 * sizeof(T) - 1 - bit);
        return r;
    }
};
struct Extract {
    template <class T>
    static T apply(T a, uint32_t b, uint32_t c) {
        const uint32_t bits = 8 * sizeof(T), position = b & 0xff, length = c & 0xff;
        const bool is_signed = std::is_signed_v<T>;
        const uint32_t top = position + length - 1 < bits - 1 ? position + length - 1 : bits - 1;
        const bool sign = is_signed && length != 0 && ((static_cast<uint64_t>(a) >> top) & 1);
        const uint64_t field = position >= bits ? 0 : static_cast<uint64_t>(static_cast<std::make_unsigned_t<T>>(a)) >> position;
        const uint32_t have = position >= bits ? 0 : length < bits - position ? length : bits - position;
        const uint64_t mask = have >= 64 ? ~0ull : (1ull << have) - 1;
        return static_cast<T>((field & mask) | (sign ? ~mask : 0));
    }
};
template <class T>
void insert_field(Warp& w, const Instruction& i, uint32_t mask) {
    const T* a = w.at<T>(i.a);
    const T* b = w.at<T>(i.b);
    const uint32_t* c = w.at<uint32_t>(i.c);
    const uint32_t* n = w.at<uint32_t>(i.list[0]);
    each_lane(w.at<T>(i.d), mask, [=](unsigned l) {
        const uint32_t bits = 8 * sizeof(T), position = c[l] & 0xff, length = n[l] & 0xff;
        if (position >= bits) return b[l];
        const T field = static_cast<T>((length >= bits ? ~T(0) : static_cast<T>((T(1) << length) - 1)) << position);
        return static_cast<T>((b[l] & ~field) | (static_cast<T>(a[l] << position) & field));
    });
}

template <class Op>
bool decode_count(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, Type::u32);
    return d.emit(bytes_of(t) == 4   ? unary<Op, uint32_t, uint32_t>
                  : bytes_of(t) == 8 ? unary<Op, uint32_t, uint64_t>
                                     : nullptr,
                  Kind::integer);
}

template <bool amount>
Execute highest(Type t) {
    using Op = FindHighest<amount>;
    return t == Type::u32   ? unary<Op, uint32_t, uint32_t>
           : t == Type::s32 ? unary<Op, uint32_t, int32_t>
           : t == Type::u64 ? unary<Op, uint32_t, uint64_t>
           : t == Type::s64 ? unary<Op, uint32_t, int64_t>
                            : nullptr;
}
bool decode_highest(Decoder& d) {
    const bool amount = d.has("shiftamt");
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, Type::u32);
    return d.emit(amount ? highest<true>(t) : highest<false>(t), Kind::integer);
}

bool decode_reverse(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.d = d.target(0, t);
    return d.emit(t == Type::b32 ? unary<Reverse, uint32_t> : t == Type::b64 ? unary<Reverse, uint64_t> : nullptr, Kind::integer);
}

bool decode_extract(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, Type::u32);
    d.i.c = d.source(3, Type::u32);
    d.i.d = d.target(0, t);
    using N = uint32_t;
    return d.emit(t == Type::u32   ? ternary<Extract, uint32_t, uint32_t, N, N>
                  : t == Type::s32 ? ternary<Extract, int32_t, int32_t, N, N>
                  : t == Type::u64 ? ternary<Extract, uint64_t, uint64_t, N, N>
                  : t == Type::s64 ? ternary<Extract, int64_t, int64_t, N, N>
                                   : nullptr,
                  Kind::integer);
}

bool decode_insert(Decoder& d) {
    const Type t = d.type();
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, t);
    d.i.c = d.source(3, Type::u32);
    d.i.list = d.list({d.source(4, Type::u32)});
    d.i.d = d.target(0, t);
    return d.emit(t == Type::b32 ? insert_field<uint32_t> : t == Type::b64 ? insert_field<uint64_t> : nullptr, Kind::integer);
}

}  // namespace

void add_fields(DecodeTable& table) {
    table["popc"] = decode_count<CountOnes>;
    table["clz"] = decode_count<LeadingZeros>;
    table["bfind"] = decode_highest;
    table["brev"] = decode_reverse;
    table["bfe"] = decode_extract;
    table["bfi"] = decode_insert;
}

}  // namespace softgpu
