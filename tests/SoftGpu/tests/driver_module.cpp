// Modules, functions, launches, and what can be asked of a device.
#include <cstring>

#include "driver_test.h"

namespace {

struct Loaded {
    CUresult result;
    std::string info, error;
};

Loaded load(const void* image) {
    char info[256] = "?", error[256] = "?";
    int options[] = {3, 4, 5, 6};
    void* values[] = {info, reinterpret_cast<void*>(sizeof info), error, reinterpret_cast<void*>(sizeof error)};
    CUmodule module = nullptr;
    auto result = cuModuleLoadDataEx(&module, image, 4, options, values);
    if (result == CUDA_SUCCESS) OK(cuModuleUnload(module));
    auto text = [](const char* buffer, void* used) { return std::string(buffer, used ? reinterpret_cast<size_t>(used) - 1 : 0); };
    return {result, text(info, values[1]), text(error, values[3])};
}

int device_attribute(int number) {
    int value = -1;
    OK(cuDeviceGetAttribute(&value, number, 0));
    return value;
}

}  // namespace

TEST(images_that_cannot_be_loaded) {
    PrimaryContext context;
    auto good = load(add_to_all_ptx);
    EQUAL(CUDA_SUCCESS, good.result);
    CHECK(!good.info.empty() && good.error.empty());
    auto cubin = load("\177ELF\2\1\1");
    EQUAL(CUDA_ERROR_NO_BINARY_FOR_GPU, cubin.result);
    CHECK(!cubin.error.empty());
    EQUAL(CUDA_ERROR_INVALID_IMAGE, load("this is no module").result);
    auto broken = load(".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry f()\n{\n  bogus.u32 %r1;\n}\n");
    EQUAL(CUDA_ERROR_INVALID_PTX, broken.result);
    CHECK(broken.error.find("bogus") != std::string::npos);
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuModuleLoadData(nullptr, add_to_all_ptx));
}

TEST(ptx_that_is_newer_than_the_driver) {
    PrimaryContext context;
    CHECK(softgpuConfigure("DRIVER", "11040"));
    int version = 0;
    OK(cuDriverGetVersion(&version));
    EQUAL(11040, version);
    auto with_version = [](const char* number) {
        std::string ptx = add_to_all_ptx;
        return ptx.replace(ptx.find("7.0"), 3, number);
    };
    EQUAL(CUDA_SUCCESS, load(with_version("7.4").c_str()).result);
    auto newer = load(with_version("7.5").c_str());
    EQUAL(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, newer.result);
    CHECK(newer.error.find("7.5") != std::string::npos && newer.error.find("7.4") != std::string::npos);
    EQUAL(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, load(with_version("8.0").c_str()).result);
    CHECK(softgpuConfigure("DRIVER", "12060"));
    EQUAL(CUDA_SUCCESS, load(with_version("8.5").c_str()).result);
    EQUAL(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, load(with_version("8.6").c_str()).result);
    CHECK(softgpuConfigure("DRIVER", "13000"));
}

TEST(functions_by_name) {
    PrimaryContext context;
    AddToAll add;
    CUfunction again = nullptr;
    OK(cuModuleGetFunction(&again, add.module, "add_to_all"));
    EQUAL(add.function, again);
    EQUAL(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&again, add.module, "another"));
    CUdeviceptr address = 0;
    size_t bytes = 0;
    EQUAL(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal_v2(&address, &bytes, add.module, "another"));
}

TEST(shapes_that_no_card_launches) {
    PrimaryContext context;
    AddToAll add;
    DeviceNumbers values(1, 0);
    unsigned amount = 1, count = 1;
    void* arguments[] = {&values.address, &amount, &count};
    auto launch = [&](unsigned grid_x, unsigned grid_y, unsigned block_x, unsigned block_z, unsigned shared) {
        return cuLaunchKernel(add.function, grid_x, grid_y, 1, block_x, 1, block_z, shared, nullptr, arguments, nullptr);
    };
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(0, 1, 1, 1, 0));
    FINDING("launch of add_to_all: the grid is 0x1x1");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(1, 65536, 1, 1, 0));
    FINDING("the grid is 1x65536x1");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1025, 1, 0));
    FINDING("the block is 1025x1x1");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 64, 32, 0));
    FINDING("the block is 64x1x32");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(1, 1, 1, 1, 48 * 1024 + 1));
    FINDING("49153 bytes of dynamic shared memory, allowed are 49152");
    OK(cuFuncSetAttribute(add.function, 8, 64 * 1024));
    OK(launch(1, 1, 1, 1, 64 * 1024));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(add.function, 8, device_attribute(97) + 1));
    int allowed = 0;
    OK(cuFuncGetAttribute(&allowed, 8, add.function));
    EQUAL(64 * 1024, allowed);
    EQUAL(1u, number_at(values.address));
}

