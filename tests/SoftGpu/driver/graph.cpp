// Graphs: captured, made executable, launched. A launch is queued node by node with the order that was captured and no other.
#include "entry.h"

using namespace softgpu;

namespace {

CUresult instantiate(CUgraphExec* handle, CUgraph graph_handle) {
    return in_context([&](Context& context) {
        if (!handle) return CUDA_ERROR_INVALID_VALUE;
        auto graph = state().graphs.expect(graph_handle, "graph");
        if (!graph) return CUDA_ERROR_INVALID_VALUE;
        auto exec = std::make_shared<GraphExec>();
        exec->context = &context;
        exec->nodes = graph->nodes;
        *handle = state().graph_execs.add(exec);
        return CUDA_SUCCESS;
    });
}

void launch(Stream& stream, GraphExec& exec) {
    auto& context = *stream.context;
    auto needs = needs_of(stream);
    needs.push_back(exec.last);
    auto begin = enqueue(context, stream.lane(), {"begin of a graph", nullptr, {}}, needs);
    std::vector<OperationPointer> queued{begin};
    for (auto& node : exec.nodes) {
        std::vector<OperationPointer> before{begin};
        for (auto need : node.needs) before.push_back(queued[1 + need]);
        queued.push_back(enqueue(context, draw(), node.task, before));
    }
    stream.tail = exec.last = enqueue(context, stream.lane(), {"end of a graph", nullptr, {}}, queued);
}

// Into a graph that is being captured: its nodes become nodes of that one.
void embed(Stream& stream, const GraphExec& exec) {
    auto& nodes = stream.capture->graph->nodes;
    auto first = nodes.size();
    for (auto node : exec.nodes) {
        for (auto& need : node.needs) need += first;
        if (node.needs.empty()) node.needs = stream.frontier;
        nodes.push_back(node);
    }
    for (auto node = first; node < nodes.size(); node++) stream.frontier.push_back(node);
}

}  // namespace

SOFTGPU_API CUresult cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long) { return instantiate(exec, graph); }

SOFTGPU_API CUresult cuGraphInstantiate_v2(CUgraphExec* exec, CUgraph graph, CUgraphNode* node, char* log, size_t bytes) {
    if (node) *node = nullptr;
    if (log && bytes) *log = 0;
    return instantiate(exec, graph);
}

SOFTGPU_API CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
    return in_context([&](Context& context) {
        auto exec = state().graph_execs.expect(handle, "executable graph");
        auto stream = stream_of(context, stream_handle);
        if (!exec || !stream) return CUDA_ERROR_INVALID_HANDLE;
        if (stream->legacy()) {
            if (auto refused = refuse_implicit(context)) return refused;
        }
        if (!stream->capture) launch(*stream, *exec);
        else if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
        else embed(*stream, *exec);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
    return in_context([&](Context& context) {
        bool known = state().graph_execs.expect(handle, "executable graph") && stream_of(context, stream);
        return known ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    });
}

SOFTGPU_API CUresult cuGraphExecDestroy(CUgraphExec handle) {
    return in_context([&](Context&) {
        if (!state().graph_execs.expect(handle, "executable graph")) return CUDA_ERROR_INVALID_VALUE;
        state().graph_execs.remove(handle);  // launches that are queued still run
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuGraphDestroy(CUgraph handle) {
    return in_context([&](Context&) {
        if (!state().graphs.expect(handle, "graph")) return CUDA_ERROR_INVALID_VALUE;
        state().graphs.remove(handle);
        return CUDA_SUCCESS;
    });
}

// The handles of nodes are good for counting only.
SOFTGPU_API CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* nodes, size_t* count) {
    return in_context([&](Context&) {
        auto graph = state().graphs.expect(handle, "graph");
        if (!graph || !count) return CUDA_ERROR_INVALID_VALUE;
        if (nodes) {
            for (size_t i = 0; i < *count; i++) nodes[i] = i < graph->nodes.size() ? reinterpret_cast<CUgraphNode>(i + 1) : nullptr;
            *count = std::min(*count, graph->nodes.size());
        } else {
            *count = graph->nodes.size();
        }
        return CUDA_SUCCESS;
    });
}
