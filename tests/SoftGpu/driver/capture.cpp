// Stream capture: what is put into a stream becomes a graph instead of running.
#include <algorithm>

#include "entry.h"

using namespace softgpu;

namespace {

template <class Body>
CUresult with_stream(CUstream handle, Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context& context) -> CUresult {
            auto stream = stream_of(context, handle);
            return stream ? body(context, *stream) : CUDA_ERROR_INVALID_HANDLE;
        },
        name);
}

// Whether every node comes before the origin's last ones, or is one of them.
bool all_joined(const Graph& graph, const std::vector<size_t>& last) {
    std::vector<bool> reached(graph.nodes.size());
    std::vector<size_t> open = last;
    while (!open.empty()) {
        auto node = open.back();
        open.pop_back();
        if (reached[node]) continue;
        reached[node] = true;
        open.insert(open.end(), graph.nodes[node].needs.begin(), graph.nodes[node].needs.end());
    }
    return std::find(reached.begin(), reached.end(), false) == reached.end();
}

CUresult capture_info(Context& context, Stream& stream, CUstreamCaptureStatus* status, uint64_t* number) {
    if (!status) return CUDA_ERROR_INVALID_VALUE;
    if (stream.legacy()) {
        if (auto refused = refuse_implicit(context)) return refused;
    }
    auto& capture = stream.capture;
    *status = !capture           ? CU_STREAM_CAPTURE_STATUS_NONE
              : capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                 : CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (number) *number = capture ? capture->number : 0;
    return CUDA_SUCCESS;
}

}  // namespace

SOFTGPU_API CUresult cuStreamBeginCapture_v2(CUstream handle, CUstreamCaptureMode mode) {
    return with_stream(handle, [&](Context& context, Stream& stream) {
        if (mode < CU_STREAM_CAPTURE_MODE_GLOBAL || mode > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
        if (stream.legacy()) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
        if (stream.capture) return CUDA_ERROR_ILLEGAL_STATE;
        stream.capture = std::make_shared<Capture>();
        stream.capture->number = ++state().captures;
        stream.capture->mode = mode;
        stream.capture->thread = std::this_thread::get_id();
        stream.capture->origin = handle;
        stream.capture->graph->context = &context;
        stream.frontier.clear();
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamEndCapture(CUstream handle, CUgraph* graph) {
    return with_stream(handle, [&](Context&, Stream& stream) {
        if (!graph) return CUDA_ERROR_INVALID_VALUE;
        *graph = nullptr;
        auto capture = stream.capture;
        if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
        if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
            return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
        if (capture->origin != handle) {
            capture->invalid = true;
            return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
        }
        bool joined = all_joined(*capture->graph, stream.frontier);
        for (auto& [other, captured] : state().streams.all()) {
            if (captured->capture != capture) continue;
            captured->capture = nullptr;
            captured->frontier.clear();
        }
        if (capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
        *graph = state().graphs.add(capture->graph);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuStreamIsCapturing(CUstream handle, CUstreamCaptureStatus* status) {
    return with_stream(handle, [&](Context& context, Stream& stream) { return capture_info(context, stream, status, nullptr); });
}

SOFTGPU_API CUresult cuStreamGetCaptureInfo(CUstream handle, CUstreamCaptureStatus* status, uint64_t* number) {
    return with_stream(handle, [&](Context& context, Stream& stream) { return capture_info(context, stream, status, number); });
}

// The graph and the nodes are not handed out while they are captured.
SOFTGPU_API CUresult cuStreamGetCaptureInfo_v2(CUstream handle, CUstreamCaptureStatus* status, uint64_t* number, CUgraph* graph,
                                               const CUgraphNode** dependencies, size_t* count) {
    return with_stream(handle, [&](Context& context, Stream& stream) {
        if (graph || dependencies || count) return CUDA_ERROR_NOT_SUPPORTED;
        return capture_info(context, stream, status, number);
    });
}
