// Declarations of a module and its functions.
#include "parser.h"

#include <algorithm>
#include <cstring>

#include "../memory.h"
#include "../settings.h"
#include "arena.h"

namespace softgpu {
namespace {

size_t aligned(size_t offset, size_t alignment) { return (offset + alignment - 1) / alignment * alignment; }

}  // namespace

bool Parser::fail(const std::string& what) {
    if (error.empty()) error = "PTX line " + std::to_string(now().line) + ": " + what;
    return false;
}

bool Parser::accept(char mark) {
    if (!now().is(mark)) return false;
    take();
    return true;
}

bool Parser::expect(char mark) {
    return accept(mark) || fail(std::string("expected '") + mark + "' before '" + std::string(now().text) + "'");
}

bool Parser::number(uint64_t& value) {
    const bool negative = accept('-');
    Written w;
    if (now().kind != TokenKind::number || !literal(take().text, negative, w)) return fail("expected a number");
    value = w.bits;
    return true;
}

bool Parser::parse() {
    while (now().kind != TokenKind::end) {
        const Token word = take();
        bool good = true;
        if (word.is(".version")) {
            take();
        } else if (word.is(".address_size")) {
            good = take().text == "64" || fail("only 64-bit addresses");
        } else if (word.is(".target")) {
            good = target();
        } else if (word.is(".file")) {
            good = file();
        } else if (word.is(".visible") || word.is(".weak") || word.is(".common") || word.is(".extern")) {
        } else if (word.is(".entry") || word.is(".func")) {
            good = function(word.is(".entry"));
        } else if (word.is(".global") || word.is(".const") || word.is(".shared")) {
            --at;
            good = variable(true);
        } else if (!word.is(';')) {
            good = fail("unknown directive " + std::string(word.text));
        }
        if (!good) return false;
    }
    name_places();
    for (Body& each : bodies) {
        Function& f = *each.function;
        each.own_shared = aligned(module_shared, 16);
        f.shared_bytes = f.shared_bytes ? each.own_shared + f.shared_bytes : module_shared;
        each.dynamic_shared = aligned(f.shared_bytes, 16);
        if (!decode(each, functions, error)) return false;
        auto kernel = program.kernels.find(f.name);
        if (f.is_entry && kernel != program.kernels.end()) {
            kernel->second.facts.static_shared = f.shared_bytes;
            kernel->second.facts.local = f.local_bytes;
        }
    }
    return true;
}

bool Parser::target() {
    do {
        const std::string_view name = take().text;
        if (name.substr(0, 3) != "sm_") continue;  // "debug", "texmode_…"
        const int architecture = std::atoi(std::string(name.substr(3)).c_str());
        if (architecture > settings().capability) {
            return fail("the text is for " + std::string(name) + ", the device is sm_" + std::to_string(settings().capability));
        }
    } while (accept(','));
    return true;
}

bool Parser::file() {
    uint64_t index;
    if (!number(index)) return false;
    const std::string_view path = take().text;
    files[static_cast<unsigned>(index)] = std::string(path.substr(path.find_last_of('/') + 1));
    while (accept(',')) {  // time stamp and size
        if (!number(index)) return false;
    }
    return true;
}

// .global .align 8 .b8 name[128] = {…};
bool Parser::variable(bool of_module) {
    Variable v;
    const std::string_view space = take().text;
    const bool is_extern = at >= 2 && tokens[at - 2].is(".extern");
    v.space = space == ".shared"  ? Space::shared
              : space == ".local" ? Space::local
              : space == ".param" ? Space::parameter
              : space == ".const" ? Space::constant
                                  : Space::global;
    Type type = Type::none;
    uint64_t alignment = 0;
    size_t vector = 1;
    while (now().kind == TokenKind::word && now().text[0] == '.') {
        const std::string_view word = take().text;
        if (word == ".align") {
            if (!number(alignment)) return false;
        } else if (word == ".v2" || word == ".v4") {
            vector = static_cast<size_t>(word[2] - '0');
        } else if (type_named(word.substr(1)) != Type::none) {
            type = type_named(word.substr(1));
        } else if (word != ".attribute" && word != ".managed") {
            return fail("unknown word " + std::string(word) + " in a declaration");
        }
    }
    if (type == Type::none || now().kind != TokenKind::word) return fail("expected a type and a name");
    do {
        const std::string_view name = take().text;
        v.bytes = bytes_of(type) * vector;
        bool open = false;
        while (accept('[')) {
            uint64_t n = 0;
            open = now().is(']');
            if (!open && !number(n)) return false;
            if (!expect(']')) return false;
            v.bytes *= n;
        }
        const size_t unit = std::max<size_t>(alignment, bytes_of(type) * vector);
        if (v.space == Space::shared) {
            if (open || is_extern) {
                v.shared = Variable::dynamic;
            } else {
                const bool own = !of_module && body->function->is_entry;
                size_t& used = own ? body->function->shared_bytes : module_shared;
                v.shared = own ? Variable::after_module : Variable::fixed;
                v.address = aligned(used, unit);
                used = v.address + v.bytes;
            }
        } else if (v.space == Space::local) {
            v.address = aligned(body->function->local_bytes, std::max<size_t>(unit, 8));
            body->function->local_bytes = v.address + v.bytes;
        } else if (v.space == Space::parameter) {
            v.of_call = true;
            v.address = frame(v.bytes * lanes);
        } else {
            if (is_extern) return fail("external variable " + std::string(name));
            v.address = allocate_for_module(v.bytes);
            if (!v.address) return fail("out of memory for " + std::string(name));
            program.allocations.push_back(v.address);
            std::memset(reinterpret_cast<void*>(v.address), 0, v.bytes);
            mark_written(v.address, v.bytes);
            program.globals[std::string(name)] = {v.address, v.bytes};
            if (accept('=') && !initialise(v.address, v.bytes, type)) return false;
        }
        scopes.back().variables[name] = v;
    } while (accept(','));
    return expect(';');
}

bool Parser::initialise(uint64_t address, size_t bytes, Type type) {
    const unsigned unit = bytes_of(type);
    size_t offset = 0;
    int depth = 0;
    do {
        while (accept('{')) ++depth;
        Written w;
        if (!operand(w)) return false;
        if (w.form == Written::symbol) {
            if (!w.is_known || unit != 8) return fail("initialiser " + std::string(w.text));
            w.bits += w.variable.address;
        }
        if (w.form == Written::real64 && type == Type::f32) {
            double d;
            std::memcpy(&d, &w.bits, 8);
            const auto single = static_cast<float>(d);
            std::memcpy(&w.bits, &single, 4);
        }
        if (offset + unit > bytes) return fail("more initialisers than elements");
        std::memcpy(reinterpret_cast<void*>(address + offset), &w.bits, unit);
        offset += unit;
        while (depth > 0 && accept('}')) --depth;
    } while (accept(','));
    return depth == 0 || fail("unfinished initialiser");
}

// (.param .u64 name, .param .align 8 .b8 name[24])
bool Parser::parameters(std::vector<ParameterVariable>& list, std::vector<std::pair<std::string_view, Variable>>& named, Kernel* kernel) {
    if (accept(')')) return true;
    do {
        if (!take().is(".param")) return fail("only .param parameters");
        uint64_t alignment = 0;
        Type type = Type::none;
        while (now().kind == TokenKind::word && now().text[0] == '.') {
            const std::string_view word = take().text;
            if (word == ".align") {
                if (!number(alignment)) return false;
            } else if (type_named(word.substr(1)) != Type::none) {
                type = type_named(word.substr(1));
            } else if (word != ".ptr" && word != ".global" && word != ".const" && word != ".shared" && word != ".local") {
                return fail("unknown word " + std::string(word) + " in a parameter");
            }
        }
        Variable v;
        v.space = Space::parameter;
        v.bytes = bytes_of(type);
        const std::string_view name = take().text;
        if (accept('[')) {
            uint64_t n;
            if (!number(n) || !expect(']')) return false;
            v.bytes *= n;
        }
        const size_t unit = std::max<size_t>({alignment, bytes_of(type), 1});
        if (kernel) {
            v.address = aligned(kernel->facts.parameter_bytes, unit);
            kernel->facts.parameters.push_back({v.address, v.bytes});
            kernel->facts.parameter_bytes = v.address + v.bytes;
        } else {
            v.of_call = true;
            v.address = frame(v.bytes * lanes);
        }
        list.push_back({static_cast<uint32_t>(v.address), static_cast<uint32_t>(v.bytes)});
        named.emplace_back(name, v);
    } while (accept(','));
    return expect(')');
}

bool Parser::directives(Kernel* kernel) {
    while (now().kind == TokenKind::word && now().text[0] == '.') {
        const std::string_view word = take().text;
        if (word == ".maxntid" || word == ".reqntid") {
            uint64_t all = 1, n;
            do {
                if (!number(n)) return false;
                all *= n;
            } while (accept(','));
            if (kernel) kernel->facts.max_threads = static_cast<unsigned>(all);
        } else if (word == ".minnctapersm" || word == ".maxnreg" || word == ".maxnctapersm") {
            uint64_t n;
            if (!number(n)) return false;
        } else if (word != ".noreturn") {
            return fail("unknown directive " + std::string(word));
        }
    }
    return true;
}

bool Parser::function(bool is_entry) {
    Body fresh;
    body = &fresh;
    std::vector<ParameterVariable> results, list;
    std::vector<std::pair<std::string_view, Variable>> named;
    if (!is_entry && accept('(') && !parameters(results, named, nullptr)) return false;
    const std::string_view name = take().text;
    Kernel kernel;
    kernel.facts.name = std::string(name);
    if (accept('(') && !parameters(list, named, is_entry ? &kernel : nullptr)) return false;
    if (!directives(&kernel)) return false;
    Function*& known = functions[name];
    if (!known) {
        known = &program.functions.emplace_back();
        known->name = std::string(name);
        known->is_entry = is_entry;
        known->parameters = list;
        known->results = results;
    }
    if (accept(';')) return true;  // declared, not defined
    known->parameters = list;
    known->results = results;
    if (!expect('{')) return false;
    bodies.push_back(std::move(fresh));
    body = &bodies.back();
    body->function = known;
    if (is_entry) {
        kernel.function = known;
        program.kernels[known->name] = kernel;
    }
    inlined.clear();
    place = {0, 0, 0};
    place_numbers.clear();
    place_number = 0;
    known->places.assign(1, "");
    scopes.emplace_back();
    for (const auto& each : named) scopes.back().variables[each.first] = each.second;
    const bool good = statements();
    scopes.pop_back();
    body = nullptr;
    return good;
}

uint32_t Parser::frame(size_t bytes) {
    const size_t offset = body->frame_bytes;
    body->frame_bytes = aligned(offset + bytes, 64);
    return static_cast<uint32_t>(offset);
}

}  // namespace softgpu
