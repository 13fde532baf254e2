// What was asked of the devices and is not done yet. Nothing runs when it is queued: work runs when somebody waits, and in an order that
// only respects what was promised. Half of the waits do the least that they must, the other half also run ahead on other streams; which,
// and in what order, is drawn from the seed. So a wait that a program forgot shows as data of the wrong moment.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api.h"

namespace softgpu {

struct Context;

struct HostRange {  // pinned memory that an operation will touch
    uintptr_t begin = 0;
    size_t bytes = 0;
};

using Work = std::function<CUresult()>;

struct Task {  // what is to be done; the same for a stream's operation and a graph's node
    std::string what;
    Work work;
    HostRange host;
};

struct Operation {
    uint64_t number = 0;  // in the order of the calls
    uint64_t lane = 0;    // its stream; a graph's nodes have each their own
    Context* context = nullptr;
    Task task;
    std::vector<std::shared_ptr<Operation>> needs;  // that were not done when this was queued
    std::vector<Operation*> followers;
    size_t missing = 0;  // needs that are not done
    bool done = false;
    double finished = 0;  // seconds, on a steady clock
};
using OperationPointer = std::shared_ptr<Operation>;

OperationPointer enqueue(Context& context, uint64_t lane, Task task, const std::vector<OperationPointer>& needs);
void wait_for(const OperationPointer& operation);
void wait_for(const Context& context);
bool poll(const OperationPointer& operation);                 // a query: sometimes does one piece of work, so that a loop of queries ends
const Operation* pending_use(uintptr_t begin, size_t bytes);  // an operation that is not done and will touch this pinned memory
void reseed();
uint64_t draw();  // of the random generator that orders the work

}  // namespace softgpu
