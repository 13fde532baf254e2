// The limits of a card by its compute capability (CUDA C++ Programming Guide, "Compute Capabilities"), and of a well-known card that has
// it.
#pragma once

#include <algorithm>
#include <cstddef>

#include "../settings.h"

namespace softgpu {

struct Card {
    int capability;
    const char* name;
    int threads_per_multiprocessor, blocks_per_multiprocessor;
    int shared_per_multiprocessor, shared_opt_in;  // bytes
    int l2_bytes, clock_khz, memory_clock_khz, bus_bits;
};

constexpr int kRegisters = 65536, kSharedDefault = 48 << 10;

inline const Card& card() {
    static constexpr Card cards[] = {
        {75, "Soft GPU (sm_75)", 1024, 16, 64 << 10, 64 << 10, 4 << 20, 1590000, 5001000, 256},
        {80, "Soft GPU (sm_80)", 2048, 32, 164 << 10, 163 << 10, 40 << 20, 1410000, 1215000, 5120},
        {86, "Soft GPU (sm_86)", 1536, 16, 100 << 10, 99 << 10, 6 << 20, 1695000, 9751000, 384},
        {89, "Soft GPU (sm_89)", 1536, 24, 100 << 10, 99 << 10, 72 << 20, 2520000, 10501000, 384},
        {90, "Soft GPU (sm_90)", 2048, 32, 228 << 10, 227 << 10, 50 << 20, 1980000, 2619000, 5120},
    };
    for (auto& one : cards)
        if (one.capability == settings().capability) return one;
    return cards[1];
}

inline int shared_reserved() { return card().capability >= 80 ? 1024 : 0; }  // of each block, for the system

}  // namespace softgpu
