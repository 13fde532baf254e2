// Loads, stores, atomics, matrices, asynchronous copies; the allocator.
#include <algorithm>
#include <cmath>

#include "../findings.h"
#include "../settings.h"
#include "testing.h"

using namespace softgpu;
using namespace softgpu::testing;

namespace {

std::vector<uint32_t> sequence(size_t n, uint32_t factor = 1) {
    std::vector<uint32_t> v(n);
    for (size_t k = 0; k < n; ++k) v[k] = static_cast<uint32_t>(k) * factor;
    return v;
}

const std::string head =
    ".reg .b32 %t, %b, %n, %r<9>; .reg .b16 %s<9>; .reg .b64 %p, %q, %o, %rd<9>; .reg .f32 %f<9>; .reg .f64 %d<9>; .reg .pred %c<4>;\n"
    "mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %n, %ntid.x; mad.lo.u32 %t, %b, %n, %t; ld.param.u64 %p, [p0]; ld.param.u64 %q, "
    "[p1];\n";

Outcome run_clean(const std::string& body, Dim3 grid, Dim3 block, const Memory& a, const Memory& b, const std::string& before = "",
                  size_t dynamic_shared = 0) {
    const Outcome o = launch(module(2, head + body, before), grid, block, {a.address, b.address}, dynamic_shared);
    expect(o.result == 0 && o.count == 0, body + ": " + std::to_string(o.result) + " " + o.findings);
    return o;
}

}  // namespace

TEST_GROUP(loads_and_stores) {
    const Memory in(sequence(256, 0x01030507)), out(1024);
    Outcome o = run_clean(
        "mul.wide.u32 %o, %t, 16; add.s64 %p, %p, %o; add.s64 %q, %q, %o; ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%p]; st.global.v4.u32 "
        "[%q], {%r3, %r2, %r1, %r0};",
        {2, 1, 1}, {32, 1, 1}, in, out);
    auto v = out.read<uint32_t>();
    size_t wrong = 0;
    for (uint32_t k = 0; k < 256; ++k) wrong += v[k] != (k / 4 * 4 + 3 - k % 4) * 0x01030507;
    expect_equal(wrong, 0, "v4");
    expect_equal(o.counters.read_bytes, 1024, "bytes read");
    expect_equal(o.counters.read_sectors, 32, "sectors read");
    expect_equal(o.counters.written_sectors, 32, "sectors written");
    // A stride of 32 bytes: a sector a lane.
    const Memory wide(sequence(512)), narrow(256);
    o = run_clean(
        "mul.wide.u32 %o, %t, 32; add.s64 %p, %p, %o; ld.global.nc.u32 %r0, [%p+4]; mul.wide.u32 %o, %t, 4; add.s64 %q, %q, %o; "
        "st.global.u32 [%q], %r0;",
        {1, 1, 1}, {64, 1, 1}, wide, narrow);
    expect_equal(o.counters.read_sectors, 64, "sectors of a stride");
    expect_equal(narrow.read<uint32_t>()[63], 63 * 8 + 1, "a stride");
    // Bytes, signs, wider registers.
    const Memory bytes(std::vector<uint8_t>{0x80, 0x7f, 0xff, 0x01, 0x34, 0x92, 0, 0}), results(64);
    run_clean(
        "ld.global.s8 %r0, [%p]; st.global.u32 [%q], %r0; ld.global.u8 %s0, [%p+2]; st.global.u16 [%q+4], %s0; ld.global.s16 %rd0, [%p+4]; "
        "st.global.u64 [%q+8], %rd0; ld.global.u16 %r1, [%p+4]; st.global.u8 [%q+6], %r1; mov.u32 %r2, 7; st.global.u8 [%q+7], %r2;",
        {1, 1, 1}, {1, 1, 1}, bytes, results);
    const auto w = results.read<uint32_t>();
    expect_equal(w[0], 0xffffff80u, "ld.s8");
    expect_equal(w[1], 0x073400ffu, "ld.u8, st.u8");
    expect_equal(w[2], 0xffff9234u, "ld.s16 to 64 bits");
    expect_equal(w[3], 0xffffffffu, "ld.s16 to 64 bits");
    // Constants and initialised variables.
    const std::string variables =
        ".global .align 4 .u32 table[4] = {5, 6, 0x70, 8};\n.const .align 8 .f64 half = 0d3FE0000000000000;\n.global .align 8 .u64 "
        "where[2] = {0, table};\n";
    run_clean(
        "mov.u64 %rd0, table; ld.global.u32 %r0, [%rd0+8]; ld.const.f64 %d0, [half]; ld.global.u64 %rd1, [where+8]; ld.global.u32 %r1, "
        "[%rd1+4]; st.global.u32 [%q], %r0; st.global.u32 [%q+4], %r1; st.global.f64 [%q+8], %d0; ld.global.u32 %r2, [table]; "
        "st.global.u32 [%q+16], %r2;",
        {1, 1, 1}, {1, 1, 1}, bytes, results, variables);
    const auto u = results.read<uint32_t>();
    expect(u[0] == 0x70 && u[1] == 6 && u[3] == 0x3fe00000 && u[4] == 5, "variables of the module");
    // Generic addresses of each space.
    run_clean(
        "cvta.to.global.u64 %rd0, %p; mov.u64 %rd1, row; cvta.shared.u64 %rd2, %rd1; mov.u32 %r0, 11; st.u32 [%rd2+4], %r0; ld.shared.u32 "
        "%r1, [row+4]; isspacep.shared %c0, %rd2; isspacep.global %c1, %rd2; isspacep.global %c2, %p; selp.u32 %r2, 1, 0, %c0; @%c1 "
        "add.u32 %r2, %r2, 2; @%c2 add.u32 %r2, %r2, 4; st.u32 [%q], %r1; st.u32 [%q+4], %r2;",
        {1, 1, 1}, {1, 1, 1}, bytes, results, ".shared .align 4 .b8 row[16];\n");
    expect(results.read<uint32_t>()[0] == 11 && results.read<uint32_t>()[1] == 5, "generic addresses");
    // Dynamic shared memory lies behind the static.
    run_clean(
        "mov.u64 %rd0, more; cvt.u32.u64 %r0, %rd0; mul.lo.u32 %r1, %t, 4; add.u32 %r1, %r1, %r0; st.shared.u32 [%r1], %t; bar.sync 0; "
        "ld.shared.u32 %r2, [%r0+120]; st.global.u32 [%q], %r2; st.global.u32 [%q+4], %r0;",
        {1, 1, 1}, {32, 1, 1}, bytes, results, ".shared .align 4 .b8 row[20];\n.extern .shared .align 16 .b8 more[];\n", 128);
    expect(results.read<uint32_t>()[0] == 30 && results.read<uint32_t>()[1] == 32, "dynamic shared memory");
}

