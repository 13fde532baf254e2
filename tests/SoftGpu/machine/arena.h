// The address range that holds all global memory, and its shadows. Device addresses are host addresses within it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace softgpu {

// What a byte of global memory is: a state byte each, at the same offset in the shadow. Never allocated, and freed, is 0.
enum : uint8_t { state_allocated = 1, state_written = 2, state_readable = state_allocated | state_written };

struct Arena {
    uint64_t begin = 0, size = 0;
    uint8_t* states = nullptr;
    // Who touched a 4-byte word last, within a launch: see checks.cpp.
    uint32_t *writers = nullptr, *readers = nullptr;

    bool holds(uint64_t address, size_t bytes) const { return address - begin < size && size - (address - begin) >= bytes; }
    uint8_t* state(uint64_t address) const { return states + (address - begin); }
    uint64_t word(uint64_t address) const { return (address - begin) / 4; }
};
const Arena& arena();

// As allocate(), for a module's variables: not counted as the program's own allocations.
uint64_t allocate_for_module(size_t bytes);
void release_for_module(uint64_t address);

bool was_freed(uint64_t address);  // a freed allocation lay there and no new one does

// A number for a launch, 1 … 4095, with which no word of the shadow is marked.
uint32_t next_touch_epoch();

std::string with_commas(uint64_t number);

}  // namespace softgpu
