// What can be asked of a function, and how many of its blocks fit on a multiprocessor.
#include "card.h"
#include "entry.h"

using namespace softgpu;

namespace {

// PTX has no final registers. This many are assumed, which limit no launch; the numbers of a real compilation come from NVRTC's cubin.
constexpr int kRegistersAssumed = 32;

template <class Body>
CUresult with_function(CUfunction handle, Body body, const char* name = __builtin_FUNCTION()) {
    return in_context(
        [&](Context&) -> CUresult {
            auto function = state().functions.expect(handle, "function");
            return function ? body(*function) : CUDA_ERROR_INVALID_HANDLE;
        },
        name);
}

int rounded_up(int value, int multiple) { return (value + multiple - 1) / multiple * multiple; }

int blocks_that_fit(const Function& function, int threads, size_t dynamic) {
    auto& the = card();
    auto& facts = facts_of(*function.kernel);
    if (threads < 1 || threads > int(facts.max_threads) || dynamic > function.dynamic_shared) return 0;
    int in_warps = rounded_up(threads, 32);
    int blocks = std::min({the.blocks_per_multiprocessor, the.threads_per_multiprocessor / in_warps,
                           kRegisters / (in_warps * rounded_up(kRegistersAssumed, 8))});
    auto shared = facts.static_shared + dynamic + size_t(shared_reserved());
    return shared ? std::min(blocks, int(size_t(the.shared_per_multiprocessor) / shared)) : blocks;
}

}  // namespace

SOFTGPU_API CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction handle) {
    return with_function(handle, [&](Function& function) {
        if (!value) return CUDA_ERROR_INVALID_VALUE;
        auto& facts = facts_of(*function.kernel);
        switch (attribute) {
            case 0:
                *value = int(facts.max_threads);
                break;
            case 1:
                *value = int(facts.static_shared);
                break;
            case 2:
                *value = 0;
                break;  // constant memory
            case 3:
                *value = int(facts.local);
                break;
            case 4:
                *value = kRegistersAssumed;
                break;
            case 5:
            case 6:
                *value = card().capability;
                break;  // PTX and binary version
            case 7:
                *value = 0;
                break;  // cache mode
            case 8:
                *value = int(function.dynamic_shared);
                break;
            case 9:
                *value = function.carveout;
                break;
            default:
                return CUDA_ERROR_INVALID_VALUE;
        }
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
    return with_function(handle, [&](Function& function) {
        if (attribute == 8) {
            if (value < 0 || size_t(value) + facts_of(*function.kernel).static_shared > size_t(card().shared_opt_in))
                return CUDA_ERROR_INVALID_VALUE;
            function.dynamic_shared = size_t(value);
        } else if (attribute == 9) {
            if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
            function.carveout = value;
        } else {
            return CUDA_ERROR_INVALID_VALUE;
        }
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuFuncSetCacheConfig(CUfunction handle, int config) {
    return with_function(handle, [&](Function&) { return config < 0 || config > 3 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; });
}

SOFTGPU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction handle, int threads, size_t dynamic) {
    return with_function(handle, [&](Function& function) {
        if (!blocks || threads < 1) return CUDA_ERROR_INVALID_VALUE;
        *blocks = blocks_that_fit(function, threads, dynamic);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, CUfunction handle, int threads, size_t dynamic,
                                                                          unsigned flags) {
    return flags > 1 ? CUDA_ERROR_INVALID_VALUE : cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, handle, threads, dynamic);
}

SOFTGPU_API CUresult cuOccupancyMaxPotentialBlockSize(int* grid, int* block, CUfunction handle, CUoccupancyB2DSize dynamic_of,
                                                      size_t dynamic, int limit) {
    return with_function(handle, [&](Function& function) {
        if (!grid || !block) return CUDA_ERROR_INVALID_VALUE;
        int most = int(facts_of(*function.kernel).max_threads);
        if (limit > 0) most = std::min(most, limit);
        int best = 0;
        *grid = *block = 0;
        for (int threads = most; threads > 0; threads = (threads - 1) / 32 * 32) {
            int blocks = blocks_that_fit(function, threads, dynamic_of ? dynamic_of(threads) : dynamic);
            if (blocks * threads <= best) continue;
            best = blocks * threads;
            *block = threads;
            *grid = blocks * settings().multiprocessors;
        }
        return CUDA_SUCCESS;
    });
}
