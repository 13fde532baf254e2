// Global memory: device addresses are host addresses; each allocation lies between guards and has shadows that say which bytes were ever
// written and, within a launch, which block touched them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace softgpu {

// 256-byte aligned; contents count as uninitialised. 0: the device's memory (settings().memory) is used up.
uint64_t allocate(size_t bytes);
bool release(uint64_t address);  // false: no live allocation begins here
void release_all();              // a context ended; what is still alive was reported by the caller

size_t live_bytes();
size_t live_count();
std::string live_list();  // the largest, for a leak's line

// For the host's copies and fills.
bool contains(uint64_t address, size_t bytes);              // within one live allocation
bool find(uint64_t address, uint64_t& base, size_t& size);  // the live allocation around an address
std::string describe(uint64_t address);  // "4 bytes behind an allocation of 1,024 bytes", "freed", "nowhere near an allocation"
void mark_written(uint64_t address, size_t bytes);
bool is_written(uint64_t address, size_t bytes);
void copy_written(uint64_t to, uint64_t from, size_t bytes);  // device to device: what is uninitialised stays so

}  // namespace softgpu
