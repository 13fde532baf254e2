// What a program does wrong: it gets the driver's answer, and a finding.
#include <cstring>
#include <vector>

#include "driver_test.h"

TEST(calls_without_a_context) {
    int count = 0;
    CUdeviceptr address = 0;
    OK(cuInit(0));
    OK(cuDeviceGetCount(&count));
    EQUAL(1, count);
    EQUAL(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&address, 4));
    EQUAL(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxRetain(nullptr, 7));
}

TEST(a_kernel_fault_sticks_until_the_context_ends) {
    {
        CUcontext context = nullptr;
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, 0));
        OK(cuCtxSetCurrent(context));
        CUstream stream = nullptr;
        OK(cuStreamCreate(&stream, 0));
        CUmodule module = nullptr;
        CUfunction function = nullptr;
        OK(cuModuleLoadData(&module, add_to_all_ptx));
        OK(cuModuleGetFunction(&function, module, "add_to_all"));
        CUdeviceptr values = 0, other = 0;
        OK(cuMemAlloc_v2(&values, 256));
        OK(cuMemsetD8_v2(values, 0, 256));
        unsigned amount = 1, count = 1 << 20;
        void* arguments[] = {&values, &amount, &count};
        OK(cuLaunchKernel(function, count / 64, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr));
        EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
        CHECK(findings().find("add_to_all") != std::string::npos);
        EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemAlloc_v2(&other, 4));
        EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuMemFree_v2(values));
        EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
        OK(cuDevicePrimaryCtxReset_v2(0));
        EQUAL("", findings());  // what could not be given back is no leak
        EQUAL(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuStreamDestroy_v2(stream));
        FINDING("the current context was destroyed");
        OK(cuCtxSetCurrent(nullptr));
    }
    PrimaryContext fresh;
    DeviceNumbers values(1, 3);
    EQUAL(3u, number_at(values.address));
}

TEST(what_is_not_given_back_is_a_leak) {
    OK(cuInit(0));
    CUcontext context = nullptr;
    OK(cuCtxCreate_v2(&context, 0, 0));
    OK(cuCtxDestroy_v2(context));
    EQUAL("", findings());
    OK(cuCtxCreate_v2(&context, 0, 0));
    CUdeviceptr address = 0;
    CUstream stream = nullptr;
    CUevent event = nullptr;
    void* pinned = nullptr;
    for (size_t bytes : {100, 3000, 200}) OK(cuMemAlloc_v2(&address, bytes));
    OK(cuStreamCreate(&stream, 0));
    OK(cuEventCreate(&event, 0));
    OK(cuMemHostAlloc(&pinned, 8, 0));
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    OK(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuCtxDestroy_v2(context));
    FINDING("3 allocations of 3300 bytes (3000, 200, 100), 1 piece of pinned memory, 1 stream, 1 event, 1 graph, 1 executable graph");
    EQUAL(CUDA_ERROR_INVALID_CONTEXT, cuCtxDestroy_v2(context));
    FINDING("cuCtxDestroy_v2: the context was destroyed");
}

TEST(handles_that_are_none) {
    PrimaryContext context;
    CUstream stream = nullptr;
    CUevent event = nullptr;
    OK(cuStreamCreate(&stream, 0));
    OK(cuStreamDestroy_v2(stream));
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(stream));
    FINDING("cuStreamSynchronize: the stream was destroyed");
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuStreamDestroy_v2(stream));
    FINDING("cuStreamDestroy_v2: the stream was destroyed");
    OK(cuEventCreate(&event, 0));
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuStreamSynchronize(reinterpret_cast<CUstream>(event)));
    FINDING("one of another kind");
    OK(cuEventDestroy_v2(event));
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuEventRecord(event, nullptr));
    FINDING("cuEventRecord: the event was destroyed");
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuEventSynchronize(nullptr));
    FINDING("the event is null");
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuModuleUnload(reinterpret_cast<CUmodule>(&context)));
    FINDING("no module");
    CUfunction function = nullptr;
    {
        AddToAll add;
        function = add.function;
    }
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, nullptr, nullptr, nullptr));
    FINDING("the function was destroyed");
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuGraphLaunch(nullptr, nullptr));
    FINDING("the executable graph is null");
}

TEST(freeing_what_is_not_there) {
    PrimaryContext context;
    OK(cuMemFree_v2(0));
    CUdeviceptr address = 0;
    OK(cuMemAlloc_v2(&address, 100));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(address + 4));
    FINDING("no allocation begins at this address");
    OK(cuMemFree_v2(address));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(address));
    FINDING("freed");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&address, 0));
    int number = 0;
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(&number));
    FINDING("the memory is not pinned");
}

