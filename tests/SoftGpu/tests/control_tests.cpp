// Divergence and reconvergence, calls, barriers; special registers.
#include <algorithm>

#include "testing.h"

using namespace softgpu;
using namespace softgpu::testing;

namespace {

const std::vector<uint32_t> rows = [] {
    std::vector<uint32_t> r;
    for (uint32_t k = 0; k < 500; ++k) r.push_back(k * 2654435761u >> 22);  // 0 … 1023
    return r;
}();

// One block; each thread stores %v at p0[tid].
std::vector<uint32_t> run_threads(unsigned threads, const std::string& body, const std::string& before = "", size_t dynamic_shared = 0,
                                  Outcome* outcome = nullptr) {
    const Memory out(std::vector<uint32_t>(threads, 0xdeadbeef));
    const std::string text = ".reg .b32 %v, %t, %r<9>; .reg .b64 %rd<9>; .reg .pred %p<9>;\nmov.u32 %t, %tid.x; mov.u32 %v, 0;\n" + body +
                             "\nld.param.u64 %rd0, [p0]; mul.wide.u32 %rd1, %t, 4; add.s64 %rd0, %rd0, %rd1; st.global.u32 [%rd0], %v;\n";
    const Outcome o = launch(module(1, text, before), {1, 1, 1}, {threads, 1, 1}, {out.address}, dynamic_shared);
    if (outcome) *outcome = o;
    else expect(o.result == 0 && o.count == 0, body + ": " + std::to_string(o.result) + " " + o.findings);
    return out.read<uint32_t>();
}

void expect_each(const std::vector<uint32_t>& got, const std::string& what, uint32_t (*wanted)(uint32_t)) {
    size_t wrong = 0, first = 0;
    for (size_t k = got.size(); k-- > 0;) {
        if (got[k] == wanted(static_cast<uint32_t>(k))) continue;
        ++wrong;
        first = k;
    }
    expect(wrong == 0,
           what + ": " + std::to_string(wrong) + " wrong; thread " + std::to_string(first) + " got " + std::to_string(got[first]));
}

}  // namespace

