// Capture into a graph, and its replay.
#include <thread>
#include <vector>

#include "driver_test.h"

namespace {

struct Captured {
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    void end(CUstream stream) {
        OK(cuStreamEndCapture(stream, &graph));
        OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    }
    size_t nodes() {
        size_t count = 0;
        OK(cuGraphGetNodes(graph, nullptr, &count));
        return count;
    }
    ~Captured() {
        OK(cuGraphExecDestroy(exec));
        OK(cuGraphDestroy(graph));
    }
};

void begin(CUstream stream, CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL) { OK(cuStreamBeginCapture_v2(stream, mode)); }

CUstreamCaptureStatus status_of(CUstream stream) {
    auto status = CU_STREAM_CAPTURE_STATUS_NONE;
    OK(cuStreamIsCapturing(stream, &status));
    return status;
}

// Ends a capture that a forbidden call has spoilt.
void expect_invalidated(CUstream stream) {
    EQUAL(CU_STREAM_CAPTURE_STATUS_INVALIDATED, status_of(stream));
    CUgraph graph = nullptr;
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
    CHECK(graph == nullptr);
    EQUAL(CU_STREAM_CAPTURE_STATUS_NONE, status_of(stream));
}

}  // namespace

TEST(a_captured_step_runs_when_it_is_launched_and_as_often) {
    PrimaryContext context;
    AddToAll add;
    NewStream stream;
    PinnedNumbers input(1, 10), output(1);
    DeviceNumbers values(1, 0);
    Captured step;
    begin(stream);
    EQUAL(CU_STREAM_CAPTURE_STATUS_ACTIVE, status_of(stream));
    OK(cuMemcpyHtoDAsync_v2(values.address, input.numbers, 4, stream));
    OK(add.launch(stream, values.address, 1, 1));
    OK(add.launch(stream, values.address, 2, 1));
    OK(cuMemcpyDtoHAsync_v2(output.numbers, values.address, 4, stream));
    step.end(stream);
    EQUAL(CU_STREAM_CAPTURE_STATUS_NONE, status_of(stream));
    EQUAL(4u, step.nodes());
    EQUAL(0u, number_at(values.address));
    OK(cuGraphUpload(step.exec, stream));
    for (unsigned i : {20u, 30u}) {
        *input.numbers = i;
        OK(cuGraphLaunch(step.exec, stream));
        OK(cuStreamSynchronize(stream));
        EQUAL(i + 3, *output.numbers);
    }
}

// The same fork and join, captured: as right or wrong in the replay as it was in the capture.
TEST(a_replay_keeps_the_captured_order_and_no_other) {
    PrimaryContext context;
    NewStream first, second;
    NewEvent fork, join;
    for (bool waits : {false, true}) {
        DeviceNumbers values(2, 0);
        Captured graph;
        begin(first);
        OK(cuMemsetD32Async(values.address, 0, 1, first));
        if (!waits) OK(cuEventRecord(fork, first));  // too early
        OK(cuMemsetD32Async(values.address, 5, 1, first));
        if (waits) OK(cuEventRecord(fork, first));
        OK(cuStreamWaitEvent(second, fork, 0));
        OK(cuMemcpyDtoDAsync_v2(values.address + 4, values.address, 4, second));
        OK(cuEventRecord(join, second));
        OK(cuStreamWaitEvent(first, join, 0));
        graph.end(first);
        int wrong = wrong_seeds([&] {
            OK(cuGraphLaunch(graph.exec, first));
            OK(cuStreamSynchronize(first));
            return number_at(values.address + 4) != 5;
        });
        CHECK(waits ? wrong == 0 : wrong > 4);
    }
}

TEST(launches_of_one_graph_follow_one_another) {
    PrimaryContext context;
    AddToAll add;
    NewStream first, second;
    DeviceNumbers values(1, 1);
    Captured graph;
    begin(first);
    OK(cuMemsetD32Async(values.address, 10, 1, first));
    OK(add.launch(first, values.address, 1, 1));
    graph.end(first);
    int wrong = wrong_seeds([&] {
        OK(cuGraphLaunch(graph.exec, first));
        OK(cuGraphLaunch(graph.exec, second));
        OK(cuCtxSynchronize());
        return number_at(values.address) != 11;
    });
    EQUAL(0, wrong);
}

TEST(a_graph_inside_a_graph) {
    PrimaryContext context;
    AddToAll add;
    NewStream stream;
    DeviceNumbers values(1, 1);
    Captured inner, outer;
    begin(stream);
    OK(add.launch(stream, values.address, 1, 1));
    inner.end(stream);
    begin(stream);
    OK(cuMemsetD32Async(values.address, 10, 1, stream));
    OK(cuGraphLaunch(inner.exec, stream));
    OK(cuGraphLaunch(inner.exec, stream));
    outer.end(stream);
    EQUAL(3u, outer.nodes());
    OK(cuGraphLaunch(outer.exec, stream));
    OK(cuStreamSynchronize(stream));
    EQUAL(12u, number_at(values.address));
}

