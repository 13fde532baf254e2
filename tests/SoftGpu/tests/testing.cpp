#include "testing.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "../findings.h"

namespace softgpu::testing {
namespace {
long passed = 0, failed = 0;
}

void expect(bool good, const std::string& what) {
    ++(good ? passed : failed);
    if (!good) std::printf("FAILED %s\n", what.c_str());
}

void expect_equal(uint64_t got, uint64_t wanted, const std::string& what) {
    expect(got == wanted, what + ": got " + std::to_string(got) + ", expected " + std::to_string(wanted));
}

void expect_contains(const std::string& text, const std::string& part, const std::string& what) {
    expect(text.find(part) != std::string::npos, what + ": '" + part + "' is not in '" + text + "'");
}

int summary() {
    std::printf("%ld passed, %ld failed\n", passed, failed);
    return failed != 0;
}

std::string module(size_t parameters, const std::string& body, const std::string& before) {
    std::string text = ".version 7.8\n.target sm_75\n.address_size 64\n" + before + "\n.visible .entry test(";
    for (size_t k = 0; k < parameters; ++k) text += (k ? ", " : "") + std::string(".param .u64 p") + std::to_string(k);
    return text + ")\n{\n" + body + "\nret;\n}\n";
}

Outcome launch(const std::string& text, Dim3 grid, Dim3 block, const std::vector<uint64_t>& arguments, size_t dynamic_shared) {
    static uint64_t number = 0;
    Outcome o;
    std::string error;
    Launch l;
    l.program = parse(text, error);
    expect(l.program != nullptr, error);
    if (!l.program) return o;
    l.kernel = find_kernel(*l.program, "test");
    l.grid = grid;
    l.block = block;
    l.number = number++;
    l.dynamic_shared = dynamic_shared;
    l.parameters.resize(arguments.size() * 8);
    std::memcpy(l.parameters.data(), arguments.data(), l.parameters.size());
    o.result = run(l, o.counters);
    o.count = take_findings(o.findings);
    return o;
}

std::vector<std::byte> evaluate_bytes(const std::string& instruction, const std::string& result_type, size_t result_bytes,
                                      const std::vector<Column>& inputs) {
    size_t rows = inputs[0].values.size() / inputs[0].bytes;
    for (const Column& c : inputs) rows = std::min(rows, c.values.size() / c.bytes);
    std::string body = ".reg .b32 %row, %block, %width, %n; .reg .b64 %at, %offset; .reg .pred %out, %p, %q;\n";
    const char* names[] = {"%a", "%b", "%c"};
    for (size_t k = 0; k < inputs.size(); ++k) body += ".reg " + inputs[k].type + " " + names[k] + ";\n";
    body += ".reg " + result_type + " %d;\n";
    body += "mov.u32 %block, %ctaid.x; mov.u32 %width, %ntid.x; mov.u32 %row, %tid.x; mad.lo.s32 %row, %block, %width, %row;\n";
    body += "ld.param.u32 %n, [p0]; setp.ge.u32 %out, %row, %n; @%out bra END;\n";
    for (size_t k = 0; k < inputs.size(); ++k) {
        const std::string bits = std::to_string(8 * inputs[k].bytes);
        body += "ld.param.u64 %at, [p" + std::to_string(k + 2) + "]; mul.wide.u32 %offset, %row, " + std::to_string(inputs[k].bytes) +
                "; add.s64 %at, %at, %offset; ld.global.b" + bits + " " + names[k] + ", [%at];\n";
    }
    body += instruction + "\n";
    body += "ld.param.u64 %at, [p1]; mul.wide.u32 %offset, %row, " + std::to_string(result_bytes) +
            "; add.s64 %at, %at, %offset; st.global.b" + std::to_string(8 * result_bytes) + " [%at], %d;\nEND:\n";
    Memory result(rows * result_bytes);
    std::vector<uint64_t> arguments{rows, result.address};
    std::vector<std::unique_ptr<Memory>> kept;
    for (const Column& c : inputs) {
        kept.push_back(std::make_unique<Memory>(c.values));
        arguments.push_back(kept.back()->address);
    }
    const Outcome o = launch(module(arguments.size(), body), {static_cast<unsigned>((rows + 36) / 37), 1, 1}, {37, 1, 1}, arguments);
    expect(o.result == 0 && o.count == 0, instruction + ": " + std::to_string(o.result) + " " + o.findings);
    return o.result == 0 ? result.read<std::byte>() : std::vector<std::byte>();
}

namespace {

uint64_t next_random(uint64_t& state) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    uint64_t x = state;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    return x ^ (x >> 32);
}

constexpr size_t rows = 600;

template <class T>
std::vector<T> integers(unsigned salt) {
    std::vector<T> all;
    const unsigned width = 8 * sizeof(T);
    for (unsigned bit = 0; bit < width; ++bit) {
        const uint64_t power = 1ull << bit;
        for (const uint64_t v : {power, power - 1, 0 - power}) all.push_back(static_cast<T>(v));
    }
    uint64_t state = salt + 1;
    while (all.size() < rows) all.push_back(static_cast<T>(next_random(state) >> (next_random(state) % width) >> (64 - width)));
    all.resize(rows);
    for (size_t k = rows; salt && k > 1; --k) std::swap(all[k - 1], all[next_random(state) % k]);
    return all;
}

template <class T, class Bits>
std::vector<T> reals(unsigned salt) {
    using Limit = std::numeric_limits<T>;
    std::vector<T> all = {T(0),
                          -T(0),
                          T(1),
                          -T(1),
                          T(0.5),
                          T(1.5),
                          T(2.5),
                          T(-2.5),
                          T(3),
                          T(10),
                          Limit::max(),
                          -Limit::max(),
                          Limit::min(),
                          -Limit::min(),
                          Limit::denorm_min(),
                          Limit::min() / 2,
                          Limit::infinity(),
                          -Limit::infinity(),
                          Limit::quiet_NaN(),
                          T(1) + Limit::epsilon(),
                          T(1) - Limit::epsilon() / 2,
                          T(2147483647),
                          T(2147483648.0),
                          T(-2147483649.0),
                          T(4294967296.0),
                          T(9223372036854775808.0),
                          T(-9223372036854775808.0),
                          T(18446744073709551616.0),
                          T(65504),
                          T(65520),
                          T(65536),
                          T(6e-8),
                          T(1e-7)};
    uint64_t state = salt + 77;
    while (all.size() < rows) {
        const uint64_t r = next_random(state);
        if (all.size() % 3 == 0) {  // any bits
            const auto b = static_cast<Bits>(r);
            T v;
            std::memcpy(&v, &b, sizeof v);
            all.push_back(v);
        } else {
            all.push_back(static_cast<T>(
                std::ldexp(static_cast<double>(static_cast<int64_t>(r)), -63 + static_cast<int>(next_random(state) % 40) - 20)));
        }
    }
    for (size_t k = rows; salt && k > 1; --k) std::swap(all[k - 1], all[next_random(state) % k]);
    return all;
}

}  // namespace

template <>
std::vector<uint16_t> numbers(unsigned salt) {
    return integers<uint16_t>(salt);
}
template <>
std::vector<int16_t> numbers(unsigned salt) {
    return integers<int16_t>(salt);
}
template <>
std::vector<uint32_t> numbers(unsigned salt) {
    return integers<uint32_t>(salt);
}
template <>
std::vector<int32_t> numbers(unsigned salt) {
    return integers<int32_t>(salt);
}
template <>
std::vector<uint64_t> numbers(unsigned salt) {
    return integers<uint64_t>(salt);
}
template <>
std::vector<int64_t> numbers(unsigned salt) {
    return integers<int64_t>(salt);
}
template <>
std::vector<float> numbers(unsigned salt) {
    return reals<float, uint32_t>(salt);
}
template <>
std::vector<double> numbers(unsigned salt) {
    return reals<double, uint64_t>(salt);
}

}  // namespace softgpu::testing
