// Generic addresses: shared and local memory appear in windows that no host address reaches.
#pragma once

#include <cstdint>

namespace softgpu {

constexpr uint64_t shared_window = 1ull << 62, local_window = 1ull << 61, window_size = 1ull << 32;

}  // namespace softgpu