TEST_GROUP(atomics) {
    const auto total = [](const std::string& instruction, std::vector<uint32_t> start) {
        const Memory sum(start), none(8);
        const Outcome o = run_clean(
            "add.u32 %r0, %t, 1; cvt.rn.f32.u32 %f0, %r0; cvt.u64.u32 %rd0, %r0; cvt.rn.f64.u32 %d0, %r0; mov.u32 %r8, 0;" + instruction,
            {4, 1, 1}, {64, 1, 1}, sum, none);
        expect_equal(o.counters.atomics, 256, instruction + ": count");
        return sum.read<uint32_t>();
    };
    expect_equal(total("atom.global.add.u32 %r1, [%p], %r0;", {5, 0})[0], 5 + 256 * 257 / 2, "atom.add.u32");
    expect_equal(total("red.global.add.u64 [%p], %rd0;", {0xffffffff, 0})[1], 1, "red.add.u64");
    float f;
    uint32_t b = total("atom.global.add.f32 %f1, [%p], %f0;", {0, 0})[0];
    std::memcpy(&f, &b, 4);
    expect(f == 32896.0f, "atom.add.f32");
    const auto wide = total("red.add.f64 [%p], %d0;", {0, 0});
    double d;
    std::memcpy(&d, wide.data(), 8);
    expect(d == 32896.0, "red.add.f64, generic");
    expect_equal(total("atom.global.max.s32 %r1, [%p], %r0;", {0xffffff00, 0})[0], 256, "atom.max.s32");
    expect_equal(total("atom.global.min.u32 %r1, [%p], %r0;", {77, 0})[0], 1, "atom.min.u32");
    expect_equal(total("atom.global.inc.u32 %r1, [%p], 9;", {0, 0})[0], 6, "atom.inc");
    expect_equal(total("atom.global.dec.u32 %r1, [%p], 9;", {0, 0})[0], 4, "atom.dec");
    expect_equal(total("atom.global.or.b32 %r1, [%p], %r0;", {0, 0})[0], 511, "atom.or");
    expect_equal(total("atom.global.and.b32 %r1, [%p], 0xf0;", {0xff, 0})[0], 0xf0, "atom.and");
    expect_equal(total("atom.global.xor.b32 %r1, [%p], %r0;", {0, 0})[0], 256, "atom.xor");
    expect_equal(total("atom.global.cas.b32 %r1, [%p], %t, %r0;", {0, 0})[0] > 0, 1, "atom.cas.b32");
    expect_equal(total("mov.b64 %rd1, 0; atom.global.cas.b64 %rd2, [%p], %rd1, 0x100000002;", {0, 0})[1], 1, "atom.cas.b64");
    expect_equal(total("atom.global.exch.b32 %r1, [%p], 3;", {0, 0})[0], 3, "atom.exch");
    const auto halves = total("mov.b32 %r1, 0x3c003c00; red.global.add.noftz.f16x2 [%p], %r1;", {0, 0});
    expect_equal(halves[0], 0x5c005c00, "red.add.f16x2");
    expect_equal(total("mov.b16 %s1, 0x3c00; atom.global.add.noftz.f16 %s0, [%p+2], %s1;", {0x1234, 0})[0], 0x5c001234, "atom.add.f16");
    expect_equal(total("mov.b32 %r1, 0x3f803f80; red.global.add.noftz.bf16x2 [%p], %r1;", {0, 0})[0], 0x43804380, "red.add.bf16x2");
    // In shared memory, and the old values: each is given once.
    const Memory none(8), out(256);
    run_clean(
        "setp.ne.u32 %c0, %t, 0; @%c0 bra W; mov.u32 %r0, 0; st.shared.u32 [counter], %r0; W: bar.sync 0; atom.shared.add.u32 %r1, "
        "[counter], 1; mul.wide.u32 %o, %r1, 4; add.s64 %q, %q, %o; st.global.u32 [%q], %r1;",
        {1, 1, 1}, {64, 1, 1}, none, out, ".shared .align 4 .u32 counter;\n");
    expect(out.read<uint32_t>() == sequence(64), "atom.shared.add");
}

