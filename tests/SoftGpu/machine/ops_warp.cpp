// What the lanes of a warp do together: shfl, vote, match, redux, activemask.
#include <algorithm>

#include "decode.h"
#include "lanes.h"
#include "members.h"

namespace softgpu {

void check_members(Warp& w, const Instruction& i, uint32_t mask, uint32_t members) {
    if (const uint32_t missing = members & w.alive & ~w.exited & ~mask) {
        w.run->note(w, i, static_cast<unsigned>(__builtin_ctz(missing)), Fault::barrier, launch_failure,
                    "is named by the mask but does not take part");
    } else if (const uint32_t unnamed = mask & ~members) {
        w.run->note(w, i, static_cast<unsigned>(__builtin_ctz(unnamed)), Fault::barrier, launch_failure,
                    "takes part but is not named by the mask");
    }
}

namespace {

enum Shuffle : uint8_t { up, down, butterfly, indexed };

// A lane that is not there, or sleeps, has no value: on the card it is undefined. Its last one is given.
void shuffle(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t *b = w.at<uint32_t>(i.b), *c = w.at<uint32_t>(i.c);
    if (i.list[1]) check_members(w, i, mask, w.at<uint32_t>(i.list[2])[__builtin_ctz(mask)]);
    uint32_t a[lanes], r[lanes], p = 0;
    std::copy_n(w.at<uint32_t>(i.a), lanes, a);
    for (unsigned l = 0; l < lanes; ++l) {
        const uint32_t segment = (c[l] >> 8) & 31, clamp = c[l] & 31, by = b[l] & 31;
        const uint32_t highest = (l & segment) | (clamp & ~segment), lowest = l & segment;
        uint32_t from = l;
        bool inside = false;
        switch (i.mode) {
            case up:
                from = l - by;
                inside = static_cast<int32_t>(from) >= static_cast<int32_t>(highest);
                break;
            case down:
                from = l + by;
                inside = from <= highest;
                break;
            case butterfly:
                from = l ^ by;
                inside = from <= highest;
                break;
            default:
                from = lowest | (by & ~segment);
                inside = from <= highest;
                break;
        }
        if (!inside) from = l;
        p |= static_cast<uint32_t>(inside) << l;
        r[l] = a[from & 31];
    }
    each_lane(w.at<uint32_t>(i.d), mask, [&](unsigned l) { return r[l]; });
    if (i.list[0]) {
        uint32_t& q = w.predicate(i.list[0] - 1);
        q = (q & ~mask) | (p & mask);
    }
}

bool decode_shfl(Decoder& d) {
    const bool sync = d.has("sync");
    static constexpr std::string_view names[] = {"up", "down", "bfly", "idx"};
    unsigned mode = 0;
    while (mode < 4 && !d.has(names[mode])) ++mode;
    if (mode == 4 || d.type() != Type::b32) return false;
    d.i.mode = static_cast<uint8_t>(mode);
    Operand second = 0;
    if (d.operand(0).form == Written::pair) {
        d.i.d = d.target(d.operand(0).parts[0], Type::b32);
        second = d.target_predicate(d.operand(0).parts[1]) + 1;
    } else {
        d.i.d = d.target(0, Type::b32);
    }
    d.i.a = d.source(1, Type::b32);
    d.i.b = d.source(2, Type::b32);
    d.i.c = d.source(3, Type::b32);
    d.i.list = d.list({second, sync, sync ? d.source(4, Type::b32) : 0});
    return d.emit(shuffle, Kind::control);
}

enum Vote : uint8_t { all, any, uni, ballot };
void vote(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t members = i.list ? w.at<uint32_t>(i.list[0])[__builtin_ctz(mask)] : mask;
    if (i.list) check_members(w, i, mask, members);
    const uint32_t p = (w.predicate(i.a) ^ (i.negated ? all_lanes : 0)) & mask;
    if (i.mode == ballot) {
        each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned) { return p; });
        return;
    }
    const bool yes = i.mode == all ? p == mask : i.mode == any ? p != 0 : p == 0 || p == mask;
    uint32_t& d = w.predicate(i.d);
    d = (d & ~mask) | (yes ? mask : 0);
}
bool decode_vote(Decoder& d) {
    const bool sync = d.has("sync");
    static constexpr std::string_view names[] = {"all", "any", "uni", "ballot"};
    unsigned mode = 0;
    while (mode < 4 && !d.has(names[mode])) ++mode;
    if (mode == 4 || d.type() != (mode == ballot ? Type::b32 : Type::pred)) return false;
    d.i.mode = static_cast<uint8_t>(mode);
    d.i.a = d.predicate(1, d.i.negated);
    d.i.d = mode == ballot ? d.target(0, Type::b32) : d.target_predicate(d.operand(0));
    if (sync) d.i.list = d.list({d.source(2, Type::b32)});
    return d.emit(vote, Kind::control);
}

