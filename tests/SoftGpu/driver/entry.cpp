#include "entry.h"

#include <cstdlib>

#include "../findings.h"
#include "injection.h"

namespace softgpu {

namespace {
thread_local const char* call = "";
thread_local bool host_function = false;
}  // namespace

std::mutex& driver_lock() {
    static auto* lock = new std::mutex;
    return *lock;
}

State& state() {
    static auto* instance = new State;  // never destroyed: threads may still call when the process ends
    return *instance;
}

uint64_t new_handle() {
    static uint64_t last = 0x50f7'0000'0000;
    return last += 16;
}

std::vector<CUcontext>& context_stack() {
    static thread_local std::vector<CUcontext> stack;
    return stack;
}

void report_misuse(const std::string& line) { report(Fault::host, *call ? std::string(call) + ": " + line : line); }

void report_handle(uint64_t handle, const char* kind) {
    if (handle == 0) report_misuse(std::string("the ") + kind + " is null");
    else if (handle % 16 == 0 && handle > 0x50f7'0000'0000 && handle <= new_handle())
        report_misuse(std::string("the ") + kind + " was destroyed, or the handle is one of another kind");
    else report_misuse(std::string("the handle is no ") + kind);
}

CUresult begin_call(const char* name) {
    call = name;
    auto result = injected(name);
    if (is_sticky(result)) {
        std::shared_ptr<Context> context;
        if (current_context(context) == CUDA_SUCCESS) context->error = result;
    }
    return result;
}

void end_call() { call = ""; }

CUresult current_context(std::shared_ptr<Context>& context) {
    auto& stack = context_stack();
    if (stack.empty() || !stack.back()) return CUDA_ERROR_INVALID_CONTEXT;
    context = state().contexts.find(stack.back());
    if (!context) {
        report_misuse("the current context was destroyed");
        return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    }
    return context->error;
}

bool in_host_function() { return host_function; }

void run_host_function(const std::function<void()>& function) {
    host_function = true;
    function();
    host_function = false;
}

bool is_sticky(CUresult result) {
    switch (result) {
        case CUDA_ERROR_ECC_UNCORRECTABLE:
        case CUDA_ERROR_NVLINK_UNCORRECTABLE:
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_LAUNCH_TIMEOUT:
        case CUDA_ERROR_ASSERT:
        case CUDA_ERROR_HARDWARE_STACK_ERROR:
        case CUDA_ERROR_ILLEGAL_INSTRUCTION:
        case CUDA_ERROR_MISALIGNED_ADDRESS:
        case CUDA_ERROR_INVALID_ADDRESS_SPACE:
        case CUDA_ERROR_INVALID_PC:
        case CUDA_ERROR_LAUNCH_FAILED:
        case CUDA_ERROR_UNKNOWN:
            return true;
        default:
            return false;
    }
}

}  // namespace softgpu
