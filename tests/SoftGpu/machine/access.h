// Every access to memory passes here: addresses become host pointers, faults become findings, traffic is counted.
#pragma once

#include <cstdint>

#include "warp.h"

namespace softgpu {

enum class Access : uint8_t { read, write, atomic };

struct Addresses {
    alignas(64) uint64_t at[lanes];

    // Gives the lanes outside the mask the address of one inside: then all 32 can be treated alike. lane: whose it is.
    void fill(uint32_t mask, uint32_t lane[lanes]);
    bool in_a_row(unsigned bytes) const;  // one lane behind the other
    bool alike() const;                   // all at one address
};

// The addresses of an instruction's lanes: register plus offset.
void gather_addresses(Warp& w, const Instruction& i, Addresses& a);

// Turns the addresses of the mask's lanes into host pointers for `bytes` bytes each. Returns the lanes that may go on. For writes, `values`
// are the bytes to be written, 32 × bytes, if the caller has them: two lanes that write the same to one place in one instruction are no
// race.
uint32_t admit(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access,
               const std::byte* values = nullptr);

// By space.
uint32_t admit_global(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access);
uint32_t admit_shared(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access, const std::byte* values);
uint32_t admit_local(Warp& w, const Instruction& i, uint32_t mask, Addresses& a, unsigned bytes, Access access);

// "reads 4 bytes"
const char* verb(Access access);

}  // namespace softgpu
