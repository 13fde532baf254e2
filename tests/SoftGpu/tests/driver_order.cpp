// What runs before what: only what was promised.
#include <cstring>
#include <vector>

#include "driver_test.h"

namespace {

void note(CUstream stream, std::vector<int>& log, int number) {
    struct Note {
        std::vector<int>* log;
        int number;
    };
    OK(cuLaunchHostFunc(
        stream,
        [](void* data) {
            auto* note = static_cast<Note*>(data);
            note->log->push_back(note->number);
            delete note;
        },
        new Note{&log, number}));
}

size_t place(const std::vector<int>& log, int number) {
    for (size_t i = 0; i < log.size(); i++)
        if (log[i] == number) return i;
    return ~size_t(0);
}

}  // namespace

TEST(a_kernel_runs_end_to_end) {
    PrimaryContext context;
    AddToAll add;
    std::vector<unsigned> numbers(1000);
    for (unsigned i = 0; i < 1000; i++) numbers[i] = i;
    DeviceNumbers values(1000);
    OK(cuMemcpyHtoD_v2(values.address, numbers.data(), 4000));
    OK(add.launch(nullptr, values.address, 7, 1000));
    OK(cuMemcpyDtoH_v2(numbers.data(), values.address, 4000));
    for (unsigned i = 0; i < 1000; i++) EQUAL(i + 7, numbers[i]);
}

TEST(pinned_memory_is_read_when_the_copy_runs_pageable_memory_at_the_call) {
    PrimaryContext context;
    NewStream stream;
    PinnedNumbers pinned(1, 1);
    unsigned pageable = 1;
    DeviceNumbers values(2);
    OK(cuMemcpyHtoDAsync_v2(values.address, pinned.numbers, 4, stream));
    OK(cuMemcpyHtoDAsync_v2(values.address + 4, &pageable, 4, stream));
    pinned.numbers[0] = pageable = 2;
    OK(cuStreamSynchronize(stream));
    EQUAL(2u, number_at(values.address));
    EQUAL(1u, number_at(values.address + 4));
}

TEST(a_download_to_pinned_memory_is_not_there_before_the_wait) {
    PrimaryContext context;
    NewStream stream;
    PinnedNumbers pinned(1, 1);
    DeviceNumbers values(1, 5);
    OK(cuMemcpyDtoHAsync_v2(pinned.numbers, values.address, 4, stream));
    EQUAL(1u, pinned.numbers[0]);
    OK(cuStreamSynchronize(stream));
    EQUAL(5u, pinned.numbers[0]);
    unsigned pageable = 0;
    OK(cuMemcpyDtoHAsync_v2(&pageable, values.address, 4, stream));
    EQUAL(5u, pageable);
}

// One stream writes, another reads: right for every seed with the wait, wrong for some without.
TEST(a_missing_wait_before_a_read_is_found) {
    PrimaryContext context;
    NewStream writer, reader;
    NewEvent written;
    AddToAll add;
    PinnedNumbers result(1);
    for (bool waits : {false, true}) {
        int wrong = wrong_seeds([&] {
            DeviceNumbers values(1, 1);
            OK(add.launch(writer, values.address, 1, 1));
            OK(cuEventRecord(written, writer));
            if (waits) OK(cuStreamWaitEvent(reader, written, 0));
            OK(cuMemcpyDtoHAsync_v2(result.numbers, values.address, 4, reader));
            OK(cuStreamSynchronize(reader));
            return result.numbers[0] != 2;
        });
        CHECK(waits ? wrong == 0 : wrong > 4);
    }
}

TEST(a_missing_wait_before_an_overwrite_is_found) {
    PrimaryContext context;
    NewStream reader, writer;
    NewEvent read;
    PinnedNumbers result(1);
    for (bool waits : {false, true}) {
        int wrong = wrong_seeds([&] {
            DeviceNumbers values(1, 1);
            OK(cuMemcpyDtoHAsync_v2(result.numbers, values.address, 4, reader));
            OK(cuEventRecord(read, reader));
            if (waits) OK(cuStreamWaitEvent(writer, read, 0));
            OK(cuMemsetD32Async(values.address, 9, 1, writer));
            OK(cuStreamSynchronize(reader));
            return result.numbers[0] != 1;
        });
        CHECK(waits ? wrong == 0 : wrong > 4);
    }
}

TEST(stream_0_waits_for_blocking_streams_only) {
    PrimaryContext context;
    for (unsigned flags : {0u, unsigned(CU_STREAM_NON_BLOCKING)}) {
        NewStream stream(flags);
        int early = 0, late = 0;
        wrong_seeds([&] {
            DeviceNumbers values(2, 0);
            OK(cuMemsetD32Async(values.address, 3, 1, stream));
            OK(cuMemcpyDtoD_v2(values.address + 4, values.address, 4));
            OK(cuMemsetD32Async(values.address, 4, 1, stream));
            auto copied = number_at(values.address + 4);
            early += copied == 0;
            late += copied == 4;
            return false;
        });
        CHECK(flags == 0 ? early == 0 && late == 0 : early > 4 && late > 4);
    }
}

