// Runs the driver's tests: all, or those whose name contains the argument.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

#include "driver_test.h"

namespace {

struct Entry {
    const char* name;
    void (*body)();
};
std::vector<Entry>& tests() {
    static std::vector<Entry> all;
    return all;
}
int failures = 0;

}  // namespace

const char* const add_to_all_ptx = R"(
.version 7.0
.target sm_75
.address_size 64
.visible .entry add_to_all(
    .param .u64 values,
    .param .u32 amount,
    .param .u32 count
)
{
    .reg .pred %p<2>;
    .reg .b32 %r<8>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd1, [values];
    ld.param.u32 %r1, [amount];
    ld.param.u32 %r2, [count];
    cvta.to.global.u64 %rd2, %rd1;
    mov.u32 %r3, %ctaid.x;
    mov.u32 %r4, %ntid.x;
    mov.u32 %r5, %tid.x;
    mad.lo.s32 %r6, %r3, %r4, %r5;
    setp.ge.u32 %p1, %r6, %r2;
    @%p1 bra DONE;
    mul.wide.u32 %rd3, %r6, 4;
    add.s64 %rd4, %rd2, %rd3;
    ld.global.u32 %r7, [%rd4];
    add.u32 %r7, %r7, %r1;
    st.global.u32 [%rd4], %r7;
DONE:
    ret;
}
)";

Test::Test(const char* name, void (*body)()) { tests().push_back({name, body}); }

void fail(const char* file, int line, const std::string& what) {
    std::printf("    %s:%d: %s\n", file, line, what.c_str());
    failures++;
}

std::string findings() {
    std::string text(1 << 16, 0);
    softgpuTakeFindings(text.data(), text.size());
    return text.c_str();
}

void expect_finding(const std::string& part, const char* file, int line) {
    auto lines = findings();
    auto count = std::count(lines.begin(), lines.end(), '\n');
    if (count != 1 || lines.find(part) == std::string::npos)
        fail(file, line, "expected one finding '" + part + "', got " + std::to_string(count) + ":\n" + lines);
}

PrimaryContext::PrimaryContext() {
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&handle, 0));
    OK(cuCtxSetCurrent(handle));
}

PrimaryContext::~PrimaryContext() {
    OK(cuDevicePrimaryCtxRelease_v2(0));
    EQUAL("", findings());
    cuCtxSetCurrent(nullptr);
}

void set_seed(int seed) { EQUAL(1, softgpuConfigure("SEED", std::to_string(seed).c_str())); }

int wrong_seeds(const std::function<bool()>& wrong) {
    int count = 0;
    for (int seed = 1; seed <= 32; seed++) {
        set_seed(seed);
        count += wrong();
    }
    set_seed(1);
    return count;
}

AddToAll::AddToAll() {
    OK(cuModuleLoadData(&module, add_to_all_ptx));
    OK(cuModuleGetFunction(&function, module, "add_to_all"));
}
AddToAll::~AddToAll() { OK(cuModuleUnload(module)); }

CUresult AddToAll::launch(CUstream stream, CUdeviceptr values, unsigned amount, unsigned count) {
    void* arguments[] = {&values, &amount, &count};
    return cuLaunchKernel(function, (count + 63) / 64, 1, 1, 64, 1, 1, 0, stream, arguments, nullptr);
}

PinnedNumbers::PinnedNumbers(size_t count, unsigned value) {
    OK(cuMemAllocHost_v2(reinterpret_cast<void**>(&numbers), count * 4));
    std::fill_n(numbers, count, value);
}
PinnedNumbers::~PinnedNumbers() { OK(cuMemFreeHost(numbers)); }

DeviceNumbers::DeviceNumbers(size_t count) { OK(cuMemAlloc_v2(&address, count * 4)); }
DeviceNumbers::DeviceNumbers(size_t count, unsigned value) : DeviceNumbers(count) {
    OK(cuMemsetD32_v2(address, value, count));
    OK(cuCtxSynchronize());
}
DeviceNumbers::~DeviceNumbers() { OK(cuMemFree_v2(address)); }

unsigned number_at(CUdeviceptr address) {
    unsigned number = 0;
    OK(cuMemcpyDtoH_v2(&number, address, 4));
    return number;
}

NewStream::NewStream(unsigned flags) { OK(cuStreamCreate(&handle, flags)); }
NewStream::~NewStream() { OK(cuStreamDestroy_v2(handle)); }
NewEvent::NewEvent() { OK(cuEventCreate(&handle, 0)); }
NewEvent::~NewEvent() { OK(cuEventDestroy_v2(handle)); }

int child_process(const char* name);  // driver_process.cpp

int main(int count, char** arguments) {
    if (count == 3 && std::strcmp(arguments[1], "--child") == 0) return child_process(arguments[2]);
    int passed = 0, failed = 0;
    for (auto& test : tests()) {
        if (count > 1 && !std::strstr(test.name, arguments[1])) continue;
        failures = 0;
        test.body();
        if (failures) std::printf("FAILED %s\n", test.name);
        (failures ? failed : passed)++;
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
