// What the real NVRTC compiles, from source to result.
#include <dlfcn.h>

#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "driver_test.h"

namespace {

// mean and root of the mean square of each row, by a block per row: shared memory, barriers, shuffles, special functions
const char* const source = R"(
extern "C" __global__ void row_statistics(const float* x, float* mean, float* deviation, int columns) {
    __shared__ float partial[2][32];
    float sum = 0, squares = 0;
    for (int i = threadIdx.x; i < columns; i += blockDim.x) {
        float value = x[(long long)blockIdx.x * columns + i];
        sum += value;
        squares += value * value;
    }
    for (int step = 16; step > 0; step /= 2) {
        sum += __shfl_xor_sync(0xffffffffu, sum, step);
        squares += __shfl_xor_sync(0xffffffffu, squares, step);
    }
    if (threadIdx.x % 32 == 0) {
        partial[0][threadIdx.x / 32] = sum;
        partial[1][threadIdx.x / 32] = squares;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int warp = 1; warp < blockDim.x / 32; warp++) {
            sum += partial[0][warp];
            squares += partial[1][warp];
        }
        float average = sum / columns;
        mean[blockIdx.x] = average;
        deviation[blockIdx.x] = sqrtf(squares / columns - average * average);
    }
}
extern "C" __global__ void beyond(float* x) { x[threadIdx.x] = 1; }
)";

// The PTX; empty, and a line on the console, where no NVRTC is installed.
std::string compile(const char* architecture) {
    auto* library = dlopen("libnvrtc.so.11.2", RTLD_LAZY);
    if (!library) {
        std::printf("    no NVRTC here: its test does nothing\n");
        return "";
    }
    auto symbol = [&](const char* name) { return dlsym(library, name); };
    auto create =
        reinterpret_cast<int (*)(void**, const char*, const char*, int, const char**, const char**)>(symbol("nvrtcCreateProgram"));
    auto run = reinterpret_cast<int (*)(void*, int, const char**)>(symbol("nvrtcCompileProgram"));
    auto size = reinterpret_cast<int (*)(void*, size_t*)>(symbol("nvrtcGetPTXSize"));
    auto get = reinterpret_cast<int (*)(void*, char*)>(symbol("nvrtcGetPTX"));
    void* program = nullptr;
    const char* options[] = {architecture, "-lineinfo"};
    size_t bytes = 0;
    EQUAL(0, create(&program, source, "row_statistics.cu", 0, nullptr, nullptr));
    EQUAL(0, run(program, 2, options));
    EQUAL(0, size(program, &bytes));
    std::string ptx(bytes, 0);
    EQUAL(0, get(program, ptx.data()));
    return ptx;
}

}  // namespace

TEST(a_kernel_compiled_by_nvrtc) {
    auto ptx = compile("--gpu-architecture=compute_80");
    if (ptx.empty()) return;
    PrimaryContext context;
    constexpr int rows = 5, columns = 300;
    std::vector<float> x(rows * columns);
    for (size_t i = 0; i < x.size(); i++) x[i] = float(i % 17) - 4;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    OK(cuModuleLoadData(&module, ptx.c_str()));
    OK(cuModuleGetFunction(&function, module, "row_statistics"));
    int shared = 0;
    OK(cuFuncGetAttribute(&shared, 1, function));
    EQUAL(256, shared);
    {
        DeviceNumbers input(x.size()), mean(rows), deviation(rows);
        OK(cuMemcpyHtoD_v2(input.address, x.data(), x.size() * 4));
        int count = columns;
        void* arguments[] = {&input.address, &mean.address, &deviation.address, &count};
        OK(cuLaunchKernel(function, rows, 1, 1, 128, 1, 1, 0, nullptr, arguments, nullptr));
        float means[rows] = {}, deviations[rows] = {};
        OK(cuMemcpyDtoH_v2(means, mean.address, sizeof means));
        OK(cuMemcpyDtoH_v2(deviations, deviation.address, sizeof deviations));
        for (int row = 0; row < rows; row++) {
            double sum = 0, squares = 0;
            for (int i = 0; i < columns; i++) sum += x[size_t(row * columns + i)], squares += std::pow(x[size_t(row * columns + i)], 2);
            CHECK(std::abs(means[row] - sum / columns) < 1e-4);
            CHECK(std::abs(deviations[row] - std::sqrt(squares / columns - std::pow(sum / columns, 2))) < 1e-4);
        }
    }
    OK(cuModuleUnload(module));
}

TEST(a_fault_of_a_compiled_kernel_names_its_line) {
    auto ptx = compile("--gpu-architecture=compute_75");
    if (ptx.empty()) return;
    OK(cuInit(0));
    CUcontext context = nullptr;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    OK(cuCtxCreate_v2(&context, 0, 0));
    OK(cuModuleLoadData(&module, ptx.c_str()));
    OK(cuModuleGetFunction(&function, module, "beyond"));
    CUdeviceptr x = 0;
    OK(cuMemAlloc_v2(&x, 31 * 4));
    void* arguments[] = {&x};
    OK(cuLaunchKernel(function, 1, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr));
    EQUAL(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    FINDING("beyond, row_statistics.cu:29, block 0, thread 31");
    OK(cuCtxDestroy_v2(context));
}