TEST(unjoined_work_is_refused) {
    PrimaryContext context;
    NewStream first, second;
    NewEvent fork;
    DeviceNumbers values(1, 0);
    begin(first);
    OK(cuMemsetD32Async(values.address, 1, 1, first));
    OK(cuEventRecord(fork, first));
    OK(cuStreamWaitEvent(second, fork, 0));
    OK(cuMemsetD32Async(values.address, 2, 1, second));
    CUgraph graph = nullptr;
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(first, &graph));
    CHECK(graph == nullptr);
    EQUAL(CU_STREAM_CAPTURE_STATUS_NONE, status_of(second));
    EQUAL(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(fork));
    EQUAL(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(fork));
}

TEST(calls_that_wait_spoil_a_capture) {
    PrimaryContext context;
    NewStream stream;
    DeviceNumbers values(1, 0);
    unsigned number = 0;
    CUdeviceptr address = 0;
    begin(stream);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream));
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuMemsetD32Async(values.address, 1, 1, stream));
    expect_invalidated(stream);
    begin(stream);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuCtxSynchronize());
    expect_invalidated(stream);
    begin(stream);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc_v2(&address, 4));
    expect_invalidated(stream);
    begin(stream);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemcpyDtoH_v2(&number, values.address, 4));
    expect_invalidated(stream);
    begin(stream);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamQuery(stream));
    expect_invalidated(stream);
}

TEST(stream_0_spoils_the_capture_of_a_blocking_stream) {
    PrimaryContext context;
    NewStream blocking(0), other;
    DeviceNumbers values(1, 0);
    begin(blocking);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemsetD32Async(values.address, 1, 1, nullptr));
    expect_invalidated(blocking);
    begin(other);
    OK(cuMemsetD32Async(values.address, 1, 1, nullptr));
    CUgraph graph = nullptr;
    OK(cuStreamEndCapture(other, &graph));
    OK(cuGraphDestroy(graph));
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_RELAXED));
}

TEST(what_a_mode_allows) {
    PrimaryContext context;
    NewStream stream;
    auto allocates = [&] {
        CUdeviceptr address = 0;
        auto result = cuMemAlloc_v2(&address, 4);
        if (result == CUDA_SUCCESS) OK(cuMemFree_v2(address));
        return result;
    };
    auto allocates_elsewhere = [&] {
        CUresult result = CUDA_SUCCESS;
        std::thread([&] {
            OK(cuCtxSetCurrent(context.handle));
            result = allocates();
        }).join();
        return result;
    };
    CUgraph graph = nullptr;
    begin(stream, CU_STREAM_CAPTURE_MODE_RELAXED);
    OK(allocates());
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphDestroy(graph));
    begin(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    OK(allocates_elsewhere());
    auto mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    OK(cuThreadExchangeStreamCaptureMode(&mode));
    EQUAL(CU_STREAM_CAPTURE_MODE_GLOBAL, mode);
    OK(allocates());
    OK(cuThreadExchangeStreamCaptureMode(&mode));
    EQUAL(CU_STREAM_CAPTURE_MODE_RELAXED, mode);
    CUresult result = CUDA_SUCCESS;
    std::thread([&] {
        OK(cuCtxSetCurrent(context.handle));
        result = cuStreamEndCapture(stream, &graph);
    }).join();
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, result);
    OK(cuStreamEndCapture(stream, &graph));
    OK(cuGraphDestroy(graph));
    begin(stream, CU_STREAM_CAPTURE_MODE_GLOBAL);
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, allocates_elsewhere());
    expect_invalidated(stream);
}

TEST(captures_do_not_mix) {
    PrimaryContext context;
    NewStream first, second;
    NewEvent event;
    CUgraph graph = nullptr;
    EQUAL(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(first, &graph));
    OK(cuEventRecord(event, second));
    begin(first);
    EQUAL(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(first, CU_STREAM_CAPTURE_MODE_RELAXED));
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(first, event, 0));
    expect_invalidated(first);
    begin(first);
    begin(second);
    OK(cuEventRecord(event, first));
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_MERGE, cuStreamWaitEvent(second, event, 0));
    expect_invalidated(first);
    expect_invalidated(second);
    EQUAL(CUDA_ERROR_CAPTURED_EVENT, cuStreamWaitEvent(second, event, 0));
    FINDING("a capture that has ended");
    begin(first);
    OK(cuEventRecord(event, first));
    OK(cuStreamWaitEvent(second, event, 0));
    EQUAL(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(second, &graph));
    expect_invalidated(first);
}

TEST(a_graph_that_outlives_its_pinned_memory) {
    CUcontext context = nullptr;
    OK(cuInit(0));
    OK(cuCtxCreate_v2(&context, 0, 0));
    CUstream stream = nullptr;
    CUdeviceptr values = 0;
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuMemAlloc_v2(&values, 4));
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    {
        PinnedNumbers input(1);
        begin(stream);
        OK(cuMemcpyHtoDAsync_v2(values, input.numbers, 4, stream));
        OK(cuStreamEndCapture(stream, &graph));
        OK(cuGraphInstantiate_v2(&exec, graph, nullptr, nullptr, 0));
    }
    OK(cuGraphLaunch(exec, stream));
    EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuStreamSynchronize(stream));
    FINDING("the pinned memory was freed before the copy ran");
    OK(cuCtxDestroy_v2(context));
}
