// f16 and bf16, against a conversion that searches: every value of the short format is known, the nearest one is taken.
#include <algorithm>
#include <cmath>

#include "testing.h"

using namespace softgpu::testing;

namespace {

double value(uint16_t h, bool bf) {
    const int fraction = bf ? 7 : 10, bias = bf ? 127 : 15;
    const int exponent = (h & 0x7fff) >> fraction, m = h & ((1 << fraction) - 1);
    const double sign = h & 0x8000 ? -1 : 1;
    if (exponent == (bf ? 255 : 31)) return m ? NAN : sign * INFINITY;
    return exponent ? sign * std::ldexp((1 << fraction) + m, exponent - bias - fraction) : sign * std::ldexp(m, 1 - bias - fraction);
}

// mode: 'n' nearest even, 'z' toward zero, 'm' down, 'p' up.
uint16_t shortened(long double x, bool bf, char mode) {
    if (x != x) return 0x7fff;
    const uint16_t sign = std::signbit(x) ? 0x8000 : 0, infinity = bf ? 0x7f80 : 0x7c00;
    const long double a = std::fabs(x);
    if (std::isinf(a)) return static_cast<uint16_t>(sign | infinity);
    uint16_t low = 0, high = infinity;  // the largest finite or zero value not above a
    while (high - low > 1) {
        const auto middle = static_cast<uint16_t>((low + high) / 2);
        (static_cast<long double>(value(middle, bf)) <= a ? low : high) = middle;
    }
    const long double below = value(low, bf);
    const long double above = high == infinity ? std::ldexp(1.0L, bf ? 128 : 16) : static_cast<long double>(value(high, bf));
    if (a == below) return static_cast<uint16_t>(sign | low);
    const bool away = mode == 'n'   ? a - below > above - a || (a - below == above - a && (low & 1))
                      : mode == 'z' ? false
                                    : (mode == 'p') != (sign != 0);
    return static_cast<uint16_t>(sign | (away ? high : low));
}

// What a sum loses to long double only matters at a tie: it is nudged off it.
long double sum(long double a, long double b) {
    const long double s = a + b;
    if (!std::isfinite(s)) return s;
    const long double t = s - a, error = (a - (s - t)) + (b - t);
    return error == 0 ? s : std::nextafter(s, error > 0 ? HUGE_VALL : -HUGE_VALL);
}

std::vector<uint16_t> shorts(unsigned salt) {
    std::vector<uint16_t> all = {0,      0x8000, 1,      0x8001, 0x3ff,  0x400,  0x7bff, 0x7c00, 0xfc00, 0x7e00,
                                 0x3c00, 0xbc00, 0x3c01, 0x7f80, 0xff80, 0x7f7f, 0x80,   0x7f,   0x3f80, 0x3f81};
    for (unsigned k = 0; all.size() < 900; ++k) all.push_back(static_cast<uint16_t>((k + salt) * 40503u * (salt * 2 + 1) >> 3));
    return all;
}
const auto ah = shorts(0), bh = shorts(5), ch = shorts(9);
const auto af = numbers<float>();

bool nan(uint16_t h, bool bf) { return std::isnan(value(h, bf)); }
uint16_t canonical(uint16_t h, bool bf) { return nan(h, bf) ? 0x7fff : h; }

}  // namespace

TEST_GROUP(half_conversion) {
    for (const bool bf : {false, true}) {
        const std::string type = bf ? "bf16" : "f16";
        for (const char mode : {'n', 'z'}) {
            check<uint16_t>(std::string("cvt.r") + mode + "." + type + ".f32 %d, %a;", [&](float a) { return shortened(a, bf, mode); }, af);
        }
    }
    check<uint16_t>("cvt.rm.f16.f32 %d, %a;", [](float a) { return shortened(a, false, 'm'); }, af);
    check<uint16_t>("cvt.rp.f16.f64 %d, %a;", [](double a) { return shortened(a, false, 'p'); }, numbers<double>(3));
    check<uint16_t>("cvt.rn.f16.f64 %d, %a;", [](double a) { return shortened(a, false, 'n'); }, numbers<double>(3));
    check<uint16_t>("cvt.rn.f16.s32 %d, %a;", [](int32_t a) { return shortened(a, false, 'n'); }, numbers<int32_t>());
    check<uint16_t>(
        "cvt.sat.f16.f16 %d, %a;",
        [](uint16_t a) { return nan(a, false) || value(a, false) <= 0 ? uint16_t(0)
                                : value(a, false) >= 1                ? uint16_t(0x3c00)
                                                                      : a; }, ah);
    check<float>("cvt.f32.f16 %d, %a;", [](uint16_t a) { return static_cast<float>(value(a, false)); }, ah);
    check<float>("cvt.f32.bf16 %d, %a;", [](uint16_t a) { return static_cast<float>(value(a, true)); }, ah);
    check<double>("cvt.f64.f16 %d, %a;", [](uint16_t a) { return value(a, false); }, ah);
    check<int32_t>(
        "cvt.rzi.s32.f16 %d, %a;",
        [](uint16_t a) {
            const double v = value(a, false);
            return nan(a, false) ? 0 : std::isinf(v) ? (v < 0 ? INT32_MIN : INT32_MAX) : static_cast<int32_t>(v);
        },
        ah);
    const auto pack = [](uint16_t high, uint16_t low) { return static_cast<uint32_t>(high) << 16 | low; };
    const auto b = numbers<float>(4);
    check<uint32_t>(
        "cvt.rn.f16x2.f32 %d, %a, %b;", [&](float x, float y) { return pack(shortened(x, false, 'n'), shortened(y, false, 'n')); }, af, b);
    check<uint32_t>(
        "cvt.rn.bf16x2.f32 %d, %a, %b;", [&](float x, float y) { return pack(shortened(x, true, 'n'), shortened(y, true, 'n')); }, af, b);
    check<uint16_t>(
        "cvt.rn.relu.f16.f32 %d, %a;", [](float a) { return a < 0 ? uint16_t(0) : shortened(a, false, 'n'); }, numbers<float>(8));
}

