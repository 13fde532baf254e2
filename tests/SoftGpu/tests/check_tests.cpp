// Each check, with a kernel that commits the fault, and one that nearly does.
#include <algorithm>

#include "../findings.h"
#include "../settings.h"
#include "testing.h"

using namespace softgpu;
using namespace softgpu::testing;

namespace {

const std::string head =
    ".reg .b32 %t, %b, %n, %r<9>; .reg .b64 %p, %q, %o, %rd<9>; .reg .pred %c<4>;\n"
    "mov.u32 %t, %tid.x; mov.u32 %b, %ctaid.x; mov.u32 %n, %ntid.x; ld.param.u64 %p, [p0]; ld.param.u64 %q, [p1]; mul.wide.u32 %o, %t, "
    "4;\n";
const std::string row = ".shared .align 4 .b8 row[1024];\n";
const std::string mine =
    "mov.u32 %r7, row; mad.lo.u32 %r0, %t, 4, %r7; xor.b32 %r1, %t, 1; mad.lo.u32 %r1, %r1, 4, %r7; add.u32 %r2, %t, 32; and.b32 %r2, %r2, "
    "63; mad.lo.u32 %r2, %r2, 4, %r7;\n";

Outcome with(const std::string& body, Dim3 grid, Dim3 block, uint64_t p, uint64_t q = 0, const std::string& before = row) {
    return launch(module(2, head + body, before), grid, block, {p, q});
}

void finds(const Outcome& o, int result, const std::string& text, const std::string& what, long count = 1) {  // count 0: any number
    expect(o.result == result, what + ": result " + std::to_string(o.result) + ", expected " + std::to_string(result));
    expect_contains(o.findings, text, what);
    expect(count ? o.count == count : o.count > 0, what + ": " + std::to_string(o.count) + " findings: " + o.findings);
}

void clean(const Outcome& o, const std::string& what) {
    expect(o.result == 0 && o.count == 0, what + ": " + std::to_string(o.result) + " " + o.findings);
}

const Memory& ones() {
    static const Memory m(std::vector<uint32_t>(64, 1));
    return m;
}

}  // namespace

TEST_GROUP(global_bounds) {
    const uint64_t p = ones().address;
    clean(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p];", {1, 1, 1}, {64, 1, 1}, p), "the last element");
    finds(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p];", {1, 1, 1}, {65, 1, 1}, p), 700,
          "block 0, thread 64: reads 4 bytes out of bounds: 1 byte behind an allocation of 256 bytes", "one behind");
    finds(with("add.s64 %p, %p, %o; st.global.u32 [%p+-8], %t;", {1, 1, 1}, {1, 1, 1}, p), 700,
          "thread 0: writes 4 bytes out of bounds: 8 bytes before an allocation of 256 bytes", "before the first");
    finds(with("ld.global.v2.u32 {%r0, %r1}, [%p+252];", {1, 1, 1}, {1, 1, 1}, p + 4), 700, "reads 8 bytes out of bounds",
          "across the end");
    finds(with("atom.global.add.u32 %r0, [%p+4096], 1;", {1, 1, 1}, {1, 1, 1}, p), 700, "changes 4 bytes out of bounds", "an atomic");
    finds(with("ld.u32 %r0, [%p];", {1, 1, 1}, {32, 1, 1}, 0), 700, "a null pointer (32 times)", "null");
    finds(with("st.global.u32 [%p+16], %t;", {1, 1, 1}, {1, 1, 1}, 0), 700, "a null pointer plus 16 bytes", "null plus something");
    finds(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p+2];", {1, 1, 1}, {2, 1, 1}, p), 716,
          "thread 0: reads 4 bytes at an address that is no multiple of 4", "misaligned");
    finds(with("ld.global.v4.u32 {%r0, %r1, %r2, %r3}, [%p+8];", {1, 1, 1}, {1, 1, 1}, p), 716, "no multiple of 16", "a misaligned vector");
    const uint64_t gone = allocate(512);
    release(gone);
    finds(with("add.s64 %p, %p, %o; st.global.u32 [%p], %t;", {1, 1, 1}, {32, 1, 1}, gone), 700,
          "writes 4 bytes of freed memory: byte 0 of a freed allocation of 512 bytes", "use after free");
    const Memory fresh(256);
    finds(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p];", {1, 1, 1}, {32, 1, 1}, fresh.address), 719,
          "reads 4 bytes of uninitialised memory: byte 0 of an allocation of 256 bytes (32 times)", "uninitialised");
    clean(with("add.s64 %p, %p, %o; st.global.u32 [%p+128], %t; ld.global.u32 %r0, [%p+128];", {1, 1, 1}, {32, 1, 1}, fresh.address),
          "written, then read");
    settings().checks = false;
    const Memory other(256);
    clean(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p];", {1, 1, 1}, {32, 1, 1}, other.address), "uninitialised, checks off");
    finds(with("add.s64 %p, %p, %o; ld.global.u32 %r0, [%p];", {1, 1, 1}, {65, 1, 1}, p), 700, "out of bounds",
          "bounds are always checked");
    settings().checks = true;
}