TEST_GROUP(divergence) {
    // A loop that each thread leaves after another count.
    check<uint32_t>(
        "{ .reg .u32 %k; mov.u32 %k, 0; mov.u32 %d, 7; LOOP: setp.ge.u32 %p, %k, %a; @%p bra DONE; mad.lo.u32 %d, %d, 3, %k; add.u32 %k, "
        "%k, 1; bra.uni LOOP; DONE: add.u32 %d, %d, 1; }",
        [](uint32_t a) {
            uint32_t d = 7;
            for (uint32_t k = 0; k < a; ++k) d = d * 3 + k;
            return d + 1;
        },
        rows);
    // Collatz: both sides of a branch within a loop.
    check<uint32_t>(
        "{ .reg .u32 %x, %y; max.u32 %x, %a, 1; mov.u32 %d, 0; LOOP: setp.eq.u32 %p, %x, 1; @%p bra DONE; add.u32 %d, %d, 1; and.b32 %y, "
        "%x, 1; setp.ne.u32 %q, %y, 0;\n"
        "@%q bra ODD; shr.u32 %x, %x, 1; bra.uni LOOP; ODD: mad.lo.u32 %x, %x, 3, 1; bra.uni LOOP; DONE: }",
        [](uint32_t a) {
            uint32_t x = std::max(a, 1u), d = 0;
            for (; x != 1; ++d) x = x & 1 ? 3 * x + 1 : x / 2;
            return d;
        },
        rows);
    // A way out of two nested loops.
    check<uint32_t>(
        "{ .reg .u32 %i, %j, %m; mov.u32 %d, 0; mov.u32 %i, 0; OUTER: mov.u32 %j, 0; INNER: add.u32 %d, %d, 1; mul.lo.u32 %m, %i, %j; "
        "setp.gt.u32 %p, %m, %a; @%p bra OUT;\n"
        "add.u32 %j, %j, 1; setp.lt.u32 %q, %j, 20; @%q bra INNER; add.u32 %i, %i, 1; setp.lt.u32 %q, %i, 20; @%q bra OUTER; add.u32 %d, "
        "%d, 1000; OUT: }",
        [](uint32_t a) {
            uint32_t d = 0;
            for (uint32_t i = 0; i < 20; ++i) {
                for (uint32_t j = 0; j < 20; ++j) {
                    ++d;
                    if (i * j > a) return d;
                }
            }
            return d + 1000;
        },
        rows);
    // After a branch the warp is whole again: the vote sees all lanes.
    expect_each(run_threads(64,
                            "and.b32 %r0, %t, 3; setp.eq.u32 %p0, %r0, 2; @%p0 bra A; mov.u32 %v, 10; bra.uni B; A: mov.u32 %v, 20; B: "
                            "activemask.b32 %r1; popc.b32 %r1, %r1; add.u32 %v, %v, %r1;"),
                "reconvergence", [](uint32_t t) { return (t & 3) == 2 ? 52u : 42u; });
    // Part of a warp exits in a loop, the rest goes on.
    expect_each(run_threads(96,
                            "mov.u32 %r0, 0; L: setp.eq.u32 %p0, %r0, %t; @%p0 exit; add.u32 %r0, %r0, 1; setp.lt.u32 %p1, %r0, 5; @%p1 "
                            "bra L; mov.u32 %v, %r0;"),
                "exit of some lanes", [](uint32_t t) { return t < 5 ? 0xdeadbeefu : 5u; });
    // brx.idx, with entries that share a target and one that waits for none.
    expect_each(run_threads(64,
                            "and.b32 %r0, %t, 3; T: .branchtargets A, B, C, B; brx.idx %r0, T; A: mov.u32 %v, 1; bra.uni E; B: mov.u32 %v, "
                            "2; bra.uni E; C: mov.u32 %v, 3; E: activemask.b32 %r1; popc.b32 %r1, %r1; add.u32 %v, %v, %r1;"),
                "brx.idx", [](uint32_t t) {
                    return 32 + ((t & 3) == 0 ? 1u : (t & 3) == 2 ? 3u : 2u);
                });
    Outcome o;
    run_threads(64,
                "setp.lt.u32 %p0, %t, 40; @%p0 bra A; add.u32 %v, %v, 1; A: setp.lt.u32 %p1, %t, 64; @%p1 bra B; add.u32 %v, %v, 1; B:", "",
                0, &o);
    expect_equal(o.counters.branches, 4, "branches");
    expect_equal(o.counters.divergent_branches, 1, "divergent branches");
    // One side of a branch waits for what the other does: sides take turns.
    expect_each(run_threads(32,
                            "setp.eq.u32 %p0, %t, 0; @%p0 st.shared.u32 [flag], 0; bar.sync 0; @%p0 bra GIVE; WAIT: ld.volatile.shared.u32 "
                            "%r0, [flag]; setp.eq.u32 %p1, %r0, 0; @%p1 bra WAIT; mov.u32 %v, %r0; bra.uni E; GIVE: atom.shared.exch.b32 "
                            "%r1, [flag], 9; mov.u32 %v, 9; E:",
                            ".shared .align 4 .u32 flag;\n"),
                "spinning", [](uint32_t) { return 9u; });
}

TEST_GROUP(calls) {
    const std::string triple =
        ".func (.param .b32 result) triple(.param .b32 x)\n{ .reg .b32 %r<3>; .reg .pred %p; ld.param.u32 %r0, [x]; setp.gt.u32 %p, %r0, "
        "40; @%p bra BIG; mul.lo.u32 %r0, %r0, 3; st.param.b32 [result+0], %r0; ret; BIG: mov.u32 %r1, 0; st.param.b32 [result+0], %r1; "
        "ret; }\n";
    const std::string call =
        "{ .param .b32 a0; .param .b32 r0; st.param.b32 [a0+0], %t; call.uni (r0), triple, (a0); ld.param.b32 %v, [r0+0]; }";
    expect_each(run_threads(64, call, triple), "call", [](uint32_t t) { return t > 40 ? 0 : 3 * t; });
    expect_each(
        run_threads(64,
                    "setp.lt.u32 %p0, %t, 10; @%p0 bra SKIP;" + call + "SKIP: activemask.b32 %r1; popc.b32 %r1, %r1; add.u32 %v, %v, %r1;",
                    triple),
        "call of some lanes", [](uint32_t t) { return 32 + (t < 10 || t > 40 ? 0 : 3 * t); });
    const std::string sum =
        ".func (.param .b32 result) below(.param .b32 x)\n{ .reg .b32 %r<4>; .reg .pred %p; ld.param.u32 %r0, [x]; mov.u32 %r1, 0; "
        "setp.eq.u32 %p, %r0, 0; @%p bra END;\n"
        "{ .param .b32 a0; .param .b32 r0; sub.u32 %r2, %r0, 1; st.param.b32 [a0+0], %r2; call.uni (r0), below, (a0); ld.param.b32 %r1, "
        "[r0+0]; } add.u32 %r1, %r1, %r0; END: st.param.b32 [result+0], %r1; ret; }\n";
    expect_each(
        run_threads(64, "{ .param .b32 a0; .param .b32 r0; st.param.b32 [a0+0], %t; call.uni (r0), below, (a0); ld.param.b32 %v, [r0+0]; }",
                    sum),
        "recursion, each lane to its depth", [](uint32_t t) { return t * (t + 1) / 2; });
    // An array by address: local memory of two functions.
    const std::string fill =
        ".func fill(.param .b64 p)\n{ .local .align 4 .b8 own[16]; .reg .b64 %a<3>; .reg .b32 %x; ld.param.u64 %a0, [p]; mov.u32 %x, 5; "
        "mov.u64 %a1, own; st.local.u32 [%a1+12], %x; ld.local.u32 %x, [%a1+12]; st.u32 [%a0+8], %x; ret; }\n";
    expect_each(
        run_threads(
            64,
            ".local .align 8 .b8 depot[24]; mov.u64 %rd2, depot; cvta.local.u64 %rd3, %rd2; st.local.u32 [%rd2+16], %t; { .param .b64 a0; "
            "st.param.b64 [a0+0], %rd3; call.uni fill, (a0); } ld.local.u32 %r0, [depot+8]; ld.u32 %r1, [%rd3+16]; add.u32 %v, %r0, %r1;",
            fill),
        "local memory", [](uint32_t t) { return t + 5; });
}

