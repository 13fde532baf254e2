// A module as written: what the parser hands to the decoder.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "program.h"

namespace softgpu {

enum class Type : uint8_t {
    none,
    u8,
    s8,
    b8,
    u16,
    s16,
    b16,
    u32,
    s32,
    b32,
    u64,
    s64,
    b64,
    f16,
    f16x2,
    bf16,
    bf16x2,
    f32,
    f64,
    tf32,
    b128,
    pred
};
Type type_named(std::string_view name);  // "f32", with no dot; none if it is no type
unsigned bytes_of(Type type);            // 0 for a predicate
bool is_signed(Type type);
constexpr bool is_float_type(Type type) { return type >= Type::f16 && type <= Type::tf32; }
inline bool is_float(Type type) { return is_float_type(type); }

struct Register {
    Type type = Type::none;
    Operand operand = 0;
};

struct Variable {
    Space space = Space::global;
    uint64_t address = 0;  // or the offset within its space
    size_t bytes = 0;
    enum : uint8_t { fixed, after_module, dynamic } shared = fixed;  // shared memory: behind the module's variables; behind all variables
    bool of_call = false;  // a .param variable of a device function or a call: 32 times its bytes in the frame
};

// An operand as written.
struct Written {
    enum Form : uint8_t { none, in_register, number, real32, real64, address, symbol, vector, pair, sink } form = none;
    std::string_view text;       // a symbol's name
    Register reg;                // a register, or the base of an address
    bool negated = false;        // !%p
    bool has_base = false;       // [%r+4] as against [name+4] or [16]
    bool is_known = false;       // the symbol is a variable; else a label, a function or a special register that must be computed
    Variable variable;           // of a symbol, also in an address
    uint64_t bits = 0;           // a number; the bits of a real; the offset of an address or of symbol+4
    std::vector<Written> parts;  // of a vector, of d|p
};

struct Statement {
    std::string_view opcode;
    unsigned line = 0, place = 0;
    bool guarded = false, guard_negated = false;
    Operand guard = 0;
    std::vector<Written> operands;
};

struct Body {
    Function* function = nullptr;
    std::vector<Statement> statements;
    std::map<std::string_view, uint32_t> labels;                              // index of the statement that follows
    std::map<std::string_view, std::vector<std::string_view>> target_tables;  // .branchtargets
    uint64_t own_shared = 0, dynamic_shared = 0;  // offsets: of the function's own shared variables, of dynamic shared memory
    size_t frame_bytes = 0;                       // of the registers declared; the decoder adds its own
};

// Fills function.code from the body. False with one line of what is wrong.
bool decode(Body& body, const std::map<std::string_view, Function*>& functions, std::string& error);

// Sets Instruction::rejoin of every branch that may diverge.
void find_rejoins(Function& function);

}  // namespace softgpu
