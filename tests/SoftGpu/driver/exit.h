// What a process leaves behind for a test that looks at it from outside: SOFTGPU_REPORT=FILE gets its findings, SOFTGPU_COUNTERS=FILE one
// JSON line per kernel, both appended; SOFTGPU_LEAKS=1: a context that is alive at the end is searched for leaks too.
#pragma once

#include <string>

namespace softgpu {

void report_at_exit();  // from now on
void report_living_contexts();

}  // namespace softgpu