TEST_GROUP(asynchronous_copies) {
    const Memory in(sequence(256, 3)), out(1024);
    run_clean(
        "mov.u64 %rd0, row; cvt.u32.u64 %r0, %rd0; mul.lo.u32 %r1, %t, 16; add.u32 %r0, %r0, %r1; mul.wide.u32 %o, %t, 16; add.s64 %p, %p, "
        "%o; cp.async.cg.shared.global [%r0], [%p], 16; cp.async.commit_group; cp.async.wait_group 0; bar.sync 0;\n"
        "xor.b32 %r1, %t, 1; mul.lo.u32 %r1, %r1, 16; cvt.u32.u64 %r0, %rd0; add.u32 %r0, %r0, %r1; ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, "
        "[%r0]; add.s64 %q, %q, %o; st.global.v4.u32 [%q], {%r2, %r3, %r4, %r5};",
        {1, 1, 1}, {64, 1, 1}, in, out, ".shared .align 16 .b8 row[1024];\n");
    const auto v = out.read<uint32_t>();
    size_t wrong = 0;
    for (uint32_t k = 0; k < 256; ++k) wrong += v[k] != (k ^ 4) * 3;
    expect_equal(wrong, 0, "cp.async");
    // 8 bytes of 16 are asked for: the rest is zero. And one that is not waited for is seen.
    const std::string copy =
        "mov.u32 %r0, row; mul.lo.u32 %r1, %t, 16; add.u32 %r0, %r0, %r1; mul.wide.u32 %o, %t, 16; add.s64 %p, %p, %o; add.s64 %q, %q, %o; "
        "cp.async.ca.shared.global [%r0], [%p], 16, 8; cp.async.commit_group;";
    const std::string use = "ld.shared.v4.u32 {%r2, %r3, %r4, %r5}, [%r0]; st.global.v4.u32 [%q], {%r2, %r3, %r4, %r5};";
    run_clean(copy + "cp.async.wait_all;" + use, {1, 1, 1}, {64, 1, 1}, in, out, ".shared .align 16 .b8 row[1024];\n");
    expect(out.read<uint32_t>()[5] == 15 && out.read<uint32_t>()[6] == 0, "cp.async with fewer bytes");
    const Outcome o = launch(module(2, head + copy + "cp.async.wait_group 1;" + use, ".shared .align 16 .b8 row[1024];\n"), {1, 1, 1},
                             {64, 1, 1}, {in.address, out.address});
    expect_contains(o.findings, "uninitialised shared memory", "a copy not waited for");
}