TEST_GROUP(shared_and_local_bounds) {
    finds(with("mov.u32 %r0, row; st.shared.u32 [%r0+1024], %t;", {1, 1, 1}, {1, 1, 1}, 0), 700,
          "writes 4 bytes at 1,024 of 1,024 bytes of shared memory", "shared bounds");
    finds(with("mov.u32 %r0, row; ld.shared.u32 %r1, [%r0+2];", {1, 1, 1}, {1, 1, 1}, 0), 716, "of shared memory at 2, no multiple of 4",
          "shared alignment");
    finds(with("mov.u32 %r0, row; ld.shared.u32 %r1, [%r0+8];", {1, 1, 1}, {1, 1, 1}, 0), 719,
          "reads 4 bytes of uninitialised shared memory, at 8", "shared initialisation");
    finds(with(".local .align 4 .b8 own[16]; mov.u64 %rd0, own; st.local.u32 [%rd0+16], %t;", {1, 1, 1}, {1, 1, 1}, 0), 700,
          "writes 4 bytes at 16 of 16 bytes of local memory", "local bounds");
    finds(with(".local .align 4 .b8 own[16]; ld.local.u32 %r1, [own+4];", {1, 1, 1}, {1, 1, 1}, 0), 719,
          "reads 4 bytes of uninitialised local memory, at 4", "local initialisation");
    finds(with("ld.param.u64 %rd0, [p1+8];", {1, 1, 1}, {1, 1, 1}, 0), 700, "reads 8 bytes at 16 of 16 bytes of parameters", "parameters");
}

