// A block: its warps take turns on one thread of the host.
#include <algorithm>
#include <cstring>

#include "lanes.h"

namespace softgpu {

void finish_barrier(Warp& w, unsigned votes, unsigned threads);

void Block::prepare(Run& r) {
    run = &r;
    const Launch& launch = r.launch;
    const Function& f = *r.kernel.function;
    threads = launch.block.x * launch.block.y * launch.block.z;
    const unsigned count = (threads + lanes - 1) / lanes;
    warps.resize(count);
    shared_bytes = launch.dynamic_shared ? (f.shared_bytes + 15) / 16 * 16 + launch.dynamic_shared : f.shared_bytes;
    if (shared.size < shared_bytes + 16) shared = AlignedBytes(shared_bytes + 16);
    if (shared_states.size() < shared_bytes + 4) shared_states.resize(shared_bytes + 4);
    const size_t words = shared_bytes / 4 + 5;
    if (clock > 1u << 31) {
        clock = 0;
        touches = SharedTouches();
    }
    if (touches.write_time.size() < words) {
        for (auto* each : {&touches.write_time, &touches.writer, &touches.read_time, &touches.reader}) each->resize(words);
    }
    for (unsigned n = 0; n < count; ++n) {
        Warp& w = warps[n];
        if (w.specials.size == 0) w.specials = AlignedBytes(special_count * lanes * 4);
        w.local_stride = r.local_bytes;
        if (w.local_memory.size < r.local_bytes * lanes) {
            w.local_memory = AlignedBytes(r.local_bytes * lanes);
            w.local_shadow = AlignedBytes(r.local_bytes * lanes);
        }
        auto* special = reinterpret_cast<uint32_t*>(w.specials.data);
        const auto set = [&](Special s, auto value) {
            for (unsigned l = 0; l < lanes; ++l) special[s * lanes + l] = static_cast<uint32_t>(value(l));
        };
        const auto all = [&](Special s, uint64_t value) { set(s, [=](unsigned) { return value; }); };
        const unsigned first = n * lanes;
        set(tid_x, [&](unsigned l) { return (first + l) % launch.block.x; });
        set(tid_y, [&](unsigned l) { return (first + l) / launch.block.x % launch.block.y; });
        set(tid_z, [&](unsigned l) { return (first + l) / (launch.block.x * launch.block.y); });
        all(ntid_x, launch.block.x);
        all(ntid_y, launch.block.y);
        all(ntid_z, launch.block.z);
        all(nctaid_x, launch.grid.x);
        all(nctaid_y, launch.grid.y);
        all(nctaid_z, launch.grid.z);
        set(lane_id, [](unsigned l) { return l; });
        all(warp_id, n);
        all(warp_count, count);
        all(multiprocessor_count, r.multiprocessors);
        all(grid_id, launch.number);
        set(mask_eq, [](unsigned l) { return 1u << l; });
        set(mask_lt, [](unsigned l) { return (1u << l) - 1; });
        set(mask_le, [](unsigned l) { return (1u << l) | ((1u << l) - 1); });
        set(mask_gt, [](unsigned l) { return ~((1u << l) | ((1u << l) - 1)); });
        set(mask_ge, [](unsigned l) { return ~((1u << l) - 1); });
        all(dynamic_shared_size, launch.dynamic_shared);
        all(total_shared_size, shared_bytes);
    }
}

void Block::execute(uint64_t n) {
    const Launch& launch = run->launch;
    number = n;
    index = {static_cast<unsigned>(n % launch.grid.x), static_cast<unsigned>(n / launch.grid.x % launch.grid.y),
             static_cast<unsigned>(n / launch.grid.x / launch.grid.y)};
    time = ++clock;
    std::fill_n(shared_states.begin(), shared_bytes, uint8_t(0));
    std::fill_n(arrivals, 16, 0u);
    const auto count = static_cast<unsigned>(warps.size());
    for (unsigned k = 0; k < count; ++k) {
        Warp& w = warps[k];
        auto* special = reinterpret_cast<uint32_t*>(w.specials.data);
        const uint32_t values[4] = {index.x, index.y, index.z, static_cast<uint32_t>(n % run->multiprocessors)};
        constexpr Special which[4] = {ctaid_x, ctaid_y, ctaid_z, multiprocessor_id};
        for (unsigned v = 0; v < 4; ++v) std::fill_n(special + which[v] * lanes, lanes, values[v]);
        const unsigned left = threads - k * lanes;
        w.start(*run, *this, k, left >= lanes ? all_lanes : (1u << left) - 1);
    }
    // The order of warps, and how long each runs, come from the seed.
    const uint64_t hash = mix(run->seed * 0x9e3779b97f4a7c15ull + launch.number * 31 + n);
    const unsigned first = static_cast<unsigned>(hash % count);
    const bool backwards = (hash >> 32) & 1;
    const uint64_t quantum = 2000 + (hash >> 40) % 2000;
    counters.threads += threads;
    while (!run->stopped.load(std::memory_order_relaxed)) {
        bool progress = false;
        for (unsigned k = 0; k < count; ++k) {
            const unsigned at = (first + k) % count;
            Warp& w = warps[backwards ? count - 1 - at : at];
            if (w.state != Warp::running) continue;
            progress = true;
            const uint64_t before = w.executed;
            w.execute(quantum);
            counters.warp_instructions += w.executed - before;
            if (w.state == Warp::at_barrier) release(w.barrier);
        }
        if (progress) continue;
        bool waiting = false, released = false;
        for (Warp& w : warps) {
            if (w.state != Warp::at_barrier) continue;
            waiting = true;
            released |= release(w.barrier);
        }
        if (!waiting) return;
        if (!released) {
            report_stuck();
            return;
        }
    }
}

// Lets the warps at a barrier go on, if it is complete.
bool Block::release(unsigned barrier) {
    unsigned here = 0, done = 0, wanted = 0, votes = 0, arrived = 0, left = 0;
    Warp* one = nullptr;
    for (Warp& w : warps) {
        done += w.state == Warp::done;
        left += static_cast<unsigned>(__builtin_popcount(w.alive & w.exited));
        if (w.state != Warp::at_barrier || w.barrier != barrier) continue;
        ++here;
        one = &w;
        if (w.barrier_threads) wanted = w.barrier_threads / lanes;
        votes += static_cast<unsigned>(__builtin_popcount(w.barrier_vote));
        arrived += static_cast<unsigned>(__builtin_popcount(w.alive & ~w.exited));
    }
    if (!one) return false;
    if (wanted ? here + arrivals[barrier] < wanted : here + done < warps.size()) return false;
    if (left && !wanted) {
        run->note(*one, *one->barrier_at, 0, Fault::barrier, launch_failure,
                  "waits at a barrier that " + std::to_string(left) + " of the block's " + std::to_string(threads) +
                      " threads, which left the kernel, never reach");
    }
    arrivals[barrier] = 0;
    time = ++clock;
    for (Warp& w : warps) {
        if (w.state != Warp::at_barrier || w.barrier != barrier) continue;
        finish_barrier(w, votes, arrived);
        w.state = Warp::running;
        w.time = time;
    }
    return true;
}

void Block::report_stuck() {
    for (Warp& w : warps) {
        if (w.state != Warp::at_barrier) continue;
        run->note(w, *w.barrier_at, static_cast<unsigned>(__builtin_ctz(w.active | 1u << 31)), Fault::barrier, launch_failure,
                  "waits for ever at barrier " + std::to_string(w.barrier) + ": not all of its threads can arrive");
        break;
    }
    run->stopped = true;
}

}  // namespace softgpu
