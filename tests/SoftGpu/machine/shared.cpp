// Shared memory: bounds, initialisation, bank conflicts, and races between threads.
#include <algorithm>
#include <cstring>

#include "access.h"
#include "arena.h"
#include "lanes.h"

namespace softgpu {
namespace {

// writer and reader cells: bytes 4 bits, all atomic or volatile 1 bit, thread 10 bits; of readers also whether several lanes of that thread's warp
// read, or threads of several warps.
constexpr uint32_t strong_bit = 16, several_lanes = 1u << 30, several_warps = 1u << 31;
uint32_t thread_in(uint32_t c) { return (c >> 5) & 1023; }

// A barrier lies between what happened at `time` by thread `other` and what thread `me` does now.
struct Now {
    uint32_t block_time, warp_time, warp;
};
bool before(uint32_t time, uint32_t other, const Now& now) { return time < (other >> 5 == now.warp ? now.warp_time : now.block_time); }

bool write_conflicts(uint32_t time, uint32_t writer, uint32_t me, uint32_t bytes, bool strong, const Now& now) {
    return !before(time, thread_in(writer), now) && thread_in(writer) != me && (writer & bytes) != 0 && !(strong && (writer & strong_bit));
}
bool read_conflicts(uint32_t time, uint32_t reader, uint32_t me, uint32_t bytes, bool strong, const Now& now) {
    const bool many = (reader & several_warps) != 0;
    const bool earlier = many ? time < now.block_time : before(time, thread_in(reader), now);
    return !earlier && (many || (reader & several_lanes) || thread_in(reader) != me) && (reader & bytes) != 0 && !(strong && (reader & strong_bit));
}

uint32_t merged_reader(uint32_t time, uint32_t reader, uint32_t me, uint32_t bytes, bool strong, const Now& now) {
    const uint32_t mine = me << 5 | bytes;
    const bool many = (reader & several_warps) != 0, same_warp = !many && thread_in(reader) >> 5 == now.warp;
    if (time < (same_warp ? now.warp_time : now.block_time)) return mine | (strong ? strong_bit : 0);
    const uint32_t flags = !same_warp ? several_warps : (reader & several_lanes) || thread_in(reader) != me ? several_lanes : 0;
    return mine | flags | (reader & 15) | (strong ? reader & strong_bit : 0);
}

uint32_t word_bytes(uint64_t offset, unsigned bytes) { return bytes >= 4 ? 15u : ((1u << bytes) - 1) << (offset & 3); }

// Bank conflicts: the accesses of a part of a warp, in units of 4 bytes; lanes that read one word share it.
uint64_t extra_cycles(uint32_t mask, const Addresses& a, unsigned bytes) {
    const unsigned words = bytes < 4 ? 1 : bytes / 4, part = lanes / words;
    uint64_t extra = 0;
    for (unsigned begin = 0; begin < lanes; begin += part) {
        uint32_t of_bank[32][lanes];
        uint8_t count[32] = {};
        unsigned most = 0;
        for_lanes(mask & (part == 32 ? all_lanes : ((1u << part) - 1) << begin), [&](unsigned l) {
            for (unsigned k = 0; k < words; ++k) {
                const auto word = static_cast<uint32_t>(a.at[l] / 4 + k), bank = word & 31;
                unsigned at = 0;
                while (at < count[bank] && of_bank[bank][at] != word) ++at;
                if (at == count[bank]) {
                    of_bank[bank][at] = word;
                    most = std::max<unsigned>(most, ++count[bank]);
                }
            }
        });
        extra += most > 1 ? most - 1 : 0;
    }
    return extra;
}

std::string accesses(Access access, unsigned bytes) { return std::string(verb(access)) + " " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

void note_race(Warp& w, const Instruction& i, unsigned l, uint64_t offset, unsigned bytes, Access access, uint32_t other, bool other_wrote) {
    w.run->note(w, i, l, Fault::shared_race, launch_failure,
                accesses(access, bytes) + " of shared memory at " + with_commas(offset) + " that thread " + std::to_string(other) + (other_wrote ? " wrote" : " read") + " with no barrier between");
}

// Lanes one behind the other, all there: their words are a run.
bool race_in_run(SharedTouches& t, uint64_t first, unsigned words, unsigned shift, uint32_t thread, Access access, const Now& now) {
    uint32_t *write_time = &t.write_time[first], *writer = &t.writer[first], *read_time = &t.read_time[first], *reader = &t.reader[first];
    unsigned bad = 0;
    if (access == Access::read) {
        SIMD for (unsigned k = 0; k < words; ++k) bad |= write_conflicts(write_time[k], writer[k], thread + (k >> shift), 15, false, now);
        if (bad) return true;
        SIMD for (unsigned k = 0; k < words; ++k) {
            reader[k] = merged_reader(read_time[k], reader[k], thread + (k >> shift), 15, false, now);
            read_time[k] = now.warp_time;
        }
    } else {
        SIMD for (unsigned k = 0; k < words; ++k) {
            bad |= write_conflicts(write_time[k], writer[k], thread + (k >> shift), 15, false, now);
            bad |= read_conflicts(read_time[k], reader[k], thread + (k >> shift), 15, false, now);
        }
        if (bad) return true;
        SIMD for (unsigned k = 0; k < words; ++k) {
            writer[k] = (thread + (k >> shift)) << 5 | 15;
            write_time[k] = now.warp_time;
        }
    }
    return false;
}

void find_races(Warp& w, const Instruction& i, uint32_t mask, const Addresses& a, unsigned bytes, Access access, const std::byte* values) {
    SharedTouches& t = w.block->touches;
    const Now now{w.block->time, w.time, w.number};
    const unsigned words = bytes < 4 ? 1 : bytes / 4;
    const bool strong = access == Access::atomic || i.strong;
    for_lanes(mask, [&](unsigned l) {
        const uint32_t me = w.number * lanes + l, part = word_bytes(a.at[l], bytes);
        for (uint64_t word = a.at[l] / 4; word < a.at[l] / 4 + words; ++word) {
            uint32_t &write_time = t.write_time[word], &writer = t.writer[word], &read_time = t.read_time[word], &reader = t.reader[word];
            if (write_conflicts(write_time, writer, me, part, strong, now)) {
                const uint32_t other = thread_in(writer), lane = other & 31;
                const bool same_instruction = access == Access::write && values && other >> 5 == w.number && (mask >> lane & 1) && lane < l && a.at[lane] == a.at[l];
                if (!same_instruction || std::memcmp(values + lane * bytes, values + l * bytes, bytes) != 0) note_race(w, i, l, a.at[l], bytes, access, other, true);
            } else if (access != Access::read && read_conflicts(read_time, reader, me, part, strong, now)) {
                note_race(w, i, l, a.at[l], bytes, access, thread_in(reader), false);
            }
            if (access == Access::read) {
                reader = merged_reader(read_time, reader, me, part, strong, now);
                read_time = now.warp_time;
            } else {
                const bool same = thread_in(writer) == me && write_time == now.warp_time;
                writer = me << 5 | (strong && (!same || (writer & strong_bit)) ? strong_bit : 0) | part | (same ? writer & 15 : 0);
                write_time = now.warp_time;
            }
        }
    });
}

}  // namespace

uint32_t admit_shared(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access, const std::byte* values) {
    Block& block = *w.block;
    Run& run = *w.run;
    uint32_t good = 0;
    uint64_t low = ~0ull, high = 0;
    unsigned off = 0;
    for_lanes(mask, [&](unsigned l) {
        low = std::min(low, a.at[l]);
        high = std::max(high, a.at[l]);
        off |= static_cast<unsigned>(a.at[l] % bytes);
    });
    good = mask;
    if (off || high > block.shared_bytes || block.shared_bytes - high < bytes) {
        good = 0;
        for_lanes(mask, [&](unsigned l) {
            if (a.at[l] % bytes) {
                run.note(w, i, l, Fault::misaligned, misaligned_address, accesses(access, bytes) + " of shared memory at " + std::to_string(a.at[l]) + ", no multiple of " + std::to_string(bytes));
            } else if (a.at[l] > block.shared_bytes || block.shared_bytes - a.at[l] < bytes) {
                run.note(w, i, l, Fault::out_of_bounds, illegal_address, accesses(access, bytes) + " at " + with_commas(a.at[l]) + " of " + with_commas(block.shared_bytes) + " bytes of shared memory");
            } else {
                good |= 1u << l;
            }
        });
        if (!good) return 0;
    }
    uint64_t apart = 1, differ = 1;
    if (good == all_lanes) {
        apart = differ = 0;
        SIMD for (unsigned l = 0; l < lanes; ++l) {
            apart |= a.at[l] ^ (a.at[0] + l * bytes);
            differ |= a.at[l] ^ a.at[0];
        }
    }
    ++block.counters.shared_accesses;
    if (apart != 0 && differ != 0) block.counters.shared_conflicts += extra_cycles(good, a, bytes);
    if (run.checks) {
        uint8_t* states = block.shared_states.data();
        for_lanes(good, [&](unsigned l) {
            uint8_t* s = states + a.at[l];
            if (access == Access::write) {
                std::memset(s, 1, bytes);
            } else {
                unsigned set = 1;
                for (unsigned k = 0; k < bytes; ++k) set &= s[k];
                if (!set) {
                    run.note(w, i, l, Fault::uninitialised, launch_failure, accesses(access, bytes) + " of uninitialised shared memory, at " + with_commas(a.at[l]));
                    std::memset(s, 1, bytes);
                }
            }
        });
        const Now now{block.time, w.time, w.number};
        const bool is_run = apart == 0 && bytes >= 4 && access != Access::atomic && !i.strong;
        if (!is_run || race_in_run(block.touches, a.at[0] / 4, lanes * bytes / 4, bytes == 4 ? 0 : bytes == 8 ? 1 : 2, w.number * lanes, access, now)) {
            find_races(w, i, good, a, bytes, access, values);
        }
    }
    const auto base = reinterpret_cast<uint64_t>(block.shared.data);
    SIMD for (unsigned l = 0; l < lanes; ++l) a.at[l] += base;
    return good;
}

}  // namespace softgpu
