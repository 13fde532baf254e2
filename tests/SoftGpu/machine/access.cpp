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

std::string accesses(Access access, unsigned bytes) { return std::string(verb(access)) + " " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

// The shadow of touches. A cell of a word: launch 12 bits, block 15 bits (or `several`), all of them atomic or volatile 1 bit, bytes 4 bits.
constexpr uint32_t several = 0x7fff;
uint32_t cell(uint32_t epoch, uint32_t block, bool strong, uint32_t bytes) { return epoch << 20 | block << 5 | (strong ? 16u : 0u) | bytes; }
uint32_t epoch_in(uint32_t c) { return c >> 20; }
uint32_t block_in(uint32_t c) { return (c >> 5) & 0x7fff; }

uint32_t merged(uint32_t old, uint32_t epoch, uint32_t me, bool strong, uint32_t bytes) {
    // Blocks that share a word but no byte of it are no race: the last one is remembered.
    const bool current = epoch_in(old) == epoch && (block_in(old) == me || (old & bytes & 15) != 0);
    const uint32_t block = current && block_in(old) != me ? several : me;
    return cell(epoch, block, strong && (!current || (old & 16)), bytes | (current ? old & 15 : 0));
}

// Another block touched the word in this launch, and not both atomically.
bool conflicts(uint32_t c, uint32_t epoch, uint32_t me, bool strong, uint32_t bytes) {
    return epoch_in(c) == epoch && block_in(c) != me && (c & bytes & 15) != 0 && !(strong && (c & 16));
}

// Records words [first, first + n) and says whether any is raced for. What ld.global.nc reads, not even the own block may write.
bool touch(const Run& run, const Instruction& i, uint32_t me, uint64_t first, unsigned n, uint32_t bytes, Access access, bool strong) {
    uint32_t* writers = arena().writers + first;
    uint32_t* readers = arena().readers + first;
    const uint32_t epoch = run.epoch;
    unsigned bad = 0;
    if (access == Access::read) {
        const uint32_t own = i.read_only ? nowhere : me;
        SIMD for (unsigned k = 0; k < n; ++k) {
            bad |= conflicts(writers[k], epoch, own, strong, bytes);
            readers[k] = merged(readers[k], epoch, me, strong, bytes);
        }
    } else {
        SIMD for (unsigned k = 0; k < n; ++k) {
            bad |= conflicts(writers[k], epoch, me, strong, bytes);
            bad |= conflicts(readers[k], epoch, me, strong, bytes);
            writers[k] = merged(writers[k], epoch, me, strong, bytes);
        }
    }
    return bad != 0;
}

uint32_t word_bytes(uint64_t address, unsigned bytes) { return bytes >= 4 ? 15u : ((1u << bytes) - 1) << (address & 3); }

void note_race(Warp& w, const Instruction& i, unsigned lane, uint64_t address, unsigned bytes, Access access) {
    const std::string rival = i.read_only ? " as read-only that the launch writes: "
                              : std::string(" that another block ") + (access == Access::read ? "writes" : "touches") + " in the same launch, with no atomics: ";
    w.run->note(w, i, lane, Fault::global_race, launch_failure, accesses(access, bytes) + rival + describe(address));
}

void count_sectors(Warp& w, uint32_t mask, const Addresses& a, unsigned bytes, Access access) {
    uint64_t seen[4 * lanes];
    unsigned n = 0;
    bool ordered = true;
    for_lanes(mask, [&](unsigned l) {
        for (uint64_t sector = a.at[l] / 32; sector <= (a.at[l] + bytes - 1) / 32; ++sector) {
            if (n && seen[n - 1] == sector) continue;
            ordered &= n == 0 || seen[n - 1] < sector;
            if (n < 4 * lanes) seen[n++] = sector;
        }
    });
    if (!ordered) {
        std::sort(seen, seen + n);
        n = static_cast<unsigned>(std::unique(seen, seen + n) - seen);
    }
    Counters& c = w.block->counters;
    const auto asked = static_cast<uint64_t>(__builtin_popcount(mask)) * bytes;
    if (access != Access::write) {
        c.read_sectors += n;
        c.read_bytes += asked;
    }
    if (access != Access::read) {
        c.written_sectors += n;
        c.written_bytes += asked;
    }
}

// The lanes lie one behind the other, none is missing: true if nothing is wrong with any; all is then done.
bool admit_run(Warp& w, const Instruction& i, Addresses& a, unsigned bytes, Access access) {
    const uint64_t first = a.at[0];
    const unsigned total = lanes * bytes;
    if (first % bytes != 0 || !arena().holds(first, total)) return false;
    uint8_t* states = arena().state(first);
    const Run& run = *w.run;
    const bool reads = access != Access::write;
    if (!states_have(states, total, reads && run.checks ? state_readable : state_allocated)) return false;
    if (!reads) std::memset(states, state_readable, total);
    if (run.epoch && i.space != Space::constant) {
        const bool strong = access == Access::atomic || i.strong;
        const auto me = static_cast<uint32_t>(w.block->number % several);
        if (bytes < 4) {
            for (unsigned l = 0; l < lanes; ++l) {
                if (touch(run, i, me, arena().word(a.at[l]), 1, word_bytes(a.at[l], bytes), access, strong)) note_race(w, i, l, a.at[l], bytes, access);
            }
        } else if (touch(run, i, me, arena().word(first), total / 4, 15, access, strong)) {
            note_race(w, i, 0, first, bytes, access);
        }
    }
    Counters& c = w.block->counters;
    const uint64_t sectors = (first + total - 1) / 32 - first / 32 + 1;
    if (reads) {
        c.read_sectors += sectors;
        c.read_bytes += total;
    }
    if (access != Access::read) {
        c.written_sectors += sectors;
        c.written_bytes += total;
    }
    return true;
}

bool check_lane(Warp& w, const Instruction& i, unsigned l, uint64_t address, unsigned bytes, Access access) {
    Run& run = *w.run;
    if (address % bytes != 0) {
        run.note(w, i, l, Fault::misaligned, misaligned_address, accesses(access, bytes) + " at an address that is no multiple of " + std::to_string(bytes) + ": " + describe(address));
        return false;
    }
    if (!arena().holds(address, bytes) || !states_have(arena().state(address), bytes, state_allocated)) {
        const bool freed = was_freed(address);
        run.note(w, i, l, freed ? Fault::use_after_free : Fault::out_of_bounds, illegal_address, accesses(access, bytes) + (freed ? " of freed memory: " : " out of bounds: ") + describe(address));
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
    if (mask == all_lanes) {
        uint64_t off = 0;
        SIMD for (unsigned l = 0; l < lanes; ++l) off |= a.at[l] ^ (a.at[0] + l * bytes);
        if (off == 0 && admit_run(w, i, a, bytes, access)) return mask;
    }
    uint32_t good = 0;
    const bool races = w.run->epoch && i.space != Space::constant, strong = access == Access::atomic || i.strong;
    const auto me = static_cast<uint32_t>(w.block->number % several);
    uint64_t last = ~0ull;
    for_lanes(mask, [&](unsigned l) {
        const uint64_t address = a.at[l];
        if (address == last && access == Access::read && good) {  // as the lane before
            good |= 1u << l;
            return;
        }
        if (!check_lane(w, i, l, address, bytes, access)) return;
        good |= 1u << l;
        last = address;
        if (races && touch(*w.run, i, me, arena().word(address), bytes < 4 ? 1 : bytes / 4, word_bytes(address, bytes), access, strong)) {
            note_race(w, i, l, address, bytes, access);
        }
    });
    count_sectors(w, good, a, bytes, access);
    return good;
}

uint32_t admit_local(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access) {
    uint32_t good = 0;
    for_lanes(mask, [&](unsigned l) {
        const uint64_t offset = a.at[l];
        if (offset % bytes != 0) {
            w.run->note(w, i, l, Fault::misaligned, misaligned_address, accesses(access, bytes) + " of local memory at " + std::to_string(offset) + ", no multiple of " + std::to_string(bytes));
            return;
        }
        if (offset > w.local_top || w.local_top - offset < bytes) {
            w.run->note(w, i, l, Fault::out_of_bounds, illegal_address, accesses(access, bytes) + " at " + with_commas(offset) + " of " + with_commas(w.local_top) + " bytes of local memory");
            return;
        }
        uint8_t* states = w.local_states + l * w.local_stride + offset;
        if (access == Access::write) {
            std::memset(states, state_readable, bytes);
        } else if (w.run->checks && !states_have(states, bytes, state_readable)) {
            w.run->note(w, i, l, Fault::uninitialised, launch_failure, accesses(access, bytes) + " of uninitialised local memory, at " + std::to_string(offset));
            std::memset(states, state_readable, bytes);
        }
        a.at[l] = reinterpret_cast<uint64_t>(w.local + l * w.local_stride + offset);
        good |= 1u << l;
    });
    return good;
}

uint32_t admit(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access, const std::byte* values) {
    switch (i.space) {
        case Space::shared: return admit_shared(w, i, mask, a, bytes, access, values);
        case Space::local: return admit_local(w, i, mask, a, bytes, access);
        case Space::generic: break;
        default: return admit_global(w, i, mask, a, bytes, access);
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