TEST_GROUP(shared_races) {
    const auto two_warps = [](const std::string& body) { return with(mine + body, {1, 1, 1}, {64, 1, 1}, 0); };
    const auto one_warp = [](const std::string& body) { return with(mine + body, {1, 1, 1}, {32, 1, 1}, 0); };
    clean(two_warps("st.shared.u32 [%r0], %t; bar.sync 0; ld.shared.u32 %r3, [%r2]; bar.sync 0; st.shared.u32 [%r1], %t;"),
          "barriers between");
    finds(two_warps("st.shared.u32 [%r0], %t; ld.shared.u32 %r3, [%r2];"), 719, "with no barrier between", "a read of another warp's write",
          3);  // and of what is not yet written
    finds(two_warps("st.shared.u32 [%r0], %t; bar.sync 0; ld.shared.u32 %r3, [%r2]; st.shared.u32 [%r0], %t;"), 719, "that thread",
          "a write after another warp's read", 2);
    finds(one_warp("st.shared.u32 [%r0], %t; ld.shared.u32 %r3, [%r1];"), 719,
          "reads 4 bytes of shared memory at 4 that thread 1 wrote with no barrier between", "lanes of one warp");
    clean(two_warps("st.shared.u32 [%r0], %t; bar.warp.sync -1; ld.shared.u32 %r3, [%r1];"), "bar.warp.sync between");
    finds(two_warps("st.shared.u32 [%r0], %t; shfl.sync.idx.b32 %r4, %t, 0, 31, -1; ld.shared.u32 %r3, [%r1];"), 719,
          "with no barrier between", "a shuffle orders no memory");
    finds(two_warps("st.shared.u32 [%r0], %t; bar.warp.sync -1; ld.shared.u32 %r3, [%r2];"), 719, "with no barrier between",
          "bar.warp.sync orders one warp only", 3);
    finds(two_warps("st.shared.u32 [row], %t;"), 719, "writes 4 bytes of shared memory at 0 that thread", "all write one place");
    clean(with("mov.u32 %r0, 5; st.shared.u32 [row], %r0;", {1, 1, 1}, {32, 1, 1}, 0), "lanes of an instruction that write the same");
    finds(with("mov.u32 %r0, 5; st.shared.u32 [row], %r0;", {1, 1, 1}, {64, 1, 1}, 0), 719, "with no barrier between",
          "warps that write the same");
    clean(two_warps("setp.eq.u32 %c0, %t, 0; @%c0 st.shared.u32 [row], %t; bar.sync 0; atom.shared.add.u32 %r3, [row], 1;"), "atomics");
    finds(two_warps("setp.eq.u32 %c0, %t, 0; @%c0 st.shared.u32 [row], %t; bar.sync 0; atom.shared.add.u32 %r3, [row], 1; ld.shared.u32 "
                    "%r4, [row];"),
          719, "with no barrier between", "a plain read beside atomics", 0);
    clean(with("mov.u32 %r0, row; add.u32 %r0, %r0, %t; st.shared.u8 [%r0], %t;", {1, 1, 1}, {64, 1, 1}, 0), "bytes of one word");
    clean(with("mov.u32 %r7, row; mad.lo.u32 %r0, %t, 2, %r7; st.shared.u16 [%r0], %t; ld.shared.u16 %r1, [%r0]; st.shared.u16 [%r0], %r1; "
               "ld.shared.u16 %r1, [%r0]; st.shared.u16 [%r0], %r1;",
               {1, 1, 1}, {64, 1, 1}, 0),
          "halves of one word");
    finds(with("mov.u32 %r0, row; shr.u32 %r1, %t, 1; add.u32 %r0, %r0, %r1; st.shared.u8 [%r0], %t;", {1, 1, 1}, {32, 1, 1}, 0), 719,
          "writes 1 byte", "one byte");
    finds(with("mov.u32 %r7, row; mad.lo.u32 %r0, %t, 8, %r7; mad.lo.u32 %r1, %t, 16, %r7; mov.u32 %r3, 0; st.shared.v2.u32 [%r0], {%r3, "
               "%r3}; ld.shared.v4.u32 {%r3, %r4, %r5, %r6}, [%r7];",
               {1, 1, 1}, {32, 1, 1}, 0),
          719, "reads 16 bytes", "vectors");
    // Epochs end with the block: the next one begins afresh.
    clean(with(mine + "st.shared.u32 [%r0], %t; bar.sync 0; ld.shared.u32 %r3, [%r2];", {50, 1, 1}, {64, 1, 1}, 0), "block after block");
}

