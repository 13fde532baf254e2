#include <array>
#include <utility>

#include "syntax.h"

namespace softgpu {
namespace {

struct Named {
    std::string_view name;
    unsigned bytes;
};
constexpr std::array<Named, 22> names = {{{"", 0},    {"u8", 1},   {"s8", 1},    {"b8", 1},   {"u16", 2},    {"s16", 2},
                                          {"b16", 2}, {"u32", 4},  {"s32", 4},   {"b32", 4},  {"u64", 8},    {"s64", 8},
                                          {"b64", 8}, {"f16", 2},  {"f16x2", 4}, {"bf16", 2}, {"bf16x2", 4}, {"f32", 4},
                                          {"f64", 8}, {"tf32", 4}, {"b128", 16}, {"pred", 0}}};

}  // namespace

Type type_named(std::string_view name) {
    for (size_t i = 1; i < names.size(); ++i) {
        if (names[i].name == name) return static_cast<Type>(i);
    }
    return Type::none;
}

unsigned bytes_of(Type type) { return names[static_cast<size_t>(type)].bytes; }

bool is_signed(Type type) { return type == Type::s8 || type == Type::s16 || type == Type::s32 || type == Type::s64; }

}  // namespace softgpu
