// The tests of the driver's half: a client of libcuda.so.1 as any other, which asks the findings beside.
#pragma once

#include <functional>
#include <sstream>
#include <string>

#include "../driver/entry_points.h"

struct Test {
    Test(const char* name, void (*body)());
};
void fail(const char* file, int line, const std::string& what);

#define TEST(name)                              \
    static void name();                         \
    static const Test name##_test(#name, name); \
    static void name()

#define CHECK(condition)                                                \
    do {                                                                \
        if (!(condition)) fail(__FILE__, __LINE__, "not: " #condition); \
    } while (0)

template <class Expected, class Actual>
void check_equal(const Expected& expected, const Actual& actual, const char* expression, const char* file, int line) {
    if (expected == actual) return;
    std::ostringstream text;
    text << expression << " is " << actual << ", expected " << expected;
    fail(file, line, text.str());
}
#define EQUAL(expected, actual) check_equal(expected, actual, #actual, __FILE__, __LINE__)
#define OK(call) EQUAL(CUDA_SUCCESS, call)

std::string findings();  // since the last time
// That there is exactly one finding and that it says this.
void expect_finding(const std::string& part, const char* file, int line);
#define FINDING(part) expect_finding(part, __FILE__, __LINE__)

struct PrimaryContext {  // current while it lives; its end must find no leak
    PrimaryContext();
    ~PrimaryContext();
    CUcontext handle = nullptr;
};

void set_seed(int seed);
// For how many of the seeds 1 to 32 the outcome is `wrong`.
int wrong_seeds(const std::function<bool()>& wrong);

// add_to_all(values, amount, count): values[i] += amount.
extern const char* const add_to_all_ptx;
struct AddToAll {
    AddToAll();
    ~AddToAll();
    CUresult launch(CUstream stream, CUdeviceptr values, unsigned amount, unsigned count);
    CUmodule module = nullptr;
    CUfunction function = nullptr;
};

// A pinned array of numbers and a device array, given back at the end.
struct PinnedNumbers {
    explicit PinnedNumbers(size_t count, unsigned value = 0);
    ~PinnedNumbers();
    unsigned* numbers = nullptr;
};
struct DeviceNumbers {
    explicit DeviceNumbers(size_t count);
    DeviceNumbers(size_t count, unsigned value);
    ~DeviceNumbers();
    CUdeviceptr address = 0;
};
unsigned number_at(CUdeviceptr address);

struct NewStream {
    explicit NewStream(unsigned flags = CU_STREAM_NON_BLOCKING);
    ~NewStream();
    operator CUstream() const { return handle; }
    CUstream handle = nullptr;
};
struct NewEvent {
    NewEvent();
    ~NewEvent();
    operator CUevent() const { return handle; }
    CUevent handle = nullptr;
};
