// Which space an address lies in; global and local memory.
#include "access.h"

#include <algorithm>
#include <cstring>

#include "../memory.h"
#include "arena.h"
#include "lanes.h"
#include "windows.h"

namespace softgpu {
namespace {

uint64_t spread(uint8_t state) { return 0x0101010101010101ull * state; }

// All bytes' states have the bits of `want`.
bool states_have(const uint8_t* states, unsigned bytes, uint8_t want) {
    uint64_t missing = 0;
    for (; bytes >= 8; bytes -= 8, states += 8) {
        uint64_t s;
        std::memcpy(&s, states, 8);
        missing |= ~s & spread(want);
    }
    if (bytes) {
        uint64_t s = ~0ull;
        std::memcpy(&s, states, bytes);
        missing |= ~s & spread(want);
    }
    return missing == 0;
}

std::string accesses(Access access, unsigned bytes) {
    return std::string(verb(access)) + " " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

// The shadow of touches. A cell of a word: launch 12 bits, block 15 bits (or `several`), all of them atomic or volatile 1 bit, bytes 4
// bits.
constexpr uint32_t several = 0x7fff;
uint32_t cell(uint32_t epoch, uint32_t block, bool strong, uint32_t bytes) {
    return epoch << 20 | block << 5 | (strong ? 16u : 0u) | bytes;
}
uint32_t epoch_in(uint32_t c) { return c >> 20; }
uint32_t block_in(uint32_t c) { return (c >> 5) & 0x7fff; }

// A cell has room for one block. If another one touches the same bytes, it says `several` of those; if it touches others, it is remembered
// alone: what is then forgotten may hide a race, but none is invented.
uint32_t merged(uint32_t old, uint32_t epoch, uint32_t me, bool strong, uint32_t bytes) {
    const bool current = epoch_in(old) == epoch, mine = block_in(old) == me;
    const uint32_t both = old & bytes & 15, all_strong = strong && (old & 16);
    const uint32_t alone = cell(epoch, me, strong, bytes), joined = cell(epoch, me, all_strong, bytes | (old & 15)),
                   crowd = cell(epoch, several, all_strong, both);
    return !current ? alone : mine ? joined : both ? crowd : alone;
}

// Another block touched the word in this launch, and not both atomically.
bool conflicts(uint32_t c, uint32_t epoch, uint32_t me, bool strong, uint32_t bytes) {
    return epoch_in(c) == epoch && block_in(c) != me && (c & bytes & 15) != 0 && !(strong && (c & 16));
}

// Records `n` words and says whether any is raced for. What ld.global.nc reads, not even the own block may write.
template <class Word>  // of the k-th
bool touch(const Run& run, const Instruction& i, uint32_t me, unsigned n, uint32_t bytes, Access access, Word word) {
    uint32_t* writers = arena().writers;
    uint32_t* readers = arena().readers;
    const uint32_t epoch = run.epoch;
    const bool strong = access == Access::atomic || i.strong;
    unsigned bad = 0;
    if (access == Access::read) {
        const uint32_t own = i.read_only ? nowhere : me;
        SIMD_OR(bad) for (unsigned k = 0; k < n; ++k) {
            bad |= conflicts(writers[word(k)], epoch, own, strong, bytes);
            readers[word(k)] = merged(readers[word(k)], epoch, me, strong, bytes);
        }
    } else {
        SIMD_OR(bad) for (unsigned k = 0; k < n; ++k) {
            bad |= conflicts(writers[word(k)], epoch, me, strong, bytes);
            bad |= conflicts(readers[word(k)], epoch, me, strong, bytes);
            writers[word(k)] = merged(writers[word(k)], epoch, me, strong, bytes);
        }
    }
    return bad != 0;
}

uint32_t word_bytes(uint64_t address, unsigned bytes) { return bytes >= 4 ? 15u : ((1u << bytes) - 1) << (address & 3); }

void note_race(Warp& w, const Instruction& i, unsigned lane, uint64_t address, unsigned bytes, Access access) {
    const std::string rival = i.read_only ? " as read-only that the launch writes: "
                                          : std::string(" that another block ") + (access == Access::read ? "writes" : "touches") +
                                                " in the same launch, with no atomics: ";
    w.run->note(w, i, lane, Fault::global_race, launch_failure, accesses(access, bytes) + rival + describe(address));
}

void count_sectors(Warp& w, unsigned sectors, uint64_t asked, Access access) {
    Counters& c = w.block->counters;
    if (access != Access::write) {
        c.read_sectors += sectors;
        c.read_bytes += asked;
    }
    if (access != Access::read) {
        c.written_sectors += sectors;
        c.written_bytes += asked;
    }
}

// How many 32-byte sectors the lanes touch; each lane is aligned, and so within one.
unsigned sectors_of(const Addresses& a) {
    uint64_t sector[lanes];
    unsigned changes = 0, falls = 0;
    SIMD for (unsigned l = 0; l < lanes; ++l) sector[l] = a.at[l] / 32;
    for (unsigned l = 1; l < lanes; ++l) {
        changes += sector[l] != sector[l - 1];
        falls += sector[l] < sector[l - 1];
    }
    if (falls == 0) return changes + 1;
    std::sort(sector, sector + lanes);
    return static_cast<unsigned>(std::unique(sector, sector + lanes) - sector);
}

uint32_t block_of(const Warp& w) { return static_cast<uint32_t>(w.block->number % several); }
bool tracks_races(const Warp& w, const Instruction& i) { return w.run->epoch && i.space != Space::constant; }

// The lanes lie one behind the other, none is missing: true if nothing is wrong with any; all is then done.
bool admit_row(Warp& w, const Instruction& i, const Addresses& a, unsigned bytes, Access access) {
    const uint64_t first = a.at[0];
    const unsigned total = lanes * bytes;
    if (first % bytes != 0 || !arena().holds(first, total)) return false;
    uint8_t* states = arena().state(first);
    const bool reads = access != Access::write;
    if (!states_have(states, total, reads && w.run->checks ? state_readable : state_allocated)) return false;
    if (!reads) std::memset(states, state_readable, total);
    if (tracks_races(w, i)) {
        const uint64_t word = arena().word(first), last = arena().word(first + total - 1);
        const auto part = [&](uint64_t from, uint64_t count, uint32_t mask) {
            return count && touch(*w.run, i, block_of(w), static_cast<unsigned>(count), mask, access, [=](unsigned k) { return from + k; });
        };
        bool raced;
        if (first % 4 == 0) {
            raced = part(word, total / 4, 15);
        } else {  // bytes or pairs that begin and end within a word
            raced = part(word, 1, 15u << (first % 4) & 15);
            raced |= part(word + 1, last - word - 1, 15);
            raced |= part(last, 1, (1u << ((first + total - 1) % 4 + 1)) - 1);
        }
        if (raced) note_race(w, i, 0, first, bytes, access);
    }
    count_sectors(w, static_cast<unsigned>((first + total - 1) / 32 - first / 32 + 1), total, access);
    return true;
}

// As admit_row, for lanes anywhere, of at least 4 bytes each.
bool admit_words(Warp& w, const Addresses& a, unsigned bytes, Access access) {
    const Arena& memory = arena();
    uint64_t beyond = 0, low = 0;
    SIMD_OR(beyond, low) for (unsigned l = 0; l < lanes; ++l) {
        low |= a.at[l];
        beyond |= a.at[l] - memory.begin > memory.size - 16 ? 1u : 0u;
    }
    if (beyond || low % bytes != 0) return false;
    const bool reads = access != Access::write;
    const uint32_t want = reads && w.run->checks ? 0x03030303u : 0x01010101u;
    const unsigned words = bytes / 4;
    auto* states = reinterpret_cast<uint32_t*>(memory.states);
    uint64_t word[lanes];
    SIMD for (unsigned l = 0; l < lanes; ++l) word[l] = (a.at[l] - memory.begin) / 4;
    uint32_t missing = 0;
    for (unsigned k = 0; k < words; ++k) { SIMD_OR(missing) for (unsigned l = 0; l < lanes; ++l) missing |= ~states[word[l] + k] & want; }
    if (missing) return false;
    for (unsigned k = 0; k < words && !reads; ++k) { SIMD for (unsigned l = 0; l < lanes; ++l) states[word[l] + k] = 0x03030303u; }
    return true;
}

bool check_lane(Warp& w, const Instruction& i, unsigned l, uint64_t address, unsigned bytes, Access access) {
    Run& run = *w.run;
    if (address % bytes != 0) {
        run.note(w, i, l, Fault::misaligned, misaligned_address,
                 accesses(access, bytes) + " at an address that is no multiple of " + std::to_string(bytes) + ": " + describe(address));
        return false;
    }
    if (!arena().holds(address, bytes) || !states_have(arena().state(address), bytes, state_allocated)) {
        const bool freed = was_freed(address);
        run.note(w, i, l, freed ? Fault::use_after_free : Fault::out_of_bounds, illegal_address,
                 accesses(access, bytes) + (freed ? " of freed memory: " : " out of bounds: ") + describe(address));
        return false;
    }
    uint8_t* states = arena().state(address);
    if (access == Access::write) {
        std::memset(states, state_readable, bytes);
    } else if (run.checks && !states_have(states, bytes, state_readable)) {
        run.note(w, i, l, Fault::uninitialised, launch_failure, accesses(access, bytes) + " of uninitialised memory: " + describe(address));
        std::memset(states, state_readable, bytes);  // said once
    }
    return true;
}

}  // namespace

void Addresses::fill(uint32_t mask, uint32_t lane[lanes]) {
    if (mask == all_lanes) {
        SIMD for (unsigned l = 0; l < lanes; ++l) lane[l] = l;
        return;
    }
    unsigned from = static_cast<unsigned>(__builtin_ctz(mask));
    for (unsigned l = 0; l < lanes; ++l) {  // the nearest lane before: the addresses stay in order
        if ((mask >> l) & 1) from = l;
        at[l] = at[from];
        lane[l] = from;
    }
}

bool Addresses::in_a_row(unsigned bytes) const {
    uint64_t off = 0;
    SIMD_OR(off) for (unsigned l = 0; l < lanes; ++l) off |= at[l] ^ (at[0] + l * bytes);
    return off == 0;
}

bool Addresses::alike() const {
    uint64_t off = 0;
    SIMD_OR(off) for (unsigned l = 0; l < lanes; ++l) off |= at[l] ^ at[0];
    return off == 0;
}

const char* verb(Access access) { return access == Access::read ? "reads" : access == Access::write ? "writes" : "changes"; }

void gather_addresses(Warp& w, const Instruction& i, Addresses& a) {
    const auto offset = static_cast<uint64_t>(i.value);
    if (i.wide_address) {
        const uint64_t* base = w.at<uint64_t>(i.a);
        SIMD for (unsigned l = 0; l < lanes; ++l) a.at[l] = base[l] + offset;
    } else {
        const uint32_t* base = w.at<uint32_t>(i.a);
        SIMD for (unsigned l = 0; l < lanes; ++l) a.at[l] = static_cast<uint32_t>(base[l] + static_cast<uint32_t>(offset));
    }
}

uint32_t admit_global(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access) {
    if (mask == all_lanes && a.in_a_row(bytes) && admit_row(w, i, a, bytes, access)) return mask;
    uint32_t whose[lanes];
    a.fill(mask, whose);
    uint32_t good = mask;
    if (bytes < 4 || !admit_words(w, a, bytes, access)) {
        good = 0;
        for_lanes(mask, [&](unsigned l) { good |= static_cast<uint32_t>(check_lane(w, i, l, a.at[l], bytes, access)) << l; });
        if (good == 0) return 0;
        a.fill(good, whose);
    }
    if (tracks_races(w, i)) {
        const auto race_of_lane = [&](unsigned l) {
            const uint64_t word = arena().word(a.at[l]);
            if (touch(*w.run, i, block_of(w), bytes < 4 ? 1 : bytes / 4, word_bytes(a.at[l], bytes), access,
                      [=](unsigned k) { return word + k; })) {
                note_race(w, i, l, a.at[l], bytes, access);
            }
        };
        if (a.alike()) {
            race_of_lane(static_cast<unsigned>(__builtin_ctz(good)));
        } else if (bytes < 4) {
            for_lanes(good, race_of_lane);
        } else {
            bool raced = false;
            for (unsigned k = 0; k < bytes / 4; ++k) {
                raced |= touch(*w.run, i, block_of(w), lanes, 15, access, [&, k](unsigned l) { return (a.at[l] - arena().begin) / 4 + k; });
            }
            if (raced) note_race(w, i, static_cast<unsigned>(__builtin_ctz(good)), a.at[__builtin_ctz(good)], bytes, access);
        }
    }
    count_sectors(w, sectors_of(a), static_cast<uint64_t>(__builtin_popcount(good)) * bytes, access);
    return good;
}

uint32_t admit_local(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access) {
    uint32_t good = 0;
    for_lanes(mask, [&](unsigned l) {
        const uint64_t offset = a.at[l];
        if (offset % bytes != 0) {
            w.run->note(
                w, i, l, Fault::misaligned, misaligned_address,
                accesses(access, bytes) + " of local memory at " + std::to_string(offset) + ", no multiple of " + std::to_string(bytes));
            return;
        }
        if (offset > w.local_top || w.local_top - offset < bytes) {
            w.run->note(
                w, i, l, Fault::out_of_bounds, illegal_address,
                accesses(access, bytes) + " at " + with_commas(offset) + " of " + with_commas(w.local_top) + " bytes of local memory");
            return;
        }
        uint8_t* states = w.local_states + l * w.local_stride + offset;
        if (access == Access::write) {
            std::memset(states, state_readable, bytes);
        } else if (w.run->checks && !states_have(states, bytes, state_readable)) {
            w.run->note(w, i, l, Fault::uninitialised, launch_failure,
                        accesses(access, bytes) + " of uninitialised local memory, at " + std::to_string(offset));
            std::memset(states, state_readable, bytes);
        }
        a.at[l] = reinterpret_cast<uint64_t>(w.local + l * w.local_stride + offset);
        good |= 1u << l;
    });
    return good;
}

uint32_t admit(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access, const std::byte* values) {
    switch (i.space) {
        case Space::shared:
            return admit_shared(w, i, mask, a, bytes, access, values);
        case Space::local:
            return admit_local(w, i, mask, a, bytes, access);
        case Space::generic:
            break;
        default:
            return admit_global(w, i, mask, a, bytes, access);
    }
    uint32_t in_shared = 0, in_local = 0;
    for_lanes(mask, [&](unsigned l) {
        if (a.at[l] - shared_window < window_size) {
            in_shared |= 1u << l;
            a.at[l] -= shared_window;
        } else if (a.at[l] - local_window < window_size) {
            in_local |= 1u << l;
            a.at[l] -= local_window;
        }
    });
    uint32_t good = 0;
    if (in_shared) good |= admit_shared(w, i, in_shared, a, bytes, access, values);
    if (in_local) good |= admit_local(w, i, in_local, a, bytes, access);
    const uint32_t rest = mask & ~in_shared & ~in_local;
    if (rest) good |= admit_global(w, i, rest, a, bytes, access);
    return good;
}

}  // namespace softgpu