TEST_GROUP(half_arithmetic) {
    for (const bool bf : {false, true}) {
        const std::string type = bf ? "bf16" : "f16";
        const auto v = [bf](uint16_t h) { return static_cast<long double>(value(h, bf)); };
        check<uint16_t>(
            "add.rn." + type + " %d, %a, %b;", [&](uint16_t a, uint16_t b) { return shortened(sum(v(a), v(b)), bf, 'n'); }, ah, bh);
        check<uint16_t>(
            "sub.rn." + type + " %d, %a, %b;", [&](uint16_t a, uint16_t b) { return shortened(sum(v(a), -v(b)), bf, 'n'); }, ah, bh);
        check<uint16_t>("mul.rn." + type + " %d, %a, %b;", [&](uint16_t a, uint16_t b) { return shortened(v(a) * v(b), bf, 'n'); }, ah, bh);
        check<uint16_t>(
            "fma.rn." + type + " %d, %a, %b, %c;",
            [&](uint16_t a, uint16_t b, uint16_t c) { return shortened(sum(v(a) * v(b), v(c)), bf, 'n'); }, ah, bh, ch);
        check<uint16_t>(
            "min." + type + " %d, %a, %b;",
            [&](uint16_t a, uint16_t b) {
                if (nan(a, bf) || nan(b, bf)) return canonical(nan(a, bf) ? b : a, bf);
                return v(a) == v(b) ? (a & 0x8000 ? a : b) : v(a) < v(b) ? a : b;
            },
            ah, bh);
        check<uint32_t>(
            "setp.lt." + type + " %p, %a, %b; selp.u32 %d, 1, 0, %p;", [&](uint16_t a, uint16_t b) { return v(a) < v(b) ? 1u : 0u; }, ah,
            bh);
        const auto pairs = numbers<uint32_t>(6), others = numbers<uint32_t>(7), thirds = numbers<uint32_t>(8);
        const auto twice = [](uint32_t a, uint32_t b, auto f) {
            return static_cast<uint32_t>(f(static_cast<uint16_t>(a >> 16), static_cast<uint16_t>(b >> 16))) << 16 |
                   f(static_cast<uint16_t>(a), static_cast<uint16_t>(b));
        };
        check<uint32_t>(
            "add." + type + "x2 %d, %a, %b;",
            [&](uint32_t a, uint32_t b) {
                return twice(a, b, [&](uint16_t x, uint16_t y) { return shortened(sum(v(x), v(y)), bf, 'n'); });
            },
            pairs, others);
        check<uint32_t>(
            "fma.rn." + type + "x2 %d, %a, %b, %b;",
            [&](uint32_t a, uint32_t b) {
                return twice(a, b, [&](uint16_t x, uint16_t y) { return shortened(sum(v(x) * v(y), v(y)), bf, 'n'); });
            },
            pairs, others);
        check<uint32_t>("neg." + type + "x2 %d, %a;", [](uint32_t a) { return a ^ 0x80008000u; }, thirds);
    }
    check<uint16_t>(
        "mul.sat.f16 %d, %a, %b;",
        [](uint16_t a, uint16_t b) {
            const double r = value(shortened(static_cast<long double>(value(a, false)) * value(b, false), false, 'n'), false);
            return r > 0 ? shortened(std::min(r, 1.0), false, 'n') : uint16_t(0);
        },
        ah, bh);
    check<uint16_t>("abs.f16 %d, %a;", [](uint16_t a) { return static_cast<uint16_t>(a & 0x7fff); }, ah);
}
