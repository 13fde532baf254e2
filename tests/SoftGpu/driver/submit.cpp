// How a task finds its place: behind its stream's last operation, behind or before stream 0, or in the graph that is being captured.
#include "../findings.h"
#include "entry.h"

namespace softgpu {

namespace {

thread_local CUstreamCaptureMode thread_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

template <class Visitor>
void for_each_capturing(const Visitor& visit) {
    for (auto& [handle, stream] : state().streams.all())
        if (stream->capture) visit(*stream);
}

bool captures_blocking(const Context& context) {
    bool found = false;
    for_each_capturing([&](Stream& stream) { found |= stream.context == &context && stream.blocking; });
    return found;
}

}  // namespace

std::shared_ptr<Stream> stream_of(Context& context, CUstream handle) {
    if (handle == nullptr || handle == CU_STREAM_LEGACY) return context.legacy;
    auto stream = state().streams.expect(handle, "stream");
    if (stream && stream->context != &context) {
        report_misuse("the stream belongs to another context than the current one");
        return nullptr;
    }
    return stream;
}

std::vector<OperationPointer> needs_of(const Stream& stream) {
    std::vector<OperationPointer> needs{stream.tail};
    if (stream.legacy()) {
        for (auto& other : stream.context->streams)
            if (other->blocking) needs.push_back(other->tail);
    } else if (stream.blocking) {
        needs.push_back(stream.context->legacy->tail);
    }
    return needs;
}

OperationPointer append(Stream& stream, Task task) {
    stream.tail = enqueue(*stream.context, stream.lane(), std::move(task), needs_of(stream));
    return stream.tail;
}

CUresult submit(Stream& stream, Task task) {
    if (stream.legacy()) {
        if (auto refused = refuse_implicit(*stream.context)) return refused;
    }
    if (stream.capture) {
        if (stream.capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        auto& nodes = stream.capture->graph->nodes;
        nodes.push_back({std::move(task), stream.frontier});
        stream.frontier = {nodes.size() - 1};
    } else {
        append(stream, std::move(task));
    }
    return CUDA_SUCCESS;
}

CUresult wait_for_stream(Stream& stream) {
    if (stream.legacy())
        for (auto& need : needs_of(stream)) wait_for(need);
    wait_for(stream.tail);
    return stream.context->error;
}

void invalidate(Stream& stream) {
    if (stream.capture) stream.capture->invalid = true;
}

CUresult refuse_implicit(Context& context) {
    if (!captures_blocking(context)) return CUDA_SUCCESS;
    for_each_capturing([&](Stream& stream) {
        if (stream.context == &context && stream.blocking) invalidate(stream);
    });
    return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
}

CUresult refuse_in_capture(Context&) {
    bool refused = false;
    for_each_capturing([&](Stream& stream) {
        auto& capture = *stream.capture;
        bool own = capture.thread == std::this_thread::get_id() && capture.mode != CU_STREAM_CAPTURE_MODE_RELAXED;
        bool any = capture.mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
        bool forbids =
            thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL ? own || any : thread_mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && own;
        if (!forbids) return;
        capture.invalid = true;
        refused = true;
    });
    return refused ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

}  // namespace softgpu

using namespace softgpu;

SOFTGPU_API CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
    return initialised([&] {
        if (!mode || *mode < CU_STREAM_CAPTURE_MODE_GLOBAL || *mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
        std::swap(*mode, thread_mode);
        return CUDA_SUCCESS;
    });
}
