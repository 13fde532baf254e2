// Initialisation and the devices.
#include <cstdio>
#include <cstring>
#include <map>

#include "card.h"
#include "entry.h"
#include "exit.h"

using namespace softgpu;

namespace {

// By the numbers of CUdevice_attribute. What is not here is 0: the card does not have it.
int attribute(int number, CUdevice device) {
    auto& the = card();
    const std::map<int, int> attributes = {
        {1, 1024},                             // threads of a block
        {2, 1024},                             // a block's x
        {3, 1024},                             // y
        {4, 64},                               // z
        {5, 2147483647},                       // a grid's x
        {6, 65535},                            // y
        {7, 65535},                            // z
        {8, kSharedDefault},                   // shared memory of a block
        {9, 64 << 10},                         // constant memory
        {10, 32},                              // threads of a warp
        {11, 2147483647},                      // pitch
        {12, kRegisters},                      // registers of a block
        {13, the.clock_khz},                   //
        {14, 512},                             // alignment of textures
        {15, 1},                               // copies beside kernels
        {16, settings().multiprocessors},      //
        {31, 1},                               // kernels beside kernels
        {32, 1},                               // error correction
        {33, device + 1},                      // PCI bus; device 34 and domain 50 are 0
        {36, the.memory_clock_khz},            //
        {37, the.bus_bits},                    //
        {38, the.l2_bytes},                    //
        {39, the.threads_per_multiprocessor},  //
        {40, 2},                               // copy engines
        {41, 1},                               // unified addressing
        {75, the.capability / 10},             //
        {76, the.capability % 10},             //
        {78, 1},                               // stream priorities
        {79, 1},                               // level 1 cache for global memory
        {80, 1},                               // and for local memory
        {81, the.shared_per_multiprocessor},   //
        {82, kRegisters},                      // registers of a multiprocessor
        {90, 1},                               // compute preemption
        {97, the.shared_opt_in},               //
        {106, the.blocks_per_multiprocessor},  //
        {111, shared_reserved()},              //
        {115, 1},                              // cuMemAllocAsync
    };
    auto found = attributes.find(number);
    return found == attributes.end() ? 0 : found->second;
}

bool valid(CUdevice device) { return device >= 0 && size_t(device) < state().devices.size(); }

void write_uuid(CUuuid* uuid, CUdevice device) {
    std::memcpy(uuid->bytes, "soft GPU of test", 16);
    uuid->bytes[15] = char(device);
}

}  // namespace

SOFTGPU_API CUresult cuInit(unsigned flags) {
    return any_time([&] {
        if (flags) return CUDA_ERROR_INVALID_VALUE;
        if (settings().devices < 1) return CUDA_ERROR_NO_DEVICE;
        if (state().initialised) return CUDA_SUCCESS;
        state().devices.resize(size_t(settings().devices));
        state().initialised = true;
        report_at_exit();
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDriverGetVersion(int* version) {
    return any_time([&] {
        if (!version) return CUDA_ERROR_INVALID_VALUE;
        *version = settings().driver_version;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGet(CUdevice* device, int ordinal) {
    return initialised([&] {
        if (!device) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
        *device = ordinal;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGetCount(int* count) {
    return initialised([&] {
        if (!count) return CUDA_ERROR_INVALID_VALUE;
        *count = int(state().devices.size());
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGetName(char* name, int bytes, CUdevice device) {
    return initialised([&] {
        if (!name || bytes < 1) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device)) return CUDA_ERROR_INVALID_DEVICE;
        std::snprintf(name, size_t(bytes), "%s", card().name);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGetAttribute(int* value, int number, CUdevice device) {
    return initialised([&] {
        if (!value || number < 1) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device)) return CUDA_ERROR_INVALID_DEVICE;
        *value = attribute(number, device);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
    return initialised([&] {
        if (!bytes) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device)) return CUDA_ERROR_INVALID_DEVICE;
        *bytes = settings().memory;
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
    return initialised([&] {
        if (!uuid) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device)) return CUDA_ERROR_INVALID_DEVICE;
        write_uuid(uuid, device);
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice device) { return cuDeviceGetUuid(uuid, device); }

SOFTGPU_API CUresult cuDeviceGetPCIBusId(char* text, int bytes, CUdevice device) {
    return initialised([&] {
        if (!text || bytes < 13) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device)) return CUDA_ERROR_INVALID_DEVICE;
        std::snprintf(text, size_t(bytes), "0000:%02X:00.0", unsigned(device + 1));
        return CUDA_SUCCESS;
    });
}

SOFTGPU_API CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
    return initialised([&] {
        if (!can) return CUDA_ERROR_INVALID_VALUE;
        if (!valid(device) || !valid(peer)) return CUDA_ERROR_INVALID_DEVICE;
        *can = device != peer;
        return CUDA_SUCCESS;
    });
}