TEST_GROUP(matrices) {
    // A (16×16) and B (16×8, given as its transpose) of small whole numbers in f16, C in f32.
    const auto f16_of = [](int n) {
        return n == 0 ? 0
                      : static_cast<uint16_t>((n < 0 ? 0x8000 : 0) |
                                              ((15 + static_cast<int>(std::log2(std::abs(n)))) << 10 |
                                               (std::abs(n) << (10 - static_cast<int>(std::log2(std::abs(n)))) & 0x3ff)));
    };
    std::vector<uint16_t> ab(16 * 16 + 8 * 16);
    const auto a_of = [](int r, int k) { return (r * 5 + k * 3) % 13 - 6; };
    const auto b_of = [](int k, int c) { return (k * 7 + c * 2) % 11 - 5; };
    for (int r = 0; r < 16; ++r)
        for (int k = 0; k < 16; ++k) ab[static_cast<size_t>(r * 16 + k)] = static_cast<uint16_t>(f16_of(a_of(r, k)));
    for (int c = 0; c < 8; ++c)
        for (int k = 0; k < 16; ++k) ab[static_cast<size_t>(256 + c * 16 + k)] = static_cast<uint16_t>(f16_of(b_of(k, c)));
    const Memory in(ab), out(16 * 8 * 4);
    const std::string copy =
        "mov.u32 %r0, tile; mul.lo.u32 %r1, %t, 16; mul.wide.u32 %o, %t, 16; add.s64 %rd0, %p, %o; ld.global.v4.u32 {%r2, %r3, %r4, %r5}, "
        "[%rd0]; add.u32 %r1, %r1, %r0; st.shared.v4.u32 [%r1], {%r2, %r3, %r4, %r5};\n"
        "setp.ge.u32 %c0, %t, 16; @%c0 bra N; ld.global.v4.u32 {%r2, %r3, %r4, %r5}, [%rd0+512]; st.shared.v4.u32 [%r1+512], {%r2, %r3, "
        "%r4, %r5}; N: bar.sync 0;\n";
    const std::string load =
        ".reg .b32 %x<8>; .reg .f32 %y<8>; and.b32 %r1, %t, 15; mul.lo.u32 %r1, %r1, 32; shr.u32 %r2, %t, 4; mad.lo.u32 %r1, %r2, 16, %r1; "
        "add.u32 %r1, %r1, %r0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%x0, %x1, %x2, %x3}, [%r1];\n"
        "and.b32 %r1, %t, 7; mul.lo.u32 %r1, %r1, 32; shr.u32 %r2, %t, 3; and.b32 %r2, %r2, 1; mad.lo.u32 %r1, %r2, 16, %r1; add.u32 %r1, "
        "%r1, %r0; ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%x4, %x5}, [%r1+512];\n";
    const std::string multiply =
        "mov.f32 %y0, 0f3F800000; mov.f32 %y1, %y0; mov.f32 %y2, %y0; mov.f32 %y3, %y0; mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
        "{%y4, %y5, %y6, %y7}, {%x0, %x1, %x2, %x3}, {%x4, %x5}, {%y0, %y1, %y2, %y3};\n";
    const std::string halves =
        "mov.f32 %y0, 0f3F800000; mov.f32 %y1, %y0; mov.f32 %y2, %y0; mov.f32 %y3, %y0; mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
        "{%y4, %y5, %y6, %y7}, {%x0, %x1}, {%x4}, {%y0, %y1, %y2, %y3}; mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%y4, %y5, %y6, "
        "%y7}, {%x2, %x3}, {%x5}, {%y4, %y5, %y6, %y7};\n";
    const std::string store =
        "shr.u32 %r1, %t, 2; and.b32 %r2, %t, 3; mul.lo.u32 %r1, %r1, 32; mad.lo.u32 %r1, %r2, 8, %r1; cvt.u64.u32 %o, %r1; add.s64 %q, "
        "%q, %o; st.global.v2.f32 [%q], {%y4, %y5}; st.global.v2.f32 [%q+256], {%y6, %y7};";
    for (const std::string& product : {multiply, halves}) {
        run_clean(copy + load + product + store, {1, 1, 1}, {32, 1, 1}, in, out, ".shared .align 16 .b8 tile[768];\n");
        const auto got = out.read<float>();
        size_t wrong = 0;
        for (int r = 0; r < 16; ++r) {
            for (int c = 0; c < 8; ++c) {
                int sum = 1;
                for (int k = 0; k < 16; ++k) sum += a_of(r, k) * b_of(k, c);
                wrong += got[static_cast<size_t>(r * 8 + c)] != static_cast<float>(sum);
            }
        }
        expect_equal(wrong, 0, "mma");
    }
}

