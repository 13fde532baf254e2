// The body of a function: registers, variables, labels, places and instructions.
#include <string>

#include "parser.h"

namespace softgpu {

// Up to the function's closing brace; inner braces are scopes.
bool Parser::statements() {
    size_t depth = 1;
    while (depth > 0) {
        if (now().kind == TokenKind::end) return fail("a function with no end");
        if (accept('{')) {
            scopes.emplace_back();
            ++depth;
        } else if (accept('}')) {
            if (--depth > 0) scopes.pop_back();
        } else if (accept(';')) {
        } else if (now().kind == TokenKind::word && now().text[0] == '.') {
            if (!directive()) return false;
        } else if (now().kind == TokenKind::word && tokens[at + 1].is(':')) {
            const std::string_view name = take().text;
            take();
            if (now().is(".branchtargets")) {
                take();
                auto& table = body->target_tables[name];
                do table.push_back(take().text);
                while (accept(','));
                if (!expect(';')) return false;
            } else {
                body->labels[name] = static_cast<uint32_t>(body->statements.size());
            }
        } else if (!statement()) {
            return false;
        }
    }
    return true;
}

bool Parser::directive() {
    if (now().is(".reg")) return registers();
    if (now().is(".loc")) return location();
    if (now().is(".shared") || now().is(".local") || now().is(".param") || now().is(".global") || now().is(".const")) return variable(false);
    if (now().is(".pragma")) {
        while (!now().is(';') && now().kind != TokenKind::end) take();
        return expect(';');
    }
    return fail("unknown directive " + std::string(now().text));
}

// .reg .b32 %r<81>, %temp;
bool Parser::registers() {
    take();
    const Type type = type_named(take().text.substr(1));
    if (type == Type::none) return fail("unknown register type");
    const size_t bytes = type == Type::pred ? 4 : lanes * (bytes_of(type) < 2 ? 2 : bytes_of(type));
    do {
        const std::string_view name = take().text;
        uint64_t count = 0;
        if (accept('<') && (!number(count) || !expect('>'))) return false;
        scopes.back().registers[name] = {type, static_cast<unsigned>(count), frame(bytes * (count ? count : 1))};
    } while (accept(','));
    return expect(';');
}

// .loc 3 95 5, function_name $L__info_string3, inlined_at 2 42 12
bool Parser::location() {
    take();
    uint64_t file, line, column;
    if (!number(file) || !number(line) || !number(column)) return false;
    const Place here{static_cast<unsigned>(file), static_cast<unsigned>(line), static_cast<unsigned>(column)};
    inlined.erase(here);
    while (accept(',')) {
        if (now().is("function_name")) {
            take();
            take();
            uint64_t offset;
            if (accept('+') && !number(offset)) return false;
        } else if (now().is("inlined_at")) {
            take();
            if (!number(file) || !number(line) || !number(column)) return false;
            inlined[here] = {static_cast<unsigned>(file), static_cast<unsigned>(line), static_cast<unsigned>(column)};
        } else {
            return fail("unknown word " + std::string(now().text) + " in .loc");
        }
    }
    if (here.line != 0) {  // line 0: the compiler's own
        place = here;
        note_place();
    }
    return true;
}

// The innermost place, and the outermost if that is another file: "dialect.h:95 in layer_norm.cu:10".
void Parser::note_place() {
    std::string text = files[place.file] + ":" + std::to_string(place.line);
    Place outer = place;
    for (int step = 0; step < 16; ++step) {
        const auto it = inlined.find(outer);
        if (it == inlined.end()) break;
        outer = it->second;
    }
    if (outer.file != place.file) text += " in " + files[outer.file] + ":" + std::to_string(outer.line);
    const auto known = place_numbers.find(text);
    if (known != place_numbers.end()) {
        place_number = known->second;
        return;
    }
    place_number = static_cast<unsigned>(body->function->places.size());
    place_numbers[text] = place_number;
    body->function->places.push_back(text);
}

bool Parser::statement() {
    Statement s;
    s.line = now().line;
    s.place = place_number;
    if (accept('@')) {
        s.guarded = true;
        s.guard_negated = accept('!');
        Register p;
        if (!find_register(take().text, p) || p.type != Type::pred) return fail("the guard is no predicate");
        s.guard = p.operand;
    }
    if (now().kind != TokenKind::word) return fail("no instruction at '" + std::string(now().text) + "'");
    s.opcode = take().text;
    if (!now().is(';')) {
        do {
            if (!operand(s.operands.emplace_back())) return false;
        } while (accept(','));
    }
    body->statements.push_back(std::move(s));
    return expect(';');
}

}  // namespace softgpu