TEST_GROUP(barriers) {
    const std::string shared = ".shared .align 4 .b8 row[1024];\n";
    // Each thread reads what the thread 100 further wrote; all warps run in several orders.
    expect_each(run_threads(256,
                            "mul.wide.u32 %rd2, %t, 4; mov.u64 %rd3, row; add.s64 %rd2, %rd3, %rd2; mul.lo.u32 %r0, %t, 7; st.shared.u32 "
                            "[%rd2], %r0; bar.sync 0; add.u32 %r1, %t, 100; and.b32 %r1, %r1, 255; mul.wide.u32 %rd2, %r1, 4; add.s64 "
                            "%rd2, %rd3, %rd2; ld.shared.u32 %v, [%rd2];",
                            shared),
                "bar.sync", [](uint32_t t) { return (t + 100) % 256 * 7; });
    expect_each(run_threads(100,
                            "setp.lt.u32 %p0, %t, 70; bar.red.popc.u32 %v, 0, %p0; bar.red.and.pred %p1, 0, %p0; @%p1 add.u32 %v, %v, "
                            "1000; barrier.sync 0; bar.red.or.pred %p2, 0, !%p0; @%p2 add.u32 %v, %v, 2000;"),
                "bar.red", [](uint32_t) { return 2070u; });
    // Named barriers of two warps each.
    expect_each(run_threads(128,
                            "shr.u32 %r0, %t, 6; add.u32 %r0, %r0, 1; mul.wide.u32 %rd2, %t, 4; mov.u64 %rd3, row; add.s64 %rd2, %rd3, "
                            "%rd2; st.shared.u32 [%rd2], %t; barrier.sync %r0, 64; xor.b32 %r1, %t, 32; mul.wide.u32 %rd2, %r1, 4; add.s64 "
                            "%rd2, %rd3, %rd2; ld.shared.u32 %v, [%rd2];",
                            shared),
                "barrier.sync of some warps", [](uint32_t t) { return t ^ 32; });
    Outcome o;
    run_threads(64, "bar.sync 0; bar.warp.sync -1; bar.sync 1;", "", 0, &o);
    expect_equal(o.counters.barriers, 4, "barriers");
}

TEST_GROUP(special_registers) {
    const Memory out(std::vector<uint32_t>(24 * 13, 0));
    const std::string body =
        ".reg .b32 %x<13>, %b, %t; .reg .b64 %a, %o;\n"
        "mov.u32 %x0, %tid.x; mov.u32 %x1, %tid.y; mov.u32 %x2, %ctaid.x; mov.u32 %x3, %ctaid.y; mov.u32 %x4, %ntid.x; mov.u32 %x5, "
        "%nctaid.y; mov.u32 %x6, %laneid; mov.u32 %x7, %warpid; mov.u32 %x8, %smid; mov.u32 %x9, %lanemask_lt; mov.u32 %x10, "
        "%dynamic_smem_size; mov.u32 %x11, %nsmid; mov.u32 %x12, %clock;\n"
        "mad.lo.u32 %t, %x1, 2, %x0; mad.lo.u32 %b, %x3, 3, %x2; mad.lo.u32 %b, %b, 4, %t; ld.param.u64 %a, [p0]; mul.wide.u32 %o, %b, 52; "
        "add.s64 %a, %a, %o;\n"
        "st.global.u32 [%a], %x0; st.global.u32 [%a+4], %x1; st.global.u32 [%a+8], %x2; st.global.u32 [%a+12], %x3; st.global.u32 [%a+16], "
        "%x4; st.global.u32 [%a+20], %x5; st.global.u32 [%a+24], %x6; st.global.u32 [%a+28], %x7; st.global.u32 [%a+32], %x8; "
        "st.global.u32 [%a+36], %x9; st.global.u32 [%a+40], %x10; st.global.u32 [%a+44], %x11; st.global.u32 [%a+48], %x12;";
    const Outcome o = launch(module(1, body), {3, 2, 1}, {2, 2, 1}, {out.address}, 96);
    expect(o.result == 0 && o.count == 0, "special registers: " + o.findings);
    const auto v = out.read<uint32_t>();
    for (uint32_t k = 0; k < 24; ++k) {
        const uint32_t *x = &v[k * 13], t = k % 4, b = k / 4;
        const uint32_t wanted[12] = {t % 2, t / 2, b % 3, b / 3, 2, 2, t, 0, b % 2, (1u << t) - 1, 96, 2};
        for (int r = 0; r < 12; ++r) expect_equal(x[r], wanted[r], "special register " + std::to_string(r));
    }
}

