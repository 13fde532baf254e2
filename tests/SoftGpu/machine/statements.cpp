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
    if (now().is(".shared") || now().is(".local") || now().is(".param") || now().is(".global") || now().is(".const"))
        return variable(false);
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

void Parser::note_place() {
    Place outer = place;
    for (int step = 0; step < 16; ++step) {
        const auto it = inlined.find(outer);
        if (it == inlined.end()) break;
        outer = it->second;
    }
    auto& all = places[body->function];
    const auto [known, is_new] = place_numbers.emplace(std::make_pair(place, outer), static_cast<unsigned>(all.size()) + 1);
    place_number = known->second;
    if (is_new) all.emplace_back(place, outer);
}

// The innermost place, and the outermost if that is in another file: "dialect.h:95 in layer_norm.cu:10". 0 is no place.
void Parser::name_places() {
    for (const auto& [function, all] : places) {
        function->places.assign(1, "");
        for (const auto& [inner, outer] : all) {
            std::string& text = function->places.emplace_back(files[inner.file] + ":" + std::to_string(inner.line));
            if (outer.file != inner.file) text += " in " + files[outer.file] + ":" + std::to_string(outer.line);
        }
    }
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