template <class T, bool all>
void match(Warp& w, const Instruction& i, uint32_t mask) {
    const T* a = w.at<T>(i.a);
    check_members(w, i, mask, w.at<uint32_t>(i.b)[__builtin_ctz(mask)]);
    uint32_t r[lanes] = {};
    for_lanes(mask, [&](unsigned l) { for_lanes(mask, [&](unsigned k) { r[l] |= static_cast<uint32_t>(a[k] == a[l]) << k; }); });
    const bool same = r[__builtin_ctz(mask)] == mask;
    each_lane(w.at<uint32_t>(i.d), mask, [&](unsigned l) { return all ? (same ? mask : 0) : r[l]; });
    if (all && i.list) {
        uint32_t& p = w.predicate(i.list[0]);
        p = (p & ~mask) | (same ? mask : 0);
    }
}
bool decode_match(Decoder& d) {
    const bool all = d.has("all");
    if ((!all && !d.has("any")) || !d.has("sync")) return false;
    const Type t = d.type();
    if (d.operand(0).form == Written::pair) {
        d.i.d = d.target(d.operand(0).parts[0], Type::b32);
        d.i.list = d.list({d.target_predicate(d.operand(0).parts[1])});
    } else {
        d.i.d = d.target(0, Type::b32);
    }
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, Type::b32);
    return d.emit(t == Type::b32   ? all ? match<uint32_t, true> : match<uint32_t, false>
                    : t == Type::b64 ? all ? match<uint64_t, true> : match<uint64_t, false>
                                     : nullptr,
                  Kind::control);
}

enum Reduction : uint8_t { add, least, most, bit_and, bit_or, bit_xor };
template <class T>
void reduce(Warp& w, const Instruction& i, uint32_t mask) {
    const T* a = w.at<T>(i.a);
    check_members(w, i, mask, w.at<uint32_t>(i.b)[__builtin_ctz(mask)]);
    T r = a[__builtin_ctz(mask)];
    for_lanes(mask & (mask - 1), [&](unsigned l) {
        switch (i.mode) {
            case add:
                r = static_cast<T>(static_cast<uint32_t>(r) + static_cast<uint32_t>(a[l]));
                break;
            case least:
                r = std::min(r, a[l]);
                break;
            case most:
                r = std::max(r, a[l]);
                break;
            case bit_and:
                r &= a[l];
                break;
            case bit_or:
                r |= a[l];
                break;
            default:
                r ^= a[l];
                break;
        }
    });
    each_lane(w.at<T>(i.d), mask, [=](unsigned) { return r; });
}
bool decode_redux(Decoder& d) {
    if (!d.has("sync")) return false;
    static constexpr std::string_view names[] = {"add", "min", "max", "and", "or", "xor"};
    unsigned mode = 0;
    while (mode < 6 && !d.has(names[mode])) ++mode;
    const Type t = d.type();
    if (mode == 6 || bytes_of(t) != 4) return false;
    d.i.mode = static_cast<uint8_t>(mode);
    d.i.a = d.source(1, t);
    d.i.b = d.source(2, Type::b32);
    d.i.d = d.target(0, t);
    return d.emit(is_signed(t) ? reduce<int32_t> : reduce<uint32_t>, Kind::control);
}

void active_mask(Warp& w, const Instruction& i, uint32_t mask) {
    each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned) { return mask; });
}

}  // namespace

void add_warp(DecodeTable& table) {
    table["shfl"] = decode_shfl;
    table["vote"] = decode_vote;
    table["match"] = decode_match;
    table["redux"] = decode_redux;
    table["activemask"] = [](Decoder& d) {
        if (d.type() != Type::b32) return false;
        d.i.d = d.target(0, Type::b32);
        return d.emit(active_mask, Kind::control);
    };
}

}  // namespace softgpu
