// The special registers that a block or a launch fixes: one lane-wide u32 each, in this order.
#pragma once

#include <string_view>

namespace softgpu {

enum Special : unsigned {
    tid_x,
    tid_y,
    tid_z,
    ntid_x,
    ntid_y,
    ntid_z,
    ctaid_x,
    ctaid_y,
    ctaid_z,
    nctaid_x,
    nctaid_y,
    nctaid_z,
    lane_id,
    warp_id,
    warp_count,
    multiprocessor_id,
    multiprocessor_count,
    grid_id,
    mask_eq,
    mask_le,
    mask_lt,
    mask_ge,
    mask_gt,
    dynamic_shared_size,
    total_shared_size,
    special_count
};

constexpr std::string_view special_names[special_count] = {
    "%tid.x",          "%tid.y",    "%tid.z",       "%ntid.x",      "%ntid.y",      "%ntid.z",      "%ctaid.x",     "%ctaid.y",
    "%ctaid.z",        "%nctaid.x", "%nctaid.y",    "%nctaid.z",    "%laneid",      "%warpid",      "%nwarpid",     "%smid",
    "%nsmid",          "%gridid",   "%lanemask_eq", "%lanemask_le", "%lanemask_lt", "%lanemask_ge", "%lanemask_gt", "%dynamic_smem_size",
    "%total_smem_size"};

}  // namespace softgpu