TEST_GROUP(global_races) {
    const Memory m(std::vector<uint32_t>(64, 0)), n(std::vector<uint32_t>(64, 0));
    const auto blocks = [&](const std::string& body) {
        return with("mad.lo.u32 %r0, %b, %n, %t; mul.wide.u32 %o, %r0, 4; add.s64 %rd0, %p, %o; add.s64 %rd1, %q, %o;" + body, {4, 1, 1},
                    {16, 1, 1}, m.address, n.address);
    };
    clean(blocks("ld.global.u32 %r1, [%rd0]; st.global.u32 [%rd1], %r1;"), "each its own");
    finds(blocks("st.global.u32 [%p], %r0;"), 719, "writes 4 bytes that another block touches in the same launch, with no atomics: byte 0",
          "all write one place");
    finds(blocks("mov.u32 %r1, 3; st.global.u32 [%p], %r1;"), 719, "that another block touches", "all write the same");
    finds(blocks("ld.global.u32 %r1, [%p]; st.global.u32 [%rd0], %r1;"), 719, "in the same launch, with no atomics",
          "one reads what another writes", 0);
    clean(blocks("red.global.add.u32 [%p], 1;"), "atomics");
    clean(blocks("ld.volatile.global.u32 %r2, [%p]; atom.global.add.u32 %r1, [%p], 1;"), "atomics and volatile reads");
    const Outcome o = blocks("ld.global.u32 %r2, [%p]; atom.global.add.u32 %r1, [%p], 1;");
    expect_contains(o.findings, "in the same launch, with no atomics", "a plain read beside atomics");
    finds(with("add.s64 %p, %p, %o; st.global.u32 [%p], %t; ld.global.nc.u32 %r1, [%p];", {2, 1, 1}, {1, 1, 1}, n.address), 719,
          "reads 4 bytes as read-only that the launch writes", "ld.nc of what the launch writes", 2);
    clean(with("add.s64 %p, %p, %o; st.global.u32 [%p], %t;", {1, 1, 1}, {32, 1, 1}, m.address), "one block");
    clean(with("mad.lo.u32 %r0, %b, 32, %t; cvt.u64.u32 %rd0, %r0; add.s64 %p, %p, %rd0; st.global.u8 [%p], %t;", {8, 1, 1}, {32, 1, 1},
               m.address),
          "bytes of one word");
    // Two blocks, each with a half of one word that it reads and writes again and again.
    clean(with("mul.wide.u32 %o, %b, 2; add.s64 %p, %p, %o; ld.global.u16 %r0, [%p]; st.global.u16 [%p], %r0; ld.global.u16 %r0, [%p]; "
               "st.global.u16 [%p], %r0;",
               {2, 1, 1}, {1, 1, 1}, m.address),
          "halves of one word");
}

TEST_GROUP(barrier_faults) {
    finds(with("setp.lt.u32 %c0, %t, 16; @%c0 bra A; bra.uni B; A: bar.sync 0; B:", {1, 1, 1}, {32, 1, 1}, 0), 719,
          "thread 16: does not reach the barrier that thread 0 of its warp waits at", "a barrier in divergent code");
    const Outcome o = with("setp.lt.u32 %c0, %t, 32; @%c0 bar.sync 0;", {1, 1, 1}, {64, 1, 1}, 0);
    expect(o.result == 719, "a barrier that one warp skips");
    expect_contains(o.findings, "waits at a barrier that 32 of the block's 64 threads, which left the kernel, never reach",
                    "a barrier that one warp skips");
    finds(with("setp.lt.u32 %c0, %t, 32; @%c0 bra A; barrier.sync 1; bra.uni B; A: barrier.sync 2; B:", {1, 1, 1}, {64, 1, 1}, 0), 719,
          "waits for ever at barrier", "warps at two barriers");
    finds(with("setp.lt.u32 %c0, %t, 8; @%c0 bra A; bra.uni B; A: bar.warp.sync -1; B:", {1, 1, 1}, {32, 1, 1}, 0), 719,
          "thread 8: is named by the mask but does not take part", "bar.warp.sync");
    finds(with("setp.lt.u32 %c0, %t, 8; @%c0 bra A; bra.uni B; A: shfl.sync.bfly.b32 %r0, %t, 1, 31, -1; B:", {1, 1, 1}, {32, 1, 1}, 0),
          719, "is named by the mask but does not take part", "shfl.sync");
    finds(with("vote.sync.ballot.b32 %r0, %c0, 0xff;", {1, 1, 1}, {32, 1, 1}, 0), 719, "thread 8: takes part but is not named by the mask",
          "vote.sync");
    clean(with("setp.ge.u32 %c0, %t, 8; @%c0 exit; bar.warp.sync -1;", {1, 1, 1}, {32, 1, 1}, 0), "lanes that left need not come");
    finds(with("trap;", {1, 1, 1}, {1, 1, 1}, 0), 719, "executes trap", "trap");
}

