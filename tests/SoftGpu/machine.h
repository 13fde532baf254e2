// The machine: parses PTX and runs launches. Knows nothing of the driver's handles.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace softgpu {

struct Dim3 {
    unsigned x = 1, y = 1, z = 1;
};

struct Program;  // a parsed module
struct Kernel;   // an entry of it

struct Parameter {
    size_t offset, bytes;
};
struct KernelFacts {
    std::string name;
    std::vector<Parameter> parameters;
    size_t parameter_bytes = 0, static_shared = 0, local = 0;
    unsigned max_threads = 1024;
};

// Null, with one line of what is wrong and where (an unknown instruction is named), if the text does not parse or is for a later
// architecture than settings().capability. Memory of the module's global variables is allocated and initialised; it goes with the program.
std::shared_ptr<Program> parse(const std::string& ptx, std::string& error);
const Kernel* find_kernel(const Program& program, const std::string& name);
const KernelFacts& facts_of(const Kernel& kernel);
bool find_global(const Program& program, const std::string& name, uint64_t& address, size_t& bytes);

// What launches cost, added up by kernel.
struct Counters {
    uint64_t launches = 0, threads = 0, instructions = 0 /* of lanes */, warp_instructions = 0;
    uint64_t by_kind[8] = {};  // of lanes: integer, float, double, half, special, memory, control, conversion
    uint64_t read_sectors = 0, written_sectors = 0, read_bytes = 0, written_bytes = 0;  // global memory; bytes: what lanes asked for
    uint64_t shared_accesses = 0, shared_conflicts = 0;                                 // of warps; extra cycles by bank conflicts
    uint64_t branches = 0, divergent_branches = 0, atomics = 0, barriers = 0;
    double seconds = 0;
    void add(const Counters& other);
};

struct Launch {
    std::shared_ptr<Program> program;
    const Kernel* kernel = nullptr;
    Dim3 grid, block;
    size_t dynamic_shared = 0;
    std::vector<std::byte> parameters;  // parameter_bytes, laid out as the facts say
    uint64_t number = 0;                // of the launch: with the seed it decides the order of blocks
};

// Runs a launch to its end. 0, or the CUresult a driver would report at the next wait: 700 illegal address, 716 misaligned address,
// 715 illegal instruction, 719 launch failed (barriers, races, uninitialised reads). What happened is in the findings.
int run(const Launch& launch, Counters& counters);

}  // namespace softgpu
