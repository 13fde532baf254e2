// cvt between integers and reals, mov, packing.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <limits>

#include "testing.h"

using namespace softgpu::testing;

namespace {

template <class I, class F>
I clamped(F x) {  // the nearest integer of the type; NaN is 0
    const long double v = x;
    if (v != v) return 0;
    if (v <= static_cast<long double>(std::numeric_limits<I>::min())) return std::numeric_limits<I>::min();
    if (v >= static_cast<long double>(std::numeric_limits<I>::max())) return std::numeric_limits<I>::max();
    return static_cast<I>(v);
}
template <class F, class I>
F rounded(int mode, I x) {
    volatile I v = x;
    std::fesetround(mode);
    volatile F r = static_cast<F>(v);
    std::fesetround(FE_TONEAREST);
    return r;
}

const auto af = numbers<float>();
const auto ad = numbers<double>();
const auto a32 = numbers<uint32_t>();
const auto s32 = numbers<int32_t>();
const auto a64 = numbers<uint64_t>();
const auto s64 = numbers<int64_t>();

}  // namespace

TEST_GROUP(conversion) {
    check<int32_t>("cvt.rzi.s32.f32 %d, %a;", [](float a) { return clamped<int32_t>(std::trunc(a)); }, af);
    check<int32_t>("cvt.rni.s32.f32 %d, %a;", [](float a) { return clamped<int32_t>(std::nearbyint(a)); }, af);
    check<uint32_t>("cvt.rmi.u32.f64 %d, %a;", [](double a) { return clamped<uint32_t>(std::floor(a)); }, ad);
    check<uint32_t>("cvt.rpi.u32.f32 %d, %a;", [](float a) { return clamped<uint32_t>(std::ceil(a)); }, af);
    check<int64_t>("cvt.rzi.s64.f64 %d, %a;", [](double a) { return clamped<int64_t>(std::trunc(a)); }, ad);
    check<uint64_t>("cvt.rzi.u64.f32 %d, %a;", [](float a) { return clamped<uint64_t>(std::trunc(a)); }, af);
    check<uint16_t>("cvt.rzi.u16.f32 %d, %a;", [](float a) { return clamped<uint16_t>(std::trunc(a)); }, af);
    check<uint32_t>(
        "cvt.rzi.s8.f32 %d, %a;", [](float a) { return static_cast<uint32_t>(static_cast<int32_t>(clamped<int8_t>(std::trunc(a)))); }, af);
    const std::pair<const char*, int> modes[] = {{"rn", FE_TONEAREST}, {"rz", FE_TOWARDZERO}, {"rm", FE_DOWNWARD}, {"rp", FE_UPWARD}};
    for (const auto& [name, mode] : modes) {
        const int m = mode;
        const std::string r = std::string("cvt.") + name;
        check<float>(r + ".f32.s32 %d, %a;", [m](int32_t a) { return rounded<float>(m, a); }, s32);
        check<float>(r + ".f32.u32 %d, %a;", [m](uint32_t a) { return rounded<float>(m, static_cast<int64_t>(a)); }, a32);
        check<float>(r + ".f32.s64 %d, %a;", [m](int64_t a) { return rounded<float>(m, a); }, s64);
        check<float>(r + ".f32.u64 %d, %a;", [m](uint64_t a) { return rounded<float>(m, static_cast<long double>(a)); }, a64);
        check<double>(r + ".f64.u64 %d, %a;", [m](uint64_t a) { return rounded<double>(m, static_cast<long double>(a)); }, a64);
        check<double>(r + ".f64.s64 %d, %a;", [m](int64_t a) { return rounded<double>(m, a); }, s64);
        check<float>(r + ".f32.f64 %d, %a;", [m](double a) { return rounded<float>(m, a); }, ad);
    }
    check<double>("cvt.f64.f32 %d, %a;", [](float a) { return static_cast<double>(a); }, af);
    check<float>("cvt.rmi.f32.f32 %d, %a;", [](float a) { return std::floor(a); }, af);
    check<double>("cvt.rpi.f64.f64 %d, %a;", [](double a) { return std::ceil(a); }, ad);
    check<float>("cvt.rni.f32.f32 %d, %a;", [](float a) { return std::nearbyint(a); }, af);
    check<float>("cvt.sat.f32.f32 %d, %a;", [](float a) { return a > 0 ? std::min(a, 1.0f) : 0.0f; }, af);
    check<float>(
        "cvt.rzi.ftz.f32.f32 %d, %a;", [](float a) { return std::trunc(std::fabs(a) < 0x1p-126f ? std::copysign(0.0f, a) : a); }, af);
    check<int64_t>("cvt.s64.s32 %d, %a;", [](int32_t a) { return static_cast<int64_t>(a); }, s32);
    check<uint64_t>("cvt.u64.u32 %d, %a;", [](uint32_t a) { return static_cast<uint64_t>(a); }, a32);
    check<uint32_t>("cvt.u32.u64 %d, %a;", [](uint64_t a) { return static_cast<uint32_t>(a); }, a64);
    check<uint32_t>("cvt.s32.s8 %d, %a;", [](uint32_t a) { return static_cast<uint32_t>(static_cast<int8_t>(a)); }, a32);
    check<uint32_t>("cvt.u16.u32 %d, %a;", [](uint32_t a) { return a & 0xffff; }, a32);
    check<int64_t>("cvt.s64.s16 %d, %a;", [](uint16_t a) { return static_cast<int64_t>(static_cast<int16_t>(a)); }, numbers<uint16_t>());
    check<int32_t>("cvt.sat.s32.s64 %d, %a;", [](int64_t a) { return clamped<int32_t>(a); }, s64);
    check<uint32_t>("cvt.sat.u32.s32 %d, %a;", [](int32_t a) { return clamped<uint32_t>(a); }, s32);
    check<uint32_t>("cvt.sat.u8.s32 %d, %a;", [](int32_t a) { return static_cast<uint32_t>(clamped<uint8_t>(a)); }, s32);
    check<uint32_t>(
        "cvt.rna.tf32.f32 %d, %a;",
        [](float a) {
            const double m = std::ldexp(1.0, std::ilogb(a) - 10);
            return bits(static_cast<float>(std::round(a / m) * m));
        },
        std::vector<float>{1.0f, 1.1f, -3.3f, 1e20f, 0.7f});
}

