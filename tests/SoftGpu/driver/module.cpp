// Modules: PTX only. A cubin is for a real card, and is answered as a driver answers one for another card.
#include <cstring>
#include <optional>

#include "../settings.h"
#include "entry.h"

using namespace softgpu;

namespace {

struct Log {  // a buffer of cuModuleLoadDataEx
    char* text = nullptr;
    size_t bytes = 0;
    void** used = nullptr;
    void write(const std::string& line) {
        if (!text || !bytes) return;
        auto length = std::min(line.size(), bytes - 1);
        std::memcpy(text, line.data(), length);
        text[length] = 0;
        if (used) *used = reinterpret_cast<void*>(length + 1);
    }
};

struct Version {
    int major = 0, minor = 0;
    bool operator>(const Version& other) const { return major != other.major ? major > other.major : minor > other.minor; }
};

// The newest PTX that a driver of this version compiles (PTX manual, "Release Notes").
Version newest_ptx(int driver) {
    int major = driver / 1000, minor = driver % 1000 / 10;
    if (major == 10) return {6, 3 + minor};
    if (major == 11) return {7, minor};
    if (major == 12) return {8, minor <= 5 ? minor : minor - 1};  // 12.6 takes 8.5 as 12.5 does
    return {major - 4, minor};
}

std::optional<Version> version_of(const std::string& ptx) {
    auto at = ptx.find(".version");
    Version version;
    if (at == std::string::npos || std::sscanf(ptx.c_str() + at, ".version %d.%d", &version.major, &version.minor) != 2) return {};
    return version;
}

CUresult load(Context& context, CUmodule* handle, const void* image, Log& info, Log& error) {
    if (!handle || !image) return CUDA_ERROR_INVALID_VALUE;
    constexpr unsigned char fat_binary[] = {0x50, 0xed, 0x55, 0xba};
    if (std::memcmp(image, "\177ELF", 4) == 0 || std::memcmp(image, fat_binary, 4) == 0) {
        error.write("the soft GPU runs PTX; a cubin is for a card");
        return CUDA_ERROR_NO_BINARY_FOR_GPU;
    }
    std::string ptx = static_cast<const char*>(image);
    auto version = version_of(ptx);
    if (!version) {
        error.write("no .version: this is no PTX");
        return CUDA_ERROR_INVALID_IMAGE;
    }
    auto newest = newest_ptx(settings().driver_version);
    if (*version > newest) {
        error.write("Unsupported .version " + std::to_string(version->major) + "." + std::to_string(version->minor) +
                    "; current version is '" + std::to_string(newest.major) + "." + std::to_string(newest.minor) + "'");
        return CUDA_ERROR_UNSUPPORTED_PTX_VERSION;
    }
    std::string problem;
    auto program = parse(ptx, problem);
    if (!program) {
        error.write(problem);
        return CUDA_ERROR_INVALID_PTX;
    }
    auto module = std::make_shared<Module>();
    module->context = &context;
    module->program = program;
    *handle = state().modules.add(module);
    info.write("decoded by the soft GPU for sm_" + std::to_string(settings().capability));
    return CUDA_SUCCESS;
}

}  // namespace

SOFTGPU_API CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned count, const int* options, void** values) {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        if (count && (!options || !values)) return CUDA_ERROR_INVALID_VALUE;
        Log info, error;
        for (unsigned i = 0; i < count; i++) {
            auto& log = options[i] <= 4 ? info : error;
            if (options[i] == 3 || options[i] == 5) log.text = static_cast<char*>(values[i]);
            if (options[i] == 4 || options[i] == 6) log.bytes = reinterpret_cast<size_t>(values[i]), log.used = &values[i];
        }
        for (auto* log : {&info, &error})
            if (log->used) *log->used = nullptr;
        return load(context, module, image, info, error);
    });
}

SOFTGPU_API CUresult cuModuleLoadData(CUmodule* module, const void* image) {
    return in_context([&](Context& context) {
        if (auto refused = refuse_in_capture(context)) return refused;
        Log info, error;
        return load(context, module, image, info, error);
    });
}

SOFTGPU_API CUresult cuModuleUnload(CUmodule handle) {
    return in_context([&](Context& context) {
        auto module = state().modules.expect(handle, "module");
        if (!module) return CUDA_ERROR_INVALID_HANDLE;
        if (auto refused = refuse_in_capture(context)) return refused;
        wait_for(*module->context);
        state().functions.remove_if([&](Function& function) { return function.module == module.get(); });
        state().modules.remove(handle);
        return context.error;
    });
}

SOFTGPU_API CUresult cuModuleGetFunction(CUfunction* handle, CUmodule module_handle, const char* name) {
    return in_context([&](Context&) {
        if (!handle || !name) return CUDA_ERROR_INVALID_VALUE;
        auto module = state().modules.expect(module_handle, "module");
        if (!module) return CUDA_ERROR_INVALID_HANDLE;
        auto* kernel = find_kernel(*module->program, name);
        if (!kernel) return CUDA_ERROR_NOT_FOUND;
        for (auto& [known, function] : state().functions.all())
            if (function->module == module.get() && function->kernel == kernel) {
                *handle = known;
                return CUDA_SUCCESS;
            }
        auto function = std::make_shared<Function>();
        function->module = module.get();
        function->kernel = kernel;
        function->dynamic_shared = (48u << 10) - std::min<size_t>(48 << 10, facts_of(*kernel).static_shared);
        *handle = state().functions.add(function);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuModuleGetGlobal_v2(CUdeviceptr* address, size_t* bytes, CUmodule handle, const char* name) {
    return in_context([&](Context&) {
        if (!name || (!address && !bytes)) return CUDA_ERROR_INVALID_VALUE;
        auto module = state().modules.expect(handle, "module");
        if (!module) return CUDA_ERROR_INVALID_HANDLE;
        uint64_t where = 0;
        size_t size = 0;
        if (!find_global(*module->program, name, where, size)) return CUDA_ERROR_NOT_FOUND;
        if (address) *address = where;
        if (bytes) *bytes = size;
        return CUDA_SUCCESS;
    });
}
