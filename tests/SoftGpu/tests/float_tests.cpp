// f32 and f64, bit for bit; rounding by the host's own modes, one value at a time.
#include <algorithm>
#include <cfenv>
#include <cmath>
#include <limits>

#include "testing.h"

using namespace softgpu::testing;

namespace {

const auto af = numbers<float>(), bf = numbers<float>(1), cf = numbers<float>(2);
const auto ad = numbers<double>(), bd = numbers<double>(1), cd = numbers<double>(2);

template <class T, class F>
T rounded(int mode, F f) {
    std::fesetround(mode);
    volatile T r = f();
    std::fesetround(FE_TONEAREST);
    return r;
}
template <class T>
struct Volatile {
    volatile T v;
    operator T() const { return v; }
};

template <class T>
void arithmetic(const std::string& type, const std::vector<T>& a, const std::vector<T>& b, const std::vector<T>& c) {
    const std::pair<const char*, int> modes[] = {{".rn", FE_TONEAREST}, {".rz", FE_TOWARDZERO}, {".rm", FE_DOWNWARD}, {".rp", FE_UPWARD}};
    for (const auto& [name, mode] : modes) {
        const std::string suffix = name + type;
        const int m = mode;
        check<T>(
            "add" + suffix + " %d, %a, %b;",
            [m](T x, T y) {
                const Volatile<T> p{x}, q{y};
                return rounded<T>(m, [&] { return T(p) + T(q); });
            },
            a, b);
        check<T>(
            "sub" + suffix + " %d, %a, %b;",
            [m](T x, T y) {
                const Volatile<T> p{x}, q{y};
                return rounded<T>(m, [&] { return T(p) - T(q); });
            },
            a, b);
        check<T>(
            "mul" + suffix + " %d, %a, %b;",
            [m](T x, T y) {
                const Volatile<T> p{x}, q{y};
                return rounded<T>(m, [&] { return T(p) * T(q); });
            },
            a, b);
        check<T>(
            "div" + suffix + " %d, %a, %b;",
            [m](T x, T y) {
                const Volatile<T> p{x}, q{y};
                return rounded<T>(m, [&] { return T(p) / T(q); });
            },
            a, b);
        check<T>(
            "fma" + suffix + " %d, %a, %b, %c;",
            [m](T x, T y, T z) {
                const Volatile<T> p{x}, q{y}, r{z};
                return rounded<T>(m, [&] { return std::fma(T(p), T(q), T(r)); });
            },
            a, b, c);
        check<T>(
            "rcp" + suffix + " %d, %a;",
            [m](T x) {
                const Volatile<T> p{x}, one{T(1)};
                return rounded<T>(m, [&] { return T(one) / T(p); });
            },
            a);
        check<T>(
            "sqrt" + suffix + " %d, %a;",
            [m](T x) {
                const Volatile<T> p{x};
                return rounded<T>(m, [&] { return std::sqrt(T(p)); });
            },
            a);
    }
}

float flush(float x) { return std::fabs(x) < std::numeric_limits<float>::min() ? std::copysign(0.0f, x) : x; }
float saturate(float x) { return x > 0 ? std::min(x, 1.0f) : 0.0f; }

// The result lies within the bound, and is not the exact one everywhere: it is displaced.
void approximate(const std::string& instruction, const std::vector<float>& a, double (*exact)(double), double relative, double absolute) {
    const std::vector<float> got = evaluate<float>(instruction, a);
    size_t wrong = 0, moved = 0;
    for (size_t k = 0; k < got.size(); ++k) {
        const double y = exact(a[k]);
        if (std::fabs(y) < 1e-36) continue;
        wrong += !(std::fabs(got[k] - y) <= std::max(relative * std::fabs(y), absolute));
        moved += got[k] != static_cast<float>(y);
    }
    expect(got.size() == a.size() && wrong == 0, instruction + ": " + std::to_string(wrong) + " beyond the bound");
    expect(moved > a.size() / 10, instruction + ": only " + std::to_string(moved) + " displaced");
}

}  // namespace

