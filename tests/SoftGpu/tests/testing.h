// A test program with no framework: what fails is a line, the last line is the count.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <type_traits>
#include <vector>

#include "../machine.h"
#include "../memory.h"

namespace softgpu::testing {

void expect(bool good, const std::string& what);
void expect_equal(uint64_t got, uint64_t wanted, const std::string& what);
void expect_contains(const std::string& text, const std::string& part, const std::string& what);
int summary();  // prints the count; 0 if nothing failed

// Registers a group of tests before main.
struct Group {
    Group(const char* name, void (*body)());
};
#define TEST_GROUP(name)                                              \
    static void name();                                               \
    static const ::softgpu::testing::Group name##_group(#name, name); \
    static void name()

// Global memory that goes with its scope.
class Memory {
public:
    explicit Memory(size_t bytes) : address(allocate(bytes)), bytes(bytes) {}
    template <class T>
    explicit Memory(const std::vector<T>& values) : Memory(values.size() * sizeof(T)) {
        std::memcpy(reinterpret_cast<void*>(address), values.data(), bytes);
        mark_written(address, bytes);
    }
    ~Memory() { release(address); }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    template <class T>
    std::vector<T> read() const {
        std::vector<T> values(bytes / sizeof(T));
        std::memcpy(values.data(), reinterpret_cast<const void*>(address), bytes);
        return values;
    }
    const uint64_t address;
    const size_t bytes;
};

struct Outcome {
    int result = -1;
    long count = 0;
    std::string findings;
    Counters counters;
};

// Parses a module and runs its kernel `test` with 64-bit arguments.
Outcome launch(const std::string& module, Dim3 grid, Dim3 block, const std::vector<uint64_t>& arguments, size_t dynamic_shared = 0);
// A module of one kernel `test` with so many .u64 parameters p0, p1, …; the body uses registers it declares.
std::string module(size_t parameters, const std::string& body, const std::string& before = "");

template <class T>
std::string register_type() {
    return std::is_same_v<T, float>    ? ".f32"
           : std::is_same_v<T, double> ? ".f64"
           : sizeof(T) == 2            ? ".b16"
           : sizeof(T) == 4            ? ".b32"
                                       : ".b64";
}

struct Column {
    std::string type;  // of the register
    size_t bytes;
    std::vector<std::byte> values;
};
template <class T>
Column column(const std::vector<T>& values) {
    Column c{register_type<T>(), sizeof(T), std::vector<std::byte>(values.size() * sizeof(T))};
    std::memcpy(c.values.data(), values.data(), c.values.size());
    return c;
}
// Runs `instruction` once for each row of the inputs %a, %b, %c; what it leaves in %d comes back. 37 rows to a block: the last warp is not
// full.
std::vector<std::byte> evaluate_bytes(const std::string& instruction, const std::string& result_type, size_t result_bytes,
                                      const std::vector<Column>& inputs);

template <class D, class... T>
std::vector<D> evaluate(const std::string& instruction, const std::vector<T>&... inputs) {
    const std::vector<std::byte> bytes = evaluate_bytes(instruction, register_type<D>(), sizeof(D), {column(inputs)...});
    std::vector<D> values(bytes.size() / sizeof(D));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
}

template <class T>
uint64_t bits(T value) {
    uint64_t b = 0;
    std::memcpy(&b, &value, sizeof value);
    return b;
}

// The instruction's result must have the bits that f gives, for every row. Two NaNs are equal unless `exact_nan`.
template <class D, class F, class... T>
void check(const std::string& instruction, F f, const std::vector<T>&... inputs) {
    const std::vector<D> got = evaluate<D>(instruction, inputs...);
    const size_t rows = std::min({inputs.size()...});
    expect(got.size() == rows, instruction + ": ran");
    size_t wrong = 0;
    std::string first;
    for (size_t row = 0; row < got.size(); ++row) {
        const D wanted = f(inputs[row]...);
        bool same = bits(got[row]) == bits(wanted);
        if constexpr (std::is_floating_point_v<D>) same |= got[row] != got[row] && wanted != wanted;
        if (same) continue;
        if (wrong++ == 0) {
            char text[200];
            std::snprintf(text, sizeof text, " row %zu: got %llx, expected %llx, of", row, static_cast<unsigned long long>(bits(got[row])),
                          static_cast<unsigned long long>(bits(wanted)));
            first = text;
            for (const uint64_t input : {bits(inputs[row])...}) {
                std::snprintf(text, sizeof text, " %llx", static_cast<unsigned long long>(input));
                first += text;
            }
        }
    }
    expect(wrong == 0, instruction + ": " + std::to_string(wrong) + " of " + std::to_string(rows) + " wrong;" + first);
}

// Numbers that find mistakes: ends of the range, powers of two and their neighbours, and pseudo-random ones; always as many, so rows pair
// up.
template <class T>
std::vector<T> numbers(unsigned salt = 0);

}  // namespace softgpu::testing
