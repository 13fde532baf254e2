// Integer arithmetic and bits, against the host's wide arithmetic.
#include <algorithm>

#include "testing.h"

using namespace softgpu::testing;

namespace {

const auto a16 = numbers<uint16_t>(), b16 = numbers<uint16_t>(1), c16 = numbers<uint16_t>(2);
const auto a32 = numbers<uint32_t>(), b32 = numbers<uint32_t>(1), c32 = numbers<uint32_t>(2);
const auto a64 = numbers<uint64_t>(), b64 = numbers<uint64_t>(1), c64 = numbers<uint64_t>(2);
const auto sa16 = numbers<int16_t>(), sb16 = numbers<int16_t>(1);
const auto sa32 = numbers<int32_t>(), sb32 = numbers<int32_t>(1), sc32 = numbers<int32_t>(2);
const auto sa64 = numbers<int64_t>(), sb64 = numbers<int64_t>(1), sc64 = numbers<int64_t>(2);
using U128 = unsigned __int128;
using S128 = __int128;

uint32_t reversed(uint32_t x) {
    uint32_t r = 0;
    for (int k = 0; k < 32; ++k) r = r << 1 | ((x >> k) & 1);
    return r;
}

}  // namespace

TEST_GROUP(integer_arithmetic) {
    check<uint16_t>("add.u16 %d, %a, %b;", [](uint16_t a, uint16_t b) { return static_cast<uint16_t>(a + b); }, a16, b16);
    check<uint32_t>("add.s32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return a + b; }, a32, b32);
    check<uint64_t>("add.s64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a + b; }, a64, b64);
    check<int32_t>(
        "add.sat.s32 %d, %a, %b;",
        [](int32_t a, int32_t b) { return static_cast<int32_t>(std::clamp<int64_t>(int64_t(a) + b, INT32_MIN, INT32_MAX)); }, sa32, sb32);
    check<int32_t>(
        "sub.sat.s32 %d, %a, %b;",
        [](int32_t a, int32_t b) { return static_cast<int32_t>(std::clamp<int64_t>(int64_t(a) - b, INT32_MIN, INT32_MAX)); }, sa32, sb32);
    check<uint32_t>("sub.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return a - b; }, a32, b32);
    check<uint64_t>("sub.s64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a - b; }, a64, b64);
    check<uint16_t>("mul.lo.u16 %d, %a, %b;", [](uint16_t a, uint16_t b) { return static_cast<uint16_t>(uint32_t(a) * b); }, a16, b16);
    check<uint32_t>("mul.lo.s32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return a * b; }, a32, b32);
    check<uint64_t>("mul.lo.s64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a * b; }, a64, b64);
    check<uint32_t>(
        "mul.hi.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t(a) * b >> 32); }, a32, b32);
    check<int32_t>("mul.hi.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return static_cast<int32_t>(int64_t(a) * b >> 32); }, sa32, sb32);
    check<uint64_t>("mul.hi.u64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return static_cast<uint64_t>(U128(a) * b >> 64); }, a64, b64);
    check<int64_t>("mul.hi.s64 %d, %a, %b;", [](int64_t a, int64_t b) { return static_cast<int64_t>(S128(a) * b >> 64); }, sa64, sb64);
    check<uint32_t>("mul.wide.u16 %d, %a, %b;", [](uint16_t a, uint16_t b) { return uint32_t(a) * b; }, a16, b16);
    check<int32_t>("mul.wide.s16 %d, %a, %b;", [](int16_t a, int16_t b) { return int32_t(a) * b; }, sa16, sb16);
    check<uint64_t>("mul.wide.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return uint64_t(a) * b; }, a32, b32);
    check<int64_t>("mul.wide.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return int64_t(a) * b; }, sa32, sb32);
    check<uint32_t>("mad.lo.s32 %d, %a, %b, %c;", [](uint32_t a, uint32_t b, uint32_t c) { return a * b + c; }, a32, b32, c32);
    check<uint64_t>("mad.lo.u64 %d, %a, %b, %c;", [](uint64_t a, uint64_t b, uint64_t c) { return a * b + c; }, a64, b64, c64);
    check<uint32_t>(
        "mad.hi.u32 %d, %a, %b, %c;", [](uint32_t a, uint32_t b, uint32_t c) { return static_cast<uint32_t>(uint64_t(a) * b >> 32) + c; },
        a32, b32, c32);
    check<int64_t>(
        "mad.wide.s32 %d, %a, %b, %c;",
        [](int32_t a, int32_t b, int64_t c) {
            return static_cast<int64_t>(static_cast<uint64_t>(int64_t(a) * b) + static_cast<uint64_t>(c));
        },
        sa32, sb32, sc64);
    check<int32_t>(
        "mad.hi.sat.s32 %d, %a, %b, %c;",
        [](int32_t a, int32_t b, int32_t c) {
            return static_cast<int32_t>(std::clamp<int64_t>((int64_t(a) * b >> 32) + c, INT32_MIN, INT32_MAX));
        },
        sa32, sb32, sc32);
    check<uint32_t>(
        "mul24.lo.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t(a & 0xffffff) * (b & 0xffffff)); },
        a32, b32);
    check<uint32_t>(
        "mul24.hi.u32 %d, %a, %b;",
        [](uint32_t a, uint32_t b) { return static_cast<uint32_t>(uint64_t(a & 0xffffff) * (b & 0xffffff) >> 16); }, a32, b32);
    check<uint32_t>("div.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return b ? a / b : 0xffffffffu; }, a32, b32);
    check<int32_t>("div.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return b ? static_cast<int32_t>(int64_t(a) / b) : -1; }, sa32, sb32);
    check<int64_t>("div.s64 %d, %a, %b;", [](int64_t a, int64_t b) { return b ? static_cast<int64_t>(S128(a) / b) : -1; }, sa64, sb64);
    check<uint64_t>("div.u64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return b ? a / b : ~0ull; }, a64, b64);
    check<uint32_t>("rem.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return b ? a % b : a; }, a32, b32);
    check<int64_t>("rem.s64 %d, %a, %b;", [](int64_t a, int64_t b) { return b ? static_cast<int64_t>(S128(a) % b) : a; }, sa64, sb64);
    check<int32_t>(
        "abs.s32 %d, %a;", [](int32_t a) { return static_cast<int32_t>(a < 0 ? 0u - static_cast<uint32_t>(a) : static_cast<uint32_t>(a)); },
        sa32);
    check<uint64_t>("neg.s64 %d, %a;", [](uint64_t a) { return 0 - a; }, a64);
    check<int32_t>("min.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return std::min(a, b); }, sa32, sb32);
    check<uint32_t>("min.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return std::min(a, b); }, a32, b32);
    check<int64_t>("max.s64 %d, %a, %b;", [](int64_t a, int64_t b) { return std::max(a, b); }, sa64, sb64);
    check<int16_t>("max.s16 %d, %a, %b;", [](int16_t a, int16_t b) { return std::max(a, b); }, sa16, sb16);
    check<uint32_t>(
        "sad.s32 %d, %a, %b, %c;",
        [](int32_t a, int32_t b, uint32_t c) { return c + static_cast<uint32_t>(a < b ? int64_t(b) - a : int64_t(a) - b); }, sa32, sb32,
        c32);
}

TEST_GROUP(integer_carry) {
    check<uint64_t>(
        "{ .reg .b32 %al,%ah,%bl,%bh; mov.b64 {%al,%ah}, %a; mov.b64 {%bl,%bh}, %b; add.cc.u32 %al, %al, %bl; addc.u32 %ah, %ah, %bh; "
        "mov.b64 %d, {%al,%ah}; }",
        [](uint64_t a, uint64_t b) { return a + b; }, a64, b64);
    check<uint64_t>(
        "{ .reg .b32 %al,%ah,%bl,%bh; mov.b64 {%al,%ah}, %a; mov.b64 {%bl,%bh}, %b; sub.cc.u32 %al, %al, %bl; subc.u32 %ah, %ah, %bh; "
        "mov.b64 %d, {%al,%ah}; }",
        [](uint64_t a, uint64_t b) { return a - b; }, a64, b64);
    // The high 64 bits of a product, as compilers spell it.
    check<uint64_t>(
        "{ .reg .u32 %r0,%r1,%r2,%r3,%alo,%ahi,%blo,%bhi; mov.b64 {%alo,%ahi}, %a; mov.b64 {%blo,%bhi}, %b;\n"
        "mul.hi.u32 %r0, %alo, %blo; mad.lo.cc.u32 %r0, %alo, %bhi, %r0; madc.hi.u32 %r1, %alo, %bhi, 0; mad.lo.cc.u32 %r0, %ahi, %blo, "
        "%r0;\n"
        "madc.hi.cc.u32 %r1, %ahi, %blo, %r1; addc.u32 %r2, 0, 0; mad.lo.cc.u32 %r1, %ahi, %bhi, %r1; madc.hi.u32 %r2, %ahi, %bhi, %r2; "
        "mov.b64 %d, {%r1,%r2}; }",
        [](uint64_t a, uint64_t b) { return static_cast<uint64_t>(U128(a) * b >> 64); }, a64, b64);
}

TEST_GROUP(integer_bits) {
    check<uint32_t>("and.b32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return a & b; }, a32, b32);
    check<uint16_t>("or.b16 %d, %a, %b;", [](uint16_t a, uint16_t b) { return static_cast<uint16_t>(a | b); }, a16, b16);
    check<uint64_t>("xor.b64 %d, %a, %b;", [](uint64_t a, uint64_t b) { return a ^ b; }, a64, b64);
    check<uint64_t>("not.b64 %d, %a;", [](uint64_t a) { return ~a; }, a64);
    check<uint32_t>("cnot.b32 %d, %a;", [](uint32_t a) { return a == 0 ? 1u : 0u; }, a32);
    check<uint32_t>("shl.b32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return b > 31 ? 0 : a << b; }, a32, b32);
    check<uint64_t>("shl.b64 %d, %a, %b;", [](uint64_t a, uint32_t b) { return b > 63 ? 0 : a << b; }, a64, b32);
    check<uint32_t>("shr.u32 %d, %a, %b;", [](uint32_t a, uint32_t b) { return b > 31 ? 0 : a >> b; }, a32, b32);
    check<int32_t>("shr.s32 %d, %a, %b;", [](int32_t a, uint32_t b) { return a >> std::min(b, 31u); }, sa32, b32);
    check<int64_t>("shr.s64 %d, %a, %b;", [](int64_t a, uint32_t b) { return a >> std::min(b, 63u); }, sa64, b32);
    check<uint32_t>(
        "shf.l.wrap.b32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) { return c & 31 ? b << (c & 31) | a >> (32 - (c & 31)) : b; }, a32, b32, c32);
    check<uint32_t>(
        "shf.r.wrap.b32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) { return c & 31 ? b << (32 - (c & 31)) | a >> (c & 31) : a; }, a32, b32, c32);
    check<uint32_t>(
        "shf.l.clamp.b32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) { return c == 0    ? b
                                                        : c >= 32 ? a
                                                                  : b << c | a >> (32 - c); }, a32, b32, c32);
    check<uint32_t>(
        "shf.r.clamp.b32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) { return c == 0    ? a
                                                        : c >= 32 ? b
                                                                  : b << (32 - c) | a >> c; }, a32, b32, c32);
    check<uint32_t>("popc.b32 %d, %a;", [](uint32_t a) { return static_cast<uint32_t>(__builtin_popcount(a)); }, a32);
    check<uint32_t>("popc.b64 %d, %a;", [](uint64_t a) { return static_cast<uint32_t>(__builtin_popcountll(a)); }, a64);
    check<uint32_t>("clz.b32 %d, %a;", [](uint32_t a) { return a ? static_cast<uint32_t>(__builtin_clz(a)) : 32u; }, a32);
    check<uint32_t>("clz.b64 %d, %a;", [](uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : 64u; }, a64);
    check<uint32_t>("bfind.u32 %d, %a;", [](uint32_t a) { return a ? 31u - static_cast<uint32_t>(__builtin_clz(a)) : ~0u; }, a32);
    check<uint32_t>(
        "bfind.s32 %d, %a;",
        [](int32_t a) {
            const uint32_t u = static_cast<uint32_t>(a < 0 ? ~a : a);
            return u ? 31u - static_cast<uint32_t>(__builtin_clz(u)) : ~0u;
        },
        sa32);
    check<uint32_t>("bfind.shiftamt.u64 %d, %a;", [](uint64_t a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) : ~0u; }, a64);
    check<uint32_t>("brev.b32 %d, %a;", reversed, a32);
    check<uint64_t>(
        "brev.b64 %d, %a;",
        [](uint64_t a) { return uint64_t(reversed(static_cast<uint32_t>(a))) << 32 | reversed(static_cast<uint32_t>(a >> 32)); }, a64);
    std::vector<uint32_t> position, length;
    for (unsigned k = 0; k < 600; ++k) {
        position.push_back(k % 37);
        length.push_back(k / 17 % 36);
    }
    const auto field = [](uint64_t a, uint32_t p, uint32_t n, unsigned width, bool sign) {  // bit by bit
        uint64_t r = 0;
        const unsigned top = std::min(p + n - 1, width - 1);
        for (unsigned k = 0; k < width; ++k) {
            const bool bit = k < n && p + k < width ? (a >> (p + k)) & 1 : sign && n != 0 && ((a >> top) & 1);
            r |= uint64_t(bit) << k;
        }
        return r;
    };
    check<uint32_t>(
        "bfe.u32 %d, %a, %b, %c;", [&](uint32_t a, uint32_t p, uint32_t n) { return static_cast<uint32_t>(field(a, p, n, 32, false)); },
        a32, position, length);
    check<uint32_t>(
        "bfe.s32 %d, %a, %b, %c;", [&](uint32_t a, uint32_t p, uint32_t n) { return static_cast<uint32_t>(field(a, p, n, 32, true)); }, a32,
        position, length);
    check<uint64_t>(
        "bfe.u64 %d, %a, %b, %c;", [&](uint64_t a, uint32_t p, uint32_t n) { return field(a, p, n, 64, false); }, a64, position, length);
    check<uint32_t>(
        "bfi.b32 %d, %a, 0x12345678, %b, %c;",
        [](uint32_t a, uint32_t p, uint32_t n) {
            uint32_t r = 0x12345678;
            for (unsigned k = 0; k < n && p + k < 32; ++k) r = (r & ~(1u << (p + k))) | ((a >> k) & 1) << (p + k);
            return r;
        },
        a32, position, length);
    check<uint32_t>(
        "prmt.b32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) {
            uint8_t bytes[8], r[4];
            std::memcpy(bytes, &a, 4);
            std::memcpy(bytes + 4, &b, 4);
            for (int k = 0; k < 4; ++k) {
                const unsigned nibble = c >> (4 * k) & 15;
                r[k] = nibble & 8 ? static_cast<uint8_t>(bytes[nibble & 7] & 0x80 ? 255 : 0) : bytes[nibble];
            }
            uint32_t all;
            std::memcpy(&all, r, 4);
            return all;
        },
        a32, b32, c32);
    check<uint32_t>(
        "lop3.b32 %d, %a, %b, %c, 0xE8;", [](uint32_t a, uint32_t b, uint32_t c) { return (a & b) | (a & c) | (b & c); }, a32, b32, c32);
    check<uint32_t>("lop3.b32 %d, %a, %b, %c, 0x96;", [](uint32_t a, uint32_t b, uint32_t c) { return a ^ b ^ c; }, a32, b32, c32);
    check<uint32_t>(
        "dp4a.u32.u32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) {
            for (int k = 0; k < 4; ++k) c += (a >> (8 * k) & 255) * (b >> (8 * k) & 255);
            return c;
        },
        a32, b32, c32);
    check<uint32_t>(
        "dp4a.s32.u32 %d, %a, %b, %c;",
        [](uint32_t a, uint32_t b, uint32_t c) {
            for (int k = 0; k < 4; ++k)
                c += static_cast<uint32_t>(static_cast<int8_t>(a >> (8 * k)) * static_cast<int32_t>(b >> (8 * k) & 255));
            return c;
        },
        a32, b32, c32);
}

TEST_GROUP(comparison) {
    check<uint32_t>("setp.lt.s32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](int32_t a, int32_t b) { return a < b ? 1u : 0u; }, sa32, sb32);
    check<uint32_t>("setp.lo.u32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](uint32_t a, uint32_t b) { return a < b ? 1u : 0u; }, a32, b32);
    check<uint32_t>("setp.ge.s64 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](int64_t a, int64_t b) { return a >= b ? 1u : 0u; }, sa64, sb64);
    check<uint32_t>("setp.gt.u16 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](uint16_t a, uint16_t b) { return a > b ? 1u : 0u; }, a16, b16);
    check<uint32_t>(
        "setp.gt.s32 %q, %a, 5; setp.lt.and.s32 %p, %a, %b, !%q; selp.u32 %d, 1, 0, %p;",
        [](int32_t a, int32_t b) { return a < b && !(a > 5) ? 1u : 0u; }, sa32, sb32);
    check<uint32_t>(
        "setp.gt.s32 %q, %a, 5; setp.lt.or.s32 %p|%q, %a, %b, %q; selp.u32 %d, 2, 0, %p; @%q add.u32 %d, %d, 1;",
        [](int32_t a, int32_t b) { return (a < b || a > 5 ? 2u : 0u) + (!(a < b) || a > 5 ? 1u : 0u); }, sa32, sb32);
    check<uint32_t>("set.eq.u32.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return a == b ? ~0u : 0u; }, sa32, sa32);
    check<uint32_t>("set.lt.f32.s32 %d, %a, %b;", [](int32_t a, int32_t b) { return a < b ? 0x3f800000u : 0u; }, sa32, sb32);
    check<uint32_t>("slct.u32.s32 %d, %a, %b, %c;", [](uint32_t a, uint32_t b, int32_t c) { return c >= 0 ? a : b; }, a32, b32, sc32);
    check<uint32_t>(
        "setp.eq.s32 %p, %a, 1; setp.ne.s32 %q, %b, 1; xor.pred %p, %p, %q; not.pred %p, %p; selp.u32 %d, 1, 0, %p;",
        [](int32_t a, int32_t b) { return (a == 1) != (b != 1) ? 0u : 1u; }, sa32, sb32);
}
