//   softgpu-tests                 all groups
//   softgpu-tests GROUP…          some
//   softgpu-tests --speed         lane-instructions a second, by mix
//   softgpu-tests --kernels DIR   compiles the kernel texts below DIR with NVRTC, for each storage type and architecture, and parses the
//   PTX
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "../settings.h"
#include "testing.h"

namespace softgpu::testing {
namespace {
std::vector<std::pair<const char*, void (*)()>>& groups() {
    static std::vector<std::pair<const char*, void (*)()>> all;
    return all;
}
}  // namespace
Group::Group(const char* name, void (*body)()) { groups().emplace_back(name, body); }

void measure_speed();
bool parse_kernels(const char* folder);

}  // namespace softgpu::testing

int main(int count, char** arguments) {
    using namespace softgpu::testing;
    if (count > 1 && std::strcmp(arguments[1], "--speed") == 0) return measure_speed(), 0;
    if (count > 2 && std::strcmp(arguments[1], "--kernels") == 0) return parse_kernels(arguments[2]) ? 0 : 1;
    for (const auto& [name, body] : groups()) {
        bool wanted = count == 1;
        for (int k = 1; k < count; ++k) wanted |= std::strcmp(arguments[k], name) == 0;
        if (wanted) body();
    }
    return summary();
}
