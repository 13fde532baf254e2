// The text of a module: declarations and bodies of statements.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "lexer.h"
#include "syntax.h"

namespace softgpu {

class Parser {
public:
    Parser(Program& program, std::vector<Token> tokens) : program(program), tokens(std::move(tokens)) {}
    bool parse();
    std::string error;

private:
    struct Registers {  // %r<81> or %temp
        Type type;
        unsigned count;  // 0: a single one, with no number
        Operand first;
    };
    struct Scope {
        std::map<std::string_view, Registers> registers;
        std::map<std::string_view, Variable> variables;
    };
    struct Place {
        unsigned file, line, column;
        bool operator<(const Place& o) const { return std::tie(file, line, column) < std::tie(o.file, o.line, o.column); }
    };

    Program& program;
    std::vector<Token> tokens;
    size_t at = 0;
    std::map<unsigned, std::string> files;
    std::map<std::string_view, Function*> functions;
    std::deque<Body> bodies;
    std::vector<Scope> scopes{1};
    size_t module_shared = 0;
    // Of the body at hand.
    Body* body = nullptr;
    std::map<Place, Place> inlined;
    Place place{0, 0, 0};
    std::map<std::pair<Place, Place>, unsigned> place_numbers;
    std::map<Function*, std::vector<std::pair<Place, Place>>> places;  // innermost, outermost; files are named at the end of the text
    unsigned place_number = 0;

    const Token& now() const { return tokens[at]; }
    const Token& take() { return tokens[at].kind == TokenKind::end ? tokens[at] : tokens[at++]; }
    bool fail(const std::string& what);
    bool expect(char mark);
    bool accept(char mark);
    bool number(uint64_t& value);

    bool target();
    bool file();
    bool variable(bool of_module);
    bool initialise(uint64_t address, size_t bytes, Type type);
    bool function(bool is_entry);
    bool parameters(std::vector<ParameterVariable>& list, std::vector<std::pair<std::string_view, Variable>>& named, Kernel* kernel);
    bool directives(Kernel* kernel);
    bool statements();
    bool directive();
    bool registers();
    bool location();
    bool statement();
    bool operand(Written& w);
    bool address(Written& w);
    bool list(Written& w, char end);
    bool find_register(std::string_view name, Register& found) const;
    const Variable* find_variable(std::string_view name) const;
    uint32_t frame(size_t bytes);
    void note_place();
    void name_places();
};

// A register that tells where a thread is: "%tid.x". False for those that must be computed ("%clock").
bool special_register(std::string_view name, Register& found);

// A literal as PTX writes it: 12, 0x1f, 0f3f800000, 0d…, 1.5.
bool literal(std::string_view text, bool negative, Written& w);

}  // namespace softgpu
