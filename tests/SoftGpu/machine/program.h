// A parsed module: functions of decoded instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../machine.h"

namespace softgpu {

struct Warp;
struct Instruction;
struct Function;

constexpr unsigned lanes = 32;
constexpr uint32_t all_lanes = 0xffffffffu, nowhere = 0xffffffffu;

// Executes one instruction for the lanes of a mask.
using Execute = void (*)(Warp&, const Instruction&, uint32_t mask);

// Where a value's 32 lanes lie: the low two bits say in which of the warp's three areas, the rest is the offset. A lane takes 2, 4 or 8
// bytes; a predicate is one 32-bit mask.
using Operand = uint32_t;
enum Area : uint32_t { in_frame = 0, in_constants = 1, in_specials = 2 };

enum class Space : uint8_t { generic, global, shared, local, parameter, constant };
enum class Kind : uint8_t { integer, real32, real64, half, special, memory, control, conversion };
enum class Flow : uint8_t { next, branch, table, end };
enum class Rounding : uint8_t { nearest, zero, down, up };

struct Instruction {
    Execute execute = nullptr;
    Operand d = 0, a = 0, b = 0, c = 0;
    Operand guard = 0;
    bool guarded = false, guard_negated = false, always = false;  // always: executed even if no lane's guard holds (branches)
    Kind kind = Kind::integer;
    Space space = Space::generic;
    Flow flow = Flow::next;
    Rounding rounding = Rounding::nearest;
    bool flush = false, saturate = false;    // .ftz, .sat
    bool wide_address = true;                // the address register has 64 bits
    bool strong = false, read_only = false;  // volatile or relaxed; ld.global.nc
    uint8_t count = 1;                       // vector elements
    uint8_t mode = 0;                        // what else the opcode says
    bool negated = false;                    // of a predicate operand c
    uint32_t target = nowhere, rejoin = nowhere;
    int64_t value = 0;              // offset of an address, or another number
    const Operand* list = nullptr;  // vector operands
    const std::vector<uint32_t>* targets = nullptr;
    const Function* callee = nullptr;
    uint32_t line = 0;  // index into Function::places
};

struct ParameterVariable {  // a .param variable: 32 times its bytes in the frame, lane after lane; of an entry, its place in the launch's
                            // block
    uint32_t offset = 0, bytes = 0;
};

struct AlignedBytes {
    std::byte* data = nullptr;
    size_t size = 0;
    AlignedBytes() = default;
    explicit AlignedBytes(size_t bytes) : data(nullptr), size(bytes) {
        const size_t rounded = (bytes + 127) / 64 * 64;
        data = static_cast<std::byte*>(std::aligned_alloc(64, rounded));
        for (size_t i = 0; i < rounded; ++i) data[i] = std::byte(0);
    }
    AlignedBytes(AlignedBytes&& other) noexcept : data(other.data), size(other.size) { other.data = nullptr; }
    AlignedBytes& operator=(AlignedBytes&& other) noexcept {
        std::swap(data, other.data);
        std::swap(size, other.size);
        return *this;
    }
    ~AlignedBytes() { std::free(data); }
};

struct Function {
    std::string name;
    bool is_entry = false;
    std::vector<Instruction> code;
    std::deque<std::vector<Operand>> lists;
    std::deque<std::vector<uint32_t>> target_lists;
    std::vector<std::string> places;  // "layer_norm.cu:10"
    std::vector<ParameterVariable> parameters, results;
    std::vector<std::string> opcodes;  // of each instruction, for messages
    size_t frame_bytes = 0, local_bytes = 0, shared_bytes = 0;
    AlignedBytes constants;
};

struct Kernel {
    Function* function = nullptr;
    KernelFacts facts;
};

struct Program {
    std::deque<Function> functions;
    std::map<std::string, Kernel> kernels;
    std::map<std::string, std::pair<uint64_t, size_t>> globals;
    std::vector<uint64_t> allocations;
    Program() = default;
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    ~Program();
};

}  // namespace softgpu
