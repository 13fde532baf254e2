// The smaller entry points: what pointers, contexts and streams answer, copies that find out their direction, callbacks, peers.
#include <cstring>

#include "driver_test.h"

TEST(what_a_pointer_is) {
    PrimaryContext context;
    DeviceNumbers values(10);
    PinnedNumbers pinned(10);
    unsigned type = 0, own = 0;
    int device = -1;
    CUcontext owner = nullptr;
    CUdeviceptr begin = 0;
    size_t bytes = 0;
    OK(cuPointerGetAttribute(&type, 2, values.address + 8));
    EQUAL(2u, type);
    OK(cuPointerGetAttribute(&begin, 11, values.address + 8));
    EQUAL(values.address, begin);
    OK(cuPointerGetAttribute(&bytes, 12, values.address + 8));
    EQUAL(40u, bytes);
    OK(cuPointerGetAttribute(&owner, 1, values.address));
    EQUAL(context.handle, owner);
    OK(cuPointerGetAttribute(&device, 9, values.address));
    EQUAL(0, device);
    OK(cuPointerGetAttribute(&type, 2, reinterpret_cast<CUdeviceptr>(pinned.numbers)));
    EQUAL(1u, type);
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, 2, reinterpret_cast<CUdeviceptr>(&own)));
    begin = 0;
    OK(cuMemGetAddressRange_v2(&begin, &bytes, values.address + 39));
    EQUAL(values.address, begin);
    EQUAL(CUDA_ERROR_NOT_FOUND, cuMemGetAddressRange_v2(&begin, &bytes, values.address + 40));
}

TEST(a_copy_finds_out_its_direction) {
    PrimaryContext context;
    NewStream stream;
    DeviceNumbers a(1), b(1);
    unsigned from = 7, to = 0;
    auto host = [](unsigned& number) { return reinterpret_cast<CUdeviceptr>(&number); };
    OK(cuMemcpyAsync(a.address, host(from), 4, stream));
    OK(cuMemcpyAsync(b.address, a.address, 4, stream));
    OK(cuMemcpyAsync(host(to), b.address, 4, stream));
    EQUAL(7u, to);
    from = 8;
    OK(cuMemcpy(a.address, host(from), 4));
    OK(cuMemcpy(host(to), a.address, 4));
    EQUAL(8u, to);
    OK(cuMemcpyPeerAsync(b.address, context.handle, a.address, context.handle, 4, stream));
    OK(cuStreamSynchronize(stream));
    EQUAL(8u, number_at(b.address));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemcpy(host(to), host(from), 4));
    FINDING("neither pointer is one to device memory");
}

TEST(fills_of_each_width) {
    PrimaryContext context;
    DeviceNumbers values(1);
    OK(cuMemsetD8_v2(values.address, 0x12, 4));
    EQUAL(0x12121212u, number_at(values.address));
    OK(cuMemsetD16_v2(values.address, 0x1234, 2));
    EQUAL(0x12341234u, number_at(values.address));
    OK(cuMemsetD8Async(values.address, 0, 1, nullptr));
    OK(cuMemsetD16Async(values.address + 2, 0, 1, nullptr));
    EQUAL(0x1200u, number_at(values.address));
    OK(cuMemsetD32_v2(values.address, 0x12345678, 1));
    EQUAL(0x12345678u, number_at(values.address));
}

TEST(a_callback_comes_after_what_is_before_it) {
    PrimaryContext context;
    NewStream stream;
    PinnedNumbers result(1);
    DeviceNumbers values(1, 5);
    OK(cuMemcpyDtoHAsync_v2(result.numbers, values.address, 4, stream));
    static unsigned seen;
    static CUstream told;
    seen = 0;
    OK(cuStreamAddCallback(
        stream,
        [](CUstream from, CUresult status, void* data) {
            EQUAL(CUDA_SUCCESS, status);
            told = from;
            seen = *static_cast<unsigned*>(data);
        },
        result.numbers, 0));
    EQUAL(0u, seen);
    OK(cuStreamSynchronize(stream));
    EQUAL(5u, seen);
    EQUAL(stream.handle, told);
}

TEST(streams_know_their_properties) {
    PrimaryContext context;
    int least = -1, greatest = 1, priority = 1;
    unsigned flags = 7;
    OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    CHECK(least == 0 && greatest < 0);
    CUstream stream = nullptr;
    CUcontext owner = nullptr;
    OK(cuStreamCreateWithPriority(&stream, CU_STREAM_NON_BLOCKING, -100));
    OK(cuStreamGetPriority(stream, &priority));
    EQUAL(greatest, priority);
    OK(cuStreamGetFlags(stream, &flags));
    EQUAL(unsigned(CU_STREAM_NON_BLOCKING), flags);
    OK(cuStreamGetCtx(stream, &owner));
    EQUAL(context.handle, owner);
    OK(cuStreamDestroy_v2(stream));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuStreamCreate(&stream, 2));
}

TEST(contexts_know_their_properties) {
    PrimaryContext context;
    size_t stack = 0;
    int device = -1, active = 0;
    unsigned flags = 7;
    OK(cuCtxSetLimit(0, 4096));
    OK(cuCtxGetLimit(&stack, 0));
    EQUAL(4096u, stack);
    EQUAL(CUDA_ERROR_UNSUPPORTED_LIMIT, cuCtxGetLimit(&stack, 99));
    OK(cuCtxGetDevice(&device));
    EQUAL(0, device);
    OK(cuDevicePrimaryCtxGetState(0, &flags, &active));
    EQUAL(1, active);
    CUcontext again = nullptr;
    OK(cuDevicePrimaryCtxRetain(&again, 0));
    EQUAL(context.handle, again);
    OK(cuDevicePrimaryCtxRelease_v2(0));
    OK(cuCtxGetDevice(&device));  // retained once more
}
