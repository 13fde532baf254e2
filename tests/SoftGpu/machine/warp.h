// What runs: a launch, its blocks, their warps.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../findings.h"
#include "../machine.h"
#include "program.h"
#include "specials.h"

namespace softgpu {

enum Result : int { success = 0, illegal_address = 700, illegal_instruction = 715, misaligned_address = 716, launch_failure = 719 };

// One launch under way, shared by the host's threads.
struct Run {
    const Launch& launch;
    const Kernel& kernel;
    const bool checks;
    const uint64_t seed;
    const uint32_t epoch;  // of the shadow of touches; 0: not kept
    const unsigned multiprocessors;
    size_t local_bytes = 0;  // of a thread, for the kernel and all it may call
    std::atomic<int> result{success};
    std::atomic<bool> stopped{false};

    explicit Run(const Launch& launch);
    // One finding for each instruction and fault, with the number of times.
    void note(Warp& w, const Instruction& i, unsigned lane, Fault fault, int result, const std::string& what);
    void publish();

private:
    struct Finding {
        Fault fault;
        std::string line;
        uint64_t count;
    };
    std::mutex lock;
    std::map<std::pair<const Instruction*, Fault>, Finding> findings;
};

// Who touched each 4-byte word of shared memory last, and when: times are those of the block's clock, which every barrier advances.
struct SharedTouches {
    std::vector<uint32_t> write_time, writer, read_time, reader;
};

struct Waiting {  // lanes that wait at `pc` while others run
    uint32_t pc, mask, rejoin;
};

struct Frame {  // of a caller
    const Function* function;
    const Instruction* call;
    uint32_t pc, active, rejoin, returned;
    size_t stack_base, frame_offset;
    uint32_t local_base, local_top;
};

struct PendingCopy {
    const Instruction* instruction;
    uint32_t mask;
    unsigned group;
    uint64_t to[lanes], from[lanes];
    uint32_t bytes[lanes];  // to be read; the rest is zero
};

struct Block;

struct Warp {
    std::byte* area[3] = {};  // frame, constants, special registers
    const Instruction* code = nullptr;
    uint32_t pc = 0, active = 0, rejoin = nowhere;
    uint32_t exited = 0, returned = 0, carry = 0;
    Block* block = nullptr;
    Run* run = nullptr;
    const Function* function = nullptr;
    enum State : uint8_t { running, at_barrier, done } state = running;
    const Instruction* barrier_at = nullptr;
    unsigned barrier = 0, barrier_threads = 0;
    uint32_t barrier_vote = 0, alive = 0;  // what bar.red brings; the lanes that began
    std::vector<PendingCopy> copies;       // cp.async: done when waited for
    unsigned copy_group = 0;
    unsigned number = 0;      // within the block
    uint32_t time = 0;        // of the last barrier that this warp passed, of any kind
    uint32_t local_base = 0;  // of the function's local variables
    uint32_t local_top = 0;   // their end
    size_t local_stride = 0;  // of a lane, over all frames
    uint64_t executed = 0;
    std::byte* local = nullptr;  // a lane's after another's
    uint8_t* local_states = nullptr;
    AlignedBytes registers, specials, local_memory, local_shadow;
    size_t frame_offset = 0, stack_base = 0;
    std::vector<Waiting> stack;
    std::vector<Frame> frames;

    template <class T>
    T* at(Operand o) {
        return reinterpret_cast<T*>(area[o & 3] + (o & ~3u));
    }
    uint32_t& predicate(Operand o) { return *at<uint32_t>(o); }

    void start(Run& r, Block& b, unsigned number, uint32_t alive);
    void execute(uint64_t quantum);  // until a barrier, the end, or so many instructions
    void diverge(uint32_t taken, uint32_t target, uint32_t other, uint32_t next, uint32_t rejoin_at);
    void next_lanes();  // no lane of the running ones is left, or they reached their rejoin point
    void call(const Instruction& i, uint32_t mask);
    void leave(uint32_t mask, bool exits);
};

struct Block {
    Run* run = nullptr;
    Dim3 index;
    uint64_t number = 0;
    unsigned threads = 0;
    std::vector<Warp> warps;
    AlignedBytes shared;
    std::vector<uint8_t> shared_states;
    size_t shared_bytes = 0;
    SharedTouches touches;
    uint32_t clock = 0, time = 0;  // time: of the last barrier of all warps
    unsigned arrivals[16] = {};    // bar.arrive, in warps
    Counters counters;

    void prepare(Run& run);
    void execute(uint64_t block);

private:
    bool release(unsigned barrier);
    void report_stuck();
};

}  // namespace softgpu
