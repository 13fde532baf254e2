// From statements to instructions. Each group of operations decodes its own opcodes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "syntax.h"
#include "warp.h"

namespace softgpu {

class Decoder {
public:
    Decoder(Body& body, const std::map<std::string_view, Function*>& functions);
    bool run(std::string& error);

    // The statement at hand.
    const Statement* s = nullptr;
    Instruction i;  // under construction; emit() takes it
    const Written& operand(size_t index) const;
    size_t operands() const { return s->operands.size(); }
    bool fail(const std::string& what);

    // The opcode's words behind the first; each must be used.
    bool has(std::string_view word);
    std::string_view any(std::initializer_list<std::string_view> words);  // the one that is there, or ""
    Type type();                                                          // the next type, in order; none if there is no more
    Type last_type() const { return type_named(words.back()); }           // without using it
    Rounding rounding();                                                  // of .rn .rz .rm .rp; nearest if none
    bool has_rounding = false;

    // Operands as the executing code wants them: a register of another width goes through a copy.
    Operand source(const Written& w, Type type);
    Operand source(size_t index, Type type) { return source(operand(index), type); }
    Operand predicate(size_t index, bool& negated);
    Operand target(const Written& w, Type type);  // the copy to a wider register follows emit()
    Operand target(size_t index, Type type) { return target(operand(index), type); }
    Operand target_predicate(const Written& w);
    void address(const Written& w);  // sets a, value, wide_address and, for a variable, its space
    Operand constant(uint64_t bits, unsigned bytes);
    Operand temporary(unsigned bytes);
    const Operand* list(std::vector<Operand> operands);
    unsigned register_bytes(const Written& w) const;

    bool emit(Execute execute, Kind kind);
    // Of a statement's label, when all is decoded.
    bool branch(std::string_view label);
    bool branches(std::string_view table);
    const std::map<std::string_view, Function*>& functions;
    Function& function;

private:
    struct Copy {
        Operand to, from;
        unsigned to_bytes, from_bytes;
        bool sign;
    };
    Body& body;
    std::vector<std::string_view> words;
    std::vector<bool> used;
    std::vector<Copy> after;
    std::map<std::pair<uint64_t, unsigned>, Operand> constants;
    std::vector<std::tuple<Operand, uint64_t, unsigned>> constant_values;
    size_t constant_bytes = 0;
    std::vector<std::pair<size_t, std::string_view>> fixups;
    std::vector<std::pair<size_t, std::string_view>> table_fixups;
    std::vector<uint32_t> starts;  // of each statement, in the code
    std::string problem;

    bool statement();
    void copy(const Copy& c);
    uint64_t value_of(const Written& w, Type type);
    void split();
};

using Decode = bool (*)(Decoder&);
using DecodeTable = std::map<std::string_view, Decode>;
void add_integer(DecodeTable& table);
void add_bits(DecodeTable& table);
void add_fields(DecodeTable& table);
void add_compare(DecodeTable& table);
void add_float(DecodeTable& table);

void add_approximate(DecodeTable& table);
void add_convert(DecodeTable& table);
void add_move(DecodeTable& table);
void add_memory(DecodeTable& table);
void add_atomic(DecodeTable& table);
void add_control(DecodeTable& table);
void add_warp(DecodeTable& table);
void add_matrix(DecodeTable& table);

// Executors the decoder itself uses.
Execute widen(unsigned to_bytes, unsigned from_bytes, bool sign);
void read_clock(Warp& w, const Instruction& i, uint32_t mask);
void local_address(Warp& w, const Instruction& i, uint32_t mask);

}  // namespace softgpu
