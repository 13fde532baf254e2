#include "lexer.h"

#include <cctype>

namespace softgpu {
namespace {

bool begins_word(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%' || c == '.'; }
bool continues_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '.'; }

}  // namespace

bool split(std::string_view text, std::vector<Token>& tokens, std::string& error) {
    size_t at = 0;
    unsigned line = 1;
    const auto peek = [&](size_t ahead) { return at + ahead < text.size() ? text[at + ahead] : '\0'; };
    while (at < text.size()) {
        const char c = text[at];
        if (c == '\n') {
            ++line;
            ++at;
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\0') {
            ++at;
        } else if (c == '/' && peek(1) == '/') {
            while (at < text.size() && text[at] != '\n') ++at;
        } else if (c == '/' && peek(1) == '*') {
            while (at < text.size() && !(text[at] == '*' && peek(1) == '/')) line += text[at++] == '\n';
            at += 2;
        } else if (c == '"') {
            const size_t begin = ++at;
            while (at < text.size() && text[at] != '"') ++at;
            tokens.push_back({TokenKind::string, text.substr(begin, at - begin), line});
            ++at;
        } else if (std::isdigit(static_cast<unsigned char>(c))) {
            const size_t begin = at++;
            while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) || text[at] == '.')) ++at;
            tokens.push_back({TokenKind::number, text.substr(begin, at - begin), line});
        } else if (begins_word(c)) {
            const size_t begin = at++;
            while (at < text.size() && (continues_word(text[at]) || (text[at] == ':' && peek(1) == ':'))) at += text[at] == ':' ? 2 : 1;
            const std::string_view word = text.substr(begin, at - begin);
            if (word == ".section") {  // debug information: the braces and what is in them
                while (at < text.size() && text[at] != '{') ++at;
                while (at < text.size() && text[at] != '}') line += text[at++] == '\n';
                ++at;
            } else {
                tokens.push_back({TokenKind::word, word, line});
            }
        } else if (std::string_view("@!,;:()[]{}<>+-=|*").find(c) != std::string_view::npos) {
            tokens.push_back({TokenKind::mark, text.substr(at, 1), line});
            ++at;
        } else {
            error = "PTX line " + std::to_string(line) + ": unexpected character '" + c + "'";
            return false;
        }
    }
    tokens.push_back({TokenKind::end, "", line});
    return true;
}

}  // namespace softgpu
