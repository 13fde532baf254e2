// Device memory and pinned host memory.
#include <cstdlib>
#include <cstring>

#include "../findings.h"
#include "../memory.h"
#include "../settings.h"
#include "entry.h"

using namespace softgpu;

namespace softgpu {

const Pinned* pinned_around(const void* address, size_t bytes) {
    auto begin = reinterpret_cast<uintptr_t>(address);
    auto after = state().pinned.upper_bound(begin);
    if (after == state().pinned.begin()) return nullptr;
    auto& [base, memory] = *std::prev(after);
    return begin - base <= memory.bytes && bytes <= memory.bytes - (begin - base) ? &memory : nullptr;
}

}  // namespace softgpu

namespace {

CUresult allocate_in(Context& context, CUdeviceptr* address, size_t bytes) {
    if (!address || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    *address = allocate(bytes);
    if (!*address) return CUDA_ERROR_OUT_OF_MEMORY;
    context.allocations.emplace(*address, bytes);
    return CUDA_SUCCESS;
}

// The context that an allocation belongs to; null, and a finding, if none begins there.
Context* owner_of(CUdeviceptr address) {
    for (auto& [handle, context] : state().contexts.all()) {
        if (!context->allocations.count(address)) continue;
        if (!context->freeing.count(address)) return context.get();
        report_misuse("the memory was freed already by cuMemFreeAsync");
        return nullptr;
    }
    report_misuse("no allocation begins at this address, which is " + describe(address));
    return nullptr;
}

CUresult pin(Context& context, void** memory, size_t bytes) {
    if (!memory || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
    if (auto refused = refuse_in_capture(context)) return refused;
    *memory = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!*memory) return CUDA_ERROR_OUT_OF_MEMORY;
    std::memset(*memory, 0xff, bytes);  // not a number in any format: what was never written shows
    state().pinned[reinterpret_cast<uintptr_t>(*memory)] = {bytes, &context, false};
    return CUDA_SUCCESS;
}

CUresult unpin(void* memory, bool registered) {
    auto begin = reinterpret_cast<uintptr_t>(memory);
    auto found = state().pinned.find(begin);
    if (found == state().pinned.end() || found->second.registered != registered) {
        report_misuse("the memory is not " + std::string(registered ? "registered" : "pinned") + ", or no longer");
        return registered ? CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED : CUDA_ERROR_INVALID_VALUE;
    }
    if (auto* operation = pending_use(begin, found->second.bytes)) {
        report_misuse("a " + operation->task.what + " that nobody waited for still uses the memory");
        wait_for(*operation->context);
    }
    auto error = found->second.context->error;
    state().pinned.erase(found);
    if (!registered) std::free(memory);
    return error;
}

}  // namespace

SOFTGPU_API CUresult cuMemAlloc_v2(CUdeviceptr* address, size_t bytes) {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        return allocate_in(context, address, bytes);
    });
}

SOFTGPU_API CUresult cuMemFree_v2(CUdeviceptr address) {
    return in_context([&](Context& current) {
        if (!address) return CUDA_SUCCESS;
        if (auto refused = refuse_in_capture(current)) return refused;
        auto* context = owner_of(address);
        if (!context) return CUDA_ERROR_INVALID_VALUE;
        wait_for(*context);
        release(address);
        context->allocations.erase(address);
        return current.error;
    });
}

