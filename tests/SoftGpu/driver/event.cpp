// Events: marks in streams, and the waits for them.
#include "entry.h"

using namespace softgpu;

namespace {

template <class Body>
CUresult with_event(CUevent handle, Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context& context) -> CUresult {
            auto event = state().events.expect(handle, "event");
            return event ? body(context, *event) : CUDA_ERROR_INVALID_HANDLE;
        },
        name);
}

CUresult join(Stream& stream, const Event& event) {
    auto capture = event.capture.lock();
    if (!capture) {  // that capture has ended: the event marks nothing any more
        report_misuse("the event was last recorded in a capture that has ended");
        return CUDA_ERROR_CAPTURED_EVENT;
    }
    if (capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream.legacy()) {
        capture->invalid = true;
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    if (stream.capture && stream.capture != capture) {
        invalidate(stream);
        capture->invalid = true;
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    stream.capture = capture;
    for (auto node : event.frontier) stream.frontier.push_back(node);
    return CUDA_SUCCESS;
}

}  // namespace

SOFTGPU_API CUresult cuEventCreate(CUevent* handle, unsigned flags) {
    return in_context([&](Context& context) {
        constexpr unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
        if (!handle || (flags & ~known)) return CUDA_ERROR_INVALID_VALUE;
        auto event = std::make_shared<Event>();
        event->context = &context;
        event->flags = flags;
        *handle = state().events.add(event);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuEventDestroy_v2(CUevent handle) {
    return with_event(handle, [&](Context&, Event&) {
        state().events.remove(handle);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuEventRecord(CUevent handle, CUstream stream_handle) {
    return with_event(handle, [&](Context& context, Event& event) {
        auto stream = stream_of(context, stream_handle);
        if (!stream) return CUDA_ERROR_INVALID_HANDLE;
        if (event.context != &context) {
            report_misuse("the event belongs to another context than the stream");
            return CUDA_ERROR_INVALID_HANDLE;
        }
        if (stream->capture) {
            if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
            event.capture = stream->capture;
            event.captured = true;
            event.frontier = stream->frontier;
            event.record = nullptr;
            return CUDA_SUCCESS;
        }
        if (auto refused = stream->legacy() ? refuse_implicit(context) : CUDA_SUCCESS) return refused;
        event.captured = false;
        event.record = append(*stream, {"event", nullptr, {}});
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned flags) {
    return with_event(handle, [&](Context& context, Event& event) {
        auto stream = stream_of(context, stream_handle);
        if (!stream) return CUDA_ERROR_INVALID_HANDLE;
        if (flags) return CUDA_ERROR_INVALID_VALUE;
        if (event.captured) return join(*stream, event);
        if (stream->capture) {
            invalidate(*stream);
            return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
        }
        if (!event.record || event.record->done) return CUDA_SUCCESS;
        auto needs = needs_of(*stream);
        needs.push_back(event.record);
        stream->tail = enqueue(context, stream->lane(), {"wait for an event", nullptr, {}}, needs);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuEventSynchronize(CUevent handle) {
    return with_event(handle, [&](Context& context, Event& event) {
        if (event.captured) return CUDA_ERROR_CAPTURED_EVENT;
        if (auto refused = refuse_in_capture(context)) return refused;
        wait_for(event.record);
        return context.error;
    });
}

SOFTGPU_API CUresult cuEventQuery(CUevent handle) {
    return with_event(handle, [&](Context& context, Event& event) {
        if (event.captured) return CUDA_ERROR_CAPTURED_EVENT;
        if (auto refused = refuse_in_capture(context)) return refused;
        bool done = poll(event.record);
        return context.error ? context.error : done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
    });
}

SOFTGPU_API CUresult cuEventElapsedTime(float* milliseconds, CUevent start_handle, CUevent end_handle) {
    return with_event(start_handle, [&](Context& context, Event& start) {
        auto end = state().events.expect(end_handle, "event");
        if (!end) return CUDA_ERROR_INVALID_HANDLE;
        if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
        if (start.captured || end->captured) return CUDA_ERROR_CAPTURED_EVENT;
        bool timed = !((start.flags | end->flags) & CU_EVENT_DISABLE_TIMING);
        if (!timed || !start.record || !end->record || start.context != end->context) return CUDA_ERROR_INVALID_HANDLE;
        bool started = poll(start.record), ended = poll(end->record);
        if (context.error) return context.error;
        if (!started || !ended) return CUDA_ERROR_NOT_READY;
        *milliseconds = float((end->record->finished - start.record->finished) * 1e3);
        return CUDA_SUCCESS;
    });
}