TEST_GROUP(warp_operations) {
    const auto shuffled = [](const std::string& instruction, uint32_t (*wanted)(uint32_t)) {
        expect_each(run_threads(64, "mul.lo.u32 %r0, %t, 3; " + instruction), instruction, wanted);
    };
    shuffled("shfl.sync.bfly.b32 %v, %r0, 5, 31, -1;", [](uint32_t t) { return (t ^ 5) * 3; });
    shuffled("shfl.sync.up.b32 %v|%p0, %r0, 4, 0, -1; @!%p0 mov.u32 %v, 1;", [](uint32_t t) { return t % 32 < 4 ? 1 : (t - 4) * 3; });
    shuffled("shfl.sync.down.b32 %v|%p0, %r0, 3, 31, -1; @!%p0 mov.u32 %v, 1;", [](uint32_t t) { return t % 32 > 28 ? 1 : (t + 3) * 3; });
    shuffled("shfl.sync.idx.b32 %v, %r0, 7, 31, 0xffffffff;", [](uint32_t t) { return (t / 32 * 32 + 7) * 3; });
    shuffled("shfl.sync.idx.b32 %v, %r0, %t, 0x181f, -1;", [](uint32_t t) { return t * 3; });  // in groups of 8
    shuffled("shfl.sync.idx.b32 %v, %r0, 2, 0x181f, -1;", [](uint32_t t) { return (t / 8 * 8 + 2) * 3; });
    shuffled("and.b32 %r1, %t, 1; setp.eq.u32 %p0, %r1, 0; vote.sync.ballot.b32 %v, %p0, -1;", [](uint32_t) { return 0x55555555u; });
    shuffled(
        "setp.lt.u32 %p0, %t, 40; vote.sync.all.pred %p1, %p0, -1; vote.sync.any.pred %p2, %p0, -1; vote.sync.uni.pred %p3, %p0, -1; @%p1 "
        "add.u32 %v, %v, 1; @%p2 add.u32 %v, %v, 2; @%p3 add.u32 %v, %v, 4;",
        [](uint32_t t) { return t < 32 ? 7u : 2u; });
    shuffled("shr.u32 %r1, %t, 3; match.any.sync.b32 %v, %r1, -1;", [](uint32_t t) { return 0xffu << (t % 32 / 8 * 8); });
    shuffled("shr.u32 %r1, %t, 5; match.all.sync.b32 %v|%p0, %r1, -1; @!%p0 mov.u32 %v, 3;", [](uint32_t) { return ~0u; });
    shuffled("match.all.sync.b32 %v|%p0, %t, -1; @%p0 mov.u32 %v, 3;", [](uint32_t) { return 0u; });
    shuffled("redux.sync.add.u32 %v, %t, -1;", [](uint32_t t) { return t < 32 ? 496u : 496u + 1024; });
    shuffled("sub.u32 %r1, 10, %t; redux.sync.min.s32 %v, %r1, -1;", [](uint32_t t) { return static_cast<uint32_t>(t < 32 ? -21 : -53); });
    shuffled("redux.sync.xor.b32 %v, %t, -1;", [](uint32_t) { return 0u; });
    // Lanes of a mask only.
    shuffled(
        "setp.ge.u32 %p1, %t, 32; @%p1 bra E; setp.lt.u32 %p0, %t, 16; @%p0 bra A; bra.uni E; A: redux.sync.add.u32 %v, %t, 0xffff; E:",
        [](uint32_t t) { return t < 16 ? 120u : 0u; });
}
