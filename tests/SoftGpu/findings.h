// What a compute sanitizer would say: collected, not printed.
#pragma once

#include <cstdint>
#include <string>

namespace softgpu {

enum class Fault {
    out_of_bounds,
    misaligned,
    use_after_free,
    uninitialised,
    shared_race,
    global_race,
    barrier,
    leak,
    arguments,
    instruction,
    host,  // the host's own misuse: a freed handle, a copy beyond an allocation
};

// Adds a finding: one line, "layer_norm_forward, layer_norm.cu:15, block 3, thread 17: writes 4 bytes …". Thread-safe; after the first
// hundred only the count grows.
void report(Fault fault, const std::string& line);

// How many findings there are, and their lines, which are handed over and forgotten.
long take_findings(std::string& lines);

}  // namespace softgpu
