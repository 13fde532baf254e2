// Limits of a context, and access between contexts.
#include "entry.h"

using namespace softgpu;

namespace {

// Stack, printf buffer, heap, and the three that nested launches and caches have. 0: no such limit.
size_t usual(int limit) {
    constexpr size_t values[] = {1024, 1 << 20, 8 << 20, 2, 2048, 128};
    return limit >= 0 && limit < 6 ? values[limit] : 0;
}

}  // namespace

SOFTGPU_API CUresult cuCtxGetLimit(size_t* value, int limit) {
    return in_context([&](Context& context) {
        if (!value) return CUDA_ERROR_INVALID_VALUE;
        if (!usual(limit)) return CUDA_ERROR_UNSUPPORTED_LIMIT;
        *value = context.limits.count(limit) ? context.limits[limit] : usual(limit);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxSetLimit(int limit, size_t value) {
    return in_context([&](Context& context) {
        if (!usual(limit)) return CUDA_ERROR_UNSUPPORTED_LIMIT;
        context.limits[limit] = value;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuCtxEnablePeerAccess(CUcontext peer, unsigned flags) {
    return in_context([&](Context& context) {
        if (flags) return CUDA_ERROR_INVALID_VALUE;
        auto other = state().contexts.expect(peer, "context");
        if (!other) return CUDA_ERROR_INVALID_CONTEXT;
        if (other->device == context.device) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
        return context.peers.insert(peer).second ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    });
}

SOFTGPU_API CUresult cuCtxDisablePeerAccess(CUcontext peer) {
    return in_context([&](Context& context) { return context.peers.erase(peer) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED; });
}