TEST_GROUP(bank_conflicts) {
    const Memory a(64), b(64);
    const auto conflicts = [&](const std::string& offset, const std::string& access) {
        const Outcome o = run_clean("mov.u32 %r0, row; " + offset + " add.u32 %r0, %r0, %r1; mov.u32 %r2, 0; mov.u32 %r3, 0; " + access,
                                    {1, 1, 1}, {32, 1, 1}, a, b, ".shared .align 16 .b8 row[16384];\n");
        return o.counters.shared_conflicts;
    };
    expect_equal(conflicts("mul.lo.u32 %r1, %t, 4;", "st.shared.u32 [%r0], %r2;"), 0, "neighbours");
    expect_equal(conflicts("mul.lo.u32 %r1, %t, 8;", "st.shared.u32 [%r0], %r2;"), 1, "a stride of two words");
    expect_equal(conflicts("mul.lo.u32 %r1, %t, 128;", "st.shared.u32 [%r0], %r2;"), 31, "a stride of 32 words");
    expect_equal(conflicts("mul.lo.u32 %r1, %t, 132;", "st.shared.u32 [%r0], %r2;"), 0, "a padded stride");
    expect_equal(conflicts("mul.lo.u32 %r1, %t, 8;", "st.shared.v2.u32 [%r0], {%r2, %r3};"), 0, "pairs");
    expect_equal(conflicts("mov.u32 %r1, 0;", "st.shared.u32 [%r0], %r2;"), 0, "one word");
}

TEST_GROUP(allocator) {
    const size_t count = live_count(), bytes = live_bytes();
    const uint64_t a = allocate(1000), b = allocate(24);
    expect(a && b && a % 256 == 0 && b % 256 == 0, "aligned");
    expect(live_count() == count + 2 && live_bytes() == bytes + 1024, "counted");
    expect(contains(a + 10, 990) && !contains(a + 10, 991), "contains");
    uint64_t base = 0;
    size_t size = 0;
    expect(find(a + 999, base, size) && base == a && size == 1000 && !find(a + 1000, base, size), "find");
    expect(!is_written(a, 4), "fresh memory is uninitialised");
    mark_written(a, 100);
    copy_written(b, a + 96, 8);
    expect(is_written(b, 4) && !is_written(b, 5), "what is copied stays uninitialised where it was");
    expect_contains(describe(a + 1003), "4 bytes behind an allocation of 1,000 bytes", "describe");
    expect_contains(describe(b + 3), "byte 3 of an allocation of 24 bytes", "describe");
    expect_contains(describe(a - 5), "5 bytes before an allocation of 1,000 bytes", "describe");
    expect_contains(describe(0), "null", "describe");
    expect_contains(describe(1234567), "nowhere near", "describe");
    expect_contains(live_list(), "1,000", "live_list");
    expect(release(a) && !release(a) && !release(b + 1), "release");
    expect_contains(describe(a + 7), "byte 7 of a freed allocation of 1,000 bytes", "describe");
    expect(release(b), "release");
    const uint64_t old = settings().memory;
    settings().memory = 1 << 20;
    expect(allocate(2 << 20) == 0, "out of memory");
    settings().memory = old;
    // Round and round: addresses come back only after the whole range.
    const uint64_t first = allocate(1 << 20);
    release(first);
    expect(allocate(1 << 20) != first, "a freed address is not used again at once");
    release_all();
    expect_equal(live_count(), 0, "release_all");
}
