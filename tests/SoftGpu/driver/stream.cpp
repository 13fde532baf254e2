// Streams.
#include <algorithm>

#include "entry.h"

using namespace softgpu;

namespace {

CUresult make_stream(Context& context, CUstream* handle, unsigned flags, int priority) {
    if (!handle || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    auto stream = std::make_shared<Stream>();
    stream->context = &context;
    stream->blocking = flags != CU_STREAM_NON_BLOCKING;
    stream->priority = std::clamp(priority, -5, 0);
    *handle = state().streams.add(stream);
    auto& streams = context.streams;  // a good moment to forget those that were destroyed and are done
    streams.erase(std::remove_if(streams.begin(), streams.end(),
                                 [](auto& old) { return !state().streams.find(old->handle) && (!old->tail || old->tail->done); }),
                  streams.end());
    streams.push_back(stream);
    return CUDA_SUCCESS;
}

// Runs the body with the stream; what it then answers is the call's answer.
template <class Body>
CUresult with_stream(CUstream handle, Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context& context) -> CUresult {
            auto stream = stream_of(context, handle);
            return stream ? body(context, *stream) : CUDA_ERROR_INVALID_HANDLE;
        },
        name);
}

CUresult refuse_if_capturing(Stream& stream) {
    if (!stream.capture) return CUDA_SUCCESS;
    invalidate(stream);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

}  // namespace

SOFTGPU_API CUresult cuStreamCreate(CUstream* stream, unsigned flags) {
    return in_context([&](Context& context) { return make_stream(context, stream, flags, 0); });
}

SOFTGPU_API CUresult cuStreamCreateWithPriority(CUstream* stream, unsigned flags, int priority) {
    return in_context([&](Context& context) { return make_stream(context, stream, flags, priority); });
}

SOFTGPU_API CUresult cuStreamDestroy_v2(CUstream handle) {
    return in_context([&](Context&) {
        auto stream = state().streams.expect(handle, "stream");
        if (!stream) return CUDA_ERROR_INVALID_HANDLE;
        if (auto refused = refuse_if_capturing(*stream)) return refused;
        state().streams.remove(handle);  // its work still runs
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamSynchronize(CUstream handle) {
    return with_stream(handle, [&](Context& context, Stream& stream) {
        if (auto refused = refuse_if_capturing(stream)) return refused;
        if (auto refused = refuse_in_capture(context)) return refused;
        return wait_for_stream(stream);
    });
}

SOFTGPU_API CUresult cuStreamQuery(CUstream handle) {
    return with_stream(handle, [&](Context& context, Stream& stream) {
        if (auto refused = refuse_if_capturing(stream)) return refused;
        if (auto refused = refuse_in_capture(context)) return refused;
        bool done = poll(stream.tail);
        if (stream.legacy())
            for (auto& need : needs_of(stream)) done &= poll(need);
        return context.error ? context.error : done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

SOFTGPU_API CUresult cuStreamGetPriority(CUstream handle, int* priority) {
    return with_stream(handle, [&](Context&, Stream& stream) {
        if (!priority) return CUDA_ERROR_INVALID_VALUE;
        *priority = stream.priority;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamGetFlags(CUstream handle, unsigned* flags) {
    return with_stream(handle, [&](Context&, Stream& stream) {
        if (!flags) return CUDA_ERROR_INVALID_VALUE;
        *flags = stream.blocking ? 0u : CU_STREAM_NON_BLOCKING;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamGetCtx(CUstream handle, CUcontext* owner) {
    return with_stream(handle, [&](Context& context, Stream&) {
        if (!owner) return CUDA_ERROR_INVALID_VALUE;
        *owner = context.handle;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
    return with_stream(handle, [&](Context&, Stream& stream) {
        if (!function) return CUDA_ERROR_INVALID_VALUE;
        return submit(stream, {"host function",
                               [function, data] {
                                   run_host_function([&] { function(data); });
                                   return CUDA_SUCCESS;
                               },
                               {}});
    });
}

SOFTGPU_API CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback callback, void* data, unsigned flags) {
    return with_stream(handle, [&](Context&, Stream& stream) {
        if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
        if (auto refused = refuse_if_capturing(stream)) return refused;
        return submit(stream, {"stream callback",
                               [callback, handle, data] {
                                   run_host_function([&] { callback(handle, CUDA_SUCCESS, data); });
                                   return CUDA_SUCCESS;
                               },
                               {}});
    });
}