TEST_GROUP(float_arithmetic) {
    arithmetic<float>(".f32", af, bf, cf);
    arithmetic<double>(".f64", ad, bd, cd);
    check<float>("add.f32 %d, %a, %b;", [](float a, float b) { return a + b; }, af, bf);
    check<float>("mad.rn.f32 %d, %a, %b, %c;", [](float a, float b, float c) { return std::fma(a, b, c); }, af, bf, cf);
    check<float>("add.ftz.f32 %d, %a, %b;", [](float a, float b) { return flush(flush(a) + flush(b)); }, af, bf);
    check<float>("mul.ftz.f32 %d, %a, %b;", [](float a, float b) { return flush(flush(a) * flush(b)); }, af, bf);
    check<float>("mul.sat.f32 %d, %a, %b;", [](float a, float b) { return saturate(a * b); }, af, bf);
    check<float>(
        "fma.rn.ftz.sat.f32 %d, %a, %b, %c;",
        [](float a, float b, float c) { return saturate(flush(std::fma(flush(a), flush(b), flush(c)))); }, af, bf, cf);
    check<uint32_t>(
        "{ .reg .f32 %x; add.f32 %x, %a, 0f7FC00001; mov.b32 %d, %x; }", [](float) { return 0x7fffffffu; }, af);  // the NaN of f32
}

TEST_GROUP(float_extremes) {
    const auto least = [](auto a, auto b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? a : b) : a < b ? a : b; };
    const auto most = [](auto a, auto b) { return a != a ? b : b != b ? a : a == b ? (std::signbit(a) ? b : a) : a < b ? b : a; };
    const std::vector<float> zeros = {0.0f, -0.0f, -0.0f, 0.0f, NAN, 1.0f, NAN}, others = {-0.0f, 0.0f, -0.0f, 0.0f, 2.0f, NAN, NAN};
    check<float>("min.f32 %d, %a, %b;", least, af, bf);
    check<float>("max.f32 %d, %a, %b;", most, af, bf);
    check<float>("min.f32 %d, %a, %b;", least, zeros, others);
    check<float>("max.f32 %d, %a, %b;", most, zeros, others);
    check<double>("min.f64 %d, %a, %b;", least, ad, bd);
    check<float>("max.NaN.f32 %d, %a, %b;", [&](float a, float b) { return a != a || b != b ? NAN : most(a, b); }, zeros, others);
    check<float>("abs.f32 %d, %a;", [](float a) { return std::fabs(a); }, af);
    check<double>("neg.f64 %d, %a;", [](double a) { return -a; }, ad);
    check<float>("neg.ftz.f32 %d, %a;", [](float a) { return -flush(a); }, af);
    check<float>("copysign.f32 %d, %a, %b;", [](float a, float b) { return std::copysign(b, a); }, af, bf);
}

