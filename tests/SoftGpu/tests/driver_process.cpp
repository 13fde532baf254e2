// Whole programs, tested from outside: what the environment asks for, and what is left behind.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "driver_test.h"

namespace {

// With two devices: a copy from one to the other.
int peers() {
    CUcontext contexts[2] = {};
    CUdeviceptr values[2] = {};
    int can = 0;
    if (cuInit(0) || cuDeviceCanAccessPeer(&can, 0, 1) || !can) return 10;
    for (int device : {0, 1})
        if (cuCtxCreate_v2(&contexts[device], 0, device) || cuMemAlloc_v2(&values[device], 4)) return 11;
    if (cuCtxEnablePeerAccess(contexts[0], 0) || cuCtxEnablePeerAccess(contexts[0], 0) != CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) return 12;
    if (cuMemsetD32_v2(values[1], 6, 1) || cuMemcpyPeerAsync(values[0], contexts[0], values[1], contexts[1], 4, nullptr)) return 13;
    if (cuCtxSynchronize() || number_at(values[0]) != 6) return 14;
    return softgpuTakeFindings(nullptr, 0) ? 15 : 0;
}

}  // namespace

int child_process(const char* name) {
    auto kind = std::string(name);
    if (kind == "peers") return peers();
    int count = 0;
    if (cuDeviceGetCount(&count) != CUDA_ERROR_NOT_INITIALIZED) return 1;
    if (cuInit(0)) return 2;
    CUcontext context = nullptr;
    if (cuDevicePrimaryCtxRetain(&context, 0) || cuCtxSetCurrent(context)) return 3;
    CUdeviceptr values = 0;
    if (auto result = cuMemAlloc_v2(&values, 256)) return 100 + result;
    AddToAll add;
    if (cuMemsetD32_v2(values, 1, 64) || add.launch(nullptr, values, 1, 64) || cuCtxSynchronize()) return 4;
    if (kind == "leaks") return 0;
    return cuMemFree_v2(values) ? 5 : 0;
}

namespace {

// Runs this program again with the environment; its exit status.
int run_child(const char* name, const std::vector<std::pair<std::string, std::string>>& environment) {
    auto process = fork();
    if (process == 0) {
        for (auto& [key, value] : environment) setenv(key.c_str(), value.c_str(), 1);
        execl("/proc/self/exe", "driver_tests", "--child", name, nullptr);
        _exit(127);
    }
    int status = 0;
    waitpid(process, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<std::string> lines_of(const std::filesystem::path& path) {
    std::vector<std::string> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
}

struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("softgpu-" + std::to_string(getpid()));
    Folder() { std::filesystem::create_directory(path); }
    ~Folder() { std::filesystem::remove_all(path); }
};

}  // namespace

TEST(failures_from_the_environment) {
    EQUAL(0, run_child("plain", {}));
    EQUAL(102, run_child("plain", {{"SOFTGPU_FAIL", "cuMemAlloc_v2:2"}}));
    EQUAL(0, run_child("plain", {{"SOFTGPU_FAIL", "cuMemAlloc_v2:2:1"}}));
    EQUAL(5, run_child("plain", {{"SOFTGPU_FAIL", "cuMemAlloc_v2:2:1,cuMemFree_v2:1:0"}}));
    EQUAL(2, run_child("plain", {{"SOFTGPU_DEVICES", "0"}}));
}

TEST(two_devices) { EQUAL(0, run_child("peers", {{"SOFTGPU_DEVICES", "2"}})); }

TEST(findings_and_counters_of_several_processes) {
    Folder folder;
    auto report = folder.path / "findings", counters = folder.path / "counters";
    std::vector<std::pair<std::string, std::string>> environment = {{"SOFTGPU_REPORT", report}, {"SOFTGPU_COUNTERS", counters}};
    EQUAL(0, run_child("leaks", environment));
    EQUAL(0u, lines_of(report).size());  // a context that is alive at the end is no leak unless asked
    environment.push_back({"SOFTGPU_LEAKS", "1"});
    EQUAL(0, run_child("leaks", environment));
    EQUAL(0, run_child("plain", environment));
    auto lines = lines_of(report);
    EQUAL(1u, lines.size());
    if (!lines.empty()) CHECK(lines[0].find("1 allocation of 256 bytes (256)") != std::string::npos);
    EQUAL(0, run_child("leaks", environment));
    EQUAL(2u, lines_of(report).size());
    lines = lines_of(counters);
    EQUAL(4u, lines.size());
    for (auto& line : lines) CHECK(line.rfind("{\"kernel\":\"add_to_all\",\"launches\":1,", 0) == 0 && line.back() == '}');
}

TEST(counters_are_handed_over_once) {
    PrimaryContext context;
    AddToAll add;
    DeviceNumbers values(64, 0);
    std::string text(1 << 16, 0);
    softgpuTakeCounters(text.data(), text.size());
    OK(add.launch(nullptr, values.address, 1, 64));
    OK(add.launch(nullptr, values.address, 1, 64));
    OK(cuCtxSynchronize());
    auto needed = softgpuTakeCounters(nullptr, 0);
    EQUAL(needed, softgpuTakeCounters(text.data(), text.size()));
    EQUAL(size_t(needed - 1), std::string(text.c_str()).size());
    CHECK(text.find("[{\"kernel\":\"add_to_all\",\"launches\":2,\"threads\":128,") == 0);
    EQUAL(3, softgpuTakeCounters(text.data(), text.size()));
}

TEST(threads_share_a_context) {
    PrimaryContext context;
    AddToAll add;
    DeviceNumbers values(64 * 4, 0);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 4; i++)
        threads.emplace_back([&, i] {
            OK(cuCtxSetCurrent(context.handle));
            NewStream stream;
            for (int j = 0; j < 50; j++) {
                OK(add.launch(stream, values.address + 256 * i, 1, 64));
                if (j % 10 == 0) OK(cuStreamSynchronize(stream));
            }
            OK(cuStreamSynchronize(stream));
        });
    for (auto& thread : threads) thread.join();
    for (unsigned i = 0; i < 4; i++) EQUAL(50u, number_at(values.address + 256 * i));
}
