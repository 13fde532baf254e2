// How every entry point begins: one lock, injected failures, initialisation, the current context and its sticky error.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <new>

#include "entry_points.h"
#include "state.h"

namespace softgpu {

std::mutex& driver_lock();
CUresult begin_call(const char* name);  // success, or what the call must answer at once
void end_call();
CUresult current_context(std::shared_ptr<Context>& context);  // of this thread
std::vector<CUcontext>& context_stack();
bool in_host_function();  // a host function may not call the driver
void run_host_function(const std::function<void()>& function);

template <class Body>
CUresult any_time(Body body, const char* name = __builtin_FUNCTION()) {
    if (in_host_function()) {
        report_misuse(std::string(name) + " is called from a host function, which may not call the driver");
        return CUDA_ERROR_NOT_PERMITTED;
    }
    std::lock_guard<std::mutex> lock(driver_lock());
    auto result = begin_call(name);
    try {
        if (result == CUDA_SUCCESS) result = body();
    } catch (const std::bad_alloc&) { result = CUDA_ERROR_OUT_OF_MEMORY; } catch (const std::exception& exception) {
        report_misuse(exception.what());
        result = CUDA_ERROR_UNKNOWN;
    }
    end_call();
    return result;
}

template <class Body>
CUresult initialised(Body body, const char* name = __builtin_FUNCTION()) {
    return any_time([&] { return state().initialised ? body() : CUDA_ERROR_NOT_INITIALIZED; }, name);
}

template <class Body>
CUresult in_context(Body body, const char* name = __builtin_FUNCTION()) {
    return initialised(
        [&]() -> CUresult {
            std::shared_ptr<Context> context;
            auto result = current_context(context);
            return result == CUDA_SUCCESS ? body(*context) : result;
        },
        name);
}

}  // namespace softgpu