TEST(arguments_in_both_forms) {
    PrimaryContext context;
    AddToAll add;
    DeviceNumbers values(1, 0);
    struct {
        CUdeviceptr values;
        unsigned amount, count;
    } packed = {values.address, 5, 1};
    size_t bytes = sizeof packed;
    void* extra[] = {reinterpret_cast<void*>(1), &packed, reinterpret_cast<void*>(2), &bytes, nullptr};
    auto launch = [&](void** arguments, void** buffer) {
        return cuLaunchKernel(add.function, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, buffer);
    };
    OK(launch(nullptr, extra));
    EQUAL(5u, number_at(values.address));
    bytes = 12;
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(nullptr, extra));
    FINDING("the argument buffer has 12 bytes, the kernel takes 16");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(nullptr, nullptr));
    FINDING("the kernel takes 3 arguments, none are given");
    void* arguments[] = {&packed.values, nullptr, &packed.count};
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(arguments, nullptr));
    FINDING("argument 1 is null");
    EQUAL(CUDA_ERROR_INVALID_VALUE, launch(arguments, extra));
    FINDING("arguments are given in both forms");
    EQUAL(5u, number_at(values.address));
}

TEST(occupancy) {
    PrimaryContext context;
    AddToAll add;
    auto blocks = [&](int threads, size_t shared) {
        int count = -1;
        OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&count, add.function, threads, shared));
        return count;
    };
    EQUAL(8, blocks(256, 0));         // 2,048 threads of sm_80
    EQUAL(32, blocks(32, 0));         // 32 blocks
    EQUAL(16, blocks(100, 0));        // whole warps
    EQUAL(9, blocks(128, 17 << 10));  // 164 KiB, 1 of each block for the system
    EQUAL(0, blocks(128, 49153));     // not opted in
    EQUAL(0, blocks(2000, 0));
    int grid = 0, block = 0;
    OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, add.function, nullptr, 0, 0));
    EQUAL(1024, block);
    EQUAL(2 * 2, grid);
    OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, add.function, [](int threads) { return size_t(threads) * 128; }, 0, 256));
    EQUAL(192, block);  // 25 KiB each: 6 of them are 1,152 threads, no other size reaches more
    EQUAL(2 * 6, grid);
}

TEST(addresses_of_entry_points) {
    void* address = nullptr;
    int status = -1;
    OK(cuGetProcAddress("cuMemAlloc", &address, 12000, 0));
    CHECK(address == reinterpret_cast<void*>(&cuMemAlloc_v2));
    OK(cuGetProcAddress("cuInit", &address, 11080, 0));
    CHECK(address == reinterpret_cast<void*>(&cuInit));
    EQUAL(CUDA_ERROR_NOT_FOUND, cuGetProcAddress("cuNoSuchThing", &address, 12000, 0));
    CHECK(address == nullptr);
    EQUAL(CUDA_ERROR_NOT_FOUND, cuGetProcAddress("malloc", &address, 12000, 0));
    OK(cuGetProcAddress_v2("cuNoSuchThing", &address, 12000, 0, &status));
    EQUAL(1, status);
    OK(cuGetProcAddress("cuGetProcAddress", &address, 11080, 0));
    CHECK(address == reinterpret_cast<void*>(&cuGetProcAddress));
    OK(cuGetProcAddress("cuGetProcAddress", &address, 12000, 0));
    CHECK(address == reinterpret_cast<void*>(&cuGetProcAddress_v2));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress("cuInit", &address, 14000, 0));
}

TEST(names_of_errors) {
    const char* text = nullptr;
    OK(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
    EQUAL("CUDA_ERROR_OUT_OF_MEMORY", std::string(text));
    OK(cuGetErrorString(CUDA_ERROR_ILLEGAL_ADDRESS, &text));
    EQUAL("an illegal memory access was encountered", std::string(text));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuGetErrorName(CUresult(12345), &text));
    CHECK(text == nullptr);
}

TEST(a_device_describes_itself) {
    OK(cuInit(0));
    CUdevice device = -1;
    OK(cuDeviceGet(&device, 0));
    EQUAL(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, 1));
    char name[64] = "";
    OK(cuDeviceGetName(name, sizeof name, device));
    EQUAL("Soft GPU (sm_80)", std::string(name));
    CHECK(softgpuConfigure("CAPABILITY", "90"));
    EQUAL(9, device_attribute(75));
    EQUAL(0, device_attribute(76));
    EQUAL(227 << 10, device_attribute(97));
    CHECK(softgpuConfigure("CAPABILITY", "80"));
    EQUAL(2, device_attribute(16));
    EQUAL(32, device_attribute(10));
    EQUAL(0, device_attribute(9999));
    size_t bytes = 0;
    OK(cuDeviceTotalMem_v2(&bytes, device));
    EQUAL(size_t(4) << 30, bytes);
    char bus[32] = "";
    OK(cuDeviceGetPCIBusId(bus, sizeof bus, device));
    EQUAL("0000:01:00.0", std::string(bus));
    CHECK(!softgpuConfigure("NO_SUCH_THING", "1"));
}