TEST(a_blocking_stream_waits_for_stream_0) {
    PrimaryContext context;
    NewStream stream(0);
    int wrong = wrong_seeds([&] {
        DeviceNumbers values(2, 0);
        OK(cuMemsetD32_v2(values.address, 3, 1));
        OK(cuMemcpyDtoDAsync_v2(values.address + 4, values.address, 4, stream));
        OK(cuStreamSynchronize(stream));
        return number_at(values.address + 4) != 3;
    });
    EQUAL(0, wrong);
}

TEST(a_wait_takes_the_latest_record_and_no_later_one) {
    PrimaryContext context;
    NewStream first, second;
    NewEvent event;
    int without_wait_for_2 = 0;
    for (int seed = 1; seed <= 32; seed++) {
        set_seed(seed);
        std::vector<int> log;
        note(first, log, 1);
        OK(cuEventRecord(event, first));
        OK(cuStreamWaitEvent(second, event, 0));
        note(first, log, 2);
        OK(cuEventRecord(event, first));
        note(second, log, 3);
        OK(cuCtxSynchronize());
        EQUAL(3u, log.size());
        CHECK(place(log, 1) < place(log, 3));
        without_wait_for_2 += place(log, 3) < place(log, 2);
    }
    CHECK(without_wait_for_2 > 4);
    set_seed(1);
}

TEST(a_wait_mostly_leaves_other_streams_alone) {
    PrimaryContext context;
    NewStream waited, other;
    int left_alone = 0;
    for (int seed = 1; seed <= 32; seed++) {
        set_seed(seed);
        std::vector<int> log;
        for (int i = 0; i < 8; i++) note(other, log, i);
        for (int i = 0; i < 8; i++) note(waited, log, 100 + i);
        OK(cuStreamSynchronize(waited));
        left_alone += log.size() == 8;
        OK(cuCtxSynchronize());
    }
    CHECK(left_alone > 12 && left_alone < 32);
    set_seed(1);
}

TEST(the_seed_decides_the_order) {
    PrimaryContext context;
    NewStream a, b, c;
    auto order = [&](int seed) {
        set_seed(seed);
        std::vector<int> log;
        for (int i = 0; i < 8; i++) note(a, log, i), note(b, log, 100 + i), note(c, log, 200 + i);
        OK(cuCtxSynchronize());
        for (int i = 1; i < 8; i++)
            for (int stream : {0, 100, 200}) CHECK(place(log, stream + i - 1) < place(log, stream + i));
        return log;
    };
    CHECK(order(3) == order(3));
    CHECK(order(3) != order(4));
}

TEST(loops_of_queries_end) {
    PrimaryContext context;
    NewStream stream;
    NewEvent event;
    std::vector<int> log;
    for (int i = 0; i < 10; i++) note(stream, log, i);
    OK(cuEventRecord(event, stream));
    int not_ready = 0;
    for (CUresult result; (result = cuEventQuery(event)) != CUDA_SUCCESS; not_ready++) EQUAL(CUDA_ERROR_NOT_READY, result);
    CHECK(not_ready > 0);
    EQUAL(10u, log.size());
    note(stream, log, 10);
    while (cuStreamQuery(stream) == CUDA_ERROR_NOT_READY) not_ready++;
    EQUAL(11u, log.size());
}

TEST(time_between_events) {
    PrimaryContext context;
    NewEvent begin, end;
    float milliseconds = -1;
    EQUAL(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, begin, end));  // not recorded
    OK(cuEventRecord(begin, nullptr));
    OK(cuEventRecord(end, nullptr));
    OK(cuEventSynchronize(end));
    OK(cuEventElapsedTime(&milliseconds, begin, end));
    CHECK(milliseconds >= 0);
}

TEST(work_of_a_destroyed_stream_still_runs) {
    PrimaryContext context;
    std::vector<int> log;
    {
        NewStream stream;
        note(stream, log, 1);
    }
    CHECK(log.empty());
    OK(cuCtxSynchronize());
    EQUAL(1u, log.size());
}

TEST(stream_0_waits_for_a_destroyed_stream) {
    PrimaryContext context;
    int wrong = wrong_seeds([&] {
        std::vector<int> log;
        {
            NewStream stream(0);
            note(stream, log, 1);
        }
        note(nullptr, log, 2);
        OK(cuStreamSynchronize(nullptr));
        return log != std::vector<int>{1, 2};
    });
    EQUAL(0, wrong);
}

TEST(freeing_waits_for_the_device) {
    PrimaryContext context;
    NewStream stream;
    std::vector<int> log;
    {
        DeviceNumbers values(1);
        note(stream, log, 1);
    }
    EQUAL(1u, log.size());
}

TEST(memory_freed_in_a_stream_is_used_until_then) {
    PrimaryContext context;
    NewStream stream;
    CUdeviceptr values = 0;
    OK(cuMemAllocAsync(&values, 4, stream));
    OK(cuMemsetD32Async(values, 1, 1, stream));
    OK(cuMemFreeAsync(values, stream));
    OK(cuStreamSynchronize(stream));
    EQUAL(CUDA_ERROR_INVALID_VALUE, cuMemsetD32Async(values, 1, 1, stream));
    FINDING("freed");
}

TEST(many_operations_do_not_pile_up_for_ever) {
    PrimaryContext context;
    NewStream stream;
    std::vector<int> log;
    for (int i = 0; i < 20000; i++) note(stream, log, i);
    CHECK(log.size() > 10000);
    OK(cuStreamSynchronize(stream));
    EQUAL(20000u, log.size());
}
