// cuGetProcAddress: by base name, the newest version of it that the asked CUDA version has.
#include <dlfcn.h>

#include <cstring>

#include "../settings.h"
#include "entry.h"

using namespace softgpu;

namespace {

enum Status : int { found, not_found, version_too_low };

void* own_library() {
    static void* library = [] {
        Dl_info info{};
        dladdr(reinterpret_cast<void*>(&own_library), &info);
        return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    }();
    return library;
}

// Versions that came later than CUDA 11; all other _v2 are older than that.
bool exists_in(const std::string& name, int version) {
    if (name == "cuGetProcAddress_v2" || name == "cuStreamGetCaptureInfo_v2") return version >= 12000;
    return true;
}

Status look_up(const char* symbol, void** address, int version) {
    *address = nullptr;
    if (std::strncmp(symbol, "cu", 2) != 0 || !own_library()) return not_found;
    bool later = false;
    for (auto* suffix : {"_v3", "_v2", ""}) {
        auto name = std::string(symbol) + suffix;
        auto* known = dlsym(own_library(), name.c_str());
        if (known && exists_in(name, version)) {
            *address = known;
            return found;
        }
        later |= known != nullptr;
    }
    return later ? version_too_low : not_found;
}

}  // namespace

SOFTGPU_API CUresult cuGetProcAddress(const char* symbol, void** address, int version, uint64_t) {
    return any_time([&] {
        if (!symbol || !address || version > settings().driver_version) return CUDA_ERROR_INVALID_VALUE;
        return look_up(symbol, address, version) == found ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
    });
}

SOFTGPU_API CUresult cuGetProcAddress_v2(const char* symbol, void** address, int version, uint64_t, int* status) {
    return any_time([&] {
        if (!symbol || !address || version > settings().driver_version) return CUDA_ERROR_INVALID_VALUE;
        auto answer = look_up(symbol, address, version);
        if (status) *status = answer;
        return CUDA_SUCCESS;
    });
}
