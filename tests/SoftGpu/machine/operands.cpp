// Operands as written: registers, literals, addresses, vectors.
#include <cstdlib>
#include <cstring>

#include "parser.h"
#include "specials.h"

namespace softgpu {

bool literal(std::string_view text, bool negative, Written& w) {
    const std::string s(text);
    char* end = nullptr;
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'f' || s[1] == 'F' || s[1] == 'd' || s[1] == 'D')) {
        const bool single = s[1] == 'f' || s[1] == 'F';
        w.form = single ? Written::real32 : Written::real64;
        w.bits = std::strtoull(s.c_str() + 2, &end, 16) ^ (negative ? (single ? 1ull << 31 : 1ull << 63) : 0);
    } else if (s.find('.') != std::string::npos || (s.find_first_of("eE") != std::string::npos && s.compare(0, 2, "0x") != 0)) {
        const double d = std::strtod(s.c_str(), &end) * (negative ? -1 : 1);
        w.form = Written::real64;
        std::memcpy(&w.bits, &d, 8);
    } else {
        const bool binary = s.size() > 2 && s[0] == '0' && (s[1] == 'b' || s[1] == 'B');
        w.form = Written::number;
        w.bits = binary ? std::strtoull(s.c_str() + 2, &end, 2) : std::strtoull(s.c_str(), &end, 0);
        if (*end == 'U') ++end;
        if (negative) w.bits = 0 - w.bits;
    }
    return *end == 0;
}

bool special_register(std::string_view name, Register& found) {
    for (unsigned i = 0; i < special_count; ++i) {
        if (name == special_names[i]) {
            found = {Type::u32, i * lanes * 4 | in_specials};
            return true;
        }
    }
    return false;
}

bool Parser::find_register(std::string_view name, Register& found) const {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
        auto it = scope->registers.find(name);
        if (it != scope->registers.end() && it->second.count == 0) {
            found = {it->second.type, it->second.first};
            return true;
        }
    }
    size_t digits = name.size();
    while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') --digits;
    if (digits < name.size() && name.size() - digits <= 9) {
        const auto number = static_cast<unsigned>(std::strtoul(std::string(name.substr(digits)).c_str(), nullptr, 10));
        for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
            auto it = scope->registers.find(name.substr(0, digits));
            if (it != scope->registers.end() && number < it->second.count) {
                const unsigned bytes =
                    it->second.type == Type::pred ? 4 : lanes * (bytes_of(it->second.type) < 2 ? 2 : bytes_of(it->second.type));
                found = {it->second.type, it->second.first + number * bytes};
                return true;
            }
        }
    }
    return special_register(name, found);
}

const Variable* Parser::find_variable(std::string_view name) const {
    for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
        auto it = scope->variables.find(name);
        if (it != scope->variables.end()) return &it->second;
    }
    return nullptr;
}

bool Parser::list(Written& w, char end) {
    w.form = Written::vector;
    if (accept(end)) return true;
    do {
        if (!operand(w.parts.emplace_back())) return false;
    } while (accept(','));
    return expect(end);
}

bool Parser::address(Written& w) {
    if (now().kind == TokenKind::word) {
        if (find_register(now().text, w.reg)) {
            w.has_base = true;
        } else if (const Variable* v = find_variable(now().text)) {
            w.variable = *v;
            w.is_known = true;
        } else {
            return fail("unknown name " + std::string(now().text));
        }
        w.text = take().text;
    }
    if (now().kind == TokenKind::number || now().is('+') || now().is('-')) {
        bool negative = false;
        while (now().is('+') || now().is('-')) negative ^= take().is('-');
        Written offset;
        if (now().kind != TokenKind::number || !literal(take().text, negative, offset)) return fail("no offset");
        w.bits = offset.bits;
    }
    w.form = Written::address;
    return expect(']');
}

bool Parser::operand(Written& w) {
    if (accept('[')) return address(w);
    if (accept('{')) return list(w, '}');
    if (accept('(')) return list(w, ')');
    if (accept('!')) {
        if (!operand(w)) return false;
        w.negated = true;
        return true;
    }
    if (now().is('-') || now().kind == TokenKind::number) {
        const bool negative = accept('-');
        return literal(take().text, negative, w) || fail("no number");
    }
    if (now().kind != TokenKind::word) return fail("no operand at '" + std::string(now().text) + "'");
    w.text = take().text;
    if (w.text == "_") {
        w.form = Written::sink;
    } else if (find_register(w.text, w.reg)) {
        w.form = Written::in_register;
    } else {
        w.form = Written::symbol;
        if (const Variable* v = find_variable(w.text)) {
            w.variable = *v;
            w.is_known = true;
        }
        if (now().is('+')) {
            take();
            if (!number(w.bits)) return false;
        }
    }
    if (accept('|')) {
        Written both;
        both.form = Written::pair;
        both.parts.resize(2);
        both.parts[0] = w;
        if (!operand(both.parts[1])) return false;
        w = both;
    }
    return true;
}

}  // namespace softgpu
