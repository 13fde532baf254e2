// Shared memory: bounds, initialisation, bank conflicts, and races between threads.
#include <algorithm>
#include <cstring>

#include "access.h"
#include "arena.h"
#include "lanes.h"

namespace softgpu {
namespace {

// writer and reader cells: bytes 4 bits, all atomic or volatile 1 bit, thread 10 bits; of readers also whether several lanes of that
// thread's warp read, or threads of several warps.
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
    return !earlier && (many || (reader & several_lanes) || thread_in(reader) != me) && (reader & bytes) != 0 &&
           !(strong && (reader & strong_bit));
}

// Another thread that read the same bytes makes them a crowd's; one that read other bytes is forgotten, for a cell has room for one.
uint32_t merged_reader(uint32_t time, uint32_t reader, uint32_t me, uint32_t bytes, bool strong, const Now& now) {
    const bool many = (reader & several_warps) != 0, same_warp = !many && thread_in(reader) >> 5 == now.warp;
    const bool current = time >= (same_warp ? now.warp_time : now.block_time), crowd = many || (reader & several_lanes);
    const uint32_t both = reader & bytes & 15, strong_now = strong ? strong_bit : 0, strong_all = strong ? reader & strong_bit : 0;
    const uint32_t alone = me << 5 | strong_now | bytes, joined = me << 5 | strong_all | bytes | (reader & 15);
    const uint32_t crowded = me << 5 | (same_warp ? several_lanes : several_warps) | strong_all | both;
    return !current ? alone : !crowd && thread_in(reader) == me ? joined : both ? crowded : alone;
}

uint32_t word_bytes(uint64_t offset, unsigned bytes) { return bytes >= 4 ? 15u : ((1u << bytes) - 1) << (offset & 3); }

// Each bank is asked for one word at most: nothing to wait for. Lanes of 8 or 16 bytes come by halves or quarters of the warp, in units as
// wide as theirs.
bool is_free(const Addresses& a, unsigned bytes) {
    const auto shift = static_cast<unsigned>(__builtin_ctz(bytes < 4 ? 4 : bytes)), units = 128u >> shift;
    uint32_t which[lanes], slot[lanes], of_slot[lanes] = {}, differ = 0;
    SIMD for (unsigned l = 0; l < lanes; ++l) {
        which[l] = static_cast<uint32_t>(a.at[l]) >> shift;
        slot[l] = (l & ~(units - 1)) | (which[l] & (units - 1));
    }
    for (unsigned l = 0; l < lanes; ++l) of_slot[slot[l]] = which[l];
    SIMD_OR(differ) for (unsigned l = 0; l < lanes; ++l) differ |= of_slot[slot[l]] ^ which[l];
    return differ == 0;
}

// Neighbouring lanes that lie at one address, or one behind the other. Most instructions are a few such rows.
struct Row {
    unsigned lane, count;
    bool in_order;
};
constexpr unsigned most_rows = 8;
unsigned split_rows(const Addresses& a, uint32_t mask, unsigned bytes, Row rows[most_rows]) {  // 0: too many
    const uint64_t* at = a.at;
    const uint32_t same = mask_where([=](unsigned l) { return at[(l + 1) & 31] == at[l]; }) & 0x7fffffffu;
    const uint32_t next = mask_where([=](unsigned l) { return at[(l + 1) & 31] == at[l] + bytes; }) & mask & (mask >> 1);
    unsigned n = 0;
    for (unsigned l = 0; l < lanes;) {
        if (n == most_rows) return 0;
        const uint32_t alike = same >> l, ordered = next >> l;
        const bool in_order = !(alike & 1) && (ordered & 1);
        const auto count = static_cast<unsigned>(__builtin_ctz(~(in_order ? ordered : alike))) + 1;
        rows[n++] = {l, count, in_order};
        l += count;
    }
    return n;
}

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

std::string accesses(Access access, unsigned bytes) {
    return std::string(verb(access)) + " " + std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
}

void note_race(Warp& w, const Instruction& i, unsigned l, uint64_t offset, unsigned bytes, Access access, uint32_t other,
               bool other_wrote) {
    w.run->note(w, i, l, Fault::shared_race, launch_failure,
                accesses(access, bytes) + " of shared memory at " + with_commas(offset) + " that thread " + std::to_string(other) +
                    (other_wrote ? " wrote" : " read") + " with no barrier between");
}

// Words one behind the other, from `first` on; `thread` says whose the k-th is. True if a race needs a closer look: then nothing was
// recorded.
template <class Thread>
bool touch_row(SharedTouches& t, uint64_t first, unsigned n, Thread thread, Access access, const Now& now) {
    uint32_t *write_time = &t.write_time[first], *writer = &t.writer[first], *read_time = &t.read_time[first], *reader = &t.reader[first];
    unsigned bad = 0;
    if (access == Access::read) {
        uint32_t mine[4 * lanes];
        SIMD_OR(bad) for (unsigned k = 0; k < n; ++k) {
            bad |= write_conflicts(write_time[k], writer[k], thread(k), 15, false, now);
            mine[k] = merged_reader(read_time[k], reader[k], thread(k), 15, false, now);
        }
        if (bad) return true;
        SIMD for (unsigned k = 0; k < n; ++k) {
            reader[k] = mine[k];
            read_time[k] = now.warp_time;
        }
        return false;
    }
    SIMD_OR(bad) for (unsigned k = 0; k < n; ++k) {
        bad |= write_conflicts(write_time[k], writer[k], thread(k), 15, false, now);
        bad |= read_conflicts(read_time[k], reader[k], thread(k), 15, false, now);
    }
    if (bad) return true;
    SIMD for (unsigned k = 0; k < n; ++k) {
        writer[k] = thread(k) << 5 | 15;
        write_time[k] = now.warp_time;
    }
    return false;
}

// A word of each lane, anywhere: several lanes may share one.
bool touch_each(SharedTouches& t, const uint32_t word[lanes], const uint32_t thread[lanes], Access access, const Now& now) {
    uint32_t *write_time = t.write_time.data(), *writer = t.writer.data(), *read_time = t.read_time.data(), *reader = t.reader.data();
    unsigned bad = 0, shared = 0;
    SIMD_OR(bad)
    for (unsigned l = 0; l < lanes; ++l) bad |= write_conflicts(write_time[word[l]], writer[word[l]], thread[l], 15, false, now);
    if (access == Access::read) {
        if (bad) return true;
        uint32_t mine[lanes];
        SIMD for (unsigned l = 0; l < lanes; ++l) mine[l] = merged_reader(read_time[word[l]], reader[word[l]], thread[l], 15, false, now);
        for (unsigned l = 0; l < lanes; ++l) {
            reader[word[l]] = mine[l];
            read_time[word[l]] = now.warp_time;
        }
        SIMD_OR(shared) for (unsigned l = 0; l < lanes; ++l) shared |= reader[word[l]] ^ mine[l];
        for (unsigned l = 0; l < lanes && shared; ++l) {  // the last of several lanes stands there
            if (thread_in(reader[word[l]]) != thread[l]) reader[word[l]] |= several_lanes;
        }
        return false;
    }
    SIMD_OR(bad) for (unsigned l = 0; l < lanes; ++l) bad |= read_conflicts(read_time[word[l]], reader[word[l]], thread[l], 15, false, now);
    if (bad) return true;
    for (unsigned l = 0; l < lanes; ++l) writer[word[l]] = thread[l] << 5 | 15;
    SIMD_OR(shared) for (unsigned l = 0; l < lanes; ++l) shared |= thread_in(writer[word[l]]) ^ thread[l];
    if (shared) return true;  // whose times are still the old ones
    for (unsigned l = 0; l < lanes; ++l) write_time[word[l]] = now.warp_time;
    return false;
}

// Lane by lane, with the findings.
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
                const bool same_instruction =
                    access == Access::write && values && other >> 5 == w.number && (mask >> lane & 1) && lane < l && a.at[lane] == a.at[l];
                if (!same_instruction || std::memcmp(values + lane * bytes, values + l * bytes, bytes) != 0)
                    note_race(w, i, l, a.at[l], bytes, access, other, true);
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

// Records the rows' words, or those of each lane if there are too many rows. True if a race needs a closer look.
bool touch_rows(Warp& w, const Addresses& a, const uint32_t* whose, unsigned bytes, Access access, const Row* rows, unsigned count) {
    SharedTouches& t = w.block->touches;
    const Now now{w.block->time, w.time, w.number};
    const uint32_t thread = w.number * lanes;
    const unsigned words = bytes / 4, shift = static_cast<unsigned>(__builtin_ctz(words));
    bool look = false;
    for (unsigned r = 0; r < count && !look; ++r) {
        const uint64_t first = a.at[rows[r].lane] / 4;
        const uint32_t begin = thread + whose[rows[r].lane], end = thread + whose[rows[r].lane + rows[r].count - 1];
        if (rows[r].in_order) {
            look = touch_row(t, first, rows[r].count * words, [=](unsigned k) { return begin + (k >> shift); }, access, now);
        } else {  // one place: the first and the last lane stand for all
            look = touch_row(t, first, words, [=](unsigned) { return begin; }, access, now);
            if (begin != end) look |= access == Access::write || touch_row(t, first, words, [=](unsigned) { return end; }, access, now);
        }
    }
    if (count) return look;
    uint32_t word[lanes], threads[lanes];
    SIMD for (unsigned l = 0; l < lanes; ++l) threads[l] = thread + whose[l];
    for (unsigned k = 0; k < words; ++k) {
        SIMD for (unsigned l = 0; l < lanes; ++l) word[l] = static_cast<uint32_t>(a.at[l] / 4) + k;
        look |= touch_each(t, word, threads, access, now);
    }
    return look;
}

// Marks what is written; says whether all that is read was.
bool initialised(uint8_t* states, const Addresses& a, unsigned bytes, Access access, const Row* rows, unsigned count) {
    uint32_t missing = 0;
    for (unsigned r = 0; r < count; ++r) {
        uint8_t* row = states + a.at[rows[r].lane];
        const unsigned size = rows[r].in_order ? rows[r].count * bytes : bytes;
        if (access == Access::write) {
            std::memset(row, 1, size);
        } else {
            const auto* words = reinterpret_cast<const uint32_t*>(row);
            SIMD_OR(missing) for (unsigned k = 0; k < size / 4; ++k) missing |= words[k] ^ 0x01010101u;
            for (unsigned k = size / 4 * 4; k < size; ++k) missing |= row[k] ^ 1u;
        }
    }
    for (unsigned l = 0; l < lanes && !count; ++l) {
        for (unsigned k = 0; k < bytes; ++k) {
            if (access == Access::write) states[a.at[l] + k] = 1;
            missing |= states[a.at[l] + k] ^ 1u;
        }
    }
    return missing == 0;
}

// The lanes whose accesses lie within the block's shared memory, and are aligned.
uint32_t within(Warp& w, const Instruction& i, uint32_t mask, const Addresses& a, unsigned bytes, Access access) {
    const uint64_t size = w.block->shared_bytes;
    uint32_t good = 0;
    for_lanes(mask, [&](unsigned l) {
        if (a.at[l] % bytes) {
            w.run->note(
                w, i, l, Fault::misaligned, misaligned_address,
                accesses(access, bytes) + " of shared memory at " + with_commas(a.at[l]) + ", no multiple of " + std::to_string(bytes));
        } else if (a.at[l] > size || size - a.at[l] < bytes) {
            w.run->note(w, i, l, Fault::out_of_bounds, illegal_address,
                        accesses(access, bytes) + " at " + with_commas(a.at[l]) + " of " + with_commas(size) + " bytes of shared memory");
        } else {
            good |= 1u << l;
        }
    });
    return good;
}

}  // namespace

