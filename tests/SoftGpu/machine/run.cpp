// A launch: blocks over the host's threads, findings, counters; and what machine.h promises of programs.
#include <chrono>
#include <condition_variable>
#include <functional>
#include <numeric>
#include <thread>

#include "../memory.h"
#include "../settings.h"
#include "arena.h"
#include "lanes.h"
#include "parser.h"

namespace softgpu {
namespace {

// Threads that wait for work; one launch at a time has them.
class Pool {
public:
    ~Pool() {
        {
            const std::lock_guard<std::mutex> guard(lock);
            closing = true;
        }
        wake.notify_all();
        for (std::thread& t : threads) t.join();
    }
    void run(unsigned count, const std::function<void()>& work) {  // on this thread and count - 1 others
        const std::unique_lock<std::mutex> mine(busy, std::try_to_lock);
        if (!mine || count < 2) {
            work();
            return;
        }
        {
            const std::lock_guard<std::mutex> guard(lock);
            while (threads.size() + 1 < count) threads.emplace_back([this] { serve(); });
            job = &work;
            wanted = running = count - 1;
        }
        wake.notify_all();
        work();
        std::unique_lock<std::mutex> guard(lock);
        running -= wanted;  // who has not begun need not
        wanted = 0;
        finished.wait(guard, [this] { return running == 0; });
        job = nullptr;
    }

private:
    std::mutex busy, lock;
    std::condition_variable wake, finished;
    std::vector<std::thread> threads;
    const std::function<void()>* job = nullptr;
    unsigned wanted = 0, running = 0;
    bool closing = false;

    void serve() {
        std::unique_lock<std::mutex> guard(lock);
        while (true) {
            wake.wait(guard, [this] { return closing || wanted > 0; });
            if (closing) return;
            --wanted;
            const std::function<void()>& work = *job;
            guard.unlock();
            work();
            guard.lock();
            if (--running == 0) finished.notify_all();
        }
    }
};

Pool& pool() {
    static Pool* p = new Pool;  // never destroyed: a library's end is no time to join threads
    return *p;
}

Block& block_of_thread() {
    static thread_local Block block;
    return block;
}

}  // namespace

Run::Run(const Launch& launch)
    : launch(launch),
      kernel(*launch.kernel),
      checks(settings().checks),
      seed(settings().seed),
      epoch(checks && static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z > 1 ? next_touch_epoch() : 0),
      multiprocessors(static_cast<unsigned>(settings().multiprocessors)) {
    const Function& f = *kernel.function;
    local_bytes = f.local_bytes;
    for (const Function& each : launch.program->functions) {
        if (!each.is_entry && each.local_bytes) local_bytes = (local_bytes + 15) / 16 * 16 + each.local_bytes;
    }
    local_bytes = (local_bytes + 15) / 16 * 16;
}

void Run::note(Warp& w, const Instruction& i, unsigned lane, Fault fault, int code, const std::string& what) {
    const std::lock_guard<std::mutex> guard(lock);
    if (result == success || (code != launch_failure && result == launch_failure)) result = code;
    if (code != launch_failure) stopped = true;
    Finding& f = findings[{&i, fault}];
    if (++f.count > 1) return;
    f.fault = fault;
    const Block& b = *w.block;
    const auto index = [](Dim3 at, Dim3 size) {
        std::string text = std::to_string(at.x);
        if (size.y > 1 || size.z > 1) text += "," + std::to_string(at.y);
        if (size.z > 1) text += "," + std::to_string(at.z);
        return text;
    };
    const unsigned n = w.number * lanes + lane;
    const Dim3 block = launch.block, thread{n % block.x, n / block.x % block.y, n / (block.x * block.y)};
    const std::string& place = w.function->places[i.line];
    f.line = kernel.facts.name + (place.empty() ? "" : ", " + place) + ", block " + index(b.index, launch.grid) + ", thread " +
             index(thread, block) + ": " + what;
}

void Run::publish() {
    for (const auto& each : findings) {
        const Finding& f = each.second;
        report(f.fault, f.line + (f.count > 1 ? " (" + with_commas(f.count) + " times)" : ""));
    }
}

int run(const Launch& launch, Counters& counters) {
    const auto begin = std::chrono::steady_clock::now();
    Run r(launch);
    const uint64_t blocks = static_cast<uint64_t>(launch.grid.x) * launch.grid.y * launch.grid.z;
    // The order: a walk round the blocks with a stride that has no divisor in common with their number.
    const uint64_t hash = mix(r.seed + 0x632be59bd9b4e019ull * launch.number);
    uint64_t stride = blocks > 2 ? hash % blocks : 1;
    while (std::gcd(stride, blocks) != 1) ++stride;
    const uint64_t first = (hash >> 32) % (blocks ? blocks : 1);
    std::atomic<uint64_t> next{0};
    std::mutex lock;
    Counters sum;
    const auto work = [&] {
        Block& block = block_of_thread();
        block.counters = Counters();
        bool prepared = false;
        for (uint64_t k = next++; k < blocks && !r.stopped; k = next++) {
            if (!prepared) block.prepare(r);
            prepared = true;
            block.execute((first + static_cast<unsigned __int128>(k) * stride) % blocks);
        }
        const std::lock_guard<std::mutex> guard(lock);
        sum.add(block.counters);
    };
    const unsigned wanted =
        settings().threads ? static_cast<unsigned>(settings().threads) : std::max(1u, std::thread::hardware_concurrency());
    pool().run(static_cast<unsigned>(std::min<uint64_t>(wanted, blocks)), work);
    for (const uint64_t n : sum.by_kind) sum.instructions += n;
    sum.launches = 1;
    sum.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    counters.add(sum);
    r.publish();
    return r.result;
}

void Counters::add(const Counters& o) {
    launches += o.launches;
    threads += o.threads;
    instructions += o.instructions;
    warp_instructions += o.warp_instructions;
    for (unsigned k = 0; k < 8; ++k) by_kind[k] += o.by_kind[k];
    read_sectors += o.read_sectors;
    written_sectors += o.written_sectors;
    read_bytes += o.read_bytes;
    written_bytes += o.written_bytes;
    shared_accesses += o.shared_accesses;
    shared_conflicts += o.shared_conflicts;
    branches += o.branches;
    divergent_branches += o.divergent_branches;
    atomics += o.atomics;
    barriers += o.barriers;
    seconds += o.seconds;
}

Program::~Program() {
    for (const uint64_t address : allocations) release_for_module(address);
}

std::shared_ptr<Program> parse(const std::string& ptx, std::string& error) {
    std::vector<Token> tokens;
    if (!split(ptx, tokens, error)) return nullptr;
    auto program = std::make_shared<Program>();
    Parser parser(*program, std::move(tokens));
    if (!parser.parse()) {
        error = parser.error;
        return nullptr;
    }
    return program;
}

const Kernel* find_kernel(const Program& program, const std::string& name) {
    const auto known = program.kernels.find(name);
    return known == program.kernels.end() ? nullptr : &known->second;
}

const KernelFacts& facts_of(const Kernel& kernel) { return kernel.facts; }

bool find_global(const Program& program, const std::string& name, uint64_t& address, size_t& bytes) {
    const auto known = program.globals.find(name);
    if (known == program.globals.end()) return false;
    address = known->second.first;
    bytes = known->second.second;
    return true;
}

}  // namespace softgpu
