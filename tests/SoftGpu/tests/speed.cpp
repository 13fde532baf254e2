// How fast the machine is, with all checks on: lane-instructions a second for two mixes.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "../findings.h"
#include "../settings.h"
#include "testing.h"

namespace softgpu::testing {
namespace {

// A row a warp: its sum by loads and shuffles, then each element less its mean.
const char* norm =
    ".reg .b32 %t, %w, %row, %c, %r<9>; .reg .b64 %p, %q, %a, %o; .reg .f32 %f<9>; .reg .pred %k;\n"
    "mov.u32 %t, %tid.x; mov.u32 %w, %tid.y; mov.u32 %r0, %ctaid.x; mov.u32 %r1, %ntid.y; mad.lo.u32 %row, %r0, %r1, %w; ld.param.u64 %p, "
    "[p0]; ld.param.u64 %q, [p1];\n"
    "mul.wide.u32 %o, %row, 1024; add.s64 %p, %p, %o; add.s64 %q, %q, %o; mov.f32 %f0, 0f00000000; mov.u32 %c, %t;\n"
    "SUM: mul.wide.u32 %o, %c, 4; add.s64 %a, %p, %o; ld.global.f32 %f1, [%a]; add.f32 %f0, %f0, %f1; add.u32 %c, %c, 32; setp.lt.u32 %k, "
    "%c, 256; @%k bra SUM;\n"
    "mov.b32 %r2, %f0; shfl.sync.bfly.b32 %r3, %r2, 16, 31, -1; mov.b32 %f1, %r3; add.f32 %f0, %f0, %f1; mov.b32 %r2, %f0; "
    "shfl.sync.bfly.b32 %r3, %r2, 8, 31, -1; mov.b32 %f1, %r3; add.f32 %f0, %f0, %f1;\n"
    "mov.b32 %r2, %f0; shfl.sync.bfly.b32 %r3, %r2, 4, 31, -1; mov.b32 %f1, %r3; add.f32 %f0, %f0, %f1; mov.b32 %r2, %f0; "
    "shfl.sync.bfly.b32 %r3, %r2, 2, 31, -1; mov.b32 %f1, %r3; add.f32 %f0, %f0, %f1;\n"
    "mov.b32 %r2, %f0; shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1; mov.b32 %f1, %r3; add.f32 %f0, %f0, %f1; mul.f32 %f0, %f0, 0f3B800000; "
    "mov.u32 %c, %t;\n"
    "EACH: mul.wide.u32 %o, %c, 4; add.s64 %a, %p, %o; ld.global.f32 %f1, [%a]; sub.f32 %f1, %f1, %f0; add.s64 %a, %q, %o; st.global.f32 "
    "[%a], %f1; add.u32 %c, %c, 32; setp.lt.u32 %k, %c, 256; @%k bra EACH;\n";

// A 16×16 tile a block: rows and columns by shared memory, 16 products a thread between two barriers.
std::string product() {
    std::string text =
        ".reg .b32 %x, %y, %bx, %by, %k, %row, %column, %r<9>, %sa, %sb, %ra, %rb; .reg .b64 %p, %q, %a, %b, %o; .reg .f32 %f<9>; .reg "
        ".pred %c;\n"
        "mov.u32 %x, %tid.x; mov.u32 %y, %tid.y; mov.u32 %bx, %ctaid.x; mov.u32 %by, %ctaid.y; ld.param.u64 %p, [p0]; ld.param.u64 %q, "
        "[p1];\n"
        "mad.lo.u32 %row, %by, 16, %y; mad.lo.u32 %column, %bx, 16, %x; mov.u32 %r0, tiles; mad.lo.u32 %r1, %y, 16, %x; mad.lo.u32 %sa, "
        "%r1, 4, %r0; add.u32 %sb, %sa, 1024;\n"
        "mad.lo.u32 %ra, %y, 64, %r0; mad.lo.u32 %rb, %x, 4, %r0; mov.f32 %f0, 0f00000000; mov.u32 %k, 0;\n"
        "mad.lo.u32 %r2, %row, 256, %x; mul.wide.u32 %o, %r2, 4; add.s64 %a, %p, %o; mad.lo.u32 %r3, %y, 256, %column; mul.wide.u32 %o, "
        "%r3, 4; add.s64 %b, %p, %o;\n"
        "TILE: ld.global.f32 %f1, [%a]; ld.global.f32 %f2, [%b]; st.shared.f32 [%sa], %f1; st.shared.f32 [%sb], %f2; bar.sync 0;\n";
    for (int k = 0; k < 16; ++k) {
        text += "ld.shared.f32 %f3, [%ra+" + std::to_string(4 * k) + "]; ld.shared.f32 %f4, [%rb+" + std::to_string(1024 + 64 * k) +
                "]; fma.rn.f32 %f0, %f3, %f4, %f0;\n";
    }
    return text +
           "bar.sync 0; add.s64 %a, %a, 64; add.s64 %b, %b, 16384; add.u32 %k, %k, 16; setp.lt.u32 %c, %k, 256; @%c bra TILE; mad.lo.u32 "
           "%r2, %row, 256, %column; mul.wide.u32 %o, %r2, 4; add.s64 %a, %q, %o; st.global.f32 [%a], %f0;\n";
}

void measure(const char* name, const std::string& text, Dim3 grid, Dim3 block, size_t bytes) {
    const Memory in(std::vector<float>(bytes / 4, 1.0f)), out(bytes);
    double best = 0, best_of_core = 0;
    for (int round = 0; round < 5; ++round) {
        const std::clock_t begin = std::clock();
        const Outcome o = launch(text, grid, block, {in.address, out.address});
        if (o.result != 0) std::printf("%s: %d %s\n", name, o.result, o.findings.c_str());
        const double cpu = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
        best_of_core = std::max(best_of_core, static_cast<double>(o.counters.instructions) / cpu);
        best = std::max(best, static_cast<double>(o.counters.instructions) / o.counters.seconds);
    }
    std::printf("%-24s %6.0f million lane-instructions a second, %.0f a second of one core\n", name, best / 1e6, best_of_core / 1e6);
}

}  // namespace

void measure_speed() {
    std::printf("checks %s, %d threads\n", settings().checks ? "on" : "off", settings().threads);
    measure("norm, a row a warp", module(2, norm), {2048, 1, 1}, {32, 8, 1}, 2048 * 8 * 1024);
    measure("product, shared tiles", module(2, product(), ".shared .align 16 .b8 tiles[2048];\n"), {16, 16, 1}, {16, 16, 1}, 256 * 1024);
}

}  // namespace softgpu::testing