TEST_GROUP(float_comparison) {
    check<uint32_t>("setp.lt.f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](float a, float b) { return a < b ? 1u : 0u; }, af, bf);
    check<uint32_t>("setp.ne.f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](float a, float b) { return a < b || a > b ? 1u : 0u; }, af, af);
    check<uint32_t>("setp.neu.f64 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](double a, double b) { return a != b ? 1u : 0u; }, ad, ad);
    check<uint32_t>("setp.geu.f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](float a, float b) { return !(a < b) ? 1u : 0u; }, af, bf);
    check<uint32_t>(
        "setp.nan.f32 %p, %a, %b; selp.u32 %d, 1, 0, %p;", [](float a, float b) { return std::isnan(a) || std::isnan(b) ? 1u : 0u; }, af,
        bf);
    check<uint32_t>("setp.num.f64 %p, %a, %a; selp.u32 %d, 1, 0, %p;", [](double a) { return !std::isnan(a) ? 1u : 0u; }, ad);
    check<uint32_t>("setp.gt.ftz.f32 %p, %a, 0f00000000; selp.u32 %d, 1, 0, %p;", [](float a) { return flush(a) > 0 ? 1u : 0u; }, af);
    check<float>("slct.f32.f32 %d, %a, %b, %c;", [](float a, float b, float c) { return c >= 0 ? a : b; }, af, bf, cf);
    check<uint32_t>("testp.finite.f32 %p, %a; selp.u32 %d, 1, 0, %p;", [](float a) { return std::isfinite(a) ? 1u : 0u; }, af);
    check<uint32_t>(
        "testp.subnormal.f64 %p, %a; selp.u32 %d, 1, 0, %p;",
        [](double a) { return a != 0 && std::fabs(a) < 2.2250738585072014e-308 ? 1u : 0u; }, ad);
    check<uint32_t>("testp.notanumber.f32 %p, %a; selp.u32 %d, 1, 0, %p;", [](float a) { return std::isnan(a) ? 1u : 0u; }, af);
    check<uint32_t>("testp.normal.f32 %p, %a; selp.u32 %d, 1, 0, %p;", [](float a) { return std::isnormal(a) || a == 0 ? 1u : 0u; }, af);
}

TEST_GROUP(approximate_functions) {
    std::vector<float> positive, any;
    for (int k = 1; k < 400; ++k) {
        positive.push_back(std::ldexp(1.0f + static_cast<float>(k) / 400, k % 60 - 30));
        any.push_back((k % 2 ? 1.0f : -1.0f) * static_cast<float>(k) * 0.0151f);
    }
    approximate("ex2.approx.ftz.f32 %d, %a;", any, [](double x) { return std::exp2(x); }, 0x1p-22, 0);
    approximate("lg2.approx.f32 %d, %a;", positive, [](double x) { return std::log2(x); }, 0x1p-22 * 0.65976, 0x1p-22 * 0.65976);
    approximate("rcp.approx.f32 %d, %a;", positive, [](double x) { return 1 / x; }, 0x1p-23, 0);
    approximate("sqrt.approx.f32 %d, %a;", positive, [](double x) { return std::sqrt(x); }, 0x1p-23, 0);
    approximate("rsqrt.approx.f32 %d, %a;", positive, [](double x) { return 1 / std::sqrt(x); }, 0x1p-22 * 0.7579, 0);
    approximate("sin.approx.f32 %d, %a;", any, [](double x) { return std::sin(x); }, 0, 0x1p-20 * 0.536);
    approximate("cos.approx.ftz.f32 %d, %a;", any, [](double x) { return std::cos(x); }, 0, 0x1p-20 * 0.536);
    approximate("tanh.approx.f32 %d, %a;", any, [](double x) { return std::tanh(x); }, 0x1p-11, 0);
    approximate("div.full.f32 %d, 0f40490fdb, %a;", positive, [](double x) { return static_cast<double>(3.14159274f) / x; }, 0x1p-22, 0);
    approximate("div.approx.f32 %d, 0f40490fdb, %a;", positive, [](double x) { return static_cast<double>(3.14159274f) / x; }, 0x1p-22, 0);
    const std::vector<float> special = {0.0f, -0.0f, INFINITY, -INFINITY, NAN};
    check<float>("ex2.approx.f32 %d, %a;", [](float a) { return std::exp2(a); }, special);
    check<float>("rcp.approx.f32 %d, %a;", [](float a) { return 1 / a; }, special);
    check<float>("rsqrt.approx.f32 %d, %a;", [](float a) { return a == 0 ? std::copysign(INFINITY, a) : a > 0 ? 0.0f : NAN; }, special);
    check<float>("lg2.approx.f32 %d, %a;", [](float a) { return a == 0 ? -INFINITY : a > 0 ? a : NAN; }, special);
    const std::vector<double> got = evaluate<double>("rcp.approx.ftz.f64 %d, %a;", cd);
    size_t wrong = 0;
    for (size_t k = 0; k < got.size(); ++k) {
        const double y = 1 / cd[k];
        if (!std::isnormal(cd[k]) || !std::isnormal(y) || std::fabs(y) < 1e-307) continue;
        wrong += std::fabs(got[k] - y) > std::fabs(y) * 0x1p-19 || (bits(got[k]) & 0xffffffffu) != 0;
    }
    expect(wrong == 0 && got.size() == cd.size(), "rcp.approx.ftz.f64: " + std::to_string(wrong) + " wrong");
}