uint32_t admit_shared(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access, const std::byte* values) {
    Block& block = *w.block;
    uint32_t whose[lanes], good = mask;
    a.fill(mask, whose);
    uint64_t high = 0, low = 0;
    SIMD_OR(low) for (unsigned l = 0; l < lanes; ++l) low |= a.at[l];
    SIMD_MAX(high) for (unsigned l = 0; l < lanes; ++l) high = high < a.at[l] ? a.at[l] : high;
    if ((low & (bytes - 1)) != 0 || high > block.shared_bytes || block.shared_bytes - high < bytes) {
        good = within(w, i, mask, a, bytes, access);
        if (!good) return 0;
        a.fill(good, whose);
    }
    ++block.counters.shared_accesses;
    if (!is_free(a, bytes)) block.counters.shared_conflicts += extra_cycles(good, a, bytes);
    if (w.run->checks) {
        Row rows[most_rows];
        const unsigned count = split_rows(a, good, bytes, rows);
        uint8_t* states = block.shared_states.data();
        if (!initialised(states, a, bytes, access, rows, count)) {
            for_lanes(good, [&](unsigned l) {
                if (std::count(states + a.at[l], states + a.at[l] + bytes, 1) == bytes) return;
                w.run->note(w, i, l, Fault::uninitialised, launch_failure,
                            accesses(access, bytes) + " of uninitialised shared memory, at " + with_commas(a.at[l]));
                std::memset(states + a.at[l], 1, bytes);
            });
        }
        if (bytes < 4 || access == Access::atomic || i.strong || touch_rows(w, a, whose, bytes, access, rows, count)) {
            find_races(w, i, good, a, bytes, access, values);
        }
    }
    const auto base = reinterpret_cast<uint64_t>(block.shared.data);
    SIMD for (unsigned l = 0; l < lanes; ++l) a.at[l] += base;
    return good;
}

}  // namespace softgpu