TEST(memory_runs_out) {
    PrimaryContext context;
    size_t free = 0, total = 0;
    OK(cuMemGetInfo_v2(&free, &total));
    EQUAL(total, free);
    CUdeviceptr address = 0;
    EQUAL(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&address, total + 1));
    OK(cuMemAlloc_v2(&address, 1 << 20));
    OK(cuMemGetInfo_v2(&free, &total));
    EQUAL(total - (1 << 20), free);
    OK(cuMemFree_v2(address));
}

TEST(copies_beyond_an_allocation) {
    PrimaryContext context;
    DeviceNumbers values(4, 0);
    unsigned host[8] = {};
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(values.address, host, 20));
    FINDING("copy of 20 bytes to the device");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemcpyDtoH_v2(host, values.address + 12, 8));
    FINDING("copy of 8 bytes to the host");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(values.address, 1, 5));
    FINDING("fill of 20 bytes");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(values.address + 2, 1, 1));
    FINDING("not a multiple of 4");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(values.address, reinterpret_cast<void*>(values.address), 4));
    FINDING("the host's pointer is one to device memory");
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemcpyHtoD_v2(values.address, nullptr, 4));
    FINDING("the host's pointer is null");
    OK(cuMemcpyHtoD_v2(values.address, nullptr, 0));
}

TEST(downloading_what_was_never_written) {
    PrimaryContext context;
    DeviceNumbers values(4);
    unsigned host[4] = {};
    OK(cuMemsetD32_v2(values.address, 1, 3));
    OK(cuMemcpyDtoH_v2(host, values.address, 12));
    EQUAL("", findings());
    OK(cuMemcpyDtoH_v2(host, values.address, 16));
    FINDING("copy of 16 bytes to the host: byte 12 was never written");
    DeviceNumbers copy(4, 0);
    OK(cuMemcpyDtoD_v2(copy.address, values.address, 16));
    OK(cuMemcpyDtoH_v2(host, copy.address, 16));
    FINDING("byte 12 was never written");
    CHECK(softgpuConfigure("CHECKS", "0"));
    OK(cuMemcpyDtoH_v2(host, values.address, 16));
    EQUAL("", findings());
    CHECK(softgpuConfigure("CHECKS", "1"));
}

TEST(freeing_pinned_memory_that_a_copy_still_uses) {
    PrimaryContext context;
    DeviceNumbers values(1);
    NewStream stream;
    {
        PinnedNumbers pinned(1);
        OK(cuMemcpyHtoDAsync_v2(values.address, pinned.numbers, 4, stream));
    }
    FINDING("cuMemFreeHost: a copy of 4 bytes to the device that nobody waited for still uses the memory");
    unsigned own[4] = {};
    OK(cuMemHostRegister_v2(own, 16, 0));
    EQUAL(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(own + 2, 16, 0));
    OK(cuMemcpyDtoHAsync_v2(own + 1, values.address, 4, stream));
    OK(cuStreamSynchronize(stream));
    OK(cuMemHostUnregister(own));
    EQUAL("", findings());
    EQUAL(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(own));
    FINDING("not registered");
}

TEST(a_host_function_may_not_call_the_driver) {
    PrimaryContext context;
    static CUresult inner = CUDA_SUCCESS;
    OK(cuLaunchHostFunc(nullptr, [](void*) { inner = cuCtxSynchronize(); }, nullptr));
    OK(cuCtxSynchronize());
    EQUAL(CUDA_ERROR_NOT_PERMITTED, inner);
    FINDING("cuCtxSynchronize is called from a host function");
}

TEST(failures_that_a_test_asks_for) {
    PrimaryContext context;
    CUdeviceptr address = 0;
    softgpuFailNext("cuMemAlloc_v2", CUDA_ERROR_OUT_OF_MEMORY, 1);
    OK(cuMemAlloc_v2(&address, 4));
    CUdeviceptr none = 0;
    EQUAL(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, 4));
    EQUAL(0u, none);
    OK(cuMemFree_v2(address));
    softgpuFailNext("cuCtxSynchronize", CUDA_ERROR_LAUNCH_FAILED, 0);  // a device that is lost stays so
    EQUAL(CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    EQUAL(CUDA_ERROR_LAUNCH_FAILED, cuMemAlloc_v2(&none, 4));
}

TEST(two_contexts) {
    PrimaryContext first;
    CUcontext second = nullptr, current = nullptr;
    NewStream stream;
    OK(cuCtxCreate_v2(&second, 0, 0));
    OK(cuCtxGetCurrent(&current));
    EQUAL(second, current);
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuMemsetD8Async(0, 0, 1, stream));
    FINDING("another context");
    OK(cuCtxPopCurrent_v2(&current));
    EQUAL(second, current);
    OK(cuCtxGetCurrent(&current));
    EQUAL(first.handle, current);
    OK(cuCtxDestroy_v2(second));
    EQUAL(CUDA_ERROR_INVALID_CONTEXT, cuCtxSetCurrent(second));
    FINDING("cuCtxSetCurrent: the context was destroyed");
}
