// Branches, calls, ends and barriers.
#include "decode.h"
#include "lanes.h"
#include "members.h"

namespace softgpu {
namespace {

void branch(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t other = w.active & ~mask;
    w.block->counters.branches += i.guarded;
    if (other == 0) {
        w.pc = i.target;
    } else if (mask != 0) {
        ++w.block->counters.divergent_branches;
        w.diverge(mask, i.target, other, w.pc, i.rejoin);
    }
}

void branch_by_table(Warp& w, const Instruction& i, uint32_t mask) {
    const uint32_t* index = w.at<uint32_t>(i.a);
    const std::vector<uint32_t>& targets = *i.targets;
    const uint32_t rejoin = i.rejoin;
    ++w.block->counters.branches;
    const auto target_of = [&](unsigned l) {
        if (index[l] < targets.size()) return targets[index[l]];
        w.run->note(w, i, l, Fault::instruction, illegal_instruction,
                    "branches to entry " + std::to_string(index[l]) + " of a table of " + std::to_string(targets.size()));
        return targets[0];
    };
    uint32_t rest = mask, at = target_of(static_cast<unsigned>(__builtin_ctz(mask)));
    uint32_t group = 0;
    for_lanes(mask, [&](unsigned l) { group |= static_cast<uint32_t>(target_of(l) == at) << l; });
    if (group == w.active) {
        w.pc = at;
        return;
    }
    ++w.block->counters.divergent_branches;
    if (rejoin != w.rejoin) {
        w.stack.push_back({rejoin, w.active, w.rejoin});
        w.rejoin = rejoin;
    }
    if (const uint32_t past = w.active & ~mask) w.stack.push_back({w.pc, past, rejoin});
    while (rest) {
        at = target_of(static_cast<unsigned>(__builtin_ctz(rest)));
        group = 0;
        for_lanes(rest, [&](unsigned l) { group |= static_cast<uint32_t>(target_of(l) == at) << l; });
        rest &= ~group;
        if (at != rejoin) w.stack.push_back({at, group, rejoin});
    }
    w.active = 0;  // the loop takes the last one pushed
}

void call_function(Warp& w, const Instruction& i, uint32_t mask) { w.call(i, mask); }
void return_from(Warp& w, const Instruction&, uint32_t mask) { w.leave(mask, w.frames.empty()); }
void exit_kernel(Warp& w, const Instruction&, uint32_t mask) { w.leave(mask, true); }
void trap(Warp& w, const Instruction& i, uint32_t mask) {
    w.run->note(w, i, static_cast<unsigned>(__builtin_ctz(mask)), Fault::instruction, launch_failure,
                i.mode ? "fails an assertion" : "executes trap");
    w.run->stopped = true;
}
void nothing(Warp&, const Instruction&, uint32_t) {}

enum BarrierMode : uint8_t { sync, arrive, count, all, any };

void barrier(Warp& w, const Instruction& i, uint32_t mask) {  // a: number, b: threads if count is 2, c: the vote
    const auto lane = static_cast<unsigned>(__builtin_ctz(mask));
    const unsigned number = w.at<uint32_t>(i.a)[lane] & 15, threads = i.count == 2 ? w.at<uint32_t>(i.b)[lane] : 0;
    ++w.block->counters.barriers;
    if (const uint32_t missing = w.alive & ~w.exited & ~mask) {
        w.run->note(w, i, static_cast<unsigned>(__builtin_ctz(missing)), Fault::barrier, launch_failure,
                    "does not reach the barrier that thread " + std::to_string(w.number * lanes + lane) + " of its warp waits at");
    }
    if (i.mode == arrive) {
        w.block->arrivals[number] += 1;
        return;
    }
    w.barrier = number;
    w.barrier_threads = threads;
    w.barrier_at = &i;
    w.barrier_vote = i.mode == sync ? 0 : (w.predicate(i.c) ^ (i.negated ? all_lanes : 0)) & mask;
    w.state = Warp::at_barrier;
}

void barrier_of_warp(Warp& w, const Instruction& i, uint32_t mask) {
    check_members(w, i, mask, w.at<uint32_t>(i.a)[__builtin_ctz(mask)]);
    w.time = ++w.block->clock;
}

bool decode_bra(Decoder& d) {
    d.has("uni");
    if (d.operand(0).form != Written::symbol) return false;
    d.i.flow = Flow::branch;
    d.i.always = true;
    d.branch(d.operand(0).text);
    return d.emit(branch, Kind::control);
}

bool decode_brx(Decoder& d) {
    d.has("uni");
    if (!d.has("idx")) return false;
    d.i.a = d.source(0, Type::u32);
    d.i.flow = Flow::table;
    d.branches(d.operand(1).text);
    return d.emit(branch_by_table, Kind::control);
}

// call.uni (results), name, (arguments);
bool decode_call(Decoder& d) {
    d.has("uni");
    size_t at = 0;
    const bool has_results = d.operand(0).form == Written::vector;
    const Written none, &results = has_results ? d.operand(at++) : none, &name = d.operand(at++), &arguments = d.operand(at);
    if (name.text == "__assertfail") {
        d.i.mode = 1;
        return d.emit(trap, Kind::control);
    }
    if (name.text == "vprintf") return d.emit(nothing, Kind::control);
    const auto known = d.functions.find(name.text);
    if (known == d.functions.end()) return d.fail("no function " + std::string(name.text));
    const Function& callee = *known->second;
    if (results.parts.size() != callee.results.size() || arguments.parts.size() != callee.parameters.size())
        return d.fail("number of arguments");
    std::vector<Operand> list;
    for (const Written* w : {&results, &arguments}) {
        for (const Written& each : w->parts) {
            if (!each.is_known || !each.variable.of_call) return d.fail("arguments in .param variables only");
            list.push_back(static_cast<Operand>(each.variable.address));
        }
    }
    d.i.list = d.list(list);
    d.i.callee = &callee;
    return d.emit(call_function, Kind::control);
}

bool decode_bar(Decoder& d) {
    const bool aligned = d.has("aligned");
    (void)aligned;
    d.has("cta");
    if (d.has("warp")) {
        if (!d.has("sync")) return false;
        d.i.a = d.source(0, Type::u32);
        return d.emit(barrier_of_warp, Kind::control);
    }
    size_t at = 0;
    if (d.has("red")) {
        const bool counts = d.has("popc");
        d.i.mode = counts ? count : d.has("and") ? all : d.has("or") ? any : sync;
        if (d.i.mode == sync || d.type() == Type::none) return false;
        d.i.d = counts ? d.target(0, Type::u32) : d.target_predicate(d.operand(0));
        d.i.c = d.predicate(d.operands() - 1, d.i.negated);
        d.i.a = d.source(1, Type::u32);
        if (d.operands() == 4) d.i.b = d.source(2, Type::u32);
        d.i.count = d.operands() == 4 ? 2 : 1;
        return d.emit(barrier, Kind::control);
    }
    d.i.mode = d.has("arrive") ? arrive : sync;
    if (d.i.mode == sync && !d.has("sync")) return false;
    d.i.a = d.source(at++, Type::u32);
    d.i.count = d.operands() > 1 ? 2 : 1;
    if (d.i.count == 2) d.i.b = d.source(at, Type::u32);
    return d.emit(barrier, Kind::control);
}

template <Execute execute>
bool decode_end(Decoder& d) {
    d.has("uni");
    d.i.flow = Flow::end;
    return d.emit(execute, Kind::control);
}
bool decode_nothing(Decoder& d) { return d.emit(nothing, Kind::control); }

}  // namespace

// What a released barrier gives back to one of its warps.
void finish_barrier(Warp& w, unsigned votes, unsigned threads) {
    const Instruction& i = *w.barrier_at;
    const uint32_t mask = w.active;
    if (i.mode == count) {
        each_lane(w.at<uint32_t>(i.d), mask, [=](unsigned) { return votes; });
    } else if (i.mode == all || i.mode == any) {
        const bool yes = i.mode == all ? votes == threads : votes != 0;
        uint32_t& p = w.predicate(i.d);
        p = (p & ~mask) | (yes ? mask : 0);
    }
}

void read_clock(Warp& w, const Instruction& i, uint32_t mask) {
    const uint64_t now = w.executed * 4;
    each_lane(w.at<uint64_t>(i.d), mask, [=](unsigned) { return now; });
}

void add_control(DecodeTable& table) {
    table["bra"] = decode_bra;
    table["brx"] = decode_brx;
    table["call"] = decode_call;
    table["ret"] = decode_end<return_from>;
    table["exit"] = decode_end<exit_kernel>;
    table["trap"] = decode_end<trap>;
    table["bar"] = decode_bar;
    table["barrier"] = decode_bar;
    table["brkpt"] = decode_nothing;
    table["pmevent"] = decode_nothing;
    table["nanosleep"] = [](Decoder& d) { return d.type() == Type::u32 && d.emit(nothing, Kind::control); };
}

}  // namespace softgpu
