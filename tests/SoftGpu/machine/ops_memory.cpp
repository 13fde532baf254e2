// ld, st, cp.async, prefetch, fences, isspacep.
#include <cstring>

#include "access.h"
#include "arena.h"
#include "decode.h"
#include "lanes.h"
#include "windows.h"

namespace softgpu {
namespace {

template <class M, class R>
void load(Warp& w, const Instruction& i, uint32_t mask) {
    Addresses a;
    gather_addresses(w, i, a);
    const uint32_t good = admit(w, i, mask, a, sizeof(M) * i.count, Access::read);
    for (unsigned k = 0; k < i.count; ++k) {
        R* d = w.at<R>(i.list[k]);
        if (good == all_lanes) {
            for (unsigned l = 0; l < lanes; ++l) d[l] = static_cast<R>(*reinterpret_cast<const M*>(a.at[l] + k * sizeof(M)));
        } else {
            for_lanes(mask, [&](unsigned l) {
                d[l] = (good >> l) & 1 ? static_cast<R>(*reinterpret_cast<const M*>(a.at[l] + k * sizeof(M))) : R(0);
            });
        }
    }
}

template <class M, class R>
void store(Warp& w, const Instruction& i, uint32_t mask) {
    Addresses a;
    gather_addresses(w, i, a);
    const unsigned bytes = sizeof(M) * i.count;
    alignas(64) std::byte values[lanes * 16];
    const bool may_be_shared = i.space == Space::shared || i.space == Space::generic;
    if (may_be_shared) {
        for (unsigned k = 0; k < i.count; ++k) {
            const R* v = w.at<R>(i.list[k]);
            for (unsigned l = 0; l < lanes; ++l) {
                const M m = static_cast<M>(v[l]);
                std::memcpy(values + l * bytes + k * sizeof(M), &m, sizeof m);
            }
        }
    }
    const uint32_t good = admit(w, i, mask, a, bytes, Access::write, may_be_shared ? values : nullptr);
    for (unsigned k = 0; k < i.count; ++k) {
        const R* v = w.at<R>(i.list[k]);
        for_lanes(good, [&](unsigned l) { *reinterpret_cast<M*>(a.at[l] + k * sizeof(M)) = static_cast<M>(v[l]); });
    }
}

// A kernel's parameters: the launch's block of bytes.
template <class M, class R>
void load_parameter(Warp& w, const Instruction& i, uint32_t mask) {
    Addresses a;
    gather_addresses(w, i, a);
    const std::vector<std::byte>& bytes = w.run->launch.parameters;
    for_lanes(mask, [&](unsigned l) {
        for (unsigned k = 0; k < i.count; ++k) {
            const uint64_t at = a.at[l] + k * sizeof(M);
            M m = 0;
            if (at <= bytes.size() && bytes.size() - at >= sizeof m) {
                std::memcpy(&m, bytes.data() + at, sizeof m);
            } else {
                w.run->note(w, i, l, Fault::out_of_bounds, illegal_address,
                            "reads " + std::to_string(sizeof m) + " bytes at " + std::to_string(at) + " of " +
                                std::to_string(bytes.size()) + " bytes of parameters");
            }
            w.at<R>(i.list[k])[l] = static_cast<R>(m);
        }
    });
}

// .param variables of calls: in the frame, lane after lane. a: the variable, b: its bytes.
template <class M, class R>
void load_argument(Warp& w, const Instruction& i, uint32_t mask) {
    const std::byte* variable = w.at<std::byte>(i.a);
    for_lanes(mask, [&](unsigned l) {
        for (unsigned k = 0; k < i.count; ++k) {
            M m;
            std::memcpy(&m, variable + l * i.b + static_cast<size_t>(i.value) + k * sizeof(M), sizeof m);
            w.at<R>(i.list[k])[l] = static_cast<R>(m);
        }
    });
}
template <class M, class R>
void store_argument(Warp& w, const Instruction& i, uint32_t mask) {
    std::byte* variable = w.at<std::byte>(i.a);
    for_lanes(mask, [&](unsigned l) {
        for (unsigned k = 0; k < i.count; ++k) {
            const M m = static_cast<M>(w.at<R>(i.list[k])[l]);
            std::memcpy(variable + l * i.b + static_cast<size_t>(i.value) + k * sizeof(M), &m, sizeof m);
        }
    });
}

#define BY_MEMORY(function, R)            \
    switch (t) {                          \
        case Type::u8:                    \
        case Type::b8:                    \
            return function<uint8_t, R>;  \
        case Type::s8:                    \
            return function<int8_t, R>;   \
        case Type::u16:                   \
        case Type::b16:                   \
        case Type::f16:                   \
        case Type::bf16:                  \
            return function<uint16_t, R>; \
        case Type::s16:                   \
            return function<int16_t, R>;  \
        case Type::u32:                   \
        case Type::b32:                   \
        case Type::f32:                   \
        case Type::f16x2:                 \
        case Type::bf16x2:                \
            return function<uint32_t, R>; \
        case Type::s32:                   \
            return function<int32_t, R>;  \
        case Type::u64:                   \
        case Type::b64:                   \
        case Type::s64:                   \
        case Type::f64:                   \
            return function<uint64_t, R>; \
        default:                          \
            return nullptr;               \
    }
#define BY_REGISTER(function)                                      \
    [](Type t, unsigned register_bytes) -> Execute {               \
        if (register_bytes == 2) { BY_MEMORY(function, uint16_t) } \
        if (register_bytes == 4) { BY_MEMORY(function, uint32_t) } \
        BY_MEMORY(function, uint64_t)                              \
    }

bool decode_access(Decoder& d, bool is_load) {
    const bool is_weak = d.has("weak");
    (void)is_weak;
    const std::string_view order = d.any({"volatile", "relaxed", "acquire", "release", "mmio"});
    d.any({"cta", "cluster", "gpu", "sys"});
    d.i.strong = !order.empty();
    d.i.read_only = d.has("nc");
    d.any({"ca", "cg", "cs", "lu", "cv", "wb", "wt"});
    d.any({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
    d.any({"L2::64B", "L2::128B", "L2::256B"});
    const std::string_view space = d.any({"global", "shared", "shared::cta", "local", "param", "const"});
    d.i.space = space == "global"                             ? Space::global
                : space == "shared" || space == "shared::cta" ? Space::shared
                : space == "local"                            ? Space::local
                : space == "param"                            ? Space::parameter
                : space == "const"                            ? Space::constant
                                                              : Space::generic;
    const std::string_view vector = d.any({"v2", "v4"});
    const unsigned n = vector.empty() ? 1 : static_cast<unsigned>(vector[1] - '0');
    const Type t = d.type();
    if (bytes_of(t) * n > 16) return false;
    const Written &place = d.operand(is_load ? 1 : 0), &value = d.operand(is_load ? 0 : 1);
    if ((value.form == Written::vector) != (n > 1) || (n > 1 && value.parts.size() != n)) return d.fail("vector operand");
    std::vector<Operand> list;
    unsigned register_bytes = 0;
    for (unsigned k = 0; k < n; ++k) {
        const Written& each = n > 1 ? value.parts[k] : value;
        if (each.form == Written::in_register) register_bytes = d.register_bytes(each);
    }
    if (!register_bytes) register_bytes = bytes_of(t) < 2 ? 2 : bytes_of(t);
    const Type as = register_bytes == 2 ? Type::b16 : register_bytes == 4 ? Type::b32 : Type::b64;
    for (unsigned k = 0; k < n; ++k) {
        const Written& each = n > 1 ? value.parts[k] : value;
        list.push_back(is_load ? d.target(each, as) : d.source(each, as));
    }
    d.i.count = static_cast<uint8_t>(n);
    d.i.list = d.list(list);
    if (d.i.space == Space::parameter && place.is_known && place.variable.of_call) {
        if (place.bits + bytes_of(t) * n > place.variable.bytes) return d.fail("beyond the variable");
        d.i.a = static_cast<Operand>(place.variable.address);
        d.i.b = static_cast<Operand>(place.variable.bytes);
        d.i.value = static_cast<int64_t>(place.bits);
        return d.emit(is_load ? BY_REGISTER(load_argument)(t, register_bytes) : BY_REGISTER(store_argument)(t, register_bytes),
                      Kind::memory);
    }
    d.address(place);
    if (place.is_known && d.i.space == Space::generic) d.i.space = place.variable.space;
    if (d.i.space == Space::parameter) return is_load && d.emit(BY_REGISTER(load_parameter)(t, register_bytes), Kind::memory);
    return d.emit(is_load ? BY_REGISTER(load)(t, register_bytes) : BY_REGISTER(store)(t, register_bytes), Kind::memory);
}

bool decode_prefetch(Decoder& d) {
    d.any({"global", "local"});
    d.any({"L1", "L2", "L2::evict_last", "L2::evict_normal"});
    return d.emit([](Warp&, const Instruction&, uint32_t) {}, Kind::memory);
}

bool decode_fence(Decoder& d) {  // memory is always coherent here
    for (const std::string_view word : {"sc", "acq_rel", "gl", "cta", "sys", "gpu", "cluster"}) d.has(word);
    return d.emit([](Warp&, const Instruction&, uint32_t) {}, Kind::control);
}

// cp.async: the copy is put off until it is waited for, so that a missing wait is seen.
void copy_later(Warp& w, const Instruction& i, uint32_t mask) {
    Addresses to;
    gather_addresses(w, i, to);
    PendingCopy copy{&i, mask, w.copy_group, {}, {}, {}};
    const uint64_t* from = w.at<uint64_t>(i.b);
    const uint32_t* bytes = w.at<uint32_t>(i.c);
    for (unsigned l = 0; l < lanes; ++l) {
        copy.to[l] = to.at[l];
        copy.from[l] = from[l] + static_cast<uint64_t>(static_cast<int64_t>(i.target));
        copy.bytes[l] = std::min<uint32_t>(bytes[l], i.mode);
    }
    w.copies.push_back(copy);
}

void finish_copies(Warp& w, unsigned groups_left) {
    size_t kept = 0;
    for (PendingCopy& copy : w.copies) {
        if (copy.group + groups_left >= w.copy_group) {
            w.copies[kept++] = copy;
            continue;
        }
        const unsigned bytes = copy.instruction->mode;
        alignas(64) std::byte values[lanes * 16] = {};
        Addresses from, to;
        std::memcpy(from.at, copy.from, sizeof from.at);
        std::memcpy(to.at, copy.to, sizeof to.at);
        uint32_t whole = 0;
        for_lanes(copy.mask, [&](unsigned l) { whole |= static_cast<uint32_t>(copy.bytes[l] == bytes) << l; });
        const uint32_t read = whole ? admit_global(w, *copy.instruction, whole, from, bytes, Access::read) : 0;
        for_lanes(read, [&](unsigned l) { std::memcpy(values + l * bytes, reinterpret_cast<const void*>(from.at[l]), bytes); });
        for_lanes(copy.mask & ~whole, [&](unsigned l) {
            for (unsigned k = 0; k + 4 <= copy.bytes[l]; k += 4) {
                Addresses one = from;
                one.at[l] += k;
                if (admit_global(w, *copy.instruction, 1u << l, one, 4, Access::read))
                    std::memcpy(values + l * bytes + k, reinterpret_cast<const void*>(one.at[l]), 4);
            }
        });
        const uint32_t good = admit_shared(w, *copy.instruction, copy.mask, to, bytes, Access::write, values);
        for_lanes(good, [&](unsigned l) { std::memcpy(reinterpret_cast<void*>(to.at[l]), values + l * bytes, bytes); });
    }
    w.copies.resize(kept);
}

bool decode_cp(Decoder& d) {
    if (!d.has("async")) return false;
    if (d.has("commit_group")) {
        return d.emit([](Warp& w, const Instruction&, uint32_t) { ++w.copy_group; }, Kind::memory);
    }
    if (d.has("wait_all")) {
        return d.emit(
            [](Warp& w, const Instruction&, uint32_t) {
                ++w.copy_group;
                finish_copies(w, 0);
            },
            Kind::memory);
    }
    if (d.has("wait_group")) {
        if (d.operand(0).form != Written::number) return false;
        d.i.value = static_cast<int64_t>(d.operand(0).bits);
        return d.emit([](Warp& w, const Instruction& i, uint32_t) { finish_copies(w, static_cast<unsigned>(i.value)); }, Kind::memory);
    }
    if (d.any({"ca", "cg"}).empty() || d.any({"shared", "shared::cta"}).empty() || !d.has("global")) return false;
    d.any({"L2::64B", "L2::128B", "L2::256B"});
    const Written& size = d.operand(2);
    const Written& from = d.operand(1);
    if (size.form != Written::number || (size.bits != 4 && size.bits != 8 && size.bits != 16)) return d.fail("size");
    if (from.form != Written::address) return d.fail("source");
    d.i.mode = static_cast<uint8_t>(size.bits);
    if (from.has_base) {
        d.i.b = d.source(
            [&] {
                Written base;
                base.form = Written::in_register;
                base.reg = from.reg;
                return base;
            }(),
            Type::u64);
    } else {
        Written symbol = from;
        symbol.form = Written::symbol;
        symbol.bits = 0;
        d.i.b = d.source(symbol, Type::u64);
    }
    d.i.c = d.operands() > 3 ? d.source(3, Type::u32) : d.constant(size.bits, 4);
    d.address(d.operand(0));
    d.i.target = static_cast<uint32_t>(from.bits);
    d.i.space = Space::shared;
    return d.emit(copy_later, Kind::memory);
}

bool decode_isspacep(Decoder& d) {
    const std::string_view space = d.any({"global", "shared", "shared::cta", "local", "const"});
    if (space.empty()) return false;
    d.i.mode = space == "shared" || space == "shared::cta" ? 1 : space == "local" ? 2 : 0;
    d.i.a = d.source(1, Type::u64);
    d.i.d = d.target_predicate(d.operand(0));
    return d.emit(
        [](Warp& w, const Instruction& i, uint32_t mask) {
            const uint64_t* a = w.at<uint64_t>(i.a);
            uint32_t r = 0;
            for_lanes(mask, [&](unsigned l) {
                const unsigned where = a[l] - shared_window < window_size ? 1 : a[l] - local_window < window_size ? 2 : 0;
                r |= static_cast<uint32_t>(where == i.mode) << l;
            });
            uint32_t& p = w.predicate(i.d);
            p = (p & ~mask) | r;
        },
        Kind::integer);
}

}  // namespace

void add_memory(DecodeTable& table) {
    table["ld"] = [](Decoder& d) { return decode_access(d, true); };
    table["ldu"] = [](Decoder& d) { return decode_access(d, true); };
    table["st"] = [](Decoder& d) { return decode_access(d, false); };
    table["prefetch"] = decode_prefetch;
    table["prefetchu"] = decode_prefetch;
    table["membar"] = decode_fence;
    table["fence"] = decode_fence;
    table["cp"] = decode_cp;
    table["isspacep"] = decode_isspacep;
}

}  // namespace softgpu
