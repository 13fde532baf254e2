#include "schedule.h"

#include <chrono>
#include <map>
#include <random>
#include <unordered_set>

#include "../settings.h"
#include "state.h"

namespace softgpu {

namespace {

constexpr size_t kDeepest = 4096;  // queued operations; a real queue is finite too

struct Schedule {
    uint64_t operations = 0;
    std::map<uint64_t, OperationPointer> pending, ready;  // by number, so that the order depends on nothing but calls and seed
    std::mt19937_64 random{settings().seed};
    uint64_t mood = random();  // decides which lane goes first; changes now and then
};

Schedule& schedule() {
    static auto* instance = new Schedule;  // never destroyed: operations may be pending when the process ends
    return *instance;
}

uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

void execute(OperationPointer operation) {
    auto& [operations, pending, ready, random, mood] = schedule();
    ready.erase(operation->number);
    if (operation->context->error == CUDA_SUCCESS) {  // after a fault a context runs nothing more
        auto result = operation->task.work ? operation->task.work() : CUDA_SUCCESS;
        if (result != CUDA_SUCCESS) operation->context->error = result;
    }
    operation->done = true;
    operation->finished = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    for (auto* follower : operation->followers)
        if (--follower->missing == 0) ready.emplace(follower->number, pending.at(follower->number));
    operation->followers.clear();
    operation->needs.clear();
    operation->task.work = nullptr;
    pending.erase(operation->number);
}

// One piece of work among what is ready; with `wanted`, only of these.
void advance(const std::unordered_set<const Operation*>* wanted) {
    auto& state = schedule();
    if (state.random() % 8 == 0) state.mood = state.random();
    OperationPointer chosen;
    uint64_t heaviest = 0;
    for (auto& [number, operation] : state.ready) {
        if (wanted && !wanted->count(operation.get())) continue;
        auto weight = mix(operation->lane ^ state.mood);
        if (!chosen || weight > heaviest) chosen = operation, heaviest = weight;
    }
    execute(chosen);
}

std::unordered_set<const Operation*> needed_by(const Operation* last) {
    std::unordered_set<const Operation*> needed{last};
    std::vector<const Operation*> open{last};
    while (!open.empty()) {
        auto* operation = open.back();
        open.pop_back();
        for (auto& need : operation->needs)
            if (!need->done && needed.insert(need.get()).second) open.push_back(need.get());
    }
    return needed;
}

}  // namespace

uint64_t draw() { return schedule().random(); }

void reseed() {
    schedule().random.seed(settings().seed);
    schedule().mood = draw();
}

OperationPointer enqueue(Context& context, uint64_t lane, Task task, const std::vector<OperationPointer>& needs) {
    auto& state = schedule();
    while (state.pending.size() >= kDeepest) advance(nullptr);
    auto operation = std::make_shared<Operation>();
    operation->number = ++state.operations;
    operation->lane = lane;
    operation->context = &context;
    operation->task = std::move(task);
    for (auto& need : needs) {
        if (!need || need->done) continue;
        operation->needs.push_back(need);
        need->followers.push_back(operation.get());
        operation->missing++;
    }
    state.pending.emplace(operation->number, operation);
    if (operation->missing == 0) state.ready.emplace(operation->number, operation);
    return operation;
}

void wait_for(const OperationPointer& operation) {
    if (!operation || operation->done) return;
    if (draw() % 2) {
        while (!operation->done) advance(nullptr);
    } else {
        auto needed = needed_by(operation.get());
        while (!operation->done) advance(&needed);
    }
}

void wait_for(const Context& context) {
    auto& pending = schedule().pending;
    for (;;) {
        auto left = pending.begin();
        while (left != pending.end() && left->second->context != &context) ++left;
        if (left == pending.end()) return;
        auto last = left->second;
        wait_for(last);
    }
}

bool poll(const OperationPointer& operation) {
    if (!operation || operation->done) return true;
    if (draw() % 2) advance(nullptr);
    return operation->done;
}

const Operation* pending_use(uintptr_t begin, size_t bytes) {
    for (auto& [number, operation] : schedule().pending) {
        auto& host = operation->task.host;
        if (host.bytes && host.begin < begin + bytes && begin < host.begin + host.bytes) return operation.get();
    }
    return nullptr;
}

}  // namespace softgpu
