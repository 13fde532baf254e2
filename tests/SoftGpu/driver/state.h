// What the driver knows: contexts and what belongs to them. One lock guards all of it; see entry.h.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "../machine.h"
#include "api.h"
#include "handles.h"
#include "schedule.h"

namespace softgpu {

struct Graph {
    struct Node {
        Task task;
        std::vector<size_t> needs;  // nodes that come before
    };
    CUgraph handle = nullptr;
    Context* context = nullptr;
    std::vector<Node> nodes;
};

struct GraphExec {
    CUgraphExec handle = nullptr;
    Context* context = nullptr;
    std::vector<Graph::Node> nodes;
    OperationPointer last;  // launches of one graph follow one another
};

struct Capture {
    uint64_t number = 0;
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    std::thread::id thread;
    CUstream origin = nullptr;
    bool invalid = false;
    std::shared_ptr<Graph> graph = std::make_shared<Graph>();
};

struct Stream {
    CUstream handle = nullptr;
    Context* context = nullptr;
    bool blocking = true;
    int priority = 0;
    OperationPointer tail;  // the last operation
    std::shared_ptr<Capture> capture;
    std::vector<size_t> frontier;  // while capturing: the nodes that the next one needs
    bool legacy() const { return handle == nullptr; }
    uint64_t lane() const { return reinterpret_cast<uint64_t>(handle); }
};

struct Event {
    CUevent handle = nullptr;
    Context* context = nullptr;
    unsigned flags = 0;
    OperationPointer record;         // the latest
    std::weak_ptr<Capture> capture;  // if that was in a capturing stream
    bool captured = false;
    std::vector<size_t> frontier;
};

struct Module {
    CUmodule handle = nullptr;
    Context* context = nullptr;
    std::shared_ptr<Program> program;
};

struct Function {
    CUfunction handle = nullptr;
    Module* module = nullptr;  // the handle goes with its module
    const Kernel* kernel = nullptr;
    size_t dynamic_shared = 0;  // the most that a launch may ask for
    int carveout = -1;
};

struct Pinned {
    size_t bytes = 0;
    Context* context = nullptr;
    bool registered = false;  // the program's own memory
};

struct Context {
    CUcontext handle = nullptr;
    int device = 0;
    bool primary = false;
    unsigned flags = 0;
    CUresult error = CUDA_SUCCESS;                 // of a fault: every call answers it from then on
    std::shared_ptr<Stream> legacy;                // stream 0
    std::vector<std::shared_ptr<Stream>> streams;  // the others; a destroyed one stays until its work is done
    std::map<uint64_t, size_t> allocations;
    std::set<uint64_t> freeing;  // allocations whose cuMemFreeAsync is queued
    std::set<CUcontext> peers;
    std::map<int, size_t> limits;
};

struct Device {
    std::shared_ptr<Context> primary;
    unsigned retained = 0, flags = 0;
};

struct State {
    bool initialised = false;
    std::vector<Device> devices;
    Handles<CUcontext, Context> contexts;
    Handles<CUstream, Stream> streams;
    Handles<CUevent, Event> events;
    Handles<CUmodule, Module> modules;
    Handles<CUfunction, Function> functions;
    Handles<CUgraph, Graph> graphs;
    Handles<CUgraphExec, GraphExec> graph_execs;
    std::map<uintptr_t, Pinned> pinned;
    uint64_t launches = 0, captures = 0;
    std::map<std::string, Counters> counters;
};
State& state();

// A line for a finding of the host's misuse; the entry point's name comes first.
void report_misuse(const std::string& line);

std::shared_ptr<Context> make_context(int device, unsigned flags);
void end_context(Context& context);  // runs what is queued, reports what was not given back

// The stream of a handle in this context. Null, and a finding, for a destroyed or foreign one.
std::shared_ptr<Stream> stream_of(Context& context, CUstream handle);

// Puts a task into a stream, or into the graph that the stream is captured into.
CUresult submit(Stream& stream, Task task);
std::vector<OperationPointer> needs_of(const Stream& stream);  // what the stream's next operation comes after
OperationPointer append(Stream& stream, Task task);            // to a stream that is not capturing
CUresult wait_for_stream(Stream& stream);                      // then the context's error
CUresult refuse_in_capture(Context& context);                  // for calls that are not safe while this thread (or any, globally) captures
CUresult refuse_implicit(Context& context);                    // for calls that use stream 0 while a blocking stream captures
void invalidate(Stream& stream);
bool is_sticky(CUresult result);

const Pinned* pinned_around(const void* address, size_t bytes);

}  // namespace softgpu
