// atom and red.
#include <cmath>

#include "access.h"
#include "decode.h"
#include "half.h"
#include "lanes.h"

namespace softgpu {
namespace {

struct Add {
    template <class T>
    static T apply(T a, T b, T) {
        return static_cast<T>(a + b);
    }
};
struct And {
    template <class T>
    static T apply(T a, T b, T) {
        return a & b;
    }
};
struct Or {
    template <class T>
    static T apply(T a, T b, T) {
        return a | b;
    }
};
struct Xor {
    template <class T>
    static T apply(T a, T b, T) {
        return a ^ b;
    }
};
struct Minimum {
    template <class T>
    static T apply(T a, T b, T) {
        return b < a ? b : a;
    }
};
struct Maximum {
    template <class T>
    static T apply(T a, T b, T) {
        return a < b ? b : a;
    }
};
struct Exchange {
    template <class T>
    static T apply(T, T b, T) {
        return b;
    }
};
struct CompareAndSwap {
    template <class T>
    static T apply(T a, T b, T c) {
        return a == b ? c : a;
    }
};
struct Increment {
    template <class T>
    static T apply(T a, T b, T) {
        return a >= b ? 0 : a + 1;
    }
};
struct Decrement {
    template <class T>
    static T apply(T a, T b, T) {
        return a == 0 || a > b ? b : a - 1;
    }
};

// Real numbers are kept as bits.
template <bool flush>
struct AddFloat {
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t) {  // in global memory subnormal numbers count as zero
        const auto clean = [](float f) { return flush && std::fabs(f) < 0x1p-126f ? std::copysign(0.0f, f) : f; };
        return bits_as<uint32_t>(clean(clean(bits_as<float>(a)) + clean(bits_as<float>(b))));
    }
};
struct AddDouble {
    static uint64_t apply(uint64_t a, uint64_t b, uint64_t) { return bits_as<uint64_t>(bits_as<double>(a) + bits_as<double>(b)); }
};
template <bool is_bf16>
struct AddHalf {
    static uint16_t one(uint16_t a, uint16_t b) {
        return is_bf16 ? to_bf16(from_bf16(a) + from_bf16(b)) : to_f16(from_f16(a) + from_f16(b));
    }
    static uint16_t apply(uint16_t a, uint16_t b, uint16_t) { return one(a, b); }
    static uint32_t apply(uint32_t a, uint32_t b, uint32_t) {
        return one(static_cast<uint16_t>(a), static_cast<uint16_t>(b)) |
               static_cast<uint32_t>(one(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16))) << 16;
    }
};

// d: the old values; b and c: operands. One lane after another, each atomically: other blocks run on other threads.
template <class Op, class T>
void atomic(Warp& w, const Instruction& i, uint32_t mask) {
    Addresses a;
    gather_addresses(w, i, a);
    const uint32_t good = admit(w, i, mask, a, sizeof(T), Access::atomic);
    const T *b = w.at<T>(i.b), *c = w.at<T>(i.c);
    T* d = w.at<T>(i.d);
    w.block->counters.atomics += static_cast<unsigned>(__builtin_popcount(good));
    for_lanes(good, [&](unsigned l) {
        T* p = reinterpret_cast<T*>(a.at[l]);
        T old = __atomic_load_n(p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(p, &old, Op::apply(old, b[l], c[l]), true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {}
        d[l] = old;
    });
}

Execute pick(std::string_view op, Type t, Space space) {
    const unsigned n = bytes_of(t);
    if (op == "add") {
        switch (t) {
            case Type::u32:
            case Type::s32:
                return atomic<Add, uint32_t>;
            case Type::u64:
            case Type::s64:
                return atomic<Add, uint64_t>;
            case Type::f32:
                return space == Space::global ? atomic<AddFloat<true>, uint32_t> : atomic<AddFloat<false>, uint32_t>;
            case Type::f64:
                return atomic<AddDouble, uint64_t>;
            case Type::f16:
                return atomic<AddHalf<false>, uint16_t>;
            case Type::f16x2:
                return atomic<AddHalf<false>, uint32_t>;
            case Type::bf16:
                return atomic<AddHalf<true>, uint16_t>;
            case Type::bf16x2:
                return atomic<AddHalf<true>, uint32_t>;
            default:
                return nullptr;
        }
    }
    if (op == "min" || op == "max") {
        const bool least = op == "min";
        switch (t) {
            case Type::u32:
                return least ? atomic<Minimum, uint32_t> : atomic<Maximum, uint32_t>;
            case Type::s32:
                return least ? atomic<Minimum, int32_t> : atomic<Maximum, int32_t>;
            case Type::u64:
                return least ? atomic<Minimum, uint64_t> : atomic<Maximum, uint64_t>;
            case Type::s64:
                return least ? atomic<Minimum, int64_t> : atomic<Maximum, int64_t>;
            default:
                return nullptr;
        }
    }
    if (op == "inc" || op == "dec")
        return t == Type::u32 ? op == "inc" ? atomic<Increment, uint32_t> : atomic<Decrement, uint32_t> : nullptr;
    if (op == "cas" && t == Type::b16) return atomic<CompareAndSwap, uint16_t>;
    if (n != 4 && n != 8) return nullptr;
    if (op == "and") return n == 4 ? atomic<And, uint32_t> : atomic<And, uint64_t>;
    if (op == "or") return n == 4 ? atomic<Or, uint32_t> : atomic<Or, uint64_t>;
    if (op == "xor") return n == 4 ? atomic<Xor, uint32_t> : atomic<Xor, uint64_t>;
    if (op == "exch") return n == 4 ? atomic<Exchange, uint32_t> : atomic<Exchange, uint64_t>;
    return op == "cas" ? n == 4 ? atomic<CompareAndSwap, uint32_t> : atomic<CompareAndSwap, uint64_t> : nullptr;
}

bool decode(Decoder& d, bool returns) {
    d.any({"relaxed", "acquire", "release", "acq_rel"});
    d.any({"cta", "cluster", "gpu", "sys"});
    d.has("noftz");
    const std::string_view space = d.any({"global", "shared", "shared::cta"});
    d.i.space = space == "global" ? Space::global : space.empty() ? Space::generic : Space::shared;
    const std::string_view op = d.any({"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"});
    const Type t = d.type();
    const size_t place = returns ? 1 : 0;
    d.i.b = d.source(place + 1, t);
    d.i.c = op == "cas" ? d.source(place + 2, t) : d.i.b;
    d.address(d.operand(place));
    if (d.operand(place).is_known && d.i.space == Space::generic) d.i.space = d.operand(place).variable.space;
    d.i.d = returns ? d.target(0, t) : d.temporary(bytes_of(t));
    return d.emit(pick(op, t, d.i.space), Kind::memory);
}

}  // namespace

void add_atomic(DecodeTable& table) {
    table["atom"] = [](Decoder& d) { return decode(d, true); };
    table["red"] = [](Decoder& d) { return decode(d, false); };
}

}  // namespace softgpu
