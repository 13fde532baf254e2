// Launches.
#include <cstring>

#include "../findings.h"
#include "card.h"
#include "entry.h"

using namespace softgpu;

namespace {

// What is wrong with a launch's shape; empty: nothing.
std::string shape_problem(const Dim3& grid, const Dim3& block, size_t dynamic, const Function& function) {
    auto& facts = facts_of(*function.kernel);
    auto text = [](const Dim3& dim) { return std::to_string(dim.x) + "x" + std::to_string(dim.y) + "x" + std::to_string(dim.z); };
    if (!grid.x || !grid.y || !grid.z || grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535) return "the grid is " + text(grid);
    auto threads = uint64_t(block.x) * block.y * block.z;
    if (!threads || block.x > 1024 || block.y > 1024 || block.z > 64 || threads > 1024) return "the block is " + text(block);
    if (threads > facts.max_threads)
        return "the block has " + std::to_string(threads) + " threads, the kernel is compiled for " + std::to_string(facts.max_threads);
    if (dynamic > function.dynamic_shared)
        return std::to_string(dynamic) + " bytes of dynamic shared memory, allowed are " + std::to_string(function.dynamic_shared) +
               " (cuFuncSetAttribute raises that)";
    return "";
}

// The buffer form of the arguments: {1, pointer, 2, pointer to the size, 0}. What is wrong with it; empty: nothing.
std::string read_extra(void** extra, std::vector<std::byte>& bytes) {
    const void* buffer = nullptr;
    const size_t* size = nullptr;
    for (; *extra; extra += 2) {
        auto key = reinterpret_cast<uintptr_t>(extra[0]);
        if (key == 1) buffer = extra[1];
        else if (key == 2) size = static_cast<const size_t*>(extra[1]);
        else return "the extra argument " + std::to_string(key) + " is unknown";
    }
    if (!size || (*size && !buffer)) return "the extra arguments lack the buffer or its size";
    if (*size != bytes.size())
        return "the argument buffer has " + std::to_string(*size) + " bytes, the kernel takes " + std::to_string(bytes.size());
    if (*size) std::memcpy(bytes.data(), buffer, *size);
    return "";
}

std::string read_arguments(const KernelFacts& facts, void** parameters, void** extra, std::vector<std::byte>& bytes) {
    bytes.resize(facts.parameter_bytes);
    if (parameters && extra) return "arguments are given in both forms";
    if (extra) return read_extra(extra, bytes);
    if (facts.parameters.empty()) return "";
    if (!parameters) return "the kernel takes " + std::to_string(facts.parameters.size()) + " arguments, none are given";
    for (size_t i = 0; i < facts.parameters.size(); i++) {
        if (!parameters[i]) return "argument " + std::to_string(i) + " is null";
        std::memcpy(bytes.data() + facts.parameters[i].offset, parameters[i], facts.parameters[i].bytes);
    }
    return "";
}

CUresult execute(Launch& launch) {
    launch.number = ++state().launches;
    return CUresult(run(launch, state().counters[facts_of(*launch.kernel).name]));
}

}  // namespace

SOFTGPU_API CUresult cuLaunchKernel(CUfunction handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                    unsigned block_y, unsigned block_z, unsigned dynamic_shared, CUstream stream_handle, void** parameters,
                                    void** extra) {
    return in_context([&](Context& context) {
        auto function = state().functions.expect(handle, "function");
        auto stream = stream_of(context, stream_handle);
        if (!function || !stream) return CUDA_ERROR_INVALID_HANDLE;
        auto& facts = facts_of(*function->kernel);
        if (function->module->context != &context) {
            report_misuse(facts.name + " belongs to a module of another context than the current one");
            return CUDA_ERROR_INVALID_HANDLE;
        }
        Launch launch{
            function->module->program, function->kernel, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, dynamic_shared, {}, 0};
        auto problem = shape_problem(launch.grid, launch.block, dynamic_shared, *function);
        if (problem.empty()) problem = read_arguments(facts, parameters, extra, launch.parameters);
        if (!problem.empty()) {
            report(Fault::arguments, "launch of " + facts.name + ": " + problem);
            return CUDA_ERROR_INVALID_VALUE;
        }
        return submit(*stream, {"launch of " + facts.name, [launch]() mutable { return execute(launch); }, {}});
    });
}
