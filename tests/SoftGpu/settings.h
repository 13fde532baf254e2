// What is configurable. Read from the environment once, when the library is loaded; a test may change it between launches
// (softgpuConfigure).
#pragma once

#include <cstdint>
#include <string>

namespace softgpu {

struct Settings {
    int capability = 80;           // SOFTGPU_CAPABILITY: 75, 80, 86, 89, 90
    int multiprocessors = 2;       // SOFTGPU_MULTIPROCESSORS: few, so that loops really stride
    int devices = 1;               // SOFTGPU_DEVICES
    uint64_t seed = 1;             // SOFTGPU_SEED: order of blocks, warps and streams, displacement of approximate instructions
    bool checks = true;            // SOFTGPU_CHECKS=0: bounds only
    uint64_t memory = 4ull << 30;  // SOFTGPU_MEMORY, bytes
    int driver_version = 13000;    // SOFTGPU_DRIVER: what cuDriverGetVersion answers
    int threads = 0;               // SOFTGPU_THREADS: of the host; 0: all cores
};

Settings& settings();
// By the variable's name, with or without SOFTGPU_. False: unknown name or bad value.
bool configure(const std::string& name, const std::string& value);

}  // namespace softgpu