TEST_GROUP(places) {
    std::string error;
    const std::string text =
        ".version 7.8\n.target sm_75\n.address_size 64\n.visible .entry test(.param .u64 p0)\n{\n.reg .b64 %p;\n.reg .b32 %r;\n.loc 1 7 "
        "3\nld.param.u64 %p, [p0];\n"
        ".loc 2 41 5, function_name $L__info_string0, inlined_at 1 10 23\n.loc 3 88 5, function_name $L__info_string1, inlined_at 2 41 "
        "5\nld.global.u32 %r, [%p];\n.loc 3 0 5\nret;\n}\n"
        ".file 1 \"/somewhere/norm.cu\"\n.file 2 \"/somewhere/kernel.h\"\n.file 3 \"/somewhere/cuda/dialect.h\", 1, 2\n";
    // The files are named after the code, as NVRTC does it.
    const Outcome o = launch(text, {1, 1, 1}, {1, 1, 1}, {0});
    expect_contains(o.findings, "test, dialect.h:88 in norm.cu:10, block 0, thread 0: reads 4 bytes out of bounds: a null pointer",
                    "place");
}

TEST_GROUP(refusals) {
    const auto refuses = [](const std::string& text, const std::string& message) {
        std::string error;
        expect(!parse(text, error), message + ": parsed");
        expect_contains(error, message, "refusal");
    };
    refuses(module(0, ".reg .b32 %r;\nfrobnicate.b32 %r, %r;"), "PTX line 8: unknown instruction frobnicate.b32");
    refuses(module(0, ".reg .b32 %r<2>; add.s32.strange %r0, %r0, %r1;"), "unknown instruction add.s32.strange");
    refuses(module(0, ".reg .b32 %r<2>; add.s32 %r0, %r0, %r2;"), "%r2");
    refuses(module(0, "bra NOWHERE;"), "NOWHERE");
    refuses(module(0, "call.uni missing, ();"), "missing");
    refuses(".version 7.8\n.target sm_90\n.address_size 64\n", "the text is for sm_90, the device is sm_80");
    refuses("?", "unexpected character '?'");
    std::string error;
    const auto program = parse(module(2, "", ".global .align 8 .b8 table[40];\n"), error);
    expect(program && find_kernel(*program, "test") && !find_kernel(*program, "other"), "find_kernel");
    uint64_t address = 0;
    size_t bytes = 0;
    expect(find_global(*program, "table", address, bytes) && bytes == 40 && contains(address, 40) &&
               !find_global(*program, "other", address, bytes),
           "find_global");
    const KernelFacts& facts = facts_of(*find_kernel(*program, "test"));
    expect(facts.parameters.size() == 2 && facts.parameter_bytes == 16 && facts.parameters[1].offset == 8, "facts");
    const auto more = parse(
        ".version 7.8\n.target sm_75\n.address_size 64\n.visible .entry k(.param .u8 a, .param .align 8 .b8 b[24], .param .f32 "
        "c)\n.maxntid 128, 2, 1\n{ .shared .align 8 .b8 s[100]; .local .align 8 .b8 l[40]; ret; }\n",
        error);
    const KernelFacts& other = facts_of(*find_kernel(*more, "k"));
    expect(other.parameters[1].offset == 8 && other.parameters[2].offset == 32 && other.parameter_bytes == 36 && other.max_threads == 256 &&
               other.static_shared == 100 && other.local == 40,
           "facts of another");
}

TEST_GROUP(seeds) {
    // The order of blocks differs by seed; what they do does not.
    const auto order = [](uint64_t seed) {
        settings().seed = seed;
        settings().threads = 1;
        const Memory next(std::vector<uint32_t>{0}), out(std::vector<uint32_t>(50, 0));
        const Outcome o = with("atom.global.add.u32 %r0, [%p], 1; mul.wide.u32 %rd0, %r0, 4; add.s64 %q, %q, %rd0; st.global.u32 [%q], %b;",
                               {50, 1, 1}, {1, 1, 1}, next.address, out.address);
        clean(o, "blocks in order");
        settings().threads = 0;
        settings().seed = 1;
        return out.read<uint32_t>();
    };
    auto a = order(1), b = order(2);
    expect(a != b, "two seeds, two orders");
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    expect(a == b && a[49] == 49, "each block once");
}