SOFTGPU_API CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
    return in_context([&](Context&) {
        if (!free || !total) return CUDA_ERROR_INVALID_VALUE;
        *total = settings().memory;
        *free = *total - std::min(*total, live_bytes());
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuMemAllocAsync(CUdeviceptr* address, size_t bytes, CUstream handle) {
    return in_context([&](Context& context) {
        auto stream = stream_of(context, handle);
        if (!stream) return CUDA_ERROR_INVALID_HANDLE;
        if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        return allocate_in(context, address, bytes);
    });
}

SOFTGPU_API CUresult cuMemFreeAsync(CUdeviceptr address, CUstream handle) {
    return in_context([&](Context& context) {
        auto stream = stream_of(context, handle);
        if (!stream) return CUDA_ERROR_INVALID_HANDLE;
        if (stream->capture) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        auto* owner = owner_of(address);
        if (!owner) return CUDA_ERROR_INVALID_VALUE;
        owner->freeing.insert(address);
        return submit(*stream, {"free",
                                [owner, address] {
                                    release(address);
                                    owner->freeing.erase(address);
                                    owner->allocations.erase(address);
                                    return CUDA_SUCCESS;
                                },
                                {}});
    });
}

SOFTGPU_API CUresult cuMemGetAddressRange_v2(CUdeviceptr* base, size_t* bytes, CUdeviceptr address) {
    return in_context([&](Context&) {
        uint64_t begin = 0;
        size_t size = 0;
        if (!find(address, begin, size)) return CUDA_ERROR_NOT_FOUND;
        if (base) *base = begin;
        if (bytes) *bytes = size;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuMemHostAlloc(void** memory, size_t bytes, unsigned) {
    return in_context([&](Context& context) { return pin(context, memory, bytes); });
}

SOFTGPU_API CUresult cuMemAllocHost_v2(void** memory, size_t bytes) {
    return in_context([&](Context& context) { return pin(context, memory, bytes); });
}

SOFTGPU_API CUresult cuMemFreeHost(void* memory) {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        return unpin(memory, false);
    });
}

SOFTGPU_API CUresult cuMemHostRegister_v2(void* memory, size_t bytes, unsigned) {
    return in_context([&](Context& context) {
        if (!memory || bytes == 0) return CUDA_ERROR_INVALID_VALUE;
        auto begin = reinterpret_cast<uintptr_t>(memory);
        for (auto& [base, known] : state().pinned)
            if (base < begin + bytes && begin < base + known.bytes) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
        state().pinned[begin] = {bytes, &context, true};
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuMemHostUnregister(void* memory) {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        return unpin(memory, true);
    });
}

SOFTGPU_API CUresult cuPointerGetAttribute(void* value, int attribute, CUdeviceptr address) {
    return in_context([&](Context&) {
        if (!value) return CUDA_ERROR_INVALID_VALUE;
        uint64_t base = 0;
        size_t bytes = 0;
        Context* owner = nullptr;
        bool device = find(address, base, bytes);
        if (device) {
            for (auto& [handle, context] : state().contexts.all())
                if (context->allocations.count(base)) owner = context.get();
        } else if (auto* pinned = pinned_around(reinterpret_cast<void*>(address), 0)) {
            owner = pinned->context;
            bytes = pinned->bytes;
        }
        if (!owner) return CUDA_ERROR_INVALID_VALUE;  // ordinary host memory, or a module's variable
        switch (attribute) {
            case 1:
                *static_cast<CUcontext*>(value) = owner->handle;
                return CUDA_SUCCESS;
            case 2:
                *static_cast<unsigned*>(value) = device ? 2 : 1;
                return CUDA_SUCCESS;  // memory type: device, host
            case 3:
                *static_cast<CUdeviceptr*>(value) = address;
                return CUDA_SUCCESS;
            case 4:
                if (device) return CUDA_ERROR_INVALID_VALUE;
                *static_cast<CUdeviceptr*>(value) = address;
                return CUDA_SUCCESS;
            case 8:
                *static_cast<unsigned*>(value) = 0;
                return CUDA_SUCCESS;  // managed
            case 9:
                *static_cast<int*>(value) = owner->device;
                return CUDA_SUCCESS;
            case 11:
                *static_cast<CUdeviceptr*>(value) = device ? base : address;
                return CUDA_SUCCESS;
            case 12:
                *static_cast<size_t*>(value) = bytes;
                return CUDA_SUCCESS;
            default:
                return CUDA_ERROR_NOT_SUPPORTED;
        }
    });
}