TEST_GROUP(moves) {
    check<uint64_t>("{ .reg .b32 %l, %h; mov.b64 {%l, %h}, %a; mov.b64 %d, {%h, %l}; }", [](uint64_t a) { return a << 32 | a >> 32; }, a64);
    check<uint32_t>("{ .reg .b16 %l, %h; mov.b32 {%l, %h}, %a; mov.b32 %d, {%h, %l}; }", [](uint32_t a) { return a << 16 | a >> 16; }, a32);
    check<uint64_t>(
        "{ .reg .b16 %s<4>; mov.b64 {%s0, %s1, %s2, %s3}, %a; mov.b64 %d, {%s3, %s2, %s1, %s0}; }",
        [](uint64_t a) { return a << 48 | (a & 0xffff0000u) << 16 | (a >> 16 & 0xffff0000u) | a >> 48; }, a64);
    check<uint32_t>(
        "{ .reg .b32 %h; mov.b64 {_, %h}, %a; mov.u32 %d, %h; }", [](uint64_t a) { return static_cast<uint32_t>(a >> 32); }, a64);
    check<float>("mov.f32 %d, 0f3FC00000;", [](uint32_t) { return 1.5f; }, a32);
    check<double>("mov.f64 %d, 0dBFF8000000000000;", [](uint32_t) { return -1.5; }, a32);
    check<float>("add.f32 %d, %a, 1.5;", [](float a) { return a + 1.5f; }, af);
    check<uint64_t>("mov.u64 %d, -2;", [](uint32_t) { return ~1ull; }, a32);
    check<uint32_t>("mov.u32 %d, 0xffU;", [](uint32_t) { return 255u; }, a32);
    check<float>(
        "mov.b32 %d, %a;",
        [](uint32_t a) {
            float f;
            std::memcpy(&f, &a, 4);
            return f;
        },
        a32);
}
