// Copies and fills, checked against the allocations.
#include <cstring>

#include "../findings.h"
#include "../memory.h"
#include "../settings.h"
#include "entry.h"

using namespace softgpu;

namespace {

std::string in_bytes(size_t bytes) { return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes"); }

// Whether the device's side of a copy lies in one allocation; a finding if not.
bool inside(const std::string& what, CUdeviceptr address, size_t bytes) {
    if (contains(address, bytes)) return true;
    auto last = bytes ? address + bytes - 1 : address;
    auto where = contains(address, 1) ? "its last byte is " + describe(last) : "its first byte is " + describe(address);
    auto freed = where.find("freed") != std::string::npos;
    report(freed ? Fault::use_after_free : Fault::out_of_bounds, what + ": " + where);
    return false;
}

bool host_side(const std::string& what, const void* memory) {
    uint64_t base = 0;
    size_t size = 0;
    if (memory && !find(reinterpret_cast<uint64_t>(memory), base, size)) return true;
    report_misuse(what + ": the host's pointer is " + (memory ? "one to device memory" : "null"));
    return false;
}

void check_written(const std::string& what, CUdeviceptr address, size_t bytes) {
    if (!settings().checks || is_written(address, bytes)) return;
    size_t written = 0, end = bytes;  // the first `written` bytes are, the first `end` are not all
    while (end - written > 1) {
        auto middle = written + (end - written) / 2;
        (is_written(address, middle) ? written : end) = middle;
    }
    report(Fault::uninitialised, what + ": byte " + std::to_string(written) + " was never written");
}

// Pinned memory is touched when the copy runs; it must still be there.
bool still_pinned(const std::string& what, const void* memory, size_t bytes) {
    if (pinned_around(memory, bytes)) return true;
    report(Fault::host, what + ": the pinned memory was freed before the copy ran");
    return false;
}

HostRange range_of(const void* memory, size_t bytes) { return {reinterpret_cast<uintptr_t>(memory), bytes}; }

CUresult upload(Stream& stream, CUdeviceptr to, const void* from, size_t bytes) {
    if (bytes == 0) return CUDA_SUCCESS;
    auto what = "copy of " + in_bytes(bytes) + " to the device";
    if (!inside(what, to, bytes) || !host_side(what, from)) return CUDA_ERROR_INVALID_VALUE;
    bool pinned = pinned_around(from, bytes);
    std::shared_ptr<char[]> staged;
    auto* source = static_cast<const char*>(from);
    if (!pinned && !stream.capture) {  // pageable memory is read before the call returns
        staged = std::shared_ptr<char[]>(new char[bytes]);
        std::memcpy(staged.get(), from, bytes);
        source = staged.get();
    }
    return submit(stream, {what,
                           [=] {
                               (void)staged;  // kept until here
                               if (pinned && !still_pinned(what, source, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
                               if (!inside(what, to, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
                               std::memcpy(reinterpret_cast<void*>(to), source, bytes);
                               mark_written(to, bytes);
                               return CUDA_SUCCESS;
                           },
                           pinned ? range_of(from, bytes) : HostRange{}});
}

CUresult download(Stream& stream, void* to, CUdeviceptr from, size_t bytes) {
    if (bytes == 0) return CUDA_SUCCESS;
    auto what = "copy of " + in_bytes(bytes) + " to the host";
    if (!inside(what, from, bytes) || !host_side(what, to)) return CUDA_ERROR_INVALID_VALUE;
    bool pinned = pinned_around(to, bytes);
    auto result = submit(stream, {what,
                                  [=] {
                                      if (pinned && !still_pinned(what, to, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
                                      if (!inside(what, from, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
                                      check_written(what, from, bytes);
                                      std::memcpy(to, reinterpret_cast<void*>(from), bytes);
                                      return CUDA_SUCCESS;
                                  },
                                  pinned ? range_of(to, bytes) : HostRange{}});
    if (result != CUDA_SUCCESS || pinned || stream.capture) return result;
    wait_for(stream.tail);  // pageable memory is written before the call returns
    return stream.context->error;
}

CUresult within(Stream& stream, CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    if (bytes == 0) return CUDA_SUCCESS;
    auto what = "copy of " + in_bytes(bytes) + " on the device";
    if (!inside(what + ", target", to, bytes) || !inside(what + ", source", from, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, {what,
                           [=] {
                               if (!inside(what + ", target", to, bytes) || !inside(what + ", source", from, bytes))
                                   return CUDA_ERROR_ILLEGAL_ADDRESS;
                               std::memmove(reinterpret_cast<void*>(to), reinterpret_cast<void*>(from), bytes);
                               copy_written(to, from, bytes);
                               return CUDA_SUCCESS;
                           },
                           {}});
}

CUresult copy(Stream& stream, CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    uint64_t base = 0;
    size_t size = 0;
    bool to_device = find(to, base, size), from_device = find(from, base, size);
    if (to_device && from_device) return within(stream, to, from, bytes);
    if (to_device) return upload(stream, to, reinterpret_cast<void*>(from), bytes);
    if (from_device) return download(stream, reinterpret_cast<void*>(to), from, bytes);
    report_misuse("neither pointer is one to device memory");
    return CUDA_ERROR_INVALID_VALUE;
}

template <class Number>
CUresult fill(Stream& stream, CUdeviceptr to, Number value, size_t count) {
    if (count == 0) return CUDA_SUCCESS;
    auto bytes = count * sizeof(Number);
    auto what = "fill of " + in_bytes(bytes);
    if (to % sizeof(Number)) {
        report_misuse(what + ": the address is not a multiple of " + std::to_string(sizeof(Number)));
        return CUDA_ERROR_INVALID_VALUE;
    }
    if (!inside(what, to, bytes)) return CUDA_ERROR_INVALID_VALUE;
    return submit(stream, {what,
                           [=] {
                               if (!inside(what, to, bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
                               std::fill_n(reinterpret_cast<Number*>(to), count, value);
                               mark_written(to, bytes);
                               return CUDA_SUCCESS;
                           },
                           {}});
}

// A stream's operation, given as a body that gets the stream.
template <class Body>
CUresult queued(CUstream handle, Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context& context) -> CUresult {
            auto stream = stream_of(context, handle);
            return stream ? body(*stream) : CUDA_ERROR_INVALID_HANDLE;
        },
        name);
}

// The same on stream 0, then waits.
template <class Body>
CUresult blocking(Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context& context) -> CUresult {
            if (auto refused = refuse_implicit(context)) return refused;
            if (auto refused = refuse_in_capture(context)) return refused;
            auto result = body(*context.legacy);
            if (result == CUDA_SUCCESS) wait_for(context.legacy->tail);
            return result ? result : context.error;
        },
        name);
}

}  // namespace

SOFTGPU_API CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
    return blocking([&](Stream& stream) { return upload(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
    return blocking([&](Stream& stream) { return download(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return queued(nullptr, [&](Stream& stream) { return within(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
    return blocking([&](Stream& stream) { return copy(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return upload(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return download(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return within(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return copy(stream, to, from, bytes); });
}
SOFTGPU_API CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t bytes,
                                       CUstream handle) {
    return queued(handle, [&](Stream& stream) {
        auto& contexts = state().contexts;
        if (!contexts.expect(to_context, "context") || !contexts.expect(from_context, "context")) return CUDA_ERROR_INVALID_CONTEXT;
        return within(stream, to, from, bytes);
    });
}

SOFTGPU_API CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
    return queued(nullptr, [&](Stream& stream) { return fill(stream, to, value, count); });
}
SOFTGPU_API CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
    return queued(nullptr, [&](Stream& stream) { return fill(stream, to, value, count); });
}
SOFTGPU_API CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
    return queued(nullptr, [&](Stream& stream) { return fill(stream, to, value, count); });
}
SOFTGPU_API CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return fill(stream, to, value, count); });
}
SOFTGPU_API CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return fill(stream, to, value, count); });
}
SOFTGPU_API CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream handle) {
    return queued(handle, [&](Stream& stream) { return fill(stream, to, value, count); });
}
