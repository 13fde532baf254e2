// Contexts: made, current, ended; what is alive at the end is a leak.
#include <algorithm>

#include "../findings.h"
#include "../memory.h"
#include "../settings.h"
#include "entry.h"

using namespace softgpu;

namespace softgpu {

namespace {

template <class Table>
size_t count_of(const Table& table, const Context& context) {
    return size_t(std::count_if(table.all().begin(), table.all().end(), [&](auto& entry) { return entry.second->context == &context; }));
}

void report_leaks(const Context& context) {
    if (context.error) return;  // after a fault nothing can be given back
    std::string alive;
    auto add = [&](size_t count, const std::string& kind) {
        if (count) alive += (alive.empty() ? "" : ", ") + std::to_string(count) + " " + kind + (count > 1 ? "s" : "");
    };
    add(context.allocations.size(), "allocation");
    if (!context.allocations.empty()) {
        size_t bytes = 0;
        std::vector<size_t> sizes;
        for (auto& [address, size] : context.allocations) bytes += size, sizes.push_back(size);
        std::sort(sizes.rbegin(), sizes.rend());
        alive += " of " + std::to_string(bytes) + " bytes (";
        for (size_t i = 0; i < sizes.size() && i < 8; i++) alive += (i ? ", " : "") + std::to_string(sizes[i]);
        alive += sizes.size() > 8 ? ", ...)" : ")";
    }
    size_t pinned = 0;
    for (auto& [address, memory] : state().pinned) pinned += memory.context == &context;
    add(pinned, "piece of pinned memory");
    add(count_of(state().streams, context), "stream");
    add(count_of(state().events, context), "event");
    add(count_of(state().modules, context), "module");
    add(count_of(state().graphs, context), "graph");
    add(count_of(state().graph_execs, context), "executable graph");
    if (!alive.empty())
        report(Fault::leak, "context of device " + std::to_string(context.device) + ": not given back at its end: " + alive);
}

}  // namespace

std::shared_ptr<Context> make_context(int device, unsigned flags) {
    auto context = std::make_shared<Context>();
    context->device = device;
    context->flags = flags;
    context->legacy = std::make_shared<Stream>();
    context->legacy->context = context.get();
    state().contexts.add(context);
    return context;
}

void end_context(Context& context) {
    wait_for(context);
    report_leaks(context);
    auto own = [&](auto& object) { return object.context == &context; };
    auto& all = state();
    for (auto& [address, size] : context.allocations) release(address);
    all.functions.remove_if([&](auto& function) { return own(*function.module); });
    all.modules.remove_if(own);
    all.streams.remove_if(own);
    all.events.remove_if(own);
    all.graphs.remove_if(own);
    all.graph_execs.remove_if(own);
    for (auto at = all.pinned.begin(); at != all.pinned.end();)  // not freed: the program may still look at what was never given back
        at = at->second.context == &context ? all.pinned.erase(at) : std::next(at);
    all.contexts.remove(context.handle);
}

void report_living_contexts() {
    for (auto& [handle, context] : state().contexts.all()) report_leaks(*context);
}

namespace {

Device* device_of(CUdevice device) {
    auto& devices = state().devices;
    return device >= 0 && size_t(device) < devices.size() ? &devices[size_t(device)] : nullptr;
}

CUresult pop(CUcontext* popped) {
    auto& stack = context_stack();
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (popped) *popped = stack.back();
    stack.pop_back();
    return CUDA_SUCCESS;
}

}  // namespace

}  // namespace softgpu

SOFTGPU_API CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice number) {
    return initialised([&] {
        auto* device = device_of(number);
        if (!device) return CUDA_ERROR_INVALID_DEVICE;
        if (!context) return CUDA_ERROR_INVALID_VALUE;
        if (!device->primary) {
            device->primary = make_context(number, device->flags);
            device->primary->primary = true;
        }
        device->retained++;
        *context = device->primary->handle;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice number) {
    return initialised([&] {
        auto* device = device_of(number);
        if (!device) return CUDA_ERROR_INVALID_DEVICE;
        if (!device->retained) {
            report_misuse("the primary context is not retained");
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        if (--device->retained == 0 && device->primary) {
            end_context(*device->primary);
            device->primary = nullptr;
        }
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDevicePrimaryCtxReset_v2(CUdevice number) {
    return initialised([&] {
        auto* device = device_of(number);
        if (!device) return CUDA_ERROR_INVALID_DEVICE;
        if (device->primary) end_context(*device->primary);
        device->primary = nullptr;
        device->retained = 0;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDevicePrimaryCtxGetState(CUdevice number, unsigned* flags, int* active) {
    return initialised([&] {
        auto* device = device_of(number);
        if (!device) return CUDA_ERROR_INVALID_DEVICE;
        if (flags) *flags = device->flags;
        if (active) *active = device->primary != nullptr;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice number, unsigned flags) {
    return initialised([&] {
        auto* device = device_of(number);
        if (!device) return CUDA_ERROR_INVALID_DEVICE;
        device->flags = flags;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxCreate_v2(CUcontext* context, unsigned flags, CUdevice number) {
    return initialised([&] {
        if (!device_of(number)) return CUDA_ERROR_INVALID_DEVICE;
        if (!context) return CUDA_ERROR_INVALID_VALUE;
        *context = make_context(number, flags)->handle;
        context_stack().push_back(*context);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxDestroy_v2(CUcontext handle) {
    return initialised([&] {
        auto context = state().contexts.expect(handle, "context");
        if (!context) return CUDA_ERROR_INVALID_CONTEXT;
        if (context->primary) {
            report_misuse("a primary context is released, not destroyed");
            return CUDA_ERROR_INVALID_CONTEXT;
        }
        end_context(*context);
        auto& stack = context_stack();
        if (!stack.empty() && stack.back() == handle) stack.pop_back();
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxSetCurrent(CUcontext handle) {
    return initialised([&] {
        if (handle && !state().contexts.expect(handle, "context")) return CUDA_ERROR_INVALID_CONTEXT;
        auto& stack = context_stack();
        if (!stack.empty()) stack.pop_back();
        if (handle) stack.push_back(handle);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxGetCurrent(CUcontext* context) {
    return initialised([&] {
        if (!context) return CUDA_ERROR_INVALID_VALUE;
        *context = context_stack().empty() ? nullptr : context_stack().back();
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxPushCurrent_v2(CUcontext handle) {
    return initialised([&] {
        if (!state().contexts.expect(handle, "context")) return CUDA_ERROR_INVALID_CONTEXT;
        context_stack().push_back(handle);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxPopCurrent_v2(CUcontext* context) {
    return initialised([&] { return pop(context); });
}

SOFTGPU_API CUresult cuCtxGetDevice(CUdevice* device) {
    return in_context([&](Context& context) {
        if (!device) return CUDA_ERROR_INVALID_VALUE;
        *device = context.device;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxGetFlags(unsigned* flags) {
    return in_context([&](Context& context) {
        if (!flags) return CUDA_ERROR_INVALID_VALUE;
        *flags = context.flags;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxSynchronize() {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        wait_for(context);
        return context.error;
    });
}

SOFTGPU_API CUresult cuCtxGetApiVersion(CUcontext, unsigned* version) {
    return initialised([&] {
        if (!version) return CUDA_ERROR_INVALID_VALUE;
        *version = 3020;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    return in_context([&](Context&) {
        if (least) *least = 0;
        if (greatest) *greatest = -5;
        return CUDA_SUCCESS;
    });
}
