// Instructions of a warp name the lanes that take part.
#pragma once

#include "warp.h"

namespace softgpu {

// A finding if a lane named in `members` still runs and is not among those that execute, or one that executes is not named.
void check_members(Warp& w, const Instruction& i, uint32_t mask, uint32_t members);

}  // namespace softgpu
