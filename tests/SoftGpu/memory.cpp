#include "memory.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

#include "machine/arena.h"
#include "settings.h"

namespace softgpu {
namespace {

constexpr uint64_t granule = 256, guard_bytes = 256, page = 4096;
constexpr size_t remembered = 65536;  // freed allocations that a message still knows

struct Block {
    size_t bytes = 0;
    bool of_module = false;
};

std::mutex lock;
std::map<uint64_t, Block> live;
std::map<uint64_t, size_t> freed;
std::deque<uint64_t> freed_order;
uint64_t next = 0;  // addresses are handed out round the arena, so that a freed one is not soon used again
size_t total = 0;   // bytes alive
uint32_t epoch = 0;

void* reserve(uint64_t bytes) {
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

Arena make_arena() {
    Arena a;
    // Far more addresses than memory; less where the host grants no more.
    for (uint64_t size = 64ull << 30; size >= 1ull << 30; size /= 2) {
        void* data = reserve(size);
        void* states = reserve(size);
        void* writers = reserve(size);
        void* readers = reserve(size);
        if (data && states && writers && readers) {
            madvise(data, size, MADV_DONTDUMP);
            a.begin = reinterpret_cast<uint64_t>(data);
            a.size = size;
            a.states = static_cast<uint8_t*>(states);
            a.writers = static_cast<uint32_t*>(writers);
            a.readers = static_cast<uint32_t*>(readers);
            break;
        }
        for (void* each : {data, states, writers, readers}) {
            if (each) munmap(each, size);
        }
    }
    return a;
}

// Zeroes a range; whole pages go back to the host.
void wipe(void* from, size_t bytes) {
    const uint64_t begin = reinterpret_cast<uint64_t>(from), end = begin + bytes;
    const uint64_t first = (begin + page - 1) / page * page, last = end / page * page;
    if (last >= first + 16 * page) {
        std::memset(from, 0, first - begin);
        madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
        std::memset(reinterpret_cast<void*>(last), 0, end - last);
    } else {
        std::memset(from, 0, bytes);
    }
}

std::map<uint64_t, Block>::const_iterator around(uint64_t address) {
    auto at = live.upper_bound(address);
    if (at == live.begin()) return live.end();
    --at;
    return address - at->first < at->second.bytes ? at : live.end();
}

// The first free address from `from` on, or 0.
uint64_t place(uint64_t from, uint64_t need) {
    const Arena& a = arena();
    uint64_t at = from;
    auto it = live.upper_bound(at);
    if (it != live.begin()) {
        auto before = std::prev(it);
        at = std::max(at, before->first + (before->second.bytes + granule - 1) / granule * granule + guard_bytes);
    }
    while (it != live.end() && it->first < at + need) {
        at = it->first + (it->second.bytes + granule - 1) / granule * granule + guard_bytes;
        ++it;
    }
    return at + need <= a.begin + a.size ? at : 0;
}

uint64_t make(size_t bytes, bool of_module) {
    const Arena& a = arena();
    const std::lock_guard<std::mutex> guard(lock);
    if (bytes == 0) bytes = 1;
    if (a.size == 0 || bytes > settings().memory || total > settings().memory - bytes) return 0;
    const uint64_t first = a.begin + guard_bytes, need = (bytes + granule - 1) / granule * granule + guard_bytes;
    uint64_t at = place(next ? next : first, need);
    if (!at) at = place(first, need);
    if (!at) return 0;
    next = at + need;
    live[at] = {bytes, of_module};
    total += bytes;
    auto old = freed.lower_bound(at);  // what is known of earlier allocations there is no longer true; they are disjoint
    if (old != freed.begin() && std::prev(old)->first + std::prev(old)->second > at) --old;
    while (old != freed.end() && old->first < at + bytes) old = freed.erase(old);
    std::memset(a.state(at), state_allocated, bytes);
    return at;
}

void drop(std::map<uint64_t, Block>::const_iterator it) {
    const Arena& a = arena();
    const uint64_t address = it->first;
    const size_t bytes = it->second.bytes;
    wipe(a.state(address), bytes);
    wipe(reinterpret_cast<void*>(address), bytes);
    wipe(a.writers + a.word(address), (bytes + 3) / 4 * 4);
    wipe(a.readers + a.word(address), (bytes + 3) / 4 * 4);
    total -= bytes;
    freed[address] = bytes;
    freed_order.push_back(address);
    if (freed_order.size() > remembered) {
        freed.erase(freed_order.front());
        freed_order.pop_front();
    }
    live.erase(it);
}

bool remove(uint64_t address, bool of_module) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto it = live.find(address);
    if (it == live.end() || it->second.of_module != of_module) return false;
    drop(it);
    return true;
}

std::string bytes_of(size_t n) { return with_commas(n) + (n == 1 ? " byte" : " bytes"); }

}  // namespace

const Arena& arena() {
    static const Arena a = make_arena();
    return a;
}

std::string with_commas(uint64_t number) {
    std::string text = std::to_string(number);
    for (int at = static_cast<int>(text.size()) - 3; at > 0; at -= 3) text.insert(static_cast<size_t>(at), ",");
    return text;
}

uint64_t allocate(size_t bytes) { return make(bytes, false); }
bool release(uint64_t address) { return remove(address, false); }
uint64_t allocate_for_module(size_t bytes) { return make(bytes, true); }
void release_for_module(uint64_t address) { remove(address, true); }

void release_all() {
    const std::lock_guard<std::mutex> guard(lock);
    for (auto it = live.cbegin(); it != live.cend();) {
        const auto here = it++;
        if (!here->second.of_module) drop(here);
    }
}

size_t live_bytes() {
    const std::lock_guard<std::mutex> guard(lock);
    size_t sum = 0;
    for (const auto& each : live) sum += each.second.of_module ? 0 : each.second.bytes;
    return sum;
}

size_t live_count() {
    const std::lock_guard<std::mutex> guard(lock);
    return static_cast<size_t>(std::count_if(live.begin(), live.end(), [](const auto& each) { return !each.second.of_module; }));
}

std::string live_list() {
    const std::lock_guard<std::mutex> guard(lock);
    std::vector<size_t> sizes;
    for (const auto& each : live) {
        if (!each.second.of_module) sizes.push_back(each.second.bytes);
    }
    std::sort(sizes.rbegin(), sizes.rend());
    std::string text;
    for (size_t i = 0; i < sizes.size() && i < 5; ++i) text += (i ? ", " : "") + with_commas(sizes[i]);
    if (sizes.size() > 5) text += ", …";
    return text.empty() ? text : text + " bytes";
}

bool contains(uint64_t address, size_t bytes) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto it = around(address);
    return it != live.end() && it->second.bytes - (address - it->first) >= bytes;
}

