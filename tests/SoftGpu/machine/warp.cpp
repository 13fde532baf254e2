// A warp: the loop over instructions, divergence and reconvergence, calls.
#include "warp.h"

#include <cstring>

#include "lanes.h"

namespace softgpu {
namespace {

size_t aligned(size_t n) { return (n + 63) / 64 * 64; }

void reserve(AlignedBytes& bytes, size_t wanted) {
    if (bytes.size >= wanted) return;
    AlignedBytes larger(wanted * 2);
    if (bytes.size) std::memcpy(larger.data, bytes.data, bytes.size);
    bytes = std::move(larger);
}

}  // namespace

void Warp::start(Run& r, Block& b, unsigned index, uint32_t began) {
    const Function& f = *r.kernel.function;
    run = &r;
    block = &b;
    number = index;
    function = &f;
    code = f.code.data();
    pc = 0;
    active = alive = began;
    rejoin = nowhere;
    exited = ~began;
    returned = carry = 0;
    state = running;
    time = b.time;
    frame_offset = stack_base = 0;
    stack.clear();
    frames.clear();
    copies.clear();
    copy_group = 0;
    reserve(registers, f.frame_bytes + 64);
    local_base = 0;
    local_top = static_cast<uint32_t>(f.local_bytes);
    if (local_stride) {
        local = local_memory.data;
        local_states = reinterpret_cast<uint8_t*>(local_shadow.data);
        std::memset(local_states, 0, local_stride * lanes);
    }
    area[in_frame] = registers.data;
    area[in_constants] = f.constants.data;
    area[in_specials] = specials.data;
}

void Warp::execute(uint64_t quantum) {
    Counters& counters = block->counters;
    uint64_t by_kind[8] = {};
    const uint64_t last = executed + quantum;
    while (state == running) {
        if (pc == rejoin || active == 0) {
            next_lanes();
            continue;
        }
        const Instruction& i = code[pc++];
        uint32_t mask = active;
        if (i.guarded) {
            const uint32_t p = predicate(i.guard);
            mask &= i.guard_negated ? ~p : p;
        }
        ++executed;
        by_kind[static_cast<unsigned>(i.kind)] += static_cast<unsigned>(__builtin_popcount(mask));
        if (mask | i.always) i.execute(*this, i, mask);
        if (executed >= last || run->stopped.load(std::memory_order_relaxed)) {
            // Lanes on the two sides of a branch take turns, so that one side may wait for the other.
            if (stack.size() > stack_base && stack.back().rejoin == rejoin) {
                std::swap(stack.back().pc, pc);
                std::swap(stack.back().mask, active);
                active &= ~(exited | returned);
            }
            break;
        }
    }
    for (unsigned k = 0; k < 8; ++k) counters.by_kind[k] += by_kind[k];
}

void Warp::diverge(uint32_t taken, uint32_t target, uint32_t other, uint32_t next, uint32_t rejoin_at) {
    if (rejoin_at != rejoin) {
        stack.push_back({rejoin_at, active, rejoin});
        rejoin = rejoin_at;
    }
    if ((mix(run->seed ^ pc) & 1) != 0) {
        std::swap(taken, other);
        std::swap(target, next);
    }
    if (target == rejoin) {  // they wait there
        active = other;
        pc = next;
        return;
    }
    if (next != rejoin) stack.push_back({next, other, rejoin});
    active = taken;
    pc = target;
}

void Warp::next_lanes() {
    while (true) {
        if (stack.size() > stack_base) {
            const Waiting w = stack.back();
            stack.pop_back();
            pc = w.pc;
            active = w.mask & ~(exited | returned);
            rejoin = w.rejoin;
        } else if (!frames.empty()) {
            const Frame f = frames.back();
            frames.pop_back();
            std::byte* callee = area[in_frame];
            const Function* left = function;
            function = f.function;
            code = function->code.data();
            frame_offset = f.frame_offset;
            area[in_frame] = registers.data + frame_offset;
            area[in_constants] = function->constants.data;
            for (size_t k = 0; k < left->results.size(); ++k) {
                std::memcpy(area[in_frame] + f.call->list[k], callee + left->results[k].offset, left->results[k].bytes * lanes);
            }
            pc = f.pc;
            rejoin = f.rejoin;
            returned = f.returned;
            stack_base = f.stack_base;
            local_base = f.local_base;
            local_top = f.local_top;
            active = f.active & ~(exited | returned);
        } else {
            state = done;
            return;
        }
        if (active) return;
    }
}

// The call's list: offsets of the caller's result variables, then of its arguments.
void Warp::call(const Instruction& i, uint32_t mask) {
    const Function& callee = *i.callee;
    const size_t inner = frame_offset + aligned(function->frame_bytes);
    frames.push_back({function, &i, pc, active, rejoin, returned, stack_base, frame_offset, local_base, local_top});
    reserve(registers, inner + callee.frame_bytes + 64);
    const std::byte* outer = registers.data + frame_offset;
    const Operand* arguments = i.list + callee.results.size();
    for (size_t k = 0; k < callee.parameters.size(); ++k) {
        std::memcpy(registers.data + inner + callee.parameters[k].offset, outer + arguments[k], callee.parameters[k].bytes * lanes);
    }
    function = &callee;
    code = callee.code.data();
    frame_offset = inner;
    area[in_frame] = registers.data + inner;
    area[in_constants] = callee.constants.data;
    local_base = (local_top + 15) & ~15u;
    local_top = local_base + static_cast<uint32_t>(callee.local_bytes);
    if (local_top > local_stride) {
        run->note(*this, i, static_cast<unsigned>(__builtin_ctz(mask)), Fault::out_of_bounds, illegal_address,
                  "calls too deep for local memory");
        local_top = static_cast<uint32_t>(local_stride);
    } else if (callee.local_bytes) {
        for_lanes(mask, [&](unsigned l) { std::memset(local_states + l * local_stride + local_base, 0, callee.local_bytes); });
    }
    stack_base = stack.size();
    pc = 0;
    active = mask;
    rejoin = nowhere;
    returned = 0;
}

void Warp::leave(uint32_t mask, bool exits) {
    (exits ? exited : returned) |= mask;
    active &= ~mask;
}

}  // namespace softgpu
