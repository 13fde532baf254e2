// PTX text as tokens.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace softgpu {

enum class TokenKind : char { word, number, string, mark, end };

struct Token {
    TokenKind kind = TokenKind::end;
    std::string_view text;  // a view into the text; a mark is one character
    unsigned line = 0;

    bool is(char mark) const { return kind == TokenKind::mark && text[0] == mark; }
    bool is(std::string_view word) const { return kind == TokenKind::word && text == word; }
};

// Words are names, directives and opcodes with all their dots ("ld.global.v4.f32", "%tid.x", "$L__BB0_1"). The last token is `end`.
// Comments, and the debug sections, are left out. False with `error` for a character that no token begins with.
bool split(std::string_view text, std::vector<Token>& tokens, std::string& error);

}  // namespace softgpu
