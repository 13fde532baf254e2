// Failures that a test asks for: softgpuFailNext, or SOFTGPU_FAIL="cuMemAlloc_v2:2:5,cuLaunchKernel:719:0" (entry point, result, calls that
// pass before).
#pragma once

#include <string>

#include "api.h"

namespace softgpu {

void fail_next(const std::string& function, int result, int skip);
CUresult injected(const std::string& function);  // what this call must answer; success if nothing was asked for

}  // namespace softgpu