bool find(uint64_t address, uint64_t& base, size_t& size) {
    const std::lock_guard<std::mutex> guard(lock);
    const auto it = around(address);
    if (it == live.end()) return false;
    base = it->first;
    size = it->second.bytes;
    return true;
}

bool was_freed(uint64_t address) {
    const std::lock_guard<std::mutex> guard(lock);
    auto it = freed.upper_bound(address);
    if (it == freed.begin()) return false;
    --it;
    return address - it->first < it->second && around(address) == live.end();
}

std::string describe(uint64_t address) {
    if (address < page) return address == 0 ? "a null pointer" : "a null pointer plus " + bytes_of(address);
    const bool gone = was_freed(address);
    const std::lock_guard<std::mutex> guard(lock);
    if (gone) {
        const auto it = std::prev(freed.upper_bound(address));
        return "byte " + with_commas(address - it->first) + " of a freed allocation of " + bytes_of(it->second);
    }
    const auto inside = around(address);
    if (inside != live.end()) {
        return "byte " + with_commas(address - inside->first) + " of an allocation of " + bytes_of(inside->second.bytes);
    }
    const auto after = live.upper_bound(address);
    const uint64_t ahead = after == live.end() ? ~0ull : after->first - address;
    uint64_t behind = ~0ull;
    size_t size = 0;
    if (after != live.begin()) {
        const auto before = std::prev(after);
        size = before->second.bytes;
        behind = address - before->first - size;
    }
    if (behind <= ahead && behind < 1u << 20) return bytes_of(behind + 1) + " behind an allocation of " + bytes_of(size);
    if (ahead < 1u << 20) return bytes_of(ahead) + " before an allocation of " + bytes_of(after->second.bytes);
    return "nowhere near an allocation";
}

void mark_written(uint64_t address, size_t bytes) {
    if (arena().holds(address, bytes)) std::memset(arena().state(address), state_readable, bytes);
}

bool is_written(uint64_t address, size_t bytes) {
    if (!arena().holds(address, bytes)) return false;
    const uint8_t* s = arena().state(address);
    return std::all_of(s, s + bytes, [](uint8_t state) { return state == state_readable; });
}

void copy_written(uint64_t to, uint64_t from, size_t bytes) {
    if (arena().holds(to, bytes) && arena().holds(from, bytes)) std::memmove(arena().state(to), arena().state(from), bytes);
}

uint32_t next_touch_epoch() {
    const std::lock_guard<std::mutex> guard(lock);
    if (++epoch > 4095) {
        const Arena& a = arena();
        madvise(a.writers, a.size, MADV_DONTNEED);
        madvise(a.readers, a.size, MADV_DONTNEED);
        epoch = 1;
    }
    return epoch;
}

}  // namespace softgpu
